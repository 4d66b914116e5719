//! Nonsense in, no panic out, and whatever comes out as JSON can be read.

use super::*;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }
}

fn survives(record: &[u8]) {
    tell(record, text());
    for line in tell(record, json()).text.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}

const FIXTURE: &[u8] = include_bytes!("../fixtures/everything.record");

#[test]
fn a_record_may_end_anywhere() {
    for end in (0..FIXTURE.len()).step_by(7) {
        survives(&FIXTURE[..end]);
    }
}

#[test]
fn what_a_fuzzer_has_found_is_survived() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/coverage/corpus/record");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap()).collect();
    assert!(files.len() > 1, "the corpus is there");
    for file in files {
        survives(&std::fs::read(file.path()).unwrap());
    }
}

#[test]
fn bytes_may_be_anything() {
    let mut numbers = Numbers(1);
    for _ in 0..400 {
        let mut record = FIXTURE.to_vec();
        for _ in 0..=numbers.below(60) {
            let at = numbers.below(record.len());
            record[at] = numbers.below(256) as u8;
        }
        survives(&record);
    }
}

#[test]
fn numbers_may_be_anything() {
    let extremes =
        ["0", "1", "ffffffffffffffff", "18446744073709551615", "-9223372036854775808", "-"];
    let mut numbers = Numbers(2);
    for _ in 0..400 {
        let words: Vec<String> = String::from_utf8_lossy(FIXTURE)
            .split_inclusive([' ', '\n'])
            .map(|word| {
                let (body, end) = word.split_at(word.len() - 1);
                let is_number = body.bytes().all(|byte| byte.is_ascii_hexdigit());
                match is_number && numbers.below(10) == 0 {
                    true => format!("{}{end}", extremes[numbers.below(extremes.len())]),
                    false => word.to_string(),
                }
            })
            .collect();
        survives(words.concat().as_bytes());
    }
}

#[test]
fn lines_may_come_in_any_order() {
    let lines: Vec<&[u8]> = FIXTURE.split_inclusive(|byte| *byte == b'\n').collect();
    let mut numbers = Numbers(3);
    for _ in 0..400 {
        let record: Vec<&[u8]> =
            (0..lines.len()).map(|_| lines[numbers.below(lines.len())]).collect();
        survives(&record.concat());
    }
}

#[test]
fn noise_is_no_record() {
    let mut numbers = Numbers(4);
    let noise: Vec<u8> = (0..100_000).map(|_| numbers.below(256) as u8).collect();
    assert_eq!(tell(&noise, text()).text, "");
}
