//! Where what was found is written to: a file that each process appends to, or standard error.

use crate::arithmetic::text::Text;
use crate::os::appender::Appender;
use crate::os::{files, process, thread};
use crate::services::options::{self, Choice};
use crate::sync::lock::{Holdable, Lock};
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What is written at once: a packet, or a paragraph.
pub const PACKET_BYTES: usize = 32 << 10;

/// A packet that is being made, and the file that it goes to.
pub struct Stream {
    text: Text<PACKET_BYTES>,
    file: Option<Appender>,
    /// The process that opened the file: its number may be in the path.
    opened_by: i32,
}

static STREAM: Lock<Stream> = Lock::new(Stream { text: Text::new(), file: None, opened_by: 0 });
/// The thread that makes a packet, or 0.
static BUSY: AtomicUsize = AtomicUsize::new(0);

impl Stream {
    /// Appends to the packet.
    pub fn push(&mut self, arguments: fmt::Arguments) {
        self.text.push(arguments);
    }

    /// Appends a name, with what isn't plain in it as `%xx`; `-` for none.
    pub fn push_name(&mut self, name: &[u8]) {
        if name.is_empty() {
            return self.push(format_args!("-"));
        }
        for byte in name {
            match byte {
                b'!'..=b'$' | b'&'..=b'~' => self.text.push_bytes(&[*byte]),
                _ => self.push(format_args!("%{byte:02x}")),
            }
        }
    }

    /// Appends bytes in hexadecimal.
    pub fn push_hex(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.push(format_args!("{byte:02x}"));
        }
    }

    /// How long the packet is by now.
    pub fn length(&self) -> usize {
        self.text.as_bytes().len()
    }

    /// Writes what there is of the packet, and begins a new one.
    pub fn flush(&mut self) {
        let choice = match options::value(Choice::Record) {
            0 => Choice::Log,
            _ => Choice::Record,
        };
        if options::value(choice) == 0 {
            files::write_error(self.text.as_bytes());
        } else {
            self.append(choice);
        }
        self.text.clear();
    }

    fn append(&mut self, choice: Choice) {
        if self.opened_by == process::id() {
            if let Some(file) = &self.file {
                if file.append(self.text.as_bytes()) {
                    return;
                }
            }
        }
        self.file = open(choice);
        self.opened_by = process::id();
        let is_written = self.file.as_ref().is_some_and(|file| file.append(self.text.as_bytes()));
        if !is_written {
            files::write_error(self.text.as_bytes());
        }
    }
}

/// Opens the file of an option, with the process's number for each `%p` in its path.
fn open(choice: Choice) -> Option<Appender> {
    let given = options::path(choice);
    let mut path = Text::<1100>::new();
    let mut rest = given.as_bytes();
    while let Some(place) = rest.windows(2).position(|pair| pair == b"%p") {
        path.push_bytes(&rest[..place]);
        path.push(format_args!("{}", process::id()));
        rest = &rest[place + 2..];
    }
    path.push_bytes(rest);
    path.push_bytes(b"\0");
    Appender::open(path.as_bytes())
}

/// Makes a packet and writes it.
pub fn write(fill: impl FnOnce(&mut Stream)) {
    let mut stream = STREAM.lock();
    BUSY.store(thread::id(), Relaxed);
    stream.text.clear();
    fill(&mut stream);
    stream.flush();
    BUSY.store(0, Relaxed);
}

/// Whether this thread is in the middle of writing: then what goes wrong is the checker's own.
pub fn is_busy_here() -> bool {
    BUSY.load(Relaxed) == thread::id()
}

/// Its lock.
pub fn lock() -> &'static dyn Holdable {
    &STREAM
}

/// Opens the file now, while the program is as it began: later it may not be able to.
pub fn begin() {
    let mut stream = STREAM.lock();
    if stream.text.as_bytes().is_empty() && options::value(Choice::Record) != 0 {
        stream.append(Choice::Record);
    }
}

impl Write for Stream {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_bytes(text.as_bytes());
        Ok(())
    }
}
