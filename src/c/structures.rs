//! What Cairn's own calls write, as `include/cairn.h` declares it. Programs in Rust that call the
//! library, such as `fuzz/`, compile this file too: a declaration of their own would go wrong with
//! the next figure. So it uses nothing else.

/// Figures of the heap. All sizes are in bytes. They are exact when no other thread allocates at
/// the same time.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct cairn_stats {
    /// Bytes of the live blocks, as malloc_usable_size tells them.
    pub live_bytes: usize,
    /// Number of live blocks.
    pub live_blocks: usize,
    /// Bytes of the live blocks above 256 KiB; part of live_bytes.
    pub large_bytes: usize,
    /// Number of live blocks above 256 KiB; part of live_blocks.
    pub large_blocks: usize,
    /// Memory that can be used: live blocks, cached blocks, free memory.
    pub committed_bytes: usize,
    /// Free blocks that threads and size classes have at hand.
    pub cached_bytes: usize,
    /// Other free blocks of the size classes, some of them in pages that count as purged.
    pub slab_free_bytes: usize,
    /// Free memory beside those that may be resident.
    pub dirty_bytes: usize,
    /// Free memory without pages: never used, or given back to the kernel.
    pub purged_bytes: usize,
    /// Pages of it between live blocks; part of purged_bytes.
    pub slab_purged_bytes: usize,
    /// Address space that is set aside, of which committed_bytes are in use.
    pub reserved_bytes: usize,
    /// Memory for Cairn's own tables.
    pub metadata_bytes: usize,
    /// What counts against the limit: live, cached and dirty memory, and metadata.
    pub charged_bytes: usize,
    /// The limit (CAIRN_OPTIONS=limit=512M), 0 without one.
    pub limit_bytes: usize,
    /// How many requests were answered with ENOMEM, because of the limit or by the kernel.
    pub refused_requests: usize,
}

/// Figures of one size class.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct cairn_class_stats {
    /// Size of its blocks.
    pub block_bytes: usize,
    /// Number of live blocks.
    pub live_blocks: usize,
    /// Free blocks that threads and the class have at hand.
    pub cached_blocks: usize,
    /// Other free blocks.
    pub free_blocks: usize,
}

/// What a leak check found: bytes and blocks of each kind, as valgrind names them.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct cairn_leaks {
    /// Nothing leads to them.
    pub definite_bytes: usize,
    /// Their number.
    pub definite_blocks: usize,
    /// Only lost blocks lead to them.
    pub indirect_bytes: usize,
    /// Their number.
    pub indirect_blocks: usize,
    /// Only pointers into the middle of a block lead to them.
    pub possible_bytes: usize,
    /// Their number.
    pub possible_blocks: usize,
    /// Pointers to their starts are left.
    pub reachable_bytes: usize,
    /// Their number.
    pub reachable_blocks: usize,
}
