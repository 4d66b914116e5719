// Cairn's own calls. The malloc family is declared in <stdlib.h>.

#ifndef CAIRN_H
#define CAIRN_H

// Made by cbindgen from src/c/; do not edit.

#include <stdbool.h>
#include <stddef.h>

// Figures of the heap. All sizes are in bytes. They are exact when no other thread allocates at
// the same time.
struct cairn_stats {
  // Bytes of the live blocks, as malloc_usable_size tells them.
  size_t live_bytes;
  // Number of live blocks.
  size_t live_blocks;
  // Bytes of the live blocks above 256 KiB; part of live_bytes.
  size_t large_bytes;
  // Number of live blocks above 256 KiB; part of live_blocks.
  size_t large_blocks;
  // Memory that can be used: live blocks, cached blocks, free memory.
  size_t committed_bytes;
  // Free blocks that threads and size classes have at hand.
  size_t cached_bytes;
  // Other free blocks of the size classes, some of them in pages that count as purged.
  size_t slab_free_bytes;
  // Free memory beside those that may be resident.
  size_t dirty_bytes;
  // Free memory without pages: never used, or given back to the kernel.
  size_t purged_bytes;
  // Pages of it between live blocks; part of purged_bytes.
  size_t slab_purged_bytes;
  // Address space that is set aside, of which committed_bytes are in use.
  size_t reserved_bytes;
  // Memory for Cairn's own tables.
  size_t metadata_bytes;
  // What counts against the limit: live, cached and dirty memory, and metadata.
  size_t charged_bytes;
  // The limit (CAIRN_OPTIONS=limit=512M), 0 without one.
  size_t limit_bytes;
  // How many requests were answered with ENOMEM, because of the limit or by the kernel.
  size_t refused_requests;
};

// Figures of one size class.
struct cairn_class_stats {
  // Size of its blocks.
  size_t block_bytes;
  // Number of live blocks.
  size_t live_blocks;
  // Free blocks that threads and the class have at hand.
  size_t cached_blocks;
  // Other free blocks.
  size_t free_blocks;
};

// What a leak check found: bytes and blocks of each kind, as valgrind names them.
struct cairn_leaks {
  // Nothing leads to them.
  size_t definite_bytes;
  // Their number.
  size_t definite_blocks;
  // Only lost blocks lead to them.
  size_t indirect_bytes;
  // Their number.
  size_t indirect_blocks;
  // Only pointers into the middle of a block lead to them.
  size_t possible_bytes;
  // Their number.
  size_t possible_blocks;
  // Pointers to their starts are left.
  size_t reachable_bytes;
  // Their number.
  size_t reachable_blocks;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The library's version, such as "0.1.0".
const char *cairn_version(void);

// Whether a live block starts at `address`. Any address may be given.
bool cairn_is_live(const void *address);

// Stores the figures of the heap in `*out`.
//
// # Safety
// `out` must be writable.
void cairn_stats_read(struct cairn_stats *out);

// Stores the figures of the first `count` size classes in `out`, by ascending size of the block.
// Returns how many classes there are. Blocks above the last one's size are in none.
//
// # Safety
// `out` must be writable for that many; it may be null if `count` is 0.
size_t cairn_stats_read_classes(struct cairn_class_stats *out, size_t count);

// Prints a summary of the heap to standard error.
void cairn_stats_print(void);

// Looks at every block for wrong writes and for leaks, now, and tells what is found as at the end
// of the program. Stores the sums in `*out`, unless that is null. Returns false, and stores
// nothing, if the program isn't checked (CAIRN_OPTIONS=check=1, or the command "cairn check") or
// the check can't be done at this moment.
//
// # Safety
// `out` must be null or writable.
bool cairn_leak_check(struct cairn_leaks *out);

// How many errors check mode has found so far, leaks not included; 0 if the program isn't checked.
size_t cairn_error_count(void);

// Checks every invariant of the heap, and ends the process with a report if one is broken. For
// tests; no other thread may allocate at the same time.
void cairn_validate(void);

// Gives back to the kernel what no block needs; returns how many bytes that were.
size_t cairn_trim(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CAIRN_H */
