//! redis: the server on the allocator, measured while a client that isn't keeps it busy.

use std::{
    io::Write,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    launch::{Place, Program},
    results::Run,
};

const SOCKET: &str = "redis.socket";

/// The server and its client.
#[derive(Clone, Debug)]
pub struct Redis {
    /// The server with its arguments.
    pub server: Program,
    client: PathBuf,
    requests: u32,
}

impl Redis {
    /// A server that listens in its working directory and writes nothing to disk.
    pub fn new(server: PathBuf, client: PathBuf, requests: u32) -> Self {
        let arguments = ["--port", "0", "--unixsocket", SOCKET, "--save", "", "--appendonly", "no"];
        // Debian's is linked to jemalloc.
        let server = Program { has_own_allocator: true, ..Program::new(server, &arguments) };
        Self { server, client, requests }
    }

    /// Starts the server, runs the client, ends the server. The time is the client's; processor
    /// time and peak are the server's.
    pub fn run(&self, place: &Place, library: Option<&Path>) -> Result<Run, String> {
        let socket = place.folder.join(SOCKET);
        let _ = std::fs::remove_file(&socket);
        let server = place.start(&self.server, library).map_err(|error| error.to_string())?;
        let used = wait_for(&socket).and_then(|()| self.use_server(place));
        let asked = shut_down(&socket);
        let finished = place.finish(server, &self.server);
        let elapsed = used?;
        asked?;
        Ok(Run { time_ns: Some(elapsed.as_nanos() as f64), ..finished? })
    }

    fn use_server(&self, place: &Place) -> Result<Duration, String> {
        let start = Instant::now();
        let status = Command::new(&self.client)
            .args(["-s", SOCKET, "-q", "-P", "16", "-d", "64", "-r", "100000"])
            .args(["-n", &self.requests.to_string()])
            .args(["-t", "set,get,lpush,lpop,sadd,hset,lrange_100"])
            .current_dir(&place.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let elapsed = start.elapsed();
        match status {
            Ok(status) if status.success() => Ok(elapsed),
            Ok(status) => Err(format!("redis-benchmark: {status}")),
            Err(error) => Err(format!("redis-benchmark: {error}")),
        }
    }
}

fn wait_for(socket: &Path) -> Result<(), String> {
    for _ in 0..2500 {
        if UnixStream::connect(socket).is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Err("the server doesn't listen".into())
}

/// Asks the server to end. Where it is gone or mute, the limit of its run ends it.
fn shut_down(socket: &Path) -> Result<(), String> {
    let mut stream = UnixStream::connect(socket).map_err(|error| format!("server: {error}"))?;
    stream.write_all(b"SHUTDOWN NOSAVE\r\n").map_err(|error| format!("server: {error}"))?;
    Ok(())
}
