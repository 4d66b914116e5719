//! Writes a module of many functions for the compiler to work on.

use std::fmt::Write;

fn main() {
    let mut text = String::new();
    for i in 0..120 {
        writeln!(
            text,
            "/// Function {i}.\npub fn step_{i}(words: &mut std::collections::BTreeMap<u64, String>) -> u64 {{\n\
             \x20   let word = words.entry({i} * 7 % 31).or_default();\n\
             \x20   word.push_str(\"{i};\");\n    word.len() as u64 * {i}\n}}"
        )
        .expect("text grows");
    }
    let calls: String = (0..120).map(|i| format!("    sum += step_{i}(words);\n")).collect();
    writeln!(
        text,
        "/// Calls all of them.\n\
         pub fn all_steps(words: &mut std::collections::BTreeMap<u64, String>) -> u64 {{\n\
         \x20   let mut sum = 0;\n{calls}    sum\n}}"
    )
    .expect("text grows");
    let folder = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(format!("{folder}/steps.rs"), text).expect("the folder can be written");
}
