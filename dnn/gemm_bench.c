#include "dnn/gemm_bench.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "base/arena.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/rng.h"
#include "dnn/gemm_impl.h"

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- inputs --------------------------------------------------------------------------------- */

struct inputs {
    struct gemm_shape s;
    size_t x_stride;
    uint8_t *x, *w;          /* [k][x_stride], [n][k] */
};

static uint8_t gauss(struct rng *r, double sigma, bool is_signed, bool relu)
{
    int low = relu ? 0 : -128, v = (int)lround(sigma * rng_gauss(r));
    v = v < low ? low : v > 127 ? 127 : v;
    return (uint8_t)(is_signed || relu ? v : v + 128);
}

static void fill(struct inputs *in, struct arena *a, const struct gemm_bench_case *c, uint64_t seed)
{
    bool is_signed = axm_mul_signed(c->mul);
    struct rng r;
    in->x_stride = gemm_round_up(in->s.m, 64);
    in->x = arena_alloc(a, in->s.k * in->x_stride + 64);
    in->w = arena_alloc(a, in->s.n * in->s.k + 64);
    if (!in->x || !in->w)
        return;
    rng_init(&r, seed, 0);
    for (size_t i = 0; i < in->s.k * in->x_stride; i++)
        in->x[i] = gauss(&r, 40, is_signed, c->opts.x_below_128);
    for (size_t i = 0; i < in->s.n * in->s.k; i++)
        in->w[i] = gauss(&r, 28, is_signed, false);
}

/* --- gathers ---------------------------------------------------------------------------------- */

struct gather {
    struct gemm_shape s;
    const int32_t *value;    /* [x << 8 | w] */
    int32_t *x, *w;          /* [m][k] x << 8, [n][k] */
    int32_t *acc;            /* [n][m] */
};

static int32_t sum_scalar(const struct gather *g, const int32_t *x, const int32_t *w, size_t k)
{
    int32_t sum = 0;
    for (; k < g->s.k; k++)
        sum += g->value[x[k] | w[k]];
    return sum;
}

#ifdef __x86_64__
__attribute__((target("avx2")))
static int32_t sum_avx2(const struct gather *g, const int32_t *x, const int32_t *w)
{
    __m256i s0 = _mm256_setzero_si256(), s1 = s0;
    size_t k = 0;
    int32_t lane[8], sum = 0;
    for (; k + 16 <= g->s.k; k += 16) {
        __m256i i0 = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)(const void *)(x + k)),
                                     _mm256_loadu_si256((const __m256i *)(const void *)(w + k)));
        __m256i i1 = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)(const void *)(x + k + 8)),
                                     _mm256_loadu_si256((const __m256i *)(const void *)(w + k + 8)));
        s0 = _mm256_add_epi32(s0, _mm256_i32gather_epi32(g->value, i0, 4));
        s1 = _mm256_add_epi32(s1, _mm256_i32gather_epi32(g->value, i1, 4));
    }
    _mm256_storeu_si256((__m256i *)(void *)lane, _mm256_add_epi32(s0, s1));
    for (int i = 0; i < 8; i++)
        sum += lane[i];
    return sum + sum_scalar(g, x, w, k);
}
#endif

static void run_gather(void *ctx)
{
    const struct gather *g = ctx;
#ifdef __x86_64__
    bool avx2 = __builtin_cpu_supports("avx2");
#endif
    for (size_t m = 0; m < g->s.m; m++)
        for (size_t n = 0; n < g->s.n; n++) {
            const int32_t *x = g->x + m * g->s.k, *w = g->w + n * g->s.k;
#ifdef __x86_64__
            if (avx2) {
                g->acc[n * g->s.m + m] = sum_avx2(g, x, w);
                continue;
            }
#endif
            g->acc[n * g->s.m + m] = sum_scalar(g, x, w, 0);
        }
}

