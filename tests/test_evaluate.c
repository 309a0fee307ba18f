/* Scores of assignments: shared layers, memory and log change nothing. */
#include "tests/harness.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "explore/evaluate.h"
#include "tests/random_graph.h"

enum { CHOICES = 3, IMAGES = 700 };

struct fixture {
    struct qgraph *q;
    struct images im;
    struct axm_mul *mul[CHOICES];
    double coefficient[CHOICES];
    struct network *e;
};

static void open_with(struct fixture *f, size_t n, const char *log, size_t cache_bytes)
{
    struct evaluate_opts o = { .mul = (const struct axm_mul *const *)f->mul, .coefficient = f->coefficient,
        .choices = CHOICES, .log = log, .first = 0, .n = n, .cache_bytes = cache_bytes };
    assert_int_equal(network_open(f->q, &f->im, &o, &f->e), AXM_OK);
}

static void open_again(struct fixture *f, const char *log)
{
    open_with(f, IMAGES, log, 0);
}

static void fixture_init(struct fixture *f, uint64_t seed, enum quant_scheme scheme, const char *log)
{
    static const char *const is_signed[] = { "exact8s", "scdm8s_x5_y2", "scdm8s_x8_y4" };
    static const char *const not[] = { "exact8u", "cdm8u_x6_y2", "drum8u_k3" };
    struct rng r;
    rng_init(&r, seed, 5);
    *f = (struct fixture){ .q = random_qgraph(seed, scheme, 8, 8), .coefficient = { 1, 0.64, 0.4 } };
    assert_non_null(f->q);
    struct shape s = f->q->node[0].out;
    int outputs = (int)shape_count(f->q->node[f->q->n_nodes - 1].out);
    f->im = (struct images){ .shape = s, .count = IMAGES, .classes = outputs,
        .pixel = malloc(IMAGES * shape_count(s)), .label = malloc(IMAGES) };
    for (size_t i = 0; i < IMAGES; i++) {
        random_pixels(seed * 1000 + i, s, f->im.pixel + i * shape_count(s));
        f->im.label[i] = (uint8_t)rng_below(&r, (uint64_t)outputs);
    }
    for (int c = 0; c < CHOICES; c++)
        assert_int_equal(axm_mul_open((scheme == QUANT_AFFINE ? not : is_signed)[c], &f->mul[c]), AXM_OK);
    open_again(f, log);
}

static void fixture_release(struct fixture *f)
{
    network_close(f->e);
    for (int c = 0; c < CHOICES; c++)
        axm_mul_close(f->mul[c]);
    qgraph_free(f->q);
    free(f->im.pixel);
    free(f->im.label);
}

/* The same by the engine alone, layer by layer and without tables. */
static uint32_t plain_hits(const struct fixture *f, const uint8_t *genome)
{
    struct layer_mult layer[SEARCH_GENES_MAX];
    struct infer *in;
    uint16_t label[IMAGES];
    uint32_t hits = 0;
    int layers = infer_layers(f->q);
    for (int l = 0; l < layers; l++)
        layer[l] = (struct layer_mult){ f->mul[genome[l]],
            infer_default_weight_is_a(&f->q->node[infer_layer_node(f->q, l)]) };
    assert_int_equal(infer_open(f->q, layer, layers, &(struct infer_opts){ .level = GEMM_PORTABLE }, &in),
                     AXM_OK);
    assert_int_equal(infer_run(in, &f->im, 0, IMAGES, NULL, label), AXM_OK);
    for (size_t i = 0; i < IMAGES; i++)
        hits += label[i] == f->im.label[i];
    infer_close(in);
    return hits;
}

static size_t random_batch(const struct fixture *f, uint64_t seed, uint8_t *genome, size_t n)
{
    struct rng r;
    size_t genes = (size_t)network_space(f->e).genes;
    rng_init(&r, seed, 0);
    for (size_t i = 0; i < n * genes; i++)
        genome[i] = (uint8_t)rng_below(&r, CHOICES);
    if (n > 3) {
        memcpy(genome + genes, genome, genes);                 /* twice in a batch */
        memcpy(genome + 2 * genes, genome, genes - 1);         /* the same but for the last layer */
    }
    return genes;
}

