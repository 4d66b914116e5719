//! The words of a line: numbers, hex bytes, percent-escaped names.

/// The words of one line, taken from the left.
pub struct Words<'a> {
    rest: std::str::SplitAsciiWhitespace<'a>,
}

impl<'a> Words<'a> {
    pub fn new(line: &'a str) -> Self {
        Self { rest: line.split_ascii_whitespace() }
    }

    pub fn word(&mut self) -> Option<&'a str> {
        self.rest.next()
    }

    pub fn decimal(&mut self) -> Option<u64> {
        self.word()?.parse().ok()
    }

    pub fn small(&mut self) -> Option<u32> {
        self.word()?.parse().ok()
    }

    pub fn signed(&mut self) -> Option<i64> {
        self.word()?.parse().ok()
    }

    pub fn number(&mut self) -> Option<i32> {
        self.word()?.parse().ok()
    }

    pub fn address(&mut self) -> Option<u64> {
        u64::from_str_radix(self.word()?, 16).ok()
    }

    pub fn addresses(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.address()).collect()
    }

    pub fn bytes(&mut self) -> Option<Vec<u8>> {
        hex_bytes(self.word()?)
    }

    /// A name or path, without its escapes; "-" is an empty one.
    pub fn name(&mut self) -> Option<String> {
        Some(unescape(self.word()?))
    }

    /// All words that are left, as the text that they are.
    pub fn text(&mut self) -> String {
        let words: Vec<String> = self.rest.by_ref().map(unescape).collect();
        words.join(" ")
    }
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return Some(Vec::new());
    }
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| Some(hex_digit(pair[0])? << 4 | hex_digit(pair[1])?)).collect()
}

fn hex_digit(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

fn unescape(word: &str) -> String {
    if word == "-" {
        return String::new();
    }
    let bytes = word.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escaped = (bytes[index] == b'%')
            .then(|| bytes.get(index + 1..index + 3))
            .flatten()
            .and_then(|pair| Some(hex_digit(pair[0])? << 4 | hex_digit(pair[1])?));
        plain.push(escaped.unwrap_or(bytes[index]));
        index += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_escapes() {
        assert_eq!(unescape("/a%20b%25c"), "/a b%c");
        assert_eq!(unescape("%c3%a4"), "ä");
        assert_eq!(unescape("-"), "");
        for odd in ["%", "%4", "%zz", "a%"] {
            assert_eq!(unescape(odd), odd, "what is no escape stays");
        }
        assert_eq!(unescape("%ff"), "\u{fffd}");
    }

    #[test]
    fn numbers_are_read_in_their_base() {
        let mut words = Words::new("10 10 -10 0a0b zz");
        assert_eq!(words.decimal(), Some(10));
        assert_eq!(words.address(), Some(16));
        assert_eq!(words.signed(), Some(-10));
        assert_eq!(words.bytes(), Some(vec![10, 11]));
        assert_eq!(words.address(), None);
        assert_eq!(words.word(), None);
    }

    #[test]
    fn hex_bytes_come_in_pairs() {
        assert_eq!(hex_bytes("abc"), None);
        assert_eq!(hex_bytes("gg"), None);
        assert_eq!(hex_bytes("-"), Some(vec![]));
    }
}
