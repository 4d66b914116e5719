// Cairn's own calls. The malloc family is declared in <stdlib.h>.

#ifndef CAIRN_H
#define CAIRN_H

// Made by cbindgen from src/c/cairn.rs; do not edit.

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
  // Free memory that may be resident.
  size_t dirty_bytes;
  // Free memory without pages: never used, or given back to the kernel.
  size_t purged_bytes;
  // Memory for Cairn's own tables.
  size_t metadata_bytes;
  // What counts against the limit: live, cached and dirty memory, and metadata.
  size_t charged_bytes;
  // The limit (CAIRN_OPTIONS=limit=512M), 0 without one.
  size_t limit_bytes;
  // How many requests were answered with ENOMEM, because of the limit or by the kernel.
  size_t refused_requests;
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
