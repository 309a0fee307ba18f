/* Small helpers on buses; net 0 stands for every bit that is not there. */
#ifndef AXM_GEN_BUS_H
#define AXM_GEN_BUS_H

#include <assert.h>

#include "gen/netlist.h"

/* A bus of n zeros. */
static inline struct bus bus_zero(int n)
{
    assert(n >= 0 && n <= BUS_MAX);
    return (struct bus){ .n = n };
}

/* Bit i, 0 beyond the ends. */
static inline net bus_at(const struct bus *b, int i)
{
    return i >= 0 && i < b->n ? b->bit[i] : (net)NET_0;
}

/* Bits lo .. lo+n-1 as a bus of n; lo may be negative (a shift to the left). */
static inline struct bus bus_slice(const struct bus *b, int lo, int n)
{
    struct bus out = bus_zero(n);
    for (int i = 0; i < n; i++)
        out.bit[i] = bus_at(b, lo + i);
    return out;
}

#endif
