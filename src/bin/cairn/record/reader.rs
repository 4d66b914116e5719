//! Cuts the bytes of a record, which may still be growing, into packets.

use super::{parse, Packet};

/// More than this without an end is no packet; what came is dropped.
const PACKET_BYTES_MAX: usize = 64 << 20;

/// Takes bytes as they come and gives packets as they are complete.
#[derive(Default)]
pub struct Reader {
    /// What came after the last complete line.
    partial_line: Vec<u8>,
    /// The lines of the packet that isn't complete yet, its first one included.
    lines: Vec<String>,
    held_bytes: usize,
}

impl Reader {
    /// Adds bytes; the packets that they complete are put behind those in `packets`.
    pub fn push(&mut self, bytes: &[u8], packets: &mut Vec<Packet>) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.partial_line.extend_from_slice(&rest[..end]);
            let line = String::from_utf8_lossy(&self.partial_line).into_owned();
            self.partial_line.clear();
            packets.extend(self.take_line(line));
            rest = &rest[end + 1..];
        }
        self.partial_line.extend_from_slice(rest);
        if self.partial_line.len() > PACKET_BYTES_MAX {
            self.partial_line.clear();
        }
    }

    fn take_line(&mut self, line: String) -> Option<Packet> {
        if line.starts_with("@ ") {
            // The packet before was never finished: its process died while it wrote.
            self.drop_packet();
        } else if self.lines.is_empty() {
            return None;
        } else if line == "." {
            let packet = parse::packet(&self.lines);
            self.drop_packet();
            return packet;
        }
        self.held_bytes += line.len();
        self.lines.push(line);
        if self.held_bytes > PACKET_BYTES_MAX {
            self.drop_packet();
        }
        None
    }

    fn drop_packet(&mut self) {
        self.lines.clear();
        self.held_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Again, Body};

    fn read(text: &[u8], step: usize) -> Vec<Packet> {
        let (mut reader, mut packets) = (Reader::default(), Vec::new());
        for part in text.chunks(step) {
            reader.push(part, &mut packets);
        }
        packets
    }

    fn again(pid: u32, sequence: u64, count: u64) -> Packet {
        Packet { pid, body: Body::Again(Again { sequence, count }) }
    }

    #[test]
    fn packets_come_whole_however_the_bytes_come() {
        let text = b"@ 1 again 2 3\n.\n@ 4 again 5 6\n.\n";
        for step in 1..text.len() {
            assert_eq!(read(text, step), [again(1, 2, 3), again(4, 5, 6)]);
        }
    }

    #[test]
    fn an_unfinished_packet_is_as_if_absent() {
        assert_eq!(read(b"@ 1 again 2 3\n.\n@ 4 again 5 6\n", 7), [again(1, 2, 3)]);
        assert_eq!(read(b"@ 1 again 2 3\n@ 4 again 5 6\n.\n", 7), [again(4, 5, 6)]);
        assert_eq!(read(b"lines\n.\n@ 1 again 2 3\n.", 7), []);
    }
}
