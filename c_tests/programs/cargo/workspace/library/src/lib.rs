//! Work on maps and strings.

include!(concat!(env!("OUT_DIR"), "/steps.rs"));

/// The first squares, from the macro.
pub const SQUARES: [u64; 200] = macros::squares!(200);

/// A sum over words that are made of numbers.
pub fn work(count: u64) -> u64 {
    let mut words: std::collections::HashMap<String, Vec<u64>> = std::collections::HashMap::new();
    for number in 0..count {
        words.entry(format!("{:x}", number * 7919 % 1009)).or_default().push(number);
    }
    let mut steps = std::collections::BTreeMap::new();
    let longest = words.values().map(Vec::len).max().unwrap_or(0) as u64;
    longest + all_steps(&mut steps) + SQUARES[(count % 200) as usize]
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_squares_are_right() {
        assert!(super::SQUARES.iter().enumerate().all(|(i, square)| *square == (i * i) as u64));
    }

    #[test]
    fn more_words_are_more() {
        assert!(super::work(5000) < super::work(50000));
    }
}
