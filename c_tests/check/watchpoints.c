// Whether the kernel gives a process watchpoints that raise SIGTRAP: exit status 0 if it does.

#define _GNU_SOURCE
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    static long watched;
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_BREAKPOINT,
        .size = sizeof attributes,
        .sample_period = 1,
        .bp_type = HW_BREAKPOINT_RW,
        .bp_addr = (unsigned long)&watched,
        .bp_len = sizeof watched,
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .remove_on_exec = 1,
        .sigtrap = 1,
    };
    return syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0) < 0;
}
