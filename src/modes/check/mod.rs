//! Check mode: finds wrong uses of memory and says where they are in the program.

pub mod stack_cache;
pub mod stacks;
