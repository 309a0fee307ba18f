#include "sim/abc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/proc.h"

enum { AIGER_BYTES_MAX = 64 << 20 };

enum axm_status abc_need(void)
{
    enum axm_status st = proc_need("yosys", "yosys");
    return st ? st : proc_need("berkeley-abc", "berkeley-abc");
}

enum axm_status yosys_run(const char *dir, const char *script)
{
    const char *const argv[] = { "yosys", "-q", "-p", script, NULL };
    return proc_run(argv, &(struct proc_opts){ .dir = dir });
}

void yosys_add_read(const char *x, const char *y, struct strbuf *script)
{
    strbuf_addf(script, "read_verilog %s.v; read_verilog %s.v; design -save all; ", x, y);
}

void yosys_add_aiger(const char *top, const char *file, struct strbuf *script)
{
    strbuf_addf(script,
                "design -load all; hierarchy -check -top %s; proc; flatten; opt -full; "
                "wreduce; alumacc; opt; techmap; opt -full; aigmap; opt_clean; "
                "write_aiger -symbols %s.aig; ",
                top, file);
}

/* --- AIGER --------------------------------------------------------------------- */

/* Steps over n numbers in the variable-length coding of AIGER's AND gates. */
static const char *skip_numbers(const char *p, const char *end, unsigned long n)
{
    for (; n > 0; n--) {
        while (p < end && (*p & 0x80))
            p++;
        if (p++ >= end)
            return NULL;
    }
    return p;
}

static const char *skip_lines(const char *p, const char *end, unsigned long n)
{
    for (; p && n > 0; n--) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    return p;
}

bool aiger_symbols(const char *data, size_t len, struct strbuf *out)
{
    unsigned long m, inputs, latches, outputs, ands;
    if (len < 4 || memcmp(data, "aig ", 4)
        || sscanf(data, "aig %lu %lu %lu %lu %lu", &m, &inputs, &latches, &outputs, &ands) != 5 || latches)
        return false;
    const char *end = data + len;
    const char *p = skip_lines(data, end, 1 + outputs);
    p = p ? skip_numbers(p, end, 2 * ands) : NULL;
    if (!p)
        return false;
    /* "i7 a_i[7]" and so on, in any order: Yosys sorts them as text. */
    size_t names = inputs + outputs;
    const char **line = calloc(names + 1, sizeof *line);
    bool good = line != NULL;
    for (size_t n = 0; good && n < names; n++) {
        const char *after = skip_lines(p, end, 1);
        char letter;
        unsigned long i;
        good = after && sscanf(p, "%c%lu", &letter, &i) == 2 && (letter == 'i' || letter == 'o')
               && i < (letter == 'i' ? inputs : outputs);
        size_t at = good ? i + (letter == 'o' ? inputs : 0) : 0;
        good = good && !line[at];
        if (good)
            line[at] = p;
        p = after;
    }
    for (size_t n = 0; good && n < names; n++)
        strbuf_add(out, line[n], strcspn(line[n], "\n") + 1);
    free(line);
    return good;
}

static enum axm_status read_symbols(const char *dir, const char *file, struct strbuf *out)
{
    struct strbuf path = { 0 }, data = { 0 };
    strbuf_addf(&path, "%s/%s", dir, file);
    enum axm_status st = path.failed ? fail(AXM_ENV, "%s: out of memory", file)
                                     : file_read(path.s, AIGER_BYTES_MAX, &data);
    if (!st && !aiger_symbols(data.s, data.len, out))
        st = fail(AXM_ENV, "%s: not a combinational binary AIGER file with names for all inputs and outputs",
                  file);
    strbuf_release(&path);
    strbuf_release(&data);
    return st;
}

static enum axm_status same_symbols(const char *dir, const char *x, const char *y)
{
    struct strbuf sx = { 0 }, sy = { 0 };
    enum axm_status st = read_symbols(dir, x, &sx);
    if (!st)
        st = read_symbols(dir, y, &sy);
    if (!st && (sx.len != sy.len || memcmp(sx.s, sy.s, sx.len)))
        st = fail(AXM_MISMATCH, "%s and %s: inputs and outputs must have the same names in the same order",
                  x, y);
    strbuf_release(&sx);
    strbuf_release(&sy);
    return st;
}