static void check_scores(uint64_t seed, enum quant_scheme scheme)
{
    enum { N = 12 };
    struct fixture f;
    uint8_t genome[N * SEARCH_GENES_MAX];
    struct score score[N];
    fixture_init(&f, seed, scheme, NULL);
    size_t genes = random_batch(&f, seed, genome, N);
    struct evaluator e = network_evaluator(f.e);
    assert_int_equal(e.evaluate(e.ctx, genome, N, score), AXM_OK);
    for (size_t i = 0; i < N; i++) {
        CHECK(score[i].hits == plain_hits(&f, genome + i * genes), "seed %llu, genome %zu",
              (unsigned long long)seed, i);
        assert_int_equal(score[i].images, IMAGES);
    }
    struct evaluate_stats before = network_stats(f.e);
    assert_int_equal(e.evaluate(e.ctx, genome, N, score), AXM_OK);
    struct evaluate_stats after = network_stats(f.e);
    assert_int_equal(after.run, before.run);
    assert_int_equal(after.remembered, before.remembered + N);
    fixture_release(&f);
}

TEST(test_evaluate__scores_equal_the_engine)
{
    for (uint64_t seed = 1; seed <= 6; seed++)
        check_scores(seed, seed % 3 == 0 ? QUANT_ACE : seed % 3 == 1 ? QUANT_SYMMETRIC : QUANT_AFFINE);
}

TEST(test_evaluate__layers_in_common_are_run_once)
{
    struct fixture f;
    uint8_t genome[4 * SEARCH_GENES_MAX] = { 0 };
    struct score score[4];
    /* A network in which the second layer from the end is a cut. */
    for (uint64_t seed = 1;; seed++) {
        fixture_init(&f, seed, QUANT_SYMMETRIC, NULL);
        int genes = network_space(f.e).genes, from = genes > 1 ? infer_layer_node(f.q, genes - 2) : -1;
        bool cut = from >= 0;
        for (int i = from + 1; cut && i < f.q->n_nodes; i++)
            for (int k = 0; k < f.q->node[i].n_inputs; k++)
                cut = cut && f.q->node[i].input[k] >= from;
        if (cut)
            break;
        fixture_release(&f);
        assert_true(seed < 100);
    }
    size_t genes = (size_t)network_space(f.e).genes;
    genome[genes - 1] = 0;
    genome[2 * genes - 1] = 1;
    genome[3 * genes - 1] = 2;
    struct evaluator e = network_evaluator(f.e);
    assert_int_equal(e.evaluate(e.ctx, genome, 3, score), AXM_OK);
    struct evaluate_stats s = network_stats(f.e);
    assert_int_equal(s.run, 3);
    assert_int_equal(s.layers_run, genes - 1 + 3);
    assert_int_equal(s.layers_shared, 2 * (genes - 1));
    fixture_release(&f);
}

TEST(test_evaluate__a_log_is_remembered)
{
    enum { N = 5 };
    struct fixture f;
    struct strbuf dir = { 0 }, log = { 0 };
    uint8_t genome[N * SEARCH_GENES_MAX];
    struct score first[N], second[N];
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    strbuf_addf(&log, "%s/log.sqlite", dir.s);
    fixture_init(&f, 2, QUANT_SYMMETRIC, log.s);
    random_batch(&f, 9, genome, N);
    struct evaluator e = network_evaluator(f.e);
    assert_int_equal(e.evaluate(e.ctx, genome, N, first), AXM_OK);
    network_close(f.e);
    open_again(&f, log.s);
    e = network_evaluator(f.e);
    assert_int_equal(e.evaluate(e.ctx, genome, N, second), AXM_OK);
    assert_int_equal(network_stats(f.e).run, 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(first[i].hits, second[i].hits);
    /* Another weight is another network. */
    network_close(f.e);
    f.q->node[infer_layer_node(f.q, 0)].weight[0] ^= 1;
    open_again(&f, log.s);
    e = network_evaluator(f.e);
    assert_int_equal(e.evaluate(e.ctx, genome, N, second), AXM_OK);
    assert_true(network_stats(f.e).run > 0);
    fixture_release(&f);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&log);
}

