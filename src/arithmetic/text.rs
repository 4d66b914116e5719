//! Text in a buffer of fixed size, written with `core::fmt`: reports and statistics are made
//! without allocating. What doesn't fit is cut off, and the last byte is always room for '\n'.

use core::fmt::{self, Write};

/// Up to `N` bytes of text.
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// No text yet.
    pub const fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    /// The text so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Appends what `arguments` format to, cut where the buffer ends.
    pub fn push(&mut self, arguments: fmt::Arguments) {
        // Writing into this buffer never fails: it cuts.
        let _ = self.write_fmt(arguments);
    }

    /// Appends bytes, cut where the buffer ends.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        let room = N - 1 - self.length.min(N - 1);
        let part = &bytes[..bytes.len().min(room)];
        self.bytes[self.length..self.length + part.len()].copy_from_slice(part);
        self.length += part.len();
    }

    /// Takes all text out.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// A copy of it.
    pub fn copy(&self) -> Self {
        Self { ..*self }
    }

    /// Appends a line break, which always has room.
    pub fn end_line(&mut self) {
        self.length = self.length.min(N - 1);
        self.bytes[self.length] = b'\n';
        self.length += 1;
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_bytes(text.as_bytes());
        Ok(())
    }
}

/// Reads an unsigned number in hexadecimal at the start of `text`; returns it and the rest.
pub fn split_hex(text: &[u8]) -> Option<(usize, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let number = core::str::from_utf8(&text[..digits]).ok()?;
    Some((usize::from_str_radix(number, 16).ok()?, &text[digits..]))
}

/// Reads a size such as `4096`, `16K`, `512M` or `2G` (powers of 1,024), in bytes.
pub fn parse_size(text: &[u8]) -> Option<usize> {
    let (digits, shift) = match text.last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 10),
        b'm' | b'M' => (&text[..text.len() - 1], 20),
        b'g' | b'G' => (&text[..text.len() - 1], 30),
        b't' | b'T' => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: usize = core::str::from_utf8(digits).ok()?.parse().ok()?;
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_and_still_ends_its_line() {
        let mut text = Text::<8>::new();
        text.push(format_args!("{}", "0123456789"));
        text.end_line();
        assert_eq!(text.as_bytes(), b"0123456\n");
        text.end_line();
        assert_eq!(text.as_bytes(), b"0123456\n");
    }

    #[test]
    fn sizes_have_suffixes_and_bounds() {
        assert_eq!(parse_size(b"4096"), Some(4096));
        assert_eq!(parse_size(b"16K"), Some(16384));
        assert_eq!(parse_size(b"2g"), Some(2 << 30));
        for bad in [&b""[..], b"K", b"-1", b"1.5M", b"99999999999G", b"12 "] {
            assert_eq!(parse_size(bad), None);
        }
    }

    #[test]
    fn hexadecimal_is_split_from_the_rest() {
        assert_eq!(split_hex(b"7f00-80"), Some((0x7f00, &b"-80"[..])));
        assert_eq!(split_hex(b"-80"), None);
    }
}
