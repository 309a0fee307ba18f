#include "sim/sliced.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "gen/build.h"
#include "gen/write.h"
#include "sim/native.h"

struct sliced {
    void *library;
    int lanes;
    size_t words;            /* of an activation */
    void (*pack)(const uint8_t *, size_t, uint64_t *);
    void (*layer)(const void *, const uint32_t *, size_t, size_t, const uint8_t *, size_t, int32_t *, size_t);
    void (*cell)(const void *, unsigned, const void *, void *);
    void (*add)(void *, const void *);
    void (*unpack)(const void *, int32_t *);
};

static int run_time_bits(const struct axm_spec *s)
{
    int bits = 0;
    for (int i = 0; i < axm_param_count(s->family); i++)
        if (s->family->param[i].runtime && axm_param_exists(s, i))
            bits += mul_runtime_port_width(s, i);
    return bits;
}

/* A copy with the pins behind the two operands held at mode: gates that they alone decide are constants, and
 * folded.  NULL if out of memory. */
static struct netlist *with_mode(const struct netlist *nl, unsigned mode)
{
    net *map = calloc(netlist_nets(nl), sizeof *map);
    struct netlist *held = map ? netlist_rewrite_begin(nl, map) : NULL;
    int inputs = 0, at = 0;
    for (int p = 0; held && p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        if (port->is_output || inputs++ < 2)
            continue;
        for (int i = 0; i < port->bus.n; i++)
            map[port->bus.bit[i]] = mode >> at++ & 1 ? NET_1 : NET_0;
    }
    for (size_t i = 0; held && i < netlist_cells(nl); i++)
        netlist_rewrite_cell(held, netlist_cell(nl, i), map);
    if (held)
        netlist_rewrite_end(held, nl, map);
    free(map);
    return held;
}

static enum axm_status write_unit(const struct axm_spec *s, bool weight_is_a, unsigned mode, int lanes,
                                  struct strbuf *out)
{
    struct netlist *nl;
    char name[AXM_SPEC_MAX];
    enum axm_status st = mul_netlist(s, &nl);
    if (st)
        return st;
    axm_spec_print_circuit(s, name);
    strbuf_addf(out, "#define AXM_LANES %d\n", lanes);
    struct netlist *held = with_mode(nl, mode);
    netlist_free(nl);
    st = held ? write_c_parts(held, weight_is_a, out) : fail(AXM_ENV, "%s: out of memory", name);
    netlist_free(held);
    if (st)
        return st;
    strbuf_addf(out, "\n#define FIRST %s_first\n#define REST %s_rest\n#define JOIN %s_join\n", name, name,
                name);
    strbuf_addf(out, "#define FIRST_WORDS %s_first_words\n#define REST_WORDS %s_rest_words\n", name, name);
    strbuf_addf(out, "#define X_BITS %d\n#define W_BITS %d\n#define P_BITS %d\n",
                weight_is_a ? s->width_b : s->width_a,
                weight_is_a ? s->width_a : s->width_b, axm_spec_product_width(s));
    strbuf_addf(out, "#define MODE_BITS %d\n#define MODE %u\n#define SIGNED %d\n", run_time_bits(s), mode,
                s->is_signed);
    for (int i = 0; embedded_rtl[i].path; i++)
        if (!strcmp(embedded_rtl[i].path, "sim/sliced_kernel.h"))
            strbuf_adds(out, embedded_rtl[i].text);
    return out->failed ? fail(AXM_ENV, "%s: out of memory", name) : AXM_OK;
}

enum axm_status sliced_open(const struct axm_spec *mult, bool weight_is_a, unsigned mode, enum bitsim_level
                            level,
                            struct sliced **out)
{
    static const int lanes[BITSIM_LEVELS] = { 64, 256, 512 };
    static const char *const architecture[BITSIM_LEVELS] = { "-O2", "-march=x86-64-v3", "-march=x86-64-v4" };
    char name[AXM_SPEC_MAX];
    axm_spec_print_circuit(mult, name);
    if (mult->width_a > 8 || mult->width_b > 8)
        return fail(AXM_USAGE, "%s: operands of at most 8 bits can be run on gates, got %dx%d", name,
                    mult->width_a,
                    mult->width_b);
    struct strbuf source = { 0 };
    const size_t *words = NULL;
    struct sliced *s = calloc(1, sizeof *s);
    enum axm_status st = s ? write_unit(mult, weight_is_a, mode, lanes[level], &source) :
        fail(AXM_ENV, "%s: out of memory", name);
    const char *const flags[] = { "-O3", "-fvisibility=hidden", architecture[level], NULL };
    if (!st)
        st = native_load(name, &source, flags, &s->library);
    strbuf_release(&source);
    if (!st) {
        *(void **)&s->pack = dlsym(s->library, "axm_sliced_pack");
        *(void **)&s->layer = dlsym(s->library, "axm_sliced_layer");
        *(void **)&s->cell = dlsym(s->library, "axm_sliced_cell");
        *(void **)&s->add = dlsym(s->library, "axm_sliced_add");
        *(void **)&s->unpack = dlsym(s->library, "axm_sliced_unpack");
        words = dlsym(s->library, "axm_sliced_words");
        if (!words || !s->pack || !s->layer || !s->cell || !s->add || !s->unpack)
            st = fail(AXM_ENV, "%s: its compiled gates cannot be used; delete them from the cache", name);
    }
    if (st) {
        sliced_close(s);
        return st;
    }
    s->lanes = lanes[level];
    s->words = *words;
    *out = s;
    return AXM_OK;
}

void sliced_close(struct sliced *s)
{
    if (!s)
        return;
    if (s->library)
        dlclose(s->library);
    free(s);
}

int sliced_lanes(const struct sliced *s)
{
    return s->lanes;
}

size_t sliced_words(const struct sliced *s)
{
    return s->words;
}

void sliced_pack(const struct sliced *s, const uint8_t *codes, size_t elements, uint64_t *planes)
{
    s->pack(codes, elements, planes);
}

void sliced_layer(const struct sliced *s, const uint64_t *planes, const uint32_t *index, size_t positions,
                  size_t k, const uint8_t *w, size_t n, int32_t *acc, size_t acc_stride)
{
    s->layer(planes, index, positions, k, w, n, acc, acc_stride);
}

size_t sliced_sum_words(const struct sliced *s)
{
    return 32 * (size_t)s->lanes / 64;
}

void sliced_cell(const struct sliced *s, const uint64_t *x, unsigned w, const uint64_t *in, uint64_t *out)
{
    s->cell(x, w, in, out);
}

void sliced_add(const struct sliced *s, uint64_t *sum, const uint64_t *term)
{
    s->add(sum, term);
}

void sliced_unpack(const struct sliced *s, const uint64_t *sum, int32_t *lane)
{
    s->unpack(sum, lane);
}