/* value: of the case's multiplier. */
static enum axm_status gather_open(struct gather *g, struct arena *a, const struct gemm_bench_case *c,
                                   const struct inputs *in)
{
    int32_t *value = arena_alloc(a, 65536 * sizeof *value);
    *g = (struct gather){ .s = in->s, .value = value };
    g->x = arena_alloc(a, in->s.m * in->s.k * sizeof *g->x);
    g->w = arena_alloc(a, in->s.n * in->s.k * sizeof *g->w);
    g->acc = arena_alloc(a, in->s.n * in->s.m * sizeof *g->acc);
    if (!value || !g->x || !g->w || !g->acc)
        return fail(AXM_ENV, "bench-gemm: out of memory");
    for (uint32_t x = 0; x < 256; x++)
        for (uint32_t w = 0; w < 256; w++) {
            uint64_t p = c->opts.weight_is_a ? axm_eval(c->mul, w, x) : axm_eval(c->mul, x, w);
            value[x << 8 | w] = (int32_t)axm_mul_value(c->mul, p, axm_mul_width_product(c->mul));
        }
    for (size_t k = 0; k < in->s.k; k++) {
        for (size_t m = 0; m < in->s.m; m++)
            g->x[m * in->s.k + k] = in->x[k * in->x_stride + m] << 8;
        for (size_t n = 0; n < in->s.n; n++)
            g->w[n * in->s.k + k] = in->w[n * in->s.k + k];
    }
    return AXM_OK;
}

/* --- oneDNN ------------------------------------------------------------------------------------- */

struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t multiply;
    dnnl_memory_t x, w, acc;
};

static void run_onednn(void *ctx)
{
    struct onednn *d = ctx;
    dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, d->x }, { DNNL_ARG_WEIGHTS, d->w }, { DNNL_ARG_DST, d->acc } };
    if (dnnl_primitive_execute(d->multiply, d->stream, 3, args) == dnnl_success)
        (void)dnnl_stream_wait(d->stream);
}

static void onednn_close(struct onednn *d)
{
    dnnl_memory_destroy(d->x);
    dnnl_memory_destroy(d->w);
    dnnl_memory_destroy(d->acc);
    dnnl_primitive_destroy(d->multiply);
    dnnl_primitive_desc_destroy(d->desc);
    dnnl_stream_destroy(d->stream);
    dnnl_engine_destroy(d->engine);
}

/* Weights [k][n] as given, in the layout that the primitive prefers. */
static bool onednn_pack(struct onednn *d, const dnnl_memory_desc_t *plain, uint8_t *w)
{
    const dnnl_memory_desc_t *packed = dnnl_primitive_desc_query_md(d->desc, dnnl_query_weights_md, 0);
    dnnl_memory_t from = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t reorder = NULL;
    bool ok = dnnl_memory_create(&from, plain, d->engine, w) == dnnl_success &&
              dnnl_memory_create(&d->w, packed, d->engine, DNNL_MEMORY_ALLOCATE) == dnnl_success &&
              dnnl_reorder_primitive_desc_create(&desc, plain, d->engine, packed, d->engine, NULL) ==
                  dnnl_success &&
              dnnl_primitive_create(&reorder, desc) == dnnl_success;
    dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from }, { DNNL_ARG_TO, d->w } };
    ok = ok && dnnl_primitive_execute(reorder, d->stream, 2, args) == dnnl_success &&
         dnnl_stream_wait(d->stream) == dnnl_success;
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(desc);
    dnnl_memory_destroy(from);
    return ok;
}

