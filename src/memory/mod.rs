//! Floor 4: the arena, cut into zones; the ledger; slabs and bins for blocks of the size classes;
//! runs of units for large blocks.

pub mod arena;
pub mod bin;
pub mod block;
pub mod carve;
pub mod census;
pub mod copies;
pub mod crowd;
pub mod emergency;
pub mod find;
pub mod granules;
pub mod large;
pub mod ledger;
pub mod limit;
pub mod magazine;
pub mod pages;
mod place;
pub mod purge;
pub mod run;
pub mod shelf;
pub mod slab;
pub mod unit;
pub mod validate;
pub mod zone;
