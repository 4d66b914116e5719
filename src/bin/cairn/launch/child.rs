//! Runs the program as if it had been started directly: same process group, same terminal, the
//! signals that are meant for it handed on.

use super::system::{self, Arrived, Signals, Watch};
use super::Launch;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

/// Signals that someone may send to this process and mean the program.
const HANDED_ON: [i32; 9] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGWINCH,
    libc::SIGCONT,
];

/// A lost notice of the system is made up for after so long.
const PATIENCE_MS: i32 = 500;

/// A program that runs.
pub struct Running {
    child: Child,
    signals: Signals,
}

/// The command that the launch describes.
fn command(launch: &Launch) -> Command {
    let mut command = Command::new(&launch.path);
    if let Some((name, arguments)) = launch.arguments.split_first() {
        command.arg0(name).args(arguments);
    }
    for (variable, value) in &launch.environment {
        command.env(variable, value);
    }
    command
}

/// Becomes the program; comes back only with the reason why that failed.
pub fn become_program(launch: &Launch) -> String {
    let error = command(launch).exec();
    format!("{}: {error}", launch.path.display())
}

impl Running {
    /// Starts the program.
    ///
    /// # Errors
    /// Why the system didn't start it.
    pub fn start(launch: &Launch) -> Result<Self, String> {
        // SIGIO says that someone else opens a file of which this process has a lease.
        let held: Vec<i32> =
            HANDED_ON.iter().copied().chain([libc::SIGCHLD, libc::SIGIO]).collect();
        let signals = Signals::hold(&held).map_err(|error| format!("signals: {error}"))?;
        let mut command = command(launch);
        signals.release_in(&mut command);
        let child = command
            .spawn()
            .map_err(|error| format!("{}: can't be started: {error}", launch.path.display()))?;
        Ok(Self { child, signals })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the program's end; calls `look` whenever the file may have grown.
    ///
    /// # Errors
    /// The system's, if it doesn't know the process any more.
    pub fn wait(&mut self, file: &Path, mut look: impl FnMut()) -> std::io::Result<ExitStatus> {
        let watch = Watch::on(file);
        loop {
            self.signals.wait(watch.as_ref(), PATIENCE_MS);
            while let Some(arrived) = self.signals.next() {
                self.hand_on(&arrived);
            }
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            look();
        }
    }

    /// What the terminal sends, it sends to the program too, which is in the same group. What the
    /// program sent to its group it has got itself.
    fn hand_on(&self, arrived: &Arrived) {
        let is_own = arrived.sender == self.child.id();
        if HANDED_ON.contains(&arrived.number) && arrived.is_sent && !is_own {
            system::send(self.child.id(), arrived.number);
        }
    }
}

/// Ends this process as the program ended: with its status, or by its signal.
pub fn end_as(status: ExitStatus) -> u8 {
    match status.signal() {
        Some(number) => {
            system::die_of(number);
            // Still here: the signal is one that can't be raised.
            (128 + number) as u8
        }
        None => status.code().unwrap_or(1) as u8,
    }
}
