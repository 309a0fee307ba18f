/* Searches on spaces that can be gone through by hand or in full. */
#include "tests/harness.h"

#include "base/rng.h"
#include "explore/search.h"

/* Choice c of gene g costs less and hits less the higher it is, by amounts of its own. */
struct toy {
    int genes, choices;
    int hits[8][8], cost[8][8];
    uint64_t asked;
    int stop_after;            /* batches; 0: never */
};

static void toy_init(struct toy *t, int genes, int choices, uint64_t seed)
{
    struct rng r;
    rng_init(&r, seed, 0);
    *t = (struct toy){ .genes = genes, .choices = choices };
    for (int g = 0; g < genes; g++)
        for (int c = 0; c < choices; c++) {
            t->hits[g][c] = c ? t->hits[g][c - 1] + (int)rng_below(&r, 12) : 0;
            t->cost[g][c] = c ? t->cost[g][c - 1] + 1 + (int)rng_below(&r, 9) : 0;
        }
}

static struct score toy_score(const struct toy *t, const uint8_t *genome)
{
    int hits = 900, cost = 500;
    for (int g = 0; g < t->genes; g++) {
        assert_true(genome[g] < t->choices);
        hits -= t->hits[g][genome[g]];
        cost -= t->cost[g][genome[g]];
    }
    return (struct score){ (uint32_t)hits, 1000, cost / 512.0 };
}

static enum axm_status toy_evaluate(void *ctx, const uint8_t *genome, size_t count, struct score *out)
{
    struct toy *t = ctx;
    for (size_t i = 0; i < count; i++)
        out[i] = toy_score(t, genome + i * (size_t)t->genes);
    t->asked += count;
    if (t->stop_after && --t->stop_after == 0)
        return AXM_STOPPED;
    return AXM_OK;
}

static struct search_result search(struct toy *t, const struct search_opts *o)
{
    struct search_result r;
    struct evaluator e = { t, toy_evaluate };
    struct search_space s = { t->genes, t->choices };
    assert_int_equal(search_run(&s, o, &e, NULL, NULL, &r), AXM_OK);
    assert_int_equal(r.asked, t->asked);
    return r;
}

/* The front by its definition: every genome against every other. */
static size_t true_front(const struct toy *t, struct score *front)
{
    size_t n = 0, total = 1;
    struct score all[4096];
    for (int g = 0; g < t->genes; g++)
        total *= (size_t)t->choices;
    assert_true(total <= 4096);
    for (size_t i = 0; i < total; i++) {
        uint8_t genome[8];
        size_t code = i;
        for (int g = 0; g < t->genes; g++, code /= (size_t)t->choices)
            genome[g] = (uint8_t)(code % (size_t)t->choices);
        all[i] = toy_score(t, genome);
    }
    for (size_t i = 0; i < total; i++) {
        bool kept = true;
        for (size_t j = 0; j < total && kept; j++)
            kept = !(all[j].hits >= all[i].hits && all[j].cost <= all[i].cost &&
                     (all[j].hits > all[i].hits || all[j].cost < all[i].cost));
        for (size_t j = 0; j < n && kept; j++)
            kept = front[j].hits != all[i].hits || front[j].cost != all[i].cost;
        if (kept)
            front[n++] = all[i];
    }
    return n;
}

static bool on_front(const struct score *front, size_t n, const struct score *s)
{
    for (size_t i = 0; i < n; i++)
        if (front[i].hits == s->hits && front[i].cost == s->cost)
            return true;
    return false;
}

TEST(test_search__exhaustive_finds_the_front)
{
    struct score front[4096];
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct toy t;
        toy_init(&t, 4, 5, seed);
        size_t n = true_front(&t, front);
        struct search_opts o = search_defaults(SEARCH_EXHAUSTIVE);
        struct search_result r = search(&t, &o);
        assert_int_equal(r.asked, 625);
        assert_int_equal(r.n_front, n);
        for (size_t i = 0; i < r.n_front; i++) {
            assert_true(on_front(front, n, &r.front[i].score));
            assert_true(!i || (r.front[i - 1].score.cost < r.front[i].score.cost &&
                               r.front[i - 1].score.hits < r.front[i].score.hits));
        }
        search_release(&r);
    }
}

TEST(test_search__nsga2_finds_most_of_the_front)
{
    struct score front[4096];
    struct toy t;
    toy_init(&t, 5, 5, 9);
    size_t n = true_front(&t, front), found = 0;
    struct search_opts o = search_defaults(SEARCH_NSGA2);
    o.population = 40;
    o.generations = 60;
    struct search_result r = search(&t, &o);
    for (size_t i = 0; i < r.n_front; i++)
        found += on_front(front, n, &r.front[i].score);
    CHECK(found * 10 >= n * 9, "%zu of %zu", found, n);
    search_release(&r);
}

