//! Cairn: a drop-in `malloc` for Linux that is fast and always knows what is alive.
//!
//! `src/README.md` is the map: the floors, the vocabulary, the road of one malloc and one free, the
//! order of locks.

#![cfg_attr(not(test), no_std)]
// In the test build the names aren't exported, or they would serve the test program itself.
#![cfg_attr(test, allow(dead_code))]

mod arithmetic;
mod c;
mod front;
mod heap;
mod memory;
mod modes;
mod os;
mod services;
mod sync;

#[cfg(test)]
mod tests;

#[cfg(not(test))]
#[panic_handler]
fn panic(information: &core::panic::PanicInfo) -> ! {
    services::report::panicked(information)
}