/* --- ABC ----------------------------------------------------------------------- */

/* ABC looks at the clock now and then only: timeout(1) ends it for good. */
static enum axm_status abc_run(const char *dir, const char *command, int timeout_s, struct strbuf *out)
{
    char limit[16];
    int exit_code;
    snprintf(limit, sizeof limit, "%d", timeout_s + timeout_s / 2 + 1);
    const char *const argv[] = { "timeout", "-k", "2", limit, "berkeley-abc", "-c", command, NULL };
    return proc_run(argv, &(struct proc_opts){ .dir = dir, .out = out, .err = out, .exit_code = &exit_code });
}

/* The verdict is the one line "Networks are ..."; anything else is no answer. */
static enum abc_answer parse_answer(const struct strbuf *said)
{
    static const char marker[] = "Networks are ";
    const char *line = said->s ? strstr(said->s, marker) : NULL;
    if (!line || strstr(line + 1, marker))
        return ABC_NO_ANSWER;
    line += sizeof marker - 1;
    if (!strncmp(line, "equivalent", 10))
        return ABC_EQUAL;
    return !strncmp(line, "NOT EQUIVALENT", 14) ? ABC_DIFFERENT : ABC_NO_ANSWER;
}

/* cec prints the inputs that show a difference, &cec does not. */
static void parse_pattern(const struct strbuf *said, struct strbuf *pattern)
{
    static const char marker[] = "Input pattern: ";
    const char *p = said->s ? strstr(said->s, marker) : NULL;
    if (!p)
        return;
    p += sizeof marker - 1;
    strbuf_add(pattern, p, strcspn(p, "\n"));
}

enum axm_status abc_equal(const char *dir, const char *x, const char *y, int timeout_s,
                          struct abc_verdict *out)
{
    *out = (struct abc_verdict){ .answer = ABC_NO_ANSWER, .command = "&cec" };
    enum axm_status st = same_symbols(dir, x, y);
    struct strbuf said = { 0 };
    char command[256];
    if (!st) {
        snprintf(command, sizeof command, "&r %s; &cec -T %d %s", x, timeout_s, y);
        st = abc_run(dir, command, timeout_s, &said);
    }
    if (!st)
        out->answer = parse_answer(&said);
    if (!st && out->answer != ABC_EQUAL) {
        bool differ = out->answer == ABC_DIFFERENT;
        strbuf_reset(&said);
        snprintf(command, sizeof command, "read %s; cec -T %d %s", x, timeout_s, y);
        st = abc_run(dir, command, timeout_s, &said);
        out->answer = st ? ABC_NO_ANSWER : parse_answer(&said);
        out->command = differ ? "&cec" : "cec";
        parse_pattern(&said, &out->pattern);
        if (!st && differ && out->answer == ABC_EQUAL)
            st = fail(AXM_MISMATCH, "berkeley-abc: &cec and cec disagree on %s and %s", x, y);
    }
    if (out->answer == ABC_DIFFERENT && !out->pattern.len) {
        out->answer = ABC_NO_ANSWER;
        snprintf(out->reason, sizeof out->reason, "%s sees a difference but shows no inputs", out->command);
    } else if (out->answer == ABC_NO_ANSWER) {
        snprintf(out->reason, sizeof out->reason, "no answer from &cec and cec in %d s each", timeout_s);
    }
    strbuf_release(&said);
    if (!st && (out->pattern.failed))
        st = fail(AXM_ENV, "berkeley-abc: out of memory for a counterexample");
    if (st)
        abc_verdict_release(out);
    return st;
}

void abc_verdict_release(struct abc_verdict *v)
{
    strbuf_release(&v->pattern);
}

uint64_t abc_pattern_value(const struct strbuf *pattern, const char *name)
{
    uint64_t value = 0;
    size_t len = strlen(name);
    for (const char *p = pattern->s; p && *p;) {
        p += strspn(p, " ");
        if (!strncmp(p, name, len)) {
            const char *q = p + len;
            unsigned long bit = 0;
            if (*q == '[') {
                char *after;
                bit = strtoul(q + 1, &after, 10);
                q = after + 1;
            }
            if (q[0] == '=' && q[1] == '1' && bit < 64)
                value |= UINT64_C(1) << bit;
        }
        p += strcspn(p, " ");
    }
    return value;
}
