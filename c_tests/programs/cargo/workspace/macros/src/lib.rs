//! A macro that writes out a table, so that a procedural macro's library is loaded and run.

use proc_macro::TokenStream;

/// `squares!(n)`: an array of the first n squares.
#[proc_macro]
pub fn squares(input: TokenStream) -> TokenStream {
    let count: u64 = input.to_string().parse().expect("a number");
    let items: Vec<String> = (0..count).map(|i| (i * i).to_string()).collect();
    format!("[{}]", items.join("u64, ")).parse().expect("an array")
}