TEST(test_search__nsga2_beats_random_with_the_same_budget)
{
    struct toy t;
    double volume[2];
    for (int i = 0; i < 2; i++) {
        toy_init(&t, 8, 8, 3);
        struct search_opts o = search_defaults(i ? SEARCH_NSGA2 : SEARCH_RANDOM);
        o.population = 40;
        o.generations = i ? 49 : 50;
        struct search_result r = search(&t, &o);
        assert_int_equal(r.asked, 2000);
        struct score s[2000];
        for (size_t k = 0; k < r.n_front; k++)
            s[k] = r.front[k].score;
        volume[i] = search_hypervolume(s, r.n_front, 0.3, 1);
        search_release(&r);
    }
    CHECK(volume[1] > volume[0], "%g against %g", volume[1], volume[0]);
}

TEST(test_search__ga_reaches_the_most_accurate)
{
    struct toy t;
    toy_init(&t, 8, 8, 4);
    struct search_opts o = search_defaults(SEARCH_GA);
    o.generations = 60;
    struct search_result r = search(&t, &o);
    assert_int_equal(r.asked, 61 * 50);
    assert_true(r.best.score.hits >= 895);
    assert_true(r.best.score.hits >= r.last_best.score.hits);
    search_release(&r);
}

/* Of free choices the search takes the one that saves most; 900 - 0 hits cost nothing here. */
TEST(test_search__greedy_takes_free_savings_first)
{
    struct toy t = { .genes = 2, .choices = 3 };
    int hits[2][3] = { { 0, 0, 50 }, { 0, 1, 10 } }, cost[2][3] = { { 0, 4, 8 }, { 0, 10, 12 } };
    memcpy(t.hits[0], hits[0], sizeof hits[0]);
    memcpy(t.hits[1], hits[1], sizeof hits[1]);
    memcpy(t.cost[0], cost[0], sizeof cost[0]);
    memcpy(t.cost[1], cost[1], sizeof cost[1]);
    struct search_opts o = search_defaults(SEARCH_GREEDY);
    struct search_result r = search(&t, &o);
    /* By hand: 00 -> 10 (free, saves 4) -> 11 (1 hit for 10) -> 12 (9 for 2) -> 22; all but 22 after 12
        lie on
     * the front, with 01 (899, 490) dominated by 11 (899, 486). */
    assert_int_equal(r.front[r.n_front - 1].score.hits, 900);
    assert_true(r.front[r.n_front - 1].score.cost == 496 / 512.0);
    assert_int_equal(r.front[r.n_front - 2].score.hits, 899);
    assert_true(r.front[r.n_front - 2].score.cost == 486 / 512.0);
    assert_int_equal(r.last_best.score.hits, 840);
    search_release(&r);
}

TEST(test_search__same_seed_same_result)
{
    for (int a = 0; a < SEARCH_EXHAUSTIVE; a++) {
        struct toy t;
        struct search_opts o = search_defaults((enum search_algorithm)a);
        o.generations = 7;
        struct search_result r[2];
        for (int i = 0; i < 2; i++) {
            toy_init(&t, 6, 6, 1);
            r[i] = search(&t, &o);
        }
        assert_int_equal(r[0].n_front, r[1].n_front);
        assert_memory_equal(r[0].best.genome, r[1].best.genome, 6);
        for (size_t i = 0; i < r[0].n_front; i++)
            assert_memory_equal(r[0].front[i].genome, r[1].front[i].genome, 6);
        search_release(&r[0]);
        search_release(&r[1]);
    }
}

TEST(test_search__hypervolume_by_hand)
{
    /* Corner (0.5, 1): 0.1 * 0.8 up to accuracy 0.6, then 0.2 * 0.5, then 0.1 * 0.25; the rest adds
        nothing. */
    const struct score s[] = { { 6, 10, 0.2 }, { 8, 10, 0.5 }, { 9, 10, 0.75 }, { 7, 10, 0.6 }, { 4, 10,
        0.1 },
                               { 10, 10, 1.5 } };
    double v = search_hypervolume(s, 6, 0.5, 1);
    CHECK(v > 0.205 - 1e-12 && v < 0.205 + 1e-12, "%.17g", v);
}

TEST(test_search__what_the_evaluator_returns_comes_out)
{
    struct toy t;
    struct search_result r;
    struct search_opts o = search_paper_ga();
    struct search_space s = { 4, 4 };
    toy_init(&t, 4, 4, 1);
    t.stop_after = 3;
    assert_int_equal(search_run(&s, &o, &(struct evaluator){ &t, toy_evaluate }, NULL, NULL, &r),
                     AXM_STOPPED);
}

TEST(test_search__settings_bad)
{
    struct toy t;
    struct search_result r;
    struct evaluator e = { &t, toy_evaluate };
    struct search_space s = { 4, 4 }, none = { 0, 4 }, large = { 40, 20 };
    struct search_opts o = search_paper_ga();
    toy_init(&t, 4, 4, 1);
    assert_int_equal(search_run(&none, &o, &e, NULL, NULL, &r), AXM_USAGE);
    o.mutation = 1.5;
    assert_int_equal(search_run(&s, &o, &e, NULL, NULL, &r), AXM_USAGE);
    o = search_paper_ga();
    o.elite = 50;
    assert_int_equal(search_run(&s, &o, &e, NULL, NULL, &r), AXM_USAGE);
    o = search_defaults(SEARCH_EXHAUSTIVE);
    assert_int_equal(search_run(&large, &o, &e, NULL, NULL, &r), AXM_USAGE);
    assert_int_equal(t.asked, 0);
}
