#include "cli/common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum axm_status cli_each_mul(const struct cli_args *a, cli_mul_fn *run, void *ctx)
{
    enum axm_status st = AXM_OK;
    for (int i = 0; i < a->n_operands && st == AXM_OK; i++) {
        struct axm_mul *m;
        st = axm_mul_open(a->operand[i], &m);
        if (st != AXM_OK)
            break;
        st = run(ctx, m);
        axm_mul_close(m);
    }
    return st;
}

const char *cli_ending(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return dot && dot != name ? dot + 1 : "";
}

/* A spec of a file may hold slashes and colons. */
static void file_name(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (; *name && n + 1 < size; name++)
        out[n++] = strchr("/:\\", *name) ? '_' : *name;
    out[n] = '\0';
}

enum axm_status cli_output_path(const char *o, const char *name, const char *ending, int results,
                                char *path, size_t size)
{
    char base[256];
    size_t len = strlen(o);
    bool directory = file_is_dir(o) || (len && o[len - 1] == '/') || (results > 1 && !*cli_ending(o) && strcmp(o, "-"));
    if (!directory && results > 1)
        return fail(AXM_USAGE, "-o %s: %d results need a directory, not one file", o, results);
    if (directory) {
        enum axm_status st = file_mkdirs(o);
        if (st != AXM_OK)
            return st;
        file_name(name, base, sizeof base);
    }
    int n = directory ? snprintf(path, size, "%s%s%s.%s", o, o[len - 1] == '/' ? "" : "/", base, ending)
                      : snprintf(path, size, "%s", o);
    return n < 0 || (size_t)n >= size ? fail(AXM_USAGE, "-o %s: the path is too long", o) : AXM_OK;
}

enum axm_status cli_parse_operand(const char *text, const char *what, int bits, bool is_signed,
                                  uint64_t *pattern)
{
    char *end;
    int64_t lo = is_signed ? -((int64_t)1 << (bits - 1)) : 0;
    int64_t hi = ((int64_t)1 << (bits - is_signed)) - 1;
    errno = 0;
    long long v = strtoll(text, &end, 0);
    if (end == text || *end || errno || v < lo || v > hi)
        return fail(AXM_USAGE, "%s must be an integer %" PRId64 "..%" PRId64 ", got \"%s\"", what, lo, hi, text);
    *pattern = (uint64_t)v & axm_mask(bits);
    return AXM_OK;
}

const char *cli_value_text(uint64_t pattern, int bits, bool is_signed, char text[24])
{
    if (is_signed)
        snprintf(text, 24, "%" PRId64, axm_sign_extend(pattern, bits));
    else
        snprintf(text, 24, "%" PRIu64, pattern & axm_mask(bits));
    return text;
}
