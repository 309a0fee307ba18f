/* Random netlists for the tests, with what they must compute.
 *
 * The expected values are made beside the netlist, word by word, from the
 * definitions of the gates; they know nothing of folding, sharing or sweeping. */
#ifndef AXM_TESTS_RANDOM_NETLIST_H
#define AXM_TESTS_RANDOM_NETLIST_H

#include "base/rng.h"
#include "gen/netlist.h"

enum { RANDOM_IN = 20, RANDOM_OUT_MAX = 24, RANDOM_OPS_MAX = 160 };

struct random_case {
    struct netlist *nl;
    int n_out;
    uint64_t in[RANDOM_IN];             /* 64 random evaluations */
    uint64_t out[RANDOM_OUT_MAX];       /* what they must give */
};

struct random_pool {
    net n[2 + RANDOM_IN + 2 * RANDOM_OPS_MAX];
    uint64_t v[2 + RANDOM_IN + 2 * RANDOM_OPS_MAX];
    int count;
};

static inline void random_pool_add(struct random_pool *p, net n, uint64_t v)
{
    p->n[p->count] = n;
    p->v[p->count++] = v;
}

/* Half of the picks among the latest, so that the netlist gets deep; constants
 * turn up, but seldom. */
static inline int random_pick(struct rng *r, const struct random_pool *p)
{
    if (rng_below(r, 2) && p->count > 12)
        return p->count - 1 - (int)rng_below(r, 10);
    if (rng_below(r, 16))
        return 2 + (int)rng_below(r, (uint64_t)p->count - 2);
    return (int)rng_below(r, 2);
}

static inline void random_op(struct rng *r, struct netlist *nl, struct random_pool *p)
{
    int i = random_pick(r, p), j = random_pick(r, p), k = random_pick(r, p);
    net a = p->n[i], b = p->n[j], c = p->n[k], sum, carry;
    uint64_t x = p->v[i], y = p->v[j], z = p->v[k];
    switch (rng_below(r, 13)) {
    case 0: random_pool_add(p, netlist_not(nl, a), ~x); break;
    case 1: random_pool_add(p, netlist_and(nl, a, b), x & y); break;
    case 2: random_pool_add(p, netlist_or(nl, a, b), x | y); break;
    case 3: random_pool_add(p, netlist_xor(nl, a, b), x ^ y); break;
    case 4: random_pool_add(p, netlist_nand(nl, a, b), ~(x & y)); break;
    case 5: random_pool_add(p, netlist_nor(nl, a, b), ~(x | y)); break;
    case 6: random_pool_add(p, netlist_xnor(nl, a, b), ~(x ^ y)); break;
    case 7: random_pool_add(p, netlist_mux(nl, c, a, b), (~z & x) | (z & y)); break;
    case 8:
    case 9:
        netlist_half_adder(nl, a, b, &sum, &carry);
        random_pool_add(p, sum, x ^ y);
        random_pool_add(p, carry, x & y);
        break;
    default:
        netlist_full_adder(nl, a, b, c, &sum, &carry);
        random_pool_add(p, sum, x ^ y ^ z);
        random_pool_add(p, carry, (x & y) | (x & z) | (y & z));
    }
}

/* Inputs a_i (11 bits), b_i (8), x_i (1), outputs p_o and q_o (1); scopes nest.
 * Not swept.  NULL netlist if out of memory. */
static inline void random_netlist(uint64_t seed, struct random_case *out)
{
    struct rng r;
    rng_init(&r, seed, 0);
    struct netlist *nl = netlist_new("rnd");
    out->nl = nl;
    if (!nl)
        return;
    netlist_set_origin(nl, "a test");
    struct random_pool p = { .count = 0 };
    random_pool_add(&p, NET_0, 0);
    random_pool_add(&p, NET_1, ~UINT64_C(0));
    struct bus in[] = { netlist_add_input(nl, "a_i", 11), netlist_add_input(nl, "b_i", 8),
                        netlist_add_input(nl, "x_i", 1) };
    for (int i = 0, at = 0; i < 3; i++) {
        for (int k = 0; k < in[i].n; k++) {
            out->in[at] = rng_next(&r);
            random_pool_add(&p, in[i].bit[k], out->in[at++]);
        }
    }
    int depth = 0;
    for (int ops = 20 + (int)rng_below(&r, RANDOM_OPS_MAX - 20); ops > 0; ops--) {
        static const char *const names[] = { "block", "sum", "x" };
        uint64_t dice = rng_below(&r, 16);
        if (dice == 0 && depth < 3) {
            netlist_scope_enter(nl, names[rng_below(&r, 3)]);
            depth++;
        } else if (dice == 1 && depth > 0) {
            netlist_scope_leave(nl);
            depth--;
        }
        random_op(&r, nl, &p);
    }
    while (depth-- > 0)
        netlist_scope_leave(nl);
    out->n_out = 2 + (int)rng_below(&r, RANDOM_OUT_MAX - 2);
    struct bus o = { .n = out->n_out - 1 }, q = { .n = 1 };
    for (int k = 0; k < out->n_out; k++) {
        int i = random_pick(&r, &p);
        *(k < o.n ? &o.bit[k] : &q.bit[0]) = p.n[i];
        out->out[k] = p.v[i];
    }
    netlist_add_output(nl, "p_o", &o);
    netlist_add_output(nl, "q_o", &q);
}

#endif
