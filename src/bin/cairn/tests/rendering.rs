//! Reports, word by word.

use super::*;
use crate::record::KINDS;

const EVERYTHING: &str = include_str!("../fixtures/everything.record");

/// Shows the first difference, which in a long text is hard to see.
fn same(told: &str, expected: &str) {
    for (number, (ours, theirs)) in told.lines().zip(expected.lines()).enumerate() {
        assert_eq!(ours, theirs, "line {}", number + 1);
    }
    assert_eq!(told.lines().count(), expected.lines().count(), "{told}");
}

#[test]
fn every_kind_of_packet_has_its_words() {
    for (_, name) in KINDS {
        assert!(EVERYTHING.contains(&format!(" error {name} ")), "the fixture lacks {name}");
    }
    let told = tell(EVERYTHING.as_bytes(), text());
    same(&told.text, include_str!("../fixtures/everything.txt"));
    assert_eq!(told.errors, 22);
}

#[test]
fn every_kind_of_packet_has_its_json() {
    let told = tell(EVERYTHING.as_bytes(), json());
    same(&told.text, include_str!("../fixtures/everything.json"));
    for line in told.text.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(object["kind"].is_string() && object["pid"].is_u64(), "{line}");
    }
    let last: serde_json::Value =
        serde_json::from_str(told.text.lines().next_back().unwrap()).unwrap();
    assert_eq!(last["kind"], "summary");
}

#[test]
fn quiet_leaves_the_errors_and_leaks() {
    let settings = TextSettings { is_quiet: true, ..text_settings() };
    let told = tell(EVERYTHING.as_bytes(), wish(Box::new(Text::new(settings)))).text;
    for absent in ["Command:", "HEAP SUMMARY", "LEAK SUMMARY", "ERROR SUMMARY", "coverage"] {
        assert!(!told.contains(absent), "{absent}");
    }
    assert!(told.contains("Invalid write of size 4") && told.contains("are definitely lost"));
}

#[test]
fn verbose_says_what_the_coverage_means() {
    let settings = TextSettings { is_verbose: true, ..text_settings() };
    let told = tell(EVERYTHING.as_bytes(), wish(Box::new(Text::new(settings)))).text;
    for present in ["Parent process: 7", "80 of 90 allocation stacks (88 %)", "Not found by any"] {
        assert!(told.contains(present), "{present}");
    }
}

#[test]
fn suppressed_errors_are_counted_apart() {
    let suppressions = "{\n a\n Memcheck:Free\n fun:free\n ...\n fun:main\n}\nleak:plain_call\n";
    let plain = tell(EVERYTHING.as_bytes(), text());
    let told = tell(EVERYTHING.as_bytes(), Wish { suppressions, ..text() });
    assert!(!told.text.contains("Double free"));
    assert!(told.text.contains("        suppressed: 64 bytes in 2 blocks"));
    assert!(told.text.contains("   definitely lost: 400 bytes in 1 blocks"));
    assert!(told.text.contains("(suppressed: 4 from 4)"), "{}", told.text);
    assert!(told.errors < plain.errors);
}

#[test]
fn what_is_generated_suppresses_everything() {
    let wanted = Wish { generates_suppressions: true, ..text() };
    let told = tell(EVERYTHING.as_bytes(), wanted).text;
    let entries: String = told
        .lines()
        .filter(|line| !line.starts_with("=="))
        .map(|line| format!("{line}\n"))
        .collect();
    let suppressions: &'static str = entries.leak();
    let told = tell(EVERYTHING.as_bytes(), Wish { suppressions, ..text() });
    assert_eq!(told.errors, 0, "{}", told.text);
}

#[test]
fn leaks_are_told_as_far_as_wanted() {
    let of = |detail, shown| {
        tell(EVERYTHING.as_bytes(), Wish { leaks: leak_settings(detail, shown), ..text() })
    };
    let all = of(Detail::Full, "all").text;
    assert!(all.contains("8 bytes in 1 blocks are still reachable in loss record 1 of 5"));
    assert!(all.contains("16 bytes in 1 blocks are indirectly lost in loss record 2 of 5"));
    let summary = of(Detail::Summary, "all");
    assert!(!summary.text.contains("loss record") && summary.text.contains("LEAK SUMMARY"));
    assert!(summary.text.contains("Rerun with --leak-check=full"));
    assert_eq!(summary.errors, 19);
}

#[test]
fn several_processes_are_told_apart() {
    let record = b"@ 42 start 1 7 42\nprogram /p\nlibrary 1\n.\n\
        @ 43 start 1 42 43\nprogram /p\nforked\n.\n\
        @ 43 error invalid-free 1\ncall free 1000\nforeign stack -\n.\n\
        @ 42 error invalid-free 1\ncall free 2000\nforeign data /p\n.\n\
        @ 43 end exit\nheap 1 1 1 0 0\n.\n\
        @ 42 end exec /bin/other\n.\n\
        @ 42 start 1 7 42\nprogram /bin/other\nlibrary 1\n.\n";
    let told = tell(record, text());
    let of = |pid: u32| -> Vec<&str> {
        let prefix = format!("=={pid}== ");
        told.text.lines().filter_map(|line| line.strip_prefix(prefix.as_str())).collect()
    };
    assert!(of(43).contains(&" Address 0x1000 is on a thread's stack"));
    assert!(of(43).contains(&"All heap blocks were freed -- no leaks are possible"));
    assert!(of(42).contains(&" Address 0x2000 is in the data of /p"));
    assert!(of(42).contains(&"Command: /bin/other"));
    assert!(of(42).iter().any(|line| line.contains("ended without a word")), "{}", told.text);
    assert_eq!(told.errors, 2);
}

#[test]
fn a_program_that_did_nothing_has_a_report_too() {
    let record = b"@ 42 start 1 7 42\nprogram /p\nargument p\nlibrary 1\n.\n\
        @ 42 end exit\nheap 0 0 0 0 0\ncoverage 0 0 0 0\n.\n";
    let expected = "==42== Cairn 1, checking memory\n==42== Command: p\n==42== \n==42== \n\
        ==42== HEAP SUMMARY:\n==42==     in use at exit: 0 bytes in 0 blocks\n\
        ==42==   total heap usage: 0 allocs, 0 frees, 0 bytes allocated\n==42== \n\
        ==42== All heap blocks were freed -- no leaks are possible\n==42== \n\
        ==42== ERROR SUMMARY: 0 errors from 0 contexts (suppressed: 0 from 0)\n";
    same(&tell(record, text()).text, expected);
}