/* More genomes than are packed at a time, many of them alike. */
TEST(test_evaluate__large_batches_are_done_in_parts)
{
    enum { N = 150 };
    struct fixture f;
    static uint8_t genome[N * SEARCH_GENES_MAX];
    static struct score score[N];
    fixture_init(&f, 4, QUANT_SYMMETRIC, NULL);
    size_t genes = random_batch(&f, 7, genome, N), unique = 0;
    struct evaluator e = network_evaluator(f.e);
    assert_int_equal(e.evaluate(e.ctx, genome, N, score), AXM_OK);
    for (size_t i = 0; i < N; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = !memcmp(genome + k * genes, genome + i * genes, genes);
        unique += !seen;
        if (i % 10 == 0)
            assert_int_equal(score[i].hits, plain_hits(&f, genome + i * genes));
    }
    struct evaluate_stats s = network_stats(f.e);
    assert_int_equal(s.asked, N);
    assert_int_equal(s.remembered, 0);
    assert_int_equal(s.run, unique);
    assert_int_equal(s.layers_run + s.layers_shared, unique * genes);
    fixture_release(&f);
}

/* Outputs that may be kept: of layers that all later ones depend on through them alone. */
static int cuts(const struct qgraph *q, size_t *bytes)
{
    int n = 0, layers = infer_layers(q);
    *bytes = 0;
    for (int l = 0; l + 1 < layers; l++) {
        int node = infer_layer_node(q, l);
        bool cut = true;
        for (int i = node + 1; i < q->n_nodes; i++)
            for (int k = 0; k < q->node[i].n_inputs; k++)
                cut = cut && q->node[i].input[k] >= node;
        n += cut;
        *bytes += cut ? infer_dump_bytes(&q->node[node]) : 0;
    }
    return n;
}

/* Batches that begin as earlier ones did, with room for nothing, all their layers, those of few genomes. */
static uint64_t check_kept(struct fixture *f, uint64_t seed, size_t bytes)
{
    enum { N = 2, BATCHES = 40, ROOMS = 4, FEW = 20 };
    static const double genomes[ROOMS] = { 0, 1000, 1.9, 1.2 };
    uint32_t hits[ROOMS][BATCHES][N];
    uint64_t layers_run[ROOMS];
    size_t genes = (size_t)network_space(f->e).genes;
    for (int k = 0; k < ROOMS; k++) {
        struct rng r;
        uint8_t genome[N * SEARCH_GENES_MAX] = { 0 };
        struct score score[N];
        network_close(f->e);
        open_with(f, FEW, NULL, (size_t)(genomes[k] * FEW * (double)bytes));
        struct evaluator e = network_evaluator(f->e);
        rng_init(&r, seed, 9);
        for (int b = 0; b < BATCHES; b++) {
            for (size_t i = 0; i < N * genes; i++)
                genome[i] = (uint8_t)rng_below(&r, 2);
            assert_int_equal(e.evaluate(e.ctx, genome, N, score), AXM_OK);
            for (size_t i = 0; i < N; i++)
                hits[k][b][i] = score[i].hits;
        }
        layers_run[k] = network_stats(f->e).layers_run;
        CHECK(!memcmp(hits[k], hits[0], sizeof hits[0]), "seed %llu, room for %g genomes",
              (unsigned long long)seed, genomes[k]);
        assert_true(layers_run[k] <= layers_run[0]);
    }
    return layers_run[0] - layers_run[1];
}

TEST(test_evaluate__kept_layers_change_no_score)
{
    uint64_t saved = 0;
    for (uint64_t seed = 1, checked = 0; checked < 2; seed++) {
        struct fixture f;
        size_t bytes;
        fixture_init(&f, seed, checked % 2 ? QUANT_ACE : QUANT_SYMMETRIC, NULL);
        if (cuts(f.q, &bytes) >= 2 && network_space(f.e).genes >= 4) {
            saved += check_kept(&f, seed, bytes);
            checked++;
        }
        fixture_release(&f);
        assert_true(seed < 200);
    }
    assert_true(saved > 0);
}

