#include "sim/cycle.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIFO_ROWS = 4, REQUANTIZER_STAGES = 4 };

/* An activation on its way through a row of cells: what the pipeline registers hold. */
struct beat {
    bool valid, next;
    uint32_t m;             /* row of activations */
    uint32_t tile;          /* pass, from 0 */
};

struct machine {
    const struct array_config *c;
    const struct cycle_gemm *g;
    size_t sum_words, x_words, k_tiles;
    /* x_i at a cell is what went in so many cycles ago: the skew and cell registers as one history. */
    struct beat *history;   /* [latency + 1], index 0 the newest: x_q in array_ws.v */
    int latency;
    uint8_t *shadow, *weight;           /* [rows][cols] */
    uint64_t *psum[2];                  /* [rows][cols] sums: registers now and after the edge */
    uint64_t *bank;                     /* [acc_depth][cols] */
    uint64_t *zero;                     /* activation 0, packed */
    uint8_t *zero_code;                 /* [lanes] */
    uint64_t now;                       /* busy cycles of the product so far */
};

/* One job: columns n_0.., rows m_0.. of m_count. */
struct job {
    size_t n_0, m_0, m_count, cols;
};

static const uint64_t *activation(const struct machine *s, const struct job *j, const struct beat *b,
                                  size_t row)
{
    size_t k = b->tile * (size_t)s->c->rows + row;
    return k < s->g->k ? s->g->planes + s->g->index[(j->m_0 + b->m) * s->g->k + k] * s->x_words : s->zero;
}

/* All cells, one clock edge: cell (r, c) meets the beat that entered 1 + r + c edges ago. */
static void clock_cells(struct machine *s, const struct job *j)
{
    int rows = s->c->rows, cols = s->c->cols;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < (int)j->cols; c++) {
            const struct beat *b = &s->history[r + c];
            size_t cell = (size_t)r * cols + c;
            if (!b->valid)
                continue;
            if (b->next)
                s->weight[cell] = s->shadow[cell];
            sliced_cell(s->g->mult, activation(s, j, b, (size_t)r), s->weight[cell],
                        r ? s->psum[0] + (cell - cols) * s->sum_words : NULL, s->psum[1] + cell *
                            s->sum_words);
        }
    uint64_t *now = s->psum[1];
    s->psum[1] = s->psum[0];
    s->psum[0] = now;
}

/* The bottom sums of column c for the beat that its de-skew brings out together with the others now are
 * the ones that the cell made cols - 1 - c edges before: they are taken when they appear, and counted when
 * they are due. */
static void take_sum(struct machine *s, const struct job *j, int c, const struct beat *b)
{
    const uint64_t *sum = s->psum[0] + ((size_t)(s->c->rows - 1) * s->c->cols + c) * s->sum_words;
    uint64_t *to = s->bank + ((size_t)b->m * s->c->cols + c) * s->sum_words;
    if (b->tile == 0)
        memcpy(to, sum, s->sum_words * sizeof *to);
    else
        sliced_add(s->g->mult, to, sum);
    if (b->tile + 1 != s->k_tiles)
        return;
    if (s->g->watch_cycle && j->n_0 + (size_t)c == s->g->watch_n && j->m_0 + b->m == s->g->watch_m)
        *s->g->watch_cycle = s->now;
    sliced_unpack(s->g->mult, to, s->g->acc + ((j->n_0 + c) * s->g->m + j->m_0 + b->m) *
                                               (size_t)sliced_lanes(s->g->mult));
}

static void load_shadow(struct machine *s, const struct job *j, size_t tile, int row)
{
    size_t k = tile * (size_t)s->c->rows + row;
    for (size_t c = 0; c < j->cols; c++)
        s->shadow[(size_t)row * s->c->cols + c] = k < s->g->k ? s->g->w[(j->n_0 + c) * s->g->k + k] : 0;
}

/* What out_stage.v holds: rows in the FIFO, its head's beats that have gone to the requantizers, and which
 * of these are at work. */
struct output {
    int beats, fifo, serial;
    bool stage[REQUANTIZER_STAGES];
};

/* A clock edge; push: a row of results comes. */
static void output_clock(struct output *o, bool push)
{
    bool head = o->fifo > 0, last = o->serial == o->beats - 1;
    for (int i = REQUANTIZER_STAGES - 1; i > 0; i--)
        o->stage[i] = o->stage[i - 1];
    o->stage[0] = head;
    if (head)
        o->serial = last ? 0 : o->serial + 1;
    o->fifo += push - (head && last);
}

static bool output_busy(const struct output *o)
{
    bool busy = o->fifo > 0;
    for (int i = 0; i < REQUANTIZER_STAGES; i++)
        busy |= o->stage[i];
    return busy;
}