static enum axm_status onednn_open(struct onednn *d, struct arena *a, const struct inputs *in)
{
    dnnl_dim_t m = (dnnl_dim_t)in->s.m, n = (dnnl_dim_t)in->s.n, k = (dnnl_dim_t)in->s.k;
    dnnl_memory_desc_t x, w, any, acc;
    dnnl_matmul_desc_t desc;
    uint8_t *px = arena_alloc(a, in->s.m * in->s.k + 64), *pw = arena_alloc(a, in->s.n * in->s.k + 64);
    *d = (struct onednn){ 0 };
    if (!px || !pw)
        return fail(AXM_ENV, "bench-gemm: out of memory");
    for (size_t l = 0; l < in->s.k; l++) {
        for (size_t i = 0; i < in->s.m; i++)
            px[i * in->s.k + l] = in->x[l * in->x_stride + i];
        for (size_t i = 0; i < in->s.n; i++)
            pw[l * in->s.n + i] = in->w[i * in->s.k + l];
    }
    omp_set_num_threads(1);
    bool ok = dnnl_engine_create(&d->engine, dnnl_cpu, 0) == dnnl_success &&
              dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags) == dnnl_success &&
              dnnl_memory_desc_init_by_tag(&x, 2, (dnnl_dims_t){ m, k }, dnnl_u8, dnnl_ab) == dnnl_success &&
              dnnl_memory_desc_init_by_tag(&w, 2, (dnnl_dims_t){ k, n }, dnnl_s8, dnnl_ab) == dnnl_success &&
              dnnl_memory_desc_init_by_tag(&any, 2, (dnnl_dims_t){ k, n }, dnnl_s8, dnnl_format_tag_any) ==
                  dnnl_success &&
              dnnl_memory_desc_init_by_tag(&acc, 2, (dnnl_dims_t){ m, n }, dnnl_s32, dnnl_ab) ==
                  dnnl_success &&
              dnnl_matmul_desc_init(&desc, &x, &any, NULL, &acc) == dnnl_success &&
              dnnl_primitive_desc_create(&d->desc, &desc, NULL, d->engine, NULL) == dnnl_success &&
              dnnl_primitive_create(&d->multiply, d->desc) == dnnl_success &&
              dnnl_memory_create(&d->x, &x, d->engine, px) == dnnl_success &&
              dnnl_memory_create(&d->acc, &acc, d->engine, DNNL_MEMORY_ALLOCATE) == dnnl_success &&
              onednn_pack(d, &w, pw);
    return ok ? AXM_OK : fail(AXM_ENV, "bench-gemm: oneDNN has no int8 product of this shape");
}

/* --- ours ------------------------------------------------------------------------------------------ */

enum { CORES = 2 };
enum { APART = 8192 };       /* bytes after what a core writes: others read ahead of what is theirs */

struct ours {
    struct gemm *g;
    struct gemm_weights *weights;
    struct inputs in;
    int32_t *acc[CORES];     /* [n][x_stride], a core's own, as are the batches of an inference */
    void *scratch[CORES];
    int repeats;             /* of an item of two cores' work */
    int core[CORES];         /* on which a worker did its last */
};

static void run_on(struct ours *t, int core)
{
    gemm_run(t->weights, t->in.x, t->in.x_stride, t->in.s.m, t->acc[core], t->in.x_stride, t->scratch[core]);
}

static void run_ours(void *ctx)
{
    run_on(ctx, 0);
}

static enum axm_status run_item(void *ctx, size_t item, int worker)
{
    struct ours *t = ctx;
    (void)item;
    t->core[worker] = sched_getcpu();
    for (int i = 0; i < t->repeats; i++)
        run_on(t, worker);
    return AXM_OK;
}

static enum axm_status ours_open(struct ours *t, struct arena *a, const struct gemm_bench_case *c,
                                 uint64_t seed)
{
    fill(&t->in, a, c, seed);
    if (!t->in.x || !t->in.w)
        return fail(AXM_ENV, "bench-gemm: out of memory");
    enum axm_status st = gemm_open(c->mul, &c->opts, &t->g);
    if (st == AXM_OK)
        st = gemm_pack(t->g, t->in.w, t->in.s.n, t->in.s.k, &t->weights);
    for (int i = 0; i < CORES && st == AXM_OK; i++) {
        t->acc[i] = arena_alloc(a, t->in.s.n * t->in.x_stride * sizeof *t->acc[i] + APART);
        t->scratch[i] = gemm_alloc(gemm_scratch(t->weights, t->in.s.m) + APART);
        if (!t->acc[i] || !t->scratch[i])
            st = fail(AXM_ENV, "bench-gemm: out of memory");
    }
    return st;
}