/* A lut: file keeps its name when what is in it changes. */
TEST(test_evaluate__a_log_knows_files_by_their_products)
{
    struct fixture f;
    struct strbuf dir = { 0 }, log = { 0 }, spec = { 0 };
    uint8_t genome[SEARCH_GENES_MAX];
    struct score score;
    static int16_t table[65536];
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    strbuf_addf(&log, "%s/log.sqlite", dir.s);
    strbuf_addf(&spec, "lut:%s/t.bin:s:ab:values:i16:8x8", dir.s);
    memset(genome, 1, sizeof genome);
    fixture_init(&f, 2, QUANT_SYMMETRIC, NULL);
    for (int run = 0; run < 3; run++) {   /* products, the same again, others */
        char path[4096];
        for (int a = -128; a < 128; a++)
            for (int b = -128; b < 128; b++)
                table[(a + 128) * 256 + b + 128] = (int16_t)(a * b & (run == 2 ? ~15 : ~0));
        snprintf(path, sizeof path, "%s/t.bin", dir.s);
        assert_int_equal(file_write(path, table, sizeof table), AXM_OK);
        network_close(f.e);
        axm_mul_close(f.mul[1]);
        assert_int_equal(axm_mul_open(spec.s, &f.mul[1]), AXM_OK);
        open_again(&f, log.s);
        struct evaluator e = network_evaluator(f.e);
        assert_int_equal(e.evaluate(e.ctx, genome, 1, &score), AXM_OK);
        assert_int_equal(network_stats(f.e).run, run != 1);
        assert_int_equal(score.hits, plain_hits(&f, genome));
    }
    fixture_release(&f);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&log);
    strbuf_release(&spec);
}

/* Another evaluator: two processes, which share nothing with the search but bytes in pipes. */
enum { PROCESSES = 2 };

struct processes {
    size_t genes;
    struct { int to, from; pid_t pid; } worker[PROCESSES];
};

static void read_all(int fd, void *to, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, (char *)to + done, len - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
}

static void write_all(int fd, const void *from, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const char *)from + done, len - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
}

/* Genomes come, scores go, one at a time. */
static void serve(const struct fixture *f, int from, int to)
{
    struct evaluator e = network_evaluator(f->e);
    uint8_t genome[SEARCH_GENES_MAX];
    size_t genes = (size_t)network_space(f->e).genes;
    while (read(from, genome, 1) == 1) {
        struct score s;
        read_all(from, genome + 1, genes - 1);
        assert_int_equal(e.evaluate(e.ctx, genome, 1, &s), AXM_OK);
        write_all(to, &s, sizeof s);
    }
    _exit(0);
}

static void processes_begin(struct processes *p, const struct fixture *f)
{
    p->genes = (size_t)network_space(f->e).genes;
    for (int k = 0; k < PROCESSES; k++) {
        int there[2], back[2];
        assert_int_equal(pipe(there) | pipe(back), 0);
        p->worker[k].pid = fork();
        assert_true(p->worker[k].pid >= 0);
        if (!p->worker[k].pid) {
            for (int i = 0; i < k; i++)
                close(p->worker[i].to);
            close(there[1]);
            close(back[0]);
            serve(f, there[0], back[1]);
        }
        close(there[0]);
        close(back[1]);
        p->worker[k].to = there[1];
        p->worker[k].from = back[0];
    }
}

static void processes_end(struct processes *p)
{
    for (int k = 0; k < PROCESSES; k++) {
        int status;
        close(p->worker[k].to);
        assert_int_equal(waitpid(p->worker[k].pid, &status, 0), p->worker[k].pid);
        assert_int_equal(status, 0);
        close(p->worker[k].from);
    }
}

static enum axm_status processes_evaluate(void *ctx, const uint8_t *genome, size_t count, struct score *out)
{
    struct processes *p = ctx;
    for (size_t i = 0; i < count; i += PROCESSES) {
        for (size_t k = 0; k < PROCESSES && i + k < count; k++)
            write_all(p->worker[k].to, genome + (i + k) * p->genes, p->genes);
        for (size_t k = 0; k < PROCESSES && i + k < count; k++)
            read_all(p->worker[k].from, &out[i + k], sizeof *out);
    }
    return AXM_OK;
}