static uint64_t run_job(struct machine *s, const struct job *j)
{
    const int rows = s->c->rows, cols = s->c->cols;
    int w_row = 0, row_sum = array_row_sum(s->c);
    size_t w_tile = 0, x_tile = 0, m = 0;
    struct output o = { .beats = cols / s->c->lanes };
    bool shadow_full = false, in_flight = true;
    long age = 1L << 30;
    uint64_t cycles = 0;
    memset(s->history, 0, (size_t)(s->latency + 1) * sizeof *s->history);
    while (w_tile < s->k_tiles || x_tile < s->k_tiles || in_flight) {
        bool en = o.fifo < FIFO_ROWS;
        bool w_beat = w_tile < s->k_tiles && !shadow_full && age > cols + row_sum + w_row;
        bool x_beat = x_tile < s->k_tiles && en && (m || shadow_full);
        bool next = x_beat && !m;
        struct beat entering = { x_beat, next, (uint32_t)m, (uint32_t)x_tile };
        const struct beat *out = &s->history[s->latency - 1];
        bool push = en && out->valid && out->tile + 1 == s->k_tiles;

        /* The clock edge. */
        if (en) {
            clock_cells(s, j);
            for (int c = 0; c < (int)j->cols; c++)
                if (s->history[rows - 1 + c].valid)
                    take_sum(s, j, c, &s->history[rows - 1 + c]);
            memmove(s->history + 1, s->history, (size_t)s->latency * sizeof *s->history);
            s->history[0] = entering;
        }
        output_clock(&o, push);
        age = next ? 0 : age + en;
        if (w_beat) {
            load_shadow(s, j, w_tile, w_row);
            if (++w_row == rows) {
                w_row = 0;
                w_tile++;
                shadow_full = true;
            }
        }
        if (next)
            shadow_full = false;
        if (x_beat && ++m == j->m_count) {
            m = 0;
            x_tile++;
        }
        in_flight = output_busy(&o);
        for (int i = 0; i < s->latency; i++)
            in_flight |= s->history[i].valid;
        cycles++;
        s->now++;
    }
    return cycles;
}

/* --- output-stationary ------------------------------------------------------------------------- */

/* Here a beat's m is its k.  Array row r has row rows - 1 - r of the tile, which leaves in that order. */
static size_t row_of(const struct machine *s, size_t tile, int r)
{
    return tile * (size_t)s->c->rows + (size_t)(s->c->rows - 1 - r);
}

/* All cells, one clock edge.  A cell's running sum lies in turn in the one and the other of psum; the last
 * goes to bank, where the column of registers that shifts results down takes it. */
static void clock_sums(struct machine *s, const struct job *j)
{
    int rows = s->c->rows, cols = s->c->cols;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < (int)j->cols; c++) {
            const struct beat *b = &s->history[r + c];
            size_t m = row_of(s, b->tile, r), at = ((size_t)r * (size_t)cols + (size_t)c) * s->sum_words;
            if (!b->valid || m >= j->m_count)
                continue;
            bool last = b->m + 1 == s->g->k;
            sliced_cell(s->g->mult, s->g->planes + s->g->index[m * s->g->k + b->m] * s->x_words,
                        s->g->w[(j->n_0 + (size_t)c) * s->g->k + b->m],
                        b->next ? NULL : s->psum[~b->m & 1] + at, (last ? s->bank : s->psum[b->m & 1]) + at);
        }
}

/* A row of results at the bottom.  They are read where they were made, not moved down: the next tile's
 * last beat waits until all are out. */
static void take_row(struct machine *s, const struct job *j, size_t tile, int row)
{
    int r = s->c->rows - 1 - row;
    size_t m = row_of(s, tile, r), lanes = (size_t)sliced_lanes(s->g->mult);
    for (size_t c = 0; c < j->cols && m < j->m_count; c++) {
        const uint64_t *sum = s->bank + ((size_t)r * (size_t)s->c->cols + c) * s->sum_words;
        sliced_unpack(s->g->mult, sum, s->g->acc + ((j->n_0 + c) * s->g->m + m) * lanes);
        if (s->g->watch_cycle && j->n_0 + c == s->g->watch_n && m == s->g->watch_m)
            *s->g->watch_cycle = s->now;
    }
}

