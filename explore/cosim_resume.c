#include "explore/cosim_resume.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/file.h"
#include "base/strbuf.h"

enum { FILE_MAX = 256 << 20 };

static const char header[] = "model_sha256,hardware_sha256,tool_sha256,images_of,first,images,backend,"
    "dataflow,rows,cols,acc_depth,pool_width,stall_percent,sums_every,fault_layer,seed,mults,batch,done,sums,"
    "codes,layers\n";

struct cosim_resume {
    char *path;
    struct strbuf others;       /* header and rows of other runs */
    struct strbuf key;          /* this run's row as far as mults */
    struct strbuf row;          /* the rest of it, as it was read; empty: none */
};

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "cosim: out of memory");
}

/* A result holds for the hardware that gave it: our Verilog and gates are part of the key. */
static enum axm_status hardware(const struct cosim_key *k, struct sha256_hex *out)
{
    struct strbuf text = { 0 };
    enum axm_status st = AXM_OK;
    for (int i = 0; embedded_rtl[i].path; i++)
        strbuf_add(&text, embedded_rtl[i].text, embedded_rtl[i].size);
    for (int i = 0; i < k->layers && !st; i++) {
        struct array_config c = k->o->array;
        c.mult = k->layer[i].mult;
        st = array_write_unit(&c, &text);
    }
    if (!st && text.failed)
        st = out_of_memory();
    if (!st)
        *out = sha256_bytes(text.s, text.len);
    strbuf_release(&text);
    return st;
}

static enum axm_status write_key(const struct cosim_key *k, struct strbuf *s)
{
    static const char *const dataflow[] = { [ARRAY_WS] = "ws", [ARRAY_OS] = "os" };
    const struct cosim_opts *o = k->o;
    struct sha256_hex gates;
    enum axm_status st = hardware(k, &gates);
    if (st)
        return st;
    strbuf_addf(s, "%s,%s,%s,%s,%zu,%zu,%s,%s,%d,%d,%d,%d,%u,%zu,%d,%" PRIu64 ",", k->model.s, gates.s,
                k->tool.s, k->images_of, k->first, k->n, cosim_backend_names[o->backend],
                dataflow[o->array.dataflow], o->array.rows, o->array.cols, o->array.acc_depth,
                o->array.pool_width, o->stall_percent, o->sums_every, o->fault_layer, o->seed);
    for (int i = 0; i < k->layers; i++) {
        char name[AXM_SPEC_MAX];
        axm_spec_print(&k->layer[i].mult, name);
        strbuf_addf(s, "%s%s:%s", i ? ";" : "", name, k->layer[i].weight_is_a ? "wa" : "aw");
    }
    strbuf_adds(s, ",");
    return s->failed ? out_of_memory() : AXM_OK;
}

static enum axm_status read_rows(struct cosim_resume *r)
{
    struct strbuf text = { 0 };
    if (!file_exists(r->path)) {
        strbuf_adds(&r->others, header);
        return r->others.failed ? out_of_memory() : AXM_OK;
    }
    enum axm_status st = file_read(r->path, FILE_MAX, &text);
    if (!st && (text.len < sizeof header - 1 || memcmp(text.s, header, sizeof header - 1) ||
                text.s[text.len - 1] != '\n'))
        st = fail(AXM_USAGE, "%s: not a file that cosim --resume wrote; its first line must be %.*s", r->path,
                  (int)sizeof header - 2, header);
    for (const char *line = text.s; !st && *line;) {
        size_t len = strcspn(line, "\n") + 1;
        if (len > r->key.len && !memcmp(line, r->key.s, r->key.len)) {
            strbuf_reset(&r->row);
            strbuf_add(&r->row, line + r->key.len, len - r->key.len);
        } else {
            strbuf_add(&r->others, line, len);
        }
        line += len;
    }
    if (!st && (r->others.failed || r->row.failed))
        st = out_of_memory();
    strbuf_release(&text);
    return st;
}

enum axm_status cosim_resume_open(const char *path, const struct cosim_key *key, struct cosim_resume **out)
{
    struct cosim_resume *r = calloc(1, sizeof *r);
    if (!r || !(r->path = strdup(path))) {
        free(r);
        return out_of_memory();
    }
    enum axm_status st = write_key(key, &r->key);
    if (!st)
        st = read_rows(r);
    if (st)
        cosim_resume_close(r);
    else
        *out = r;
    return st;
}