/* A search cannot tell what evaluates: the same genomes with the same scores. */
TEST(test_evaluate__processes_give_what_threads_give)
{
    struct fixture f;
    struct processes p;
    fixture_init(&f, 4, QUANT_SYMMETRIC, NULL);
    network_close(f.e);
    open_with(&f, 30, NULL, 0);
    size_t genes = (size_t)network_space(f.e).genes;
    processes_begin(&p, &f);
    for (int a = 0; a < SEARCH_ALGORITHMS; a++) {
        struct search_opts o = search_defaults((enum search_algorithm)a);
        struct evaluator e[2] = { network_evaluator(f.e), { &p, processes_evaluate } };
        struct search_space s = network_space(f.e);
        struct search_result r[2];
        o.population = 6;
        o.generations = 2;
        if (a == SEARCH_EXHAUSTIVE || a == SEARCH_GREEDY)
            s.choices = 2;
        if (a == SEARCH_EXHAUSTIVE && s.genes > 6)
            continue;
        for (int i = 0; i < 2; i++)
            assert_int_equal(search_run(&s, &o, &e[i], NULL, NULL, &r[i]), AXM_OK);
        assert_int_equal(r[0].asked, r[1].asked);
        assert_int_equal(r[0].n_front, r[1].n_front);
        assert_memory_equal(r[0].last_best.genome, r[1].last_best.genome, genes);
        for (size_t k = 0; k < r[0].n_front; k++) {
            assert_memory_equal(r[0].front[k].genome, r[1].front[k].genome, genes);
            assert_int_equal(r[0].front[k].score.hits, r[1].front[k].score.hits);
            assert_true(r[0].front[k].score.cost == r[1].front[k].score.cost);
        }
        search_release(&r[0]);
        search_release(&r[1]);
    }
    processes_end(&p);
    fixture_release(&f);
}

TEST(test_evaluate__exact_saves_nothing)
{
    struct fixture f;
    uint8_t genome[SEARCH_GENES_MAX] = { 0 };
    double paper, plain;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        fixture_init(&f, seed, QUANT_SYMMETRIC, NULL);
        network_savings(f.e, genome, &paper, &plain);
        assert_true(paper == 0 && plain == 0);
        fixture_release(&f);
    }
}

TEST(test_evaluate__wilson_by_hand)
{
    /* None of 10: 0 .. z^2 / (n + z^2) with z^2 = 3.841459; half of 4: 50 -+ 100 z / (2 sqrt(n + z^2)). */
    double low, high;
    wilson_95(0, 10, &low, &high);
    assert_true(fabs(low) < 1e-9 && fabs(high - 27.7533) < 1e-3);
    wilson_95(2, 4, &low, &high);
    assert_true(fabs(low - 15.0036) < 1e-3 && fabs(high - 84.9964) < 1e-3);
}

TEST(test_evaluate__savings_by_hand)
{
    struct fixture f;
    uint8_t genome[SEARCH_GENES_MAX];
    double paper, plain;
    fixture_init(&f, 4, QUANT_SYMMETRIC, NULL);
    memset(genome, 2, sizeof genome);
    network_savings(f.e, genome, &paper, &plain);
    assert_true(fabs(paper - 150) < 1e-9 && fabs(plain - 60) < 1e-9);   /* 1 / 0.4 - 1, 1 - 0.4 */
    fixture_release(&f);
}

TEST(test_evaluate__mcnemar_by_hand)
{
    uint16_t a[20] = { 0 }, b[20] = { 0 };
    uint8_t truth[20] = { 0 };
    for (int i = 0; i < 9; i++)
        a[i] = 1;
    b[9] = 1;
    /* Discordant pairs 1 and 9: 2 (C(10,0) + C(10,1)) / 2^10. */
    struct mcnemar m = mcnemar_test(a, b, truth, 20);
    assert_int_equal(m.only_a, 1);
    assert_int_equal(m.only_b, 9);
    assert_true(fabs(m.p - 22.0 / 1024) < 1e-12);
    /* -8 of 20; 2/22 - 10/22 -+ z sqrt((12/22 - (8/22)^2) / 22). */
    assert_true(fabs(m.gain + 40) < 1e-12);
    assert_true(fabs(m.gain_low + 63.2251) < 1e-3 && fabs(m.gain_high + 9.5022) < 1e-3);
    assert_true(mcnemar_test(a, a, truth, 20).p == 1);
}

TEST(test_evaluate__options_bad)
{
    struct fixture f;
    struct network *e;
    fixture_init(&f, 1, QUANT_SYMMETRIC, NULL);
    struct evaluate_opts o = { .mul = (const struct axm_mul *const *)f.mul, .coefficient = f.coefficient,
        .choices = CHOICES, .first = 1, .n = IMAGES };
    assert_int_equal(network_open(f.q, &f.im, &o, &e), AXM_USAGE);
    o.first = 0;
    f.coefficient[1] = 0;
    assert_int_equal(network_open(f.q, &f.im, &o, &e), AXM_USAGE);
    f.coefficient[1] = 1;
    o.log = "/nonexistent/log.sqlite";
    assert_int_equal(network_open(f.q, &f.im, &o, &e), AXM_ENV);
    fixture_release(&f);
}
