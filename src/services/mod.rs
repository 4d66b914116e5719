//! Floor 3: services that the floors above share: options, reports, memory for metadata.

pub mod metadata;
pub mod options;
pub mod report;