/* As run_job(): ctrl_os.v and out_stage.v. */
static uint64_t run_tiles(struct machine *s, const struct job *j)
{
    const int rows = s->c->rows;
    const size_t tiles = (j->m_count + (size_t)rows - 1) / (size_t)rows;
    struct output o = { .beats = s->c->cols / s->c->lanes };
    int row = 0;
    size_t tile = 0, leaving = 0, k = 0;
    bool pending = false, drain = false, in_flight = true;
    uint64_t cycles = 0;
    memset(s->history, 0, (size_t)(s->latency + 1) * sizeof *s->history);
    while (tile < tiles || pending || in_flight) {
        const struct beat *ripe = &s->history[s->latency - 1];
        bool en = o.fifo < FIFO_ROWS, last = k + 1 == s->g->k;
        bool enters = tile < tiles && en && !(last && pending);
        bool shift = en && (drain || (ripe->valid && ripe->m + 1 == s->g->k));
        bool ends = shift && row == rows - 1;
        struct beat entering = { enters, k == 0, (uint32_t)k, (uint32_t)tile };

        /* The clock edge. */
        if (shift)
            take_row(s, j, leaving, row);
        if (en) {
            clock_sums(s, j);
            memmove(s->history + 1, s->history, (size_t)s->latency * sizeof *s->history);
            s->history[0] = entering;
        }
        output_clock(&o, shift);
        if (shift) {
            drain = !ends;
            row = ends ? 0 : row + 1;
            leaving += ends;
        }
        pending = (enters && last) || (pending && !ends);
        if (enters) {
            k = last ? 0 : k + 1;
            tile += last;
        }
        in_flight = output_busy(&o);
        cycles++;
        s->now++;
    }
    return cycles;
}

/* A piece of the space, or only its size; 64-byte aligned. */
static void *take(const struct cycle_space *space, size_t *at, size_t bytes)
{
    void *piece = space->memory ? (char *)space->memory + *at : NULL;
    *at += (bytes + 63) / 64 * 64;
    return piece;
}

/* Lays the machine out in the space; returns the bytes it takes. */
static size_t lay_out(struct machine *s, const struct cycle_space *space, size_t depth)
{
    size_t at = 0, cells = (size_t)s->c->rows * s->c->cols, sum = s->sum_words * sizeof(uint64_t);
    s->zero = take(space, &at, s->x_words * sizeof(uint64_t));
    s->zero_code = take(space, &at, (size_t)sliced_lanes(s->g->mult));
    s->history = take(space, &at, ((size_t)s->latency + 1) * sizeof *s->history);
    s->shadow = take(space, &at, cells);
    s->weight = take(space, &at, cells);
    s->psum[0] = take(space, &at, cells * sum);
    s->psum[1] = take(space, &at, cells * sum);
    s->bank = take(space, &at, (s->c->dataflow == ARRAY_WS ? depth * (size_t)s->c->cols : cells) * sum);
    return at;
}

enum axm_status cycle_gemm(const struct array_config *c, const struct cycle_gemm *g,
                           struct cycle_space *space, uint64_t *busy)
{
    struct machine s = { .c = c, .g = g, .sum_words = sliced_sum_words(g->mult),
        .x_words = sliced_words(g->mult), .k_tiles = (g->k + c->rows - 1) / c->rows,
        .latency = c->rows + c->cols + array_row_sum(c) };
    size_t depth = g->m < (size_t)c->acc_depth ? g->m : (size_t)c->acc_depth;
    size_t bytes = lay_out(&s, &(struct cycle_space){ 0 }, depth);
    if (space->bytes < bytes) {
        free(space->memory);
        space->memory = aligned_alloc(64, bytes);
        space->bytes = space->memory ? bytes : 0;
    }
    if (!space->memory)
        return fail(AXM_ENV, "array: out of memory");
    lay_out(&s, space, depth);
    memset(s.zero_code, 0, (size_t)sliced_lanes(g->mult));
    sliced_pack(g->mult, s.zero_code, 1, s.zero);
    memset(s.weight, 0, (size_t)c->rows * c->cols);
    for (size_t n = 0; n < g->n && c->dataflow == ARRAY_OS; n += (size_t)c->cols) {
        const struct job j = { n, 0, g->m, g->n - n < (size_t)c->cols ? g->n - n : (size_t)c->cols };
        *busy += run_tiles(&s, &j);
    }
    if (c->dataflow == ARRAY_OS)
        return AXM_OK;
    for (size_t n = 0; n < g->n; n += (size_t)c->cols)
        for (size_t m = 0; m < g->m; m += (size_t)c->acc_depth) {
            struct job j = { n, m, g->m - m, g->n - n };
            j.m_count = j.m_count < depth ? j.m_count : depth;
            j.cols = j.cols < (size_t)c->cols ? j.cols : (size_t)c->cols;
            *busy += run_job(&s, &j);
        }
    size_t surplus = s.k_tiles * (size_t)c->rows - g->k, values = g->n * g->m * (size_t)sliced_lanes(g->mult);
    for (size_t i = 0; i < values && surplus && g->zero_product; i++)
        g->acc[i] -= (int32_t)surplus * g->zero_product;
    return AXM_OK;
}
