/* The properties of the fuzzers, without a fuzzer: on their corpora and on some
 * thousand seeded mutations of them. */
#include "tests/harness.h"

#include <dirent.h>

#include "base/file.h"
#include "base/rng.h"
#include "fuzz/property_liberty.h"
#include "fuzz/property_idx.h"
#include "fuzz/property_model.h"

enum { SEED = 1, INPUTS_MAX = 128, LEN_MAX = 4096 };

struct corpus {
    int n;
    struct strbuf input[INPUTS_MAX];
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void corpus_load(struct corpus *c, const char *name)
{
    char dir[256], path[1024];
    struct dirent **entry;
    snprintf(dir, sizeof dir, "tests/fuzz_corpus/%s", name);
    int n = scandir(dir, &entry, NULL, by_name);   /* not as the file system has them */
    CHECK(n > 2 && n - 2 <= INPUTS_MAX, "%s: %d files", dir, n);
    c->n = 0;
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, entry[i]->d_name);
        if (!file_is_dir(path)) {
            c->input[c->n] = (struct strbuf){ 0 };
            assert_int_equal(file_read(path, LEN_MAX, &c->input[c->n++]), AXM_OK);
        }
        free(entry[i]);
    }
    free(entry);
}

static void corpus_release(struct corpus *c)
{
    for (int i = 0; i < c->n; i++)
        strbuf_release(&c->input[i]);
}

/* One change: a bit, a byte, a doubled, dropped or moved piece, or a piece of another input. */
static size_t mutate(uint8_t *data, size_t len, const struct corpus *c, struct rng *r)
{
    const struct strbuf *other = &c->input[rng_below(r, (uint64_t)c->n)];
    size_t at = len ? rng_below(r, len) : 0, piece = len ? 1 + rng_below(r, len - at < 8 ? len - at : 8) : 0;
    switch (rng_below(r, 6)) {
    case 0:
        if (len)
            data[at] ^= (uint8_t)(1u << rng_below(r, 8));
        return len;
    case 1:
        if (len)
            data[at] = (uint8_t)rng_next(r);
        return len;
    case 2:   /* a digit more or less is what numbers break at */
        if (len)
            data[at] = (uint8_t)('0' + rng_below(r, 10));
        return len;
    case 3:
        memmove(data + at, data + at + piece, len - at - piece);
        return len - piece;
    case 4:
        if (len + piece > LEN_MAX)
            return len;
        memmove(data + at + piece, data + at, len - at);
        return len + piece;
    default:
        if (!other->len)
            return len;
        piece = rng_below(r, other->len - at % other->len) + 1;
        if (at + piece > LEN_MAX)
            return len;
        memcpy(data + at, other->s + at % other->len, piece);
        return at + piece > len ? at + piece : len;
    }
}

static void check_mutated(const char *name, property_fn *property, int rounds)
{
    static uint8_t data[LEN_MAX];
    static struct corpus c;
    struct rng r;
    rng_init(&r, SEED, 0);
    corpus_load(&c, name);
    int accepted = 0;
    for (int i = 0; i < c.n; i++)
        property((const uint8_t *)c.input[i].s, c.input[i].len);
    for (int i = 0; i < rounds; i++) {
        const struct strbuf *from = &c.input[i % c.n];
        size_t len = from->len;
        memcpy(data, from->s, len);
        for (uint64_t k = 1 + rng_below(&r, 4); k; k--)
            len = mutate(data, len, &c, &r);
        property(data, len);
        accepted += property_input.messages == 0;
    }
    corpus_release(&c);
    axm_set_message_handler(NULL, NULL);
    printf("%s: %d mutations, %d of them legal, seed %d\n", name, rounds, accepted, SEED);
    CHECK(accepted > rounds / 100, "mutations that are all refused show little");
}

TEST(test_fuzz_smoke__specs)
{
    check_mutated("fuzz_spec", property_spec, 40000);
}

TEST(test_fuzz_smoke__npy)
{
    check_mutated("fuzz_npy", property_npy, 20000);
}

TEST(test_fuzz_smoke__raw)
{
    check_mutated("fuzz_lut_raw", property_lut_raw, 20000);
}

TEST(test_fuzz_smoke__models)
{
    check_mutated("fuzz_model", property_model, 20000);
}

TEST(test_fuzz_smoke__liberties)
{
    check_mutated("fuzz_liberty", property_liberty, 20000);
}

TEST(test_fuzz_smoke__idx)
{
    check_mutated("fuzz_idx", property_idx, 20000);
}
