#include "cli/common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

bool cli_is_foreign(const char *spec)
{
    return !strncmp(spec, "lut:", 4) || !strncmp(spec, "verilog:", 8);
}

enum axm_status cli_each_mul(const struct cli_args *a, cli_mul_fn *run, void *ctx)
{
    enum axm_status st = AXM_OK;
    for (int i = 0; i < a->n_operands && st == AXM_OK; i++) {
        struct axm_spec ignored;
        if (!cli_is_foreign(a->operand[i]))
            st = axm_spec_parse(a->operand[i], &ignored);
    }
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

/* --- output paths ------------------------------------------------------------------ */

/* The text after the last dot of a path's last part, "" if none. */
static const char *ending_of(const char *path)
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

/* Word number i of "npy|bin|h". */
static void word_at(const char *words, int i, char *out, size_t size)
{
    for (; i > 0; i--)
        words += strcspn(words, "|") + 1;
    snprintf(out, size, "%.*s", (int)strcspn(words, "|"), words);
}

static bool is_directory(const struct cli_output *out)
{
    size_t len = strlen(out->o);
    return file_is_dir(out->o) || (len && out->o[len - 1] == '/') ||
           (out->results > 1 && !*ending_of(out->o) && strcmp(out->o, "-") && !file_exists(out->o));
}

/* What a file's own ending and --as say together. */
static enum axm_status choose_format(const struct cli_output *out, int *format)
{
    int as = out->as ? cli_word(out->formats, out->as) : -1;
    int ending = cli_word(out->formats, ending_of(out->o));
    char words[CLI_WORDS_TEXT];
    if (as >= 0 && ending >= 0 && as != ending)
        return fail(AXM_USAGE, "-o %s: its ending contradicts --as %s", out->o, out->as);
    if (as < 0 && ending < 0 && strcmp(out->o, "-"))
        return fail(AXM_USAGE, "-o %s: its ending (or --as) must be %s", out->o,
                    cli_words_text(out->formats, words));
    *format = as >= 0 ? as : ending >= 0 ? ending : 0;
    return AXM_OK;
}

static enum axm_status too_long(size_t len)
{
    return fail(AXM_USAGE, "-o: the path must be shorter than %d bytes, got %zu", CLI_PATH_MAX, len);
}

enum axm_status cli_output_path(const struct cli_output *out, const char *name, char path[CLI_PATH_MAX],
                                int *format)
{
    char base[256], ending[16];
    size_t len = strlen(out->o);
    if (!is_directory(out)) {
        if (out->results > 1)
            return fail(AXM_USAGE, "-o %s: %d results need a directory, not one file", out->o, out->results);
        if (len >= CLI_PATH_MAX)
            return too_long(len);
        strcpy(path, out->o);
        return choose_format(out, format);
    }
    enum axm_status st = file_mkdirs(out->o);
    if (st != AXM_OK)
        return st;
    *format = out->as ? cli_word(out->formats, out->as) : 0;
    file_name(name, base, sizeof base);
    word_at(out->formats, *format, ending, sizeof ending);
    size_t n = (size_t)snprintf(path, CLI_PATH_MAX, "%s%s%s.%s", out->o, out->o[len - 1] == '/' ? "" : "/",
                                base, ending);
    return n < CLI_PATH_MAX ? AXM_OK : too_long(n);
}

/* --- operands ---------------------------------------------------------------------- */

enum axm_status cli_parse_operand(const char *text, const char *what, int bits, bool is_signed,
                                  uint64_t *pattern)
{
    char *end;
    bool hex = text[0] == '0' && (text[1] | 32) == 'x';
    int64_t lo = is_signed && !hex ? -((int64_t)1 << (bits - 1)) : 0;
    int64_t hi = (int64_t)axm_mask(bits - (is_signed && !hex));
    errno = 0;
    long long v = strtoll(text, &end, hex ? 16 : 10);
    if (end == text || *end || errno || v < lo || v > hi)
        return hex ? fail(AXM_USAGE, "%s must be 0x0..0x%" PRIx64 " (bits), got \"%s\"", what, (uint64_t)hi,
                          text)
                   : fail(AXM_USAGE, "%s must be an integer %" PRId64 "..%" PRId64 ", got \"%s\"", what, lo,
                          hi, text);
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
