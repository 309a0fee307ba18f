#include "gen/adder.h"

#include <assert.h>

#include "gen/bus.h"

static net full_adder_sum(struct netlist *nl, net a, net b, net c)
{
    return netlist_xor(nl, netlist_xor(nl, a, b), c);
}

static struct bus ripple_carry(struct netlist *nl, const struct bus *a, const struct bus *b,
                               net carry, net *carry_out)
{
    struct bus sum = bus_zero(a->n);
    for (int i = 0; i < a->n; i++) {
        if (i == a->n - 1 && !carry_out)   /* a full adder here would drag its dead carry along */
            sum.bit[i] = full_adder_sum(nl, a->bit[i], b->bit[i], carry);
        else
            netlist_full_adder(nl, a->bit[i], b->bit[i], carry, &sum.bit[i], &carry);
    }
    if (carry_out)
        *carry_out = carry;
    return sum;
}

/* Whether a span of columns makes a carry by itself, and whether it passes one
 * on.  Generate and propagate of one column are never both 1 (propagate is the
 * exclusive or), which the sum needs. */
struct span {
    net generate, propagate;
};

/* The span that is `high` above `low`. */
static struct span span_join(struct netlist *nl, struct span high, struct span low)
{
    return (struct span){
        netlist_or(nl, high.generate, netlist_and(nl, high.propagate, low.generate)),
        netlist_and(nl, high.propagate, low.propagate),
    };
}

enum { GROUP = 4 };

/* The carry out of spans 0..count-1 of a group into which `carry` comes, as a
 * two-level sum of products: g3 + p3 g2 + p3 p2 g1 + p3 p2 p1 g0 + p3 p2 p1 p0 c.
 * With carry = NET_0 it is the generate of the whole group. */
static net group_carry(struct netlist *nl, const struct span *s, int count, net carry)
{
    net out = NET_0, passed = NET_1;
    for (int i = count - 1; i >= 0; i--) {
        out = netlist_or(nl, out, netlist_and(nl, passed, s[i].generate));
        passed = netlist_and(nl, passed, s[i].propagate);
    }
    return netlist_or(nl, out, netlist_and(nl, passed, carry));
}

/* carry[i] = carry into span i, for i = 0..n, by groups of 4, recursively. */
static void lookahead(struct netlist *nl, const struct span *s, int n, net carry_in, net *carry)
{
    assert(n >= 1);
    int groups = (n + GROUP - 1) / GROUP;
    struct span group[BUS_MAX];
    net group_in[BUS_MAX + 1];
    if (groups == 1) {
        group_in[0] = carry_in;
    } else {
        for (int g = 0; g < groups; g++) {
            int first = g * GROUP, size = n - first < GROUP ? n - first : GROUP;
            group[g].generate = group_carry(nl, s + first, size, NET_0);
            group[g].propagate = NET_1;
            for (int i = 0; i < size; i++)
                group[g].propagate = netlist_and(nl, group[g].propagate, s[first + i].propagate);
        }
        lookahead(nl, group, groups, carry_in, group_in);
    }
    for (int i = 0; i < n; i++) {
        int g = i / GROUP;
        carry[i] = group_carry(nl, s + g * GROUP, i % GROUP, group_in[g]);
    }
    carry[n] = groups == 1 ? group_carry(nl, s, n, carry_in) : group_in[groups];
}

/* span[i] becomes the join of spans i..0. */
static void kogge_stone(struct netlist *nl, struct span *s, int n)
{
    for (int d = 1; d < n; d *= 2)
        for (int i = n - 1; i >= d; i--)   /* downwards: s[i - d] is still of the level before */
            s[i] = span_join(nl, s[i], s[i - d]);
}

static void brent_kung(struct netlist *nl, struct span *s, int n)
{
    int d = 1;
    for (; d < n; d *= 2)                  /* up: spans of 2, 4, 8, ... that end at multiples */
        for (int i = 2 * d - 1; i < n; i += 2 * d)
            s[i] = span_join(nl, s[i], s[i - d]);
    for (d /= 2; d >= 1; d /= 2)           /* down: the columns in between */
        for (int i = 3 * d - 1; i < n; i += 2 * d)
            s[i] = span_join(nl, s[i], s[i - d]);
}

/* carry[i] = carry into column i, i = 0..n.  The carry that comes in is a
 * column of its own, below the others: it generates or not, and passes nothing. */
static void prefix_carries(struct netlist *nl, enum adder_kind kind, const struct span *s, int n,
                           net carry_in, net *carry)
{
    struct span all[BUS_MAX + 1] = { { carry_in, NET_0 } };
    int below = carry_in != NET_0;
    for (int i = 0; i < n; i++)
        all[below + i] = s[i];
    (kind == ADDER_KS ? kogge_stone : brent_kung)(nl, all, below + n);
    carry[0] = carry_in;
    for (int i = 1; i <= n; i++)
        carry[i] = all[below + i - 1].generate;
}

struct bus adder_build(struct netlist *nl, enum adder_kind kind, const struct bus *a,
                       const struct bus *b, net carry_in, net *carry_out)
{
    assert(a->n == b->n && a->n >= 1);
    if (kind == ADDER_RCA)
        return ripple_carry(nl, a, b, carry_in, carry_out);

    int n = a->n;
    struct span s[BUS_MAX];
    net carry[BUS_MAX + 1];
    for (int i = 0; i < n; i++) {
        s[i].generate = netlist_and(nl, a->bit[i], b->bit[i]);
        s[i].propagate = netlist_xor(nl, a->bit[i], b->bit[i]);
    }
    /* Carries into columns 0..n-1 need the spans up to n-2 only. */
    int spans = carry_out ? n : n - 1;
    carry[0] = carry_in;
    if (spans > 0 && kind == ADDER_CLA)
        lookahead(nl, s, spans, carry_in, carry);
    else if (spans > 0)
        prefix_carries(nl, kind, s, spans, carry_in, carry);

    struct bus sum = bus_zero(n);
    for (int i = 0; i < n; i++)
        sum.bit[i] = netlist_xor(nl, s[i].propagate, carry[i]);
    if (carry_out)
        *carry_out = carry[n];
    return sum;
}
