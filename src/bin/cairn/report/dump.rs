//! Bytes as hex and ASCII.

const BYTES_PER_LINE: usize = 16;

/// More bytes aren't shown.
const BYTES_MAX: usize = 256;

/// Lines with an address, the bytes in hex, and what of them is printable.
pub fn lines(address: u64, bytes: &[u8]) -> Vec<String> {
    let shown = &bytes[..bytes.len().min(BYTES_MAX)];
    let mut lines: Vec<String> = shown
        .chunks(BYTES_PER_LINE)
        .enumerate()
        .map(|(index, chunk)| {
            let at = address.wrapping_add((index * BYTES_PER_LINE) as u64);
            let hex: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
            let width = BYTES_PER_LINE.min(shown.len()) * 3 - 1;
            format!("0x{at:x}: {:width$}  {}", hex.join(" "), ascii(chunk))
        })
        .collect();
    if bytes.len() > shown.len() {
        lines.push(format!("... and {} bytes more", bytes.len() - shown.len()));
    }
    lines
}

fn ascii(bytes: &[u8]) -> String {
    let shown = |byte: &u8| if matches!(byte, b' '..=b'~') { *byte as char } else { '.' };
    bytes.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_both_ways() {
        assert_eq!(lines(0x1000, b"o world\0"), ["0x1000: 6f 20 77 6f 72 6c 64 00  o world."]);
        let two = lines(0x1000, &[0x41; 18]);
        assert_eq!(two[0], format!("0x1000: {}  AAAAAAAAAAAAAAAA", ["41"; 16].join(" ")));
        assert_eq!(two[1], format!("0x1010: {:47}  AA", "41 41"));
        assert_eq!(lines(0, &[]).len(), 0);
    }

    #[test]
    fn many_bytes_are_cut() {
        let many = lines(0, &[0; 300]);
        assert_eq!(many.len(), 17);
        assert_eq!(many[16], "... and 44 bytes more");
    }
}
