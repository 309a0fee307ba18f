#include "gen/reference.h"

#include <assert.h>
#include <string.h>

#include "base/embed.h"
#include "gen/build.h"

/* Which module defines a family, and where its parameters come from. */
struct reference {
    const char *family, *module;
    struct { const char *parameter, *key; } map[5];   /* key: any word of a word parameter */
    const char *blocks;    /* parameter that packs all of the family's, 8 bits each */
    bool blocks_in_port;   /* ... or the input port k_i does */
};

static const struct reference references[] = {
    { .family = "exact", .module = "ref_exact" },
    { .family = "array", .module = "ref_exact" },
    { .family = "wallace", .module = "ref_exact" },
    { .family = "dadda", .module = "ref_exact" },
    { .family = "booth", .module = "ref_exact" },
    { .family = "quaternary", .module = "ref_exact" },
    { .family = "cdm", .module = "ref_cdm", .blocks = "K" },
    { .family = "scdm", .module = "ref_cdm", .blocks = "K" },
    { .family = "cdmr", .module = "ref_cdmr", .blocks_in_port = true },
    { .family = "scdmr", .module = "ref_cdmr", .blocks_in_port = true },
    { .family = "trunc", .module = "ref_trunc",
      .map = { { "L", "l" }, { "M", "m" }, { "C", "c" }, { "Comp", "none" } } },
    { .family = "drum", .module = "ref_drum", .map = { { "K", "k" }, { "OnesComplement", "oc" } } },
    { .family = "mitchell", .module = "ref_mitchell", .map = { { "T", "t" } } },
    { .family = "bam", .module = "ref_bam", .map = { { "H", "h" }, { "V", "v" } } },
    { .family = "tosam", .module = "ref_tosam", .map = { { "H", "h" }, { "T", "t" } } },
    { .family = NULL },
};

static const struct reference *reference_find(const char *family)
{
    const struct reference *r = references;
    while (r->family && strcmp(r->family, family))
        r++;
    return r->family ? r : NULL;
}

const char *ref_module(const char *family)
{
    const struct reference *r = reference_find(family);
    return r ? r->module : NULL;
}

/* --- the modules ---------------------------------------------------------------- */

enum { REF_FILES_MAX = 128 };

/* The name of a file rtl/ref/NAME.v is that of its module; false for others. */
static bool ref_file_name(const char *path, size_t size, char *name)
{
    static const char folder[] = "rtl/ref/";
    size_t len = strlen(path), skip = sizeof folder - 1;
    if (strncmp(path, folder, skip) || len < skip + 3 || len - skip - 2 >= size)
        return false;
    memcpy(name, path + skip, len - skip - 2);
    name[len - skip - 2] = '\0';
    return true;
}

/* Does text instantiate the module?  In rtl/ref/ that is "\n  NAME #(". */
static bool instantiates(const char *text, const char *module)
{
    size_t len = strlen(module);
    for (const char *p = text; (p = strstr(p, module)); p += len)
        if (p - text >= 3 && !memcmp(p - 3, "\n  ", 3) && !strncmp(p + len, " #(", 3))
            return true;
    return false;
}

/* Appends every module that text instantiates, and those that these do, each once. */
static void add_modules(const char *text, bool taken[REF_FILES_MAX], struct strbuf *out)
{
    for (int i = 0; embedded_rtl[i].path; i++) {
        char name[64];
        assert(i < REF_FILES_MAX);
        if (taken[i] || !ref_file_name(embedded_rtl[i].path, sizeof name, name)
            || !instantiates(text, name))
            continue;
        taken[i] = true;
        strbuf_adds(out, "\n");
        strbuf_adds(out, embedded_rtl[i].text);
        add_modules(embedded_rtl[i].text, taken, out);
    }
}

/* --- the wrapper ---------------------------------------------------------------- */

static bool is_block(const struct axm_spec *s, int i)
{
    return axm_param_exists(s, i) && !s->family->param[i].words;
}

static void add_ports(const struct axm_spec *s, struct strbuf *out)
{
    strbuf_addf(out, "  input  wire [%d:0] a_i,\n  input  wire [%d:0] b_i,\n",
                s->width_a - 1, s->width_b - 1);
    for (int i = 0; i < axm_param_count(s->family); i++)
        if (s->family->param[i].runtime && axm_param_exists(s, i))
            strbuf_addf(out, "  input  wire [%d:0] %s_i,\n", mul_runtime_port_width(s, i) - 1,
                        s->family->param[i].key);
    strbuf_addf(out, "  output wire [%d:0] p_o\n", axm_spec_product_width(s) - 1);
}

static void add_parameters(const struct axm_spec *s, const struct reference *r, struct strbuf *out)
{
    strbuf_addf(out, ".WidthA(%d), .WidthB(%d), .Signed(%d)", s->width_a, s->width_b, s->is_signed);
    for (size_t k = 0; k < sizeof r->map / sizeof *r->map && r->map[k].key; k++) {
        int i = axm_param_find(s->family, r->map[k].key);
        assert(i >= 0);
        if (axm_param_exists(s, i))
            strbuf_addf(out, ", .%s(%d)", r->map[k].parameter, s->p[i]);
    }
    if (r->blocks) {
        uint64_t packed = 0;
        for (int i = 0; i < axm_param_count(s->family); i++)
            if (is_block(s, i))
                packed |= (uint64_t)s->p[i] << 8 * i;
        strbuf_addf(out, ", .%s(64'h%016llx)", r->blocks, (unsigned long long)packed);
    }
    if (r->blocks_in_port)
        strbuf_adds(out, ", .WidthK(8)");
}

/* The runtime ports, each widened to 8 bits, the first lowest. */
static void add_block_port(const struct axm_spec *s, struct strbuf *out)
{
    const char *separator = "";
    strbuf_adds(out, "    .k_i({");
    for (int i = axm_param_count(s->family) - 1; i >= 0; i--) {
        if (!is_block(s, i))
            continue;
        strbuf_addf(out, "%s%d'd0, %s_i", separator, 8 - mul_runtime_port_width(s, i),
                    s->family->param[i].key);
        separator = ", ";
    }
    strbuf_adds(out, "}),\n");
}

enum axm_status ref_wrapper(const struct axm_spec *s, struct strbuf *out)
{
    char name[AXM_SPEC_MAX];
    axm_spec_print_circuit(s, name);
    const struct reference *r = reference_find(s->family->name);
    if (!r)
        return fail(AXM_USAGE, "%s: family %s has no behavioural reference", name, s->family->name);
    size_t start = out->len;
    strbuf_addf(out, "// %s_ref: behavioural reference of %s.\n`default_nettype none\nmodule %s_ref (\n",
                name, name, name);
    add_ports(s, out);
    strbuf_addf(out, ");\n  %s #(\n    ", r->module);
    add_parameters(s, r, out);
    strbuf_adds(out, "\n  ) u_ref (\n    .a_i(a_i), .b_i(b_i),\n");
    if (r->blocks_in_port)
        add_block_port(s, out);
    strbuf_adds(out, "    .p_o(p_o)\n  );\nendmodule\n\n"
                     "// The modules of one circuit share its file.\n"
                     "/* verilator lint_off DECLFILENAME */\n");
    struct strbuf body = { 0 };
    if (!out->failed) {
        bool taken[REF_FILES_MAX] = { false };
        add_modules(out->s + start, taken, &body);
    }
    if (body.s)
        strbuf_adds(out, body.s);
    out->failed |= body.failed;
    strbuf_release(&body);
    if (out->failed)
        return fail(AXM_ENV, "%s: out of memory while writing its reference", name);
    return AXM_OK;
}