static void ours_close(struct ours *t)
{
    gemm_weights_free(t->weights);
    for (int i = 0; i < CORES; i++)
        free(t->scratch[i]);
    gemm_close(t->g);
}

static enum axm_status verify(struct ours *t, struct arena *a, const struct gemm_bench_case *c)
{
    struct gather g;
    enum axm_status st = gather_open(&g, a, c, &t->in);
    if (st != AXM_OK)
        return st;
    run_gather(&g);
    run_ours(t);
    for (size_t n = 0; n < t->in.s.n; n++)
        for (size_t m = 0; m < t->in.s.m; m++) {
            int32_t sum = t->acc[0][n * t->in.x_stride + m], want = g.acc[n * t->in.s.m + m];
            if (sum != want)
                return fail(AXM_MISMATCH, "%s, %s: sum %zu of row %zu is %d, the gathers give %d",
                            axm_mul_name(c->mul), gemm_describe(t->g), m, n, sum, want);
        }
    return AXM_OK;
}

/* --- turns ------------------------------------------------------------------------------------------ */

enum { ROUNDS = 400 };

struct contender {
    void (*run)(void *ctx);
    void *ctx;
    int repeats;
    double time[ROUNDS];         /* seconds of a run */
};

/* Time of the thread: what others take of the core does not count. */
static double time_of(struct contender *c, bool warm)
{
    if (warm)
        c->run(c->ctx);
    double t = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < c->repeats; i++)
        c->run(c->ctx);
    return (seconds_of(CLOCK_THREAD_CPUTIME_ID) - t) / c->repeats;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, compare);
    return v[n / 2];
}

enum { PAIR_ROUNDS = 24 };

/* Seconds of all items on that core; time of the thread. */
static double seconds_on(struct ours *t, size_t items, int core)
{
    cpu_set_t allowed, one;
    bool pinned = core >= 0 && core < CPU_SETSIZE && !sched_getaffinity(0, sizeof allowed, &allowed);
    CPU_ZERO(&one);
    if (pinned)
        CPU_SET(core, &one);
    pinned = pinned && !sched_setaffinity(0, sizeof one, &one);
    double start = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < items; i++)
        (void)!run_item(t, i, 0);
    double seconds = seconds_of(CLOCK_THREAD_CPUTIME_ID) - start;
    if (pinned)
        sched_setaffinity(0, sizeof allowed, &allowed);
    return seconds;
}

struct pair {
    double two, gain;            /* seconds on two cores; products a second against the mean of either */
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return (x->two > y->two) - (x->two < y->two);
}

/* By the clock, with whatever it takes to wake a thread, for 10 ms of products that are shared out as an
 * inference does it with batches.  The cores of a virtual machine are not always equally fast, nor one for
 * long: each is timed alone right before or after.  Of the quicker rounds, as in others another process has
 * one of the cores, or the host runs both on the two threads of one. */
static enum axm_status measure_two_cores(struct ours *t, double run_seconds, double *out)
{
    struct pair pair[PAIR_ROUNDS];
    double gain[PAIR_ROUNDS];
    int threads = pool_threads(), core[CORES];
    t->repeats = (int)(100e-6 / run_seconds) + 1;
    size_t items = CORES * ((size_t)(10e-3 / CORES / (run_seconds * t->repeats)) + 1);
    pool_set_threads(CORES);
    enum axm_status st = pool_run(items, run_item, t);
    memcpy(core, t->core, sizeof core);
    for (int r = 0; r < PAIR_ROUNDS && st == AXM_OK; r++) {
        double before = seconds_on(t, items, core[0]), start = seconds_of(CLOCK_MONOTONIC);
        st = pool_run(items, run_item, t);
        double two = seconds_of(CLOCK_MONOTONIC) - start, after = seconds_on(t, items, core[1]);
        pair[r] = (struct pair){ two, CORES / (two / before + two / after) };
    }
    pool_set_threads(threads);
    if (st != AXM_OK)
        return st;
    qsort(pair, PAIR_ROUNDS, sizeof *pair, compare_pairs);
    for (int r = 0; r < PAIR_ROUNDS / 3; r++)
        gain[r] = pair[r].gain;
    *out = median(gain, PAIR_ROUNDS / 3);
    return AXM_OK;
}