void cosim_resume_close(struct cosim_resume *r)
{
    if (!r)
        return;
    free(r->path);
    strbuf_release(&r->others);
    strbuf_release(&r->key);
    strbuf_release(&r->row);
    free(r);
}

/* --- the state of a run as text ------------------------------------------------------------------ */

static bool read_number(const char **at, char end, uint64_t *out)
{
    char *stop;
    if (**at < '0' || **at > '9')
        return false;
    *out = strtoull(*at, &stop, 10);
    *at = stop + 1;
    return *stop == end;
}

/* "0-3 7 9-12": batches, ascending; empty: none. */
static bool read_done(const char **at, struct cosim_state *s)
{
    for (size_t next = 0; **at != ',';) {
        char *stop;
        uint64_t from = strtoull(*at, &stop, 10), to = from;
        if (stop == *at || from < next)
            return false;
        if (*stop == '-') {
            const char *last = stop + 1;
            to = strtoull(last, &stop, 10);
            if (stop == last)
                return false;
        }
        if (to < from || to >= s->batches || (*stop != ' ' && *stop != ','))
            return false;
        for (uint64_t i = from; i <= to; i++)
            s->done[i] = true;
        next = to + 1;
        *at = stop + (*stop == ' ');
    }
    ++*at;
    return true;
}

static void write_done(const struct cosim_state *s, struct strbuf *out)
{
    const char *between = "";
    for (size_t i = 0; i < s->batches; i++) {
        size_t to = i;
        if (!s->done[i])
            continue;
        while (to + 1 < s->batches && s->done[to + 1])
            to++;
        strbuf_addf(out, "%s%zu", between, i);
        if (to > i)
            strbuf_addf(out, "-%zu", to);
        between = " ";
        i = to;
    }
}

static bool read_state(const char *at, struct cosim_state *s)
{
    struct cosim_result *r = s->result;
    uint64_t batch;
    if (!read_number(&at, ',', &batch) || batch != s->batch || !read_done(&at, s) ||
        !read_number(&at, ',', &r->sums) || !read_number(&at, ',', &r->codes))
        return false;
    for (int i = 0; i < s->layers; i++) {
        struct cosim_layer_result *l = &r->layer[i];
        if (!read_number(&at, ' ', &l->multiplications) || !read_number(&at, ' ', &l->cycles) ||
            !read_number(&at, ' ', &l->stall_x) || !read_number(&at, ' ', &l->stall_w) ||
            !read_number(&at, i + 1 < s->layers ? ';' : '\n', &l->stall_y))
            return false;
    }
    return !*at;
}

static enum axm_status load(void *ctx, struct cosim_state *s)
{
    struct cosim_resume *r = ctx;
    const char *at = r->row.len ? r->row.s : NULL;
    uint64_t batch;
    if (!at || (read_number(&at, ',', &batch) && batch != s->batch))
        return AXM_OK;   /* of batches of another size nothing can be taken over */
    return read_state(r->row.s, s) ? AXM_OK
        : fail(AXM_USAGE, "%s: this run's row is damaged; take it out, and the run begins anew", r->path);
}

static enum axm_status save(void *ctx, const struct cosim_state *s)
{
    struct cosim_resume *r = ctx;
    struct strbuf text = { 0 };
    strbuf_add(&text, r->others.s, r->others.len);
    strbuf_add(&text, r->key.s, r->key.len);
    strbuf_addf(&text, "%zu,", s->batch);
    write_done(s, &text);
    strbuf_addf(&text, ",%" PRIu64 ",%" PRIu64 ",", s->result->sums, s->result->codes);
    for (int i = 0; i < s->layers; i++) {
        const struct cosim_layer_result *l = &s->result->layer[i];
        strbuf_addf(&text, "%s%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, i ? ";" : "",
                    l->multiplications, l->cycles, l->stall_x, l->stall_w, l->stall_y);
    }
    strbuf_adds(&text, "\n");
    enum axm_status st = text.failed ? out_of_memory() : file_write(r->path, text.s, text.len);
    strbuf_release(&text);
    return st;
}

struct cosim_keeper cosim_resume_keeper(struct cosim_resume *r)
{
    return (struct cosim_keeper){ r, load, save };
}
