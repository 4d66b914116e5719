/* What a C compiler makes of include/cairn.h: compared with Rust's view by a unit test. */
#include "cairn.h"

size_t cairn_layout_stats_size(void)
{
    return sizeof(struct cairn_stats);
}

size_t cairn_layout_metadata_offset(void)
{
    return offsetof(struct cairn_stats, metadata_bytes);
}