static enum axm_status take_turns(struct contender *c, size_t n, double seconds, bool warm, int *rounds)
{
    double start = seconds_of(CLOCK_MONOTONIC);
    for (size_t i = 0; i < n; i++) {
        c[i].repeats = 1;
        double t = time_of(&c[i], true);
        c[i].repeats = (int)(100e-6 / (t > 1e-9 ? t : 1e-9)) + 1;
    }
    for (*rounds = 0; *rounds < ROUNDS; ++*rounds) {
        if (*rounds >= 5 && seconds_of(CLOCK_MONOTONIC) - start > seconds)
            break;
        if (progress_stop_requested())
            return AXM_STOPPED;
        for (size_t i = 0; i < n; i++)
            c[i].time[*rounds] = time_of(&c[i], warm);
    }
    return AXM_OK;
}

enum axm_status gemm_bench(struct gemm_shape s, const struct gemm_bench_case *c, size_t n,
                           const struct gemm_bench_opts *o, double *gather, double *onednn,
                           struct gemm_bench_result *out)
{
    struct arena arena = { 0 };
    struct contender *turn = arena_alloc(&arena, (n + 2) * sizeof *turn);
    struct ours *ours = arena_alloc(&arena, (n + 1) * sizeof *ours);
    struct gather g;
    struct onednn d = { 0 };
    double products = (double)s.m * (double)s.k * (double)s.n;
    int rounds = 0;
    enum axm_status st = turn && ours ? AXM_OK : fail(AXM_ENV, "bench-gemm: out of memory");
    for (size_t i = 0; i < n && st == AXM_OK; i++) {
        struct arena temporary = { 0 };
        ours[i].in.s = s;
        st = ours_open(&ours[i], &arena, &c[i], o->seed);
        if (st == AXM_OK)
            st = verify(&ours[i], &temporary, &c[i]);
        arena_release(&temporary);
        turn[i + 2] = (struct contender){ .run = run_ours, .ctx = &ours[i] };
    }
    if (st == AXM_OK)
        st = gather_open(&g, &arena, &c[0], &ours[0].in);
    if (st == AXM_OK)
        st = onednn_open(&d, &arena, &ours[0].in);
    if (st == AXM_OK) {
        turn[0] = (struct contender){ .run = run_gather, .ctx = &g };
        turn[1] = (struct contender){ .run = run_onednn, .ctx = &d };
        st = take_turns(turn, n + 2, o->seconds, o->warm, &rounds);
    }
    if (st == AXM_OK) {
        *gather = products / median(turn[0].time, rounds) * 1e-9;
        *onednn = products / median(turn[1].time, rounds) * 1e-9;
    }
    for (size_t i = 0; i < n && st == AXM_OK; i++) {
        double t = median(turn[i + 2].time, rounds);
        struct gemm_bench_result *r = &out[i];
        *r = (struct gemm_bench_result){ .gmacs = products / t * 1e-9, .two_cores = NAN };
        r->per_gather = r->gmacs / *gather;
        r->per_onednn = r->gmacs / *onednn;
        snprintf(r->plan, sizeof r->plan, "%s", gemm_describe(ours[i].g));
        if (o->two_cores)
            st = measure_two_cores(&ours[i], t, &r->two_cores);
    }
    onednn_close(&d);
    for (size_t i = 0; i < n && ours; i++)
        ours_close(&ours[i]);
    arena_release(&arena);
    return st;
}
