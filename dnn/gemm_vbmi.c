/* AVX-512 with VBMI and VNNI: byte planes looked up by vpermb and vpermi2b, terms by vpdpbusd.
 *
 * Rows of 64 activations are a unit.  A look-up gives the bytes of 64 products with one weight; they are
 * added up in 16-bit lanes, twice: all of a lane, and its odd byte; the even bytes' sum is the difference.
 * Byte 4i + j of a unit's vector holds row 16j + i, so that each of the four sums of bytes is 16 rows.
 *
 * A slim unit has 56 rows, seven in each 64-bit lane, and needs no shift: its bytes are added up as bytes,
 * which gives the sums modulo 256, and as 64-bit lanes.  With s_i + 256 c_i the sum of byte i, both below
 * 256, the lane's sum is that of (s_i + 256 c_i) 256^i: less that of s_i 256^i, which is known, it is c_i in
 * byte i + 1, for all but the last byte, whose c_i leaves the lane.
 *
 * Many steps with one table, as a long sum has them when its k are sorted by weight, are cheaper still:
 * their bytes are added up modulo 256, and vpavgb makes the mean of eight, rounded up at each of three
 * levels, which alone is added up in 16-bit lanes.  Eight times the mean is 0 to 12 more than the sum of the
 * eight, so that the excess of 21 means fits a byte, and the sums modulo 256 tell it.  That is 2.25
 * additions a plane and step of 64 rows, where units have 3 and slim ones 2 of 56 rows; but its pending
 * means take the registers of more than one unit, and tables that serve few steps the time.
 *
 * How fast this can be, on Zen 5 as measured: vpermi2b, vpermb, vpmovb2m and loads of masks issue twice a
 * cycle, all to the same two ports; additions, means and blends four times, to these and two more; shifts
 * twice, to one of each.  If no port ever idled, 64 products of any x would take 2.9 cycles by means and 3.1
 * by slim units, with x < 128 1.6 and 1.7.  What waits for a permutation is sent to its ports too often,
 * though: the bare instructions, loads of tables left out, take 3.2 to 3.5 and 3.7, with x < 128 1.8 to 1.9
 * and 1.9.  With tables and all it is 4.2, and 2.6 with x < 128, on 64x2304x128; 4.1 and 2.5 by slim units on
 * 1024x576x64, where a group of four by weight would be a quarter empty.  Of those 2.5, the way of sums to
 * memory is 0.2, that of tables from L2 0.2 and that of x 0.1.  vpdpbusd does 128 products a cycle, of which
 * oneDNN gets 105 to 125 there: 0.16 of that is 3.2 to 3.8 cycles, 0.25 of it 2.0 to 2.4.
 * Tried and no quicker: masked permutations instead of blends (they save the blend, but each waits for the
 * other and for the mask's complement: 3.3 at best); zero-masked ones and vpaddusb, which has the other two
 * ports alone (3.6); means of four, for two units in the order of k or of weights (5.1, and 2.8 with x <
 * 128: table loads); vpternlogd with masks as vectors (it reads three registers, which only two ports can);
 * masks from memory; sums by vpdpbusd; tables fetched a few steps ahead (3 % quicker on an idle machine, 6 %
 * slower while another thread has the core's other half), or groups ahead (2 to 9 % slower).
 *
 * Dot products alone run at the peak.  Packing the activations for them took an eighth of the time on
 * 1024x576x64, most of it waiting for lines of x that are a row apart; done on the way of the first columns,
 * with the next unit's lines fetched during the others, it takes less than a twentieth. */
#ifdef __x86_64__
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,prefer-vector-width=512")
#pragma GCC optimize("no-schedule-insns2")   /* see panel() */
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "dnn/gemm_impl.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum {
    UNIT = 64,
    PANEL = 6,          /* units whose sums are in registers together, at most */
    SLIM = 56,          /* rows of a slim unit */
    CHUNK = 256,        /* look-ups in a row, at most: 256 * 255 < 2^16 */
    PANEL_CHUNK = 384,  /* look-ups in a row times units, at most: half of the L1 cache */
    RANGE = 4096,       /* steps of a single unit that are grouped */
    GROUP = 4,          /* steps with one table */
    MEANS = 21,         /* means of two groups until their excess, 12 at most each, is taken: 21 * 12 < 2^8 */
    MEANS_MOST = 12 * MEANS,   /* means in a row: 252 * 255 < 2^16 */
    AHEAD = 4,          /* groups whose vectors are fetched in advance */
    TILE = 6,           /* columns of a tile of dot products */
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Mask of 16 rows of which `rows`, if that is less, exist. */
ALWAYS_INLINE __mmask16 rows_mask(size_t rows)
{
    return rows >= 16 ? 0xffff : (__mmask16)((1u << rows) - 1);
}

/* --- byte maps ---------------------------------------------------------------------------- */

struct map {
    bool is_masked;
    __m512i keep, flip, t0, t1, t2, t3;
};

static struct map map_load(const struct gemm_map *m)
{
    return (struct map){
        m->is_masked, _mm512_set1_epi8((char)m->keep), _mm512_set1_epi8((char)m->flip),
        _mm512_loadu_si512(m->table), _mm512_loadu_si512(m->table + 64), _mm512_loadu_si512(m->table + 128),
        _mm512_loadu_si512(m->table + 192),
    };
}

ALWAYS_INLINE __m512i map_apply(const struct map *m, __m512i x)
{
    if (m->is_masked)
        return _mm512_xor_si512(_mm512_and_si512(x, m->keep), m->flip);
    __m512i low = _mm512_permutex2var_epi8(m->t0, x, m->t1), high = _mm512_permutex2var_epi8(m->t2, x, m->t3);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high);
}

/* --- planes ------------------------------------------------------------------------------- */

/* Where the sums of a panel go. */
struct flush {
    int32_t *out;       /* of the first unit */
    size_t rows;        /* that exist from there on */
    int32_t base;
    bool add;           /* to what is there */
    int shift;
};

ALWAYS_INLINE void put(const struct flush *f, size_t row, __m512i v)
{
    if (row >= f->rows)
        return;
    __mmask16 m = rows_mask(f->rows - row);
    v = _mm512_sll_epi32(v, _mm_cvtsi32_si128(f->shift));
    v = _mm512_add_epi32(v, _mm512_set1_epi32(f->base));
    if (f->add)
        v = _mm512_add_epi32(v, _mm512_maskz_loadu_epi32(m, f->out + row));
    if (m == 0xffff)
        _mm512_storeu_si512(f->out + row, v);
    else
        _mm512_mask_storeu_epi32(f->out + row, m, v);
}

/* Sums of the 64 rows of a unit. */
struct sums {
    __m512i s0, s1, s2, s3;
};

ALWAYS_INLINE struct sums sums_of(__m512i all, __m512i odd)
{
    const __m512i mask = _mm512_set1_epi32(0xffff);
    __m512i even = _mm512_sub_epi16(all, _mm512_slli_epi16(odd, 8));
    return (struct sums){ _mm512_and_si512(even, mask), _mm512_and_si512(odd, mask),
                          _mm512_srli_epi32(even, 16), _mm512_srli_epi32(odd, 16) };
}

/* a * 2^shift + b */
ALWAYS_INLINE struct sums sums_add(struct sums a, const int shift, struct sums b)
{
    return (struct sums){ _mm512_add_epi32(_mm512_slli_epi32(a.s0, shift), b.s0),
                          _mm512_add_epi32(_mm512_slli_epi32(a.s1, shift), b.s1),
                          _mm512_add_epi32(_mm512_slli_epi32(a.s2, shift), b.s2),
                          _mm512_add_epi32(_mm512_slli_epi32(a.s3, shift), b.s3) };
}

ALWAYS_INLINE __m512i load_half(const int32_t *p)
{
    return _mm512_zextsi256_si512(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

/* The first `rows` sums of a unit, 64 or 56. */
ALWAYS_INLINE void put_sums(const struct flush *f, const size_t rows, size_t row, struct sums s)
{
    if (row + rows <= f->rows && f->shift == 0) {
        int32_t *out = f->out + row;
        __m512i base = _mm512_set1_epi32(f->base), b0 = base, b1 = base, b2 = base, b3 = base;
        if (f->add) {
            b0 = _mm512_add_epi32(b0, _mm512_loadu_si512(out));
            b1 = _mm512_add_epi32(b1, _mm512_loadu_si512(out + 16));
            b2 = _mm512_add_epi32(b2, _mm512_loadu_si512(out + 32));
            b3 = _mm512_add_epi32(b3, rows == UNIT ? _mm512_loadu_si512(out + 48) : load_half(out + 48));
        }
        b3 = _mm512_add_epi32(b3, s.s3);
        _mm512_storeu_si512(out, _mm512_add_epi32(b0, s.s0));
        _mm512_storeu_si512(out + 16, _mm512_add_epi32(b1, s.s1));
        _mm512_storeu_si512(out + 32, _mm512_add_epi32(b2, s.s2));
        if (rows == UNIT)
            _mm512_storeu_si512(out + 48, b3);
        else
            _mm256_storeu_si256((__m256i *)(void *)(out + 48), _mm512_castsi512_si256(b3));
    } else if (row < f->rows) {
        struct flush part = *f;
        part.rows = least(row + rows, f->rows);
        put(&part, row, s.s0);
        put(&part, row + 16, s.s1);
        put(&part, row + 32, s.s2);
        put(&part, row + 48, s.s3);
    }
}

/* Sums of a unit: low plane's and, with two planes, 256 times the high plane's. */
ALWAYS_INLINE void put_unit(const struct flush *f, const int planes, size_t row, struct sums low,
                            struct sums high)
{
    put_sums(f, UNIT, row, planes == 2 ? sums_add(high, 8, low) : low);
}

/* Bytes of 32-bit sums in a slim unit's vectors, its sums modulo 256 and what they carried, whose last byte
 * of a lane is 0; of rows past the unit, for the lanes that nobody stores.  The high plane's sums are 256
 * times as much. */
#define SLIM_AT(r) ((r) < SLIM ? (r) + (r) / 7 : 7)
#define SLIM_ZERO (UNIT + 7)
#define SLIM_LOW(r) SLIM_AT(r), UNIT + SLIM_AT(r), SLIM_ZERO, SLIM_ZERO
#define SLIM_HIGH(r) SLIM_ZERO, SLIM_AT(r), UNIT + SLIM_AT(r), SLIM_ZERO
#define SLIM_LANES(P, r) SLIM_##P(r), SLIM_##P(r + 1), SLIM_##P(r + 2), SLIM_##P(r + 3)
#define SLIM_VECTOR(P, r) \
    SLIM_LANES(P, r), SLIM_LANES(P, r + 4), SLIM_LANES(P, r + 8), SLIM_LANES(P, r + 12)
#define SLIM_VECTORS(P) \
    { { SLIM_VECTOR(P, 0) }, { SLIM_VECTOR(P, 16) }, { SLIM_VECTOR(P, 32) }, { SLIM_VECTOR(P, 48) } }
static const uint8_t slim_sums[2][4][UNIT] = { SLIM_VECTORS(LOW), SLIM_VECTORS(HIGH) };

/* What the sums carried, a byte each, to where they came from. */
ALWAYS_INLINE __m512i carries(__m512i bytes, __m512i sum)
{
    return _mm512_srli_epi64(_mm512_sub_epi64(sum, bytes), 8);
}

ALWAYS_INLINE struct sums slim_sums_of(const int plane, __m512i bytes, __m512i sum)
{
    const uint8_t (*at)[UNIT] = slim_sums[plane];
    __m512i carry = carries(bytes, sum);
    return (struct sums){ _mm512_permutex2var_epi8(bytes, _mm512_loadu_si512(at[0]), carry),
                          _mm512_permutex2var_epi8(bytes, _mm512_loadu_si512(at[1]), carry),
                          _mm512_permutex2var_epi8(bytes, _mm512_loadu_si512(at[2]), carry),
                          _mm512_permutex2var_epi8(bytes, _mm512_loadu_si512(at[3]), carry) };
}

ALWAYS_INLINE void put_slim(const struct flush *f, const int planes, size_t row, __m512i low,
                            __m512i sum_low, __m512i high, __m512i sum_high)
{
    struct sums s = slim_sums_of(0, low, sum_low);
    put_sums(f, SLIM, row, planes == 2 ? sums_add(s, 0, slim_sums_of(1, high, sum_high)) : s);
}

/* Named variables throughout: gcc 12 keeps arrays of sums in memory. */
#define DECLARE(i) __m512i a_low##i = zero, b_low##i = zero, a_high##i = zero, b_high##i = zero;
#define DECLARE_PRODUCTS(i) __m512i low_##i = zero, high_##i = zero;
/* Instructions by name, where gcc would copy each sum once per step, and blend by a masked move, which reads
 * three registers and so has half the ports. */
#define IN_PLACE(add, sum, v) __asm__(add " %1, %0, %0" : "+v"(sum) : "v"(v))
#define KEEP(v) __asm__("" : "+v"(v))
#define KEEP_POINTER(p) __asm__("" : "+r"(p))
#define ADD(plane, i) \
    do { \
        if (slim) { \
            IN_PLACE("vpaddb", a_##plane##i, plane##_##i); \
            IN_PLACE("vpaddq", b_##plane##i, plane##_##i); \
        } else { \
            IN_PLACE("vpaddw", a_##plane##i, plane##_##i); \
            IN_PLACE("vpaddw", b_##plane##i, _mm512_srli_epi16(plane##_##i, 8)); \
        } \
    } while (0)
ALWAYS_INLINE __m512i blend(__mmask64 mask, __m512i a, __m512i b)
{
    __m512i v;
    __asm__("vpblendmb %2, %1, %0%{%3%}" : "=v"(v) : "v"(a), "v"(b), "Yk"(mask));
    return v;
}

/* Masked permutations of 256 entries, the second of what the first left, save the blending and are slower:
 * they want the mask's complement and wait for each other. */
#define LOOK_UP(plane, i) \
    do { \
        if (bits == 6) \
            plane##_##i = _mm512_permutexvar_epi8(x, plane##0); \
        else if (bits == 7) \
            plane##_##i = _mm512_permutex2var_epi8(plane##0, x, plane##1); \
        else \
            plane##_##i = blend(top, _mm512_permutex2var_epi8(plane##0, x, plane##1), \
                                _mm512_permutex2var_epi8(plane##2, x, plane##3)); \
        KEEP(plane##_##i); \
    } while (0)
#define STEP_AT(i, address) \
    do { \
        __m512i x = _mm512_load_si512(address); \
        KEEP(x);   /* else gcc loads it for each permutation, and loads are what there is least of */ \
        __mmask64 top = bits == 8 ? _mm512_movepi8_mask(x) : 0; \
        (void)top; \
        LOOK_UP(low, i); \
        if (planes == 2) \
            LOOK_UP(high, i); \
    } while (0)
#define STEP(i) \
    if (units > i) \
        STEP_AT(i, at + i * UNIT);
#define SUM(i) \
    if (units > i) { \
        ADD(low, i); \
        if (planes == 2) \
            ADD(high, i); \
    }
#define PUT(i) \
    if (units > i) { \
        if (slim) \
            put_slim(f, planes, i * SLIM, a_low##i, b_low##i, a_high##i, b_high##i); \
        else \
            put_unit(f, planes, i * UNIT, sums_of(a_low##i, b_low##i), sums_of(a_high##i, b_high##i)); \
    }

/* Registers of a table. */
#define LOAD_TABLE(t, h) \
    __m512i low0 = _mm512_load_si512(t), low1 = zero, low2 = zero, low3 = zero; \
    __m512i high0 = zero, high1 = zero, high2 = zero, high3 = zero; \
    if (bits > 6) \
        low1 = _mm512_load_si512(t + 64); \
    if (bits > 7) { \
        low2 = _mm512_load_si512(t + 128); \
        low3 = _mm512_load_si512(t + 192); \
    } \
    if (planes == 2) { \
        high0 = _mm512_load_si512(h); \
        if (bits > 6) \
            high1 = _mm512_load_si512(h + 64); \
        if (bits > 7) { \
            high2 = _mm512_load_si512(h + 128); \
            high3 = _mm512_load_si512(h + 192); \
        } \
    }

/* Looks up `count` <= CHUNK vectors of each of the units, [count][units][UNIT], in the tables that the
 * selectors, of which one more must be readable, name. */
ALWAYS_INLINE void panel(const bool slim, const int units, const int planes, const int bits,
                         const uint8_t *table, size_t pitch, const uint8_t *select, size_t select_stride,
                         const uint8_t *at, size_t count, const struct flush *f)
{
    const __m512i zero = _mm512_setzero_si512();
    const uint8_t *t = table + *select * pitch;
    DECLARE(0) DECLARE(1) DECLARE(2) DECLARE(3) DECLARE(4) DECLARE(5)
    DECLARE_PRODUCTS(0) DECLARE_PRODUCTS(1) DECLARE_PRODUCTS(2)
    DECLARE_PRODUCTS(3) DECLARE_PRODUCTS(4) DECLARE_PRODUCTS(5)
    for (size_t k = 0; k < count; k++, at += (size_t)units * UNIT) {
        /* A step ahead: loads that wait for their address fill the queues. */
        select += select_stride;
        const uint8_t *h = t + (1 << bits), *next = table + *select * pitch;
        KEEP_POINTER(next);
        LOAD_TABLE(t, h)
        /* An addition right behind its look-up takes a port that the next one needs. */
        STEP(0) STEP(1) SUM(0) STEP(2) SUM(1) STEP(3) SUM(2) STEP(4) SUM(3) STEP(5) SUM(4) SUM(5)
        t = next;
    }
    PUT(0) PUT(1) PUT(2) PUT(3) PUT(4) PUT(5)
}

typedef void panel_fn(const uint8_t *table, size_t pitch, const uint8_t *select, size_t select_stride,
                      const uint8_t *index, size_t count, const struct flush *f);
#define PANEL_FN(S, U, P, B) \
    static void panel_##S##_##U##_##P##_##B(const uint8_t *table, size_t pitch, const uint8_t *select, \
                                            size_t select_stride, const uint8_t *index, size_t count, \
                                            const struct flush *f) \
    { \
        panel(S, U, P, B, table, pitch, select, select_stride, index, count, f); \
    }
#define PANEL_FNS(S, U) \
    PANEL_FN(S, U, 1, 6) PANEL_FN(S, U, 1, 7) PANEL_FN(S, U, 1, 8) \
    PANEL_FN(S, U, 2, 6) PANEL_FN(S, U, 2, 7) PANEL_FN(S, U, 2, 8)
PANEL_FNS(0, 1) PANEL_FNS(0, 2) PANEL_FNS(0, 3) PANEL_FNS(0, 4) PANEL_FNS(0, 5) PANEL_FNS(0, 6)
PANEL_FNS(1, 1) PANEL_FNS(1, 2) PANEL_FNS(1, 3) PANEL_FNS(1, 4) PANEL_FNS(1, 5) PANEL_FNS(1, 6)
#define PANEL_ROW(S, U) \
    { \
        { panel_##S##_##U##_1_6, panel_##S##_##U##_1_7, panel_##S##_##U##_1_8 }, \
        { panel_##S##_##U##_2_6, panel_##S##_##U##_2_7, panel_##S##_##U##_2_8 }, \
    }
#define PANEL_ROWS(S) \
    { PANEL_ROW(S, 1), PANEL_ROW(S, 2), PANEL_ROW(S, 3), PANEL_ROW(S, 4), PANEL_ROW(S, 5), PANEL_ROW(S, 6) }
static panel_fn *const panels[2][PANEL][2][3] = { PANEL_ROWS(0), PANEL_ROWS(1) };

/* Steps of a single unit with the same table.  Offsets of vectors and of the table are by eights, as far as
 * an address can scale them. */
struct group {
    uint16_t w, k[GROUP];
};

#define prefetch(level, p) _mm_prefetch((const char *)(p), level)

/* Products i and j of a unit: their sum modulo 256; and their mean, rounded up, which replaces i. */
#define MEAN_OF(plane, i, j) plane##_##i = _mm512_avg_epu8(plane##_##i, plane##_##j)
#define MEANS_OF(i, j) \
    do { \
        MEAN_OF(low, i, j); \
        if (planes == 2) \
            MEAN_OF(high, i, j); \
    } while (0)
#define ADD_BYTES(plane, i, j) IN_PLACE("vpaddb", plane.bytes, _mm512_add_epi8(plane##_##i, plane##_##j))
#define PAIR(i, j) \
    do { \
        ADD_BYTES(low, i, j); \
        if (planes == 2) \
            ADD_BYTES(high, i, j); \
        MEANS_OF(i, j); \
    } while (0)

/* Sums of means, of all bytes and of the odd ones; of the products, modulo 256; of what eight times the means
 * are too large by, all and odd bytes. */
struct means {
    __m512i all, odd, bytes, all_excess, odd_excess;
};

/* The excess of at most MEANS means since the last time, which the sums modulo 256 tell. */
ALWAYS_INLINE void take_excess(struct means *m)
{
    __m512i means = _mm512_slli_epi16(m->all, 3), odd = _mm512_slli_epi16(m->odd, 11);
    means = _mm512_mask_blend_epi8(0xaaaaaaaaaaaaaaaa, means, odd);
    __m512i excess = _mm512_sub_epi8(means, m->bytes);
    m->all_excess = _mm512_add_epi16(m->all_excess, excess);
    m->odd_excess = _mm512_add_epi16(m->odd_excess, _mm512_srli_epi16(excess, 8));
    m->bytes = means;
}

ALWAYS_INLINE struct sums sums_of_means(const struct means *m)
{
    struct sums s = sums_of(m->all, m->odd), e = sums_of(m->all_excess, m->odd_excess);
    return (struct sums){ _mm512_sub_epi32(_mm512_slli_epi32(s.s0, 3), e.s0),
                          _mm512_sub_epi32(_mm512_slli_epi32(s.s1, 3), e.s1),
                          _mm512_sub_epi32(_mm512_slli_epi32(s.s2, 3), e.s2),
                          _mm512_sub_epi32(_mm512_slli_epi32(s.s3, 3), e.s3) };
}

#define ADD_MEAN(plane) \
    { \
        IN_PLACE("vpaddw", plane.all, plane##_0); \
        IN_PLACE("vpaddw", plane.odd, _mm512_srli_epi16(plane##_0, 8)); \
    }
#define LOAD_GROUP(g) \
    const uint8_t *t = table + (size_t)group[g].w * 8, *h = t + (1 << bits); \
    LOAD_TABLE(t, h)
#define VECTOR(g, i) (index + (size_t)group[g].k[i] * 8)
#define GROUP_STEP(g, i, product) \
    prefetch(_MM_HINT_T0, VECTOR(AHEAD + g, i)); \
    STEP_AT(product, VECTOR(g, i));

/* `count` groups, an even number and at most 2 * MEANS_MOST, of which AHEAD more must be readable. */
ALWAYS_INLINE void groups(const int planes, const int bits, const uint8_t *table, const struct group *group,
                          const uint8_t *index, size_t count, const struct flush *f)
{
    const __m512i zero = _mm512_setzero_si512();
    struct means low = { zero, zero, zero, zero, zero }, high = low;
    for (const struct group *end = group + count; group < end;) {
        const struct group *stop = group + least(2 * MEANS, (size_t)(end - group));
        for (; group < stop; group += 2) {
            DECLARE_PRODUCTS(0) DECLARE_PRODUCTS(1) DECLARE_PRODUCTS(2) DECLARE_PRODUCTS(3)
            DECLARE_PRODUCTS(4) DECLARE_PRODUCTS(5) DECLARE_PRODUCTS(6) DECLARE_PRODUCTS(7)
            {
                LOAD_GROUP(0)
                GROUP_STEP(0, 0, 0) GROUP_STEP(0, 1, 1) GROUP_STEP(0, 2, 2) GROUP_STEP(0, 3, 3)
                PAIR(0, 1);
            }
            LOAD_GROUP(1)
            GROUP_STEP(1, 0, 4)
            PAIR(2, 3);
            GROUP_STEP(1, 1, 5)
            MEANS_OF(0, 2);
            GROUP_STEP(1, 2, 6) GROUP_STEP(1, 3, 7)
            PAIR(4, 5);
            PAIR(6, 7);
            MEANS_OF(4, 6);
            MEANS_OF(0, 4);
            ADD_MEAN(low)
            if (planes == 2)
                ADD_MEAN(high)
        }
        take_excess(&low);
        take_excess(&high);
    }
    put_unit(f, planes, 0, sums_of_means(&low), sums_of_means(&high));
}

typedef void groups_fn(const uint8_t *table, const struct group *group, const uint8_t *index, size_t count,
                       const struct flush *f);
#define GROUPS_FN(P, B) \
    static void groups_##P##_##B(const uint8_t *table, const struct group *group, const uint8_t *index, \
                                 size_t count, const struct flush *f) \
    { \
        groups(P, B, table, group, index, count, f); \
    }
GROUPS_FN(1, 6) GROUPS_FN(1, 7) GROUPS_FN(1, 8) GROUPS_FN(2, 6) GROUPS_FN(2, 7) GROUPS_FN(2, 8)
static groups_fn *const grouped[2][3] = {
    { groups_1_6, groups_1_7, groups_1_8 }, { groups_2_6, groups_2_7, groups_2_8 },
};

/* 64 bytes in the order of a unit's vector. */
static __m512i unit_order(bool slim)
{
    uint8_t at[UNIT];
    for (int i = 0; i < UNIT; i++)
        at[i] = (uint8_t)(slim ? (i % 8 < 7 ? i / 8 * 7 + i % 8 : 0) : 16 * (i % 4) + i / 4);
    return _mm512_loadu_si512(at);
}

/* Panels for so many units: with 256 entries, the tables of two planes leave registers for the sums of
 * four units. */
static size_t panel_count(size_t units, int bits)
{
    size_t most = bits == 8 ? 4 : PANEL;
    return (units + most - 1) / most;
}

/* Units of a panel when `units` are spread evenly. */
static size_t panel_begin(size_t units, size_t n_panels, size_t p)
{
    return units * p / n_panels;
}

/* Cycles of a step of all units: the additions and permutations take them, or the loading of tables. */
static double step_cycles(size_t units, bool slim, int bits)
{
    static const double cycles[2][9] = {
        { [6] = 2.0, [7] = 2.5, [8] = 4.2 }, { [6] = 1.5, [7] = 2.0, [8] = 3.75 },
    };
    size_t n_panels = panel_count(units, bits);
    double sum = 0;
    for (size_t p = 0; p < n_panels; p++) {
        size_t u = panel_begin(units, n_panels, p + 1) - panel_begin(units, n_panels, p);
        double compute = (double)u * cycles[slim][bits];
        double loads = 1.5 * (1 << bits) / 64 + 0.5 * (double)u + 1.2;
        sum += compute > loads ? compute : loads;
    }
    return sum;
}

/* The quickest way to cover m rows with units of UNIT and slim ones. */
struct cover {
    size_t full, slim;
    double cycles;
};

static struct cover cover(size_t m, int bits)
{
    struct cover best = { .full = (m + UNIT - 1) / UNIT };
    best.cycles = step_cycles(best.full, false, bits);
    for (size_t full = 0; full < 7 && full * UNIT < m; full++) {
        struct cover c = { full, (m - full * UNIT + SLIM - 1) / SLIM, 0 };
        c.cycles = step_cycles(c.full, false, bits) + step_cycles(c.slim, true, bits);
        if (c.cycles < best.cycles)
            best = c;
    }
    return best;
}

/* Chunks of a panel's steps. */
static size_t chunk_count(size_t k, size_t units)
{
    size_t most = least(CHUNK, PANEL_CHUNK / units);
    return (k + most - 1) / most;
}

static size_t chunk_begin(size_t k, size_t units, size_t c)
{
    return k * c / chunk_count(k, units);
}

/* Vectors k0 .. k0 + count - 1 of `units` units from row `first`, as [count][units][UNIT]. */
static void fill_index(const struct gemm_form *f, bool slim, const uint8_t *x, size_t x_stride, size_t m,
                       size_t first, size_t units, size_t count, uint8_t *index)
{
    const struct map map = map_load(&f->class_of);
    const __m512i order = unit_order(slim);
    size_t rows = slim ? SLIM : UNIT, left = m - first - (units - 1) * rows;
    __mmask64 exist = left >= UNIT ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
    for (size_t k = 0; k < count; k++) {
        const uint8_t *from = x + k * x_stride + first;
        for (size_t i = 0; i < units; i++, from += rows, index += UNIT) {
            __m512i v = i + 1 < units ? _mm512_loadu_si512(from) : _mm512_maskz_loadu_epi8(exist, from);
            _mm512_store_si512(index, _mm512_permutexvar_epi8(order, map_apply(&map, v)));
        }
    }
}

/* Fetches `bytes` of each of the rows count * part / parts .. count * (part + 1) / parts - 1 of x. */
static void fetch(const uint8_t *x, size_t x_stride, size_t bytes, size_t count, size_t part, size_t parts)
{
    for (size_t k = count * part / parts; k < count * (part + 1) / parts; k++)
        for (size_t i = 0; i < bytes; i += UNIT)
            prefetch(_MM_HINT_T1, x + k * x_stride + i);
}

/* `units` units from row `first` on. */
static void planes_of_units(const struct gemm_weights *w, bool slim, size_t first, size_t units,
                            const uint8_t *x, size_t x_stride, size_t m, int32_t *acc, size_t acc_stride,
                            uint8_t *index)
{
    const struct gemm_form *f = &w->g->f;
    size_t n_panels = panel_count(units, f->class_bits), pitch = (size_t)f->n_planes << f->class_bits;
    for (size_t p = 0; p < n_panels; p++) {
        size_t begin = panel_begin(units, n_panels, p), u = panel_begin(units, n_panels, p + 1) - begin;
        size_t row = first + begin * (slim ? SLIM : UNIT), chunks = chunk_count(w->k, u);
        for (size_t c = 0; c < chunks; c++) {
            size_t k0 = chunk_begin(w->k, u, c), k1 = chunk_begin(w->k, u, c + 1), count = k1 - k0;
            /* What fill_index() reads next, too far apart for the CPU to foresee it, is fetched in advance: a
             * share for each column, if there are enough of them that it takes no time. */
            size_t next = c + 1 < chunks ? k1 : 0, next_row = next ? row : row + u * (slim ? SLIM : UNIT);
            size_t next_count = 3 * w->n < 2 * count ? 0 : least(count, w->k - next);
            size_t bytes = next_row < m ? least(u * UNIT, m - next_row) : 0;
            fill_index(f, slim, x + k0 * x_stride, x_stride, m, row, u, count, index);
            for (int plane = 0; plane < f->n_planes; plane += 2) {
                int group = f->n_planes - plane >= 2 ? 2 : 1;
                panel_fn *fn = panels[slim][u - 1][group - 1][f->class_bits - 6];
                for (size_t n = 0; n < w->n; n++) {
                    bool add = f->n_terms || k0 || plane;
                    struct flush to = { acc + n * acc_stride + row, m - row, add ? 0 : w->base[n], add,
                                        8 * plane };
                    fn(f->plane + ((size_t)plane << f->class_bits), pitch, w->w + n * w->k + k0, 1, index,
                       count, &to);
                    if (plane == 0)
                        fetch(x + next * x_stride + next_row, x_stride, bytes, next_count, n, w->n);
                }
            }
        }
    }
}

/* Ranges of k that are grouped. */
static size_t range_count(size_t k)
{
    return (k + RANGE - 1) / RANGE;
}

static size_t range_begin(size_t k, size_t r)
{
    return k * r / range_count(k);
}

/* Groups the k of column n by weight, range by range, an even number of groups each; where that leaves room
 * in a group, its vectors are the zeros behind the range's, and *spare is what they add to the sum.  Returns
 * the number of groups. */
static size_t group_column(struct gemm_weights *w, size_t n, struct group *out, size_t *begin,
                           int32_t *spare)
{
    const struct gemm_form *f = &w->g->f;
    const uint8_t *row = w->w + n * w->k;
    size_t count = 0, pitch = (size_t)f->n_planes << f->class_bits;
    uint32_t sum = 0;
    for (size_t r = 0; r < range_count(w->k); r++) {
        size_t k0 = range_begin(w->k, r), k1 = range_begin(w->k, r + 1);
        size_t of[256] = { 0 }, seen[256] = { 0 }, first[256], last = 0;
        begin[r] = count;
        for (size_t k = k0; k < k1; k++) {
            of[row[k]]++;
            last = row[k] > last ? row[k] : last;
        }
        for (size_t v = 0; v < 256; v++) {
            first[v] = count;
            count += (of[v] + GROUP - 1) / GROUP;
            w->group_tables += of[v] > 0;
            if (v == last)   /* which has a table: weights may have less than 8 bits */
                count += count % 2;
            for (size_t i = first[v]; i < count; i++) {
                out[i].w = (uint16_t)(v * pitch / 8);
                for (int j = 0; j < GROUP; j++)
                    out[i].k[j] = (uint16_t)((k1 - k0) * UNIT / 8);
            }
            uint32_t spares = (uint32_t)((count - first[v]) * GROUP - of[v]);
            for (int p = 0; p < f->n_planes && spares; p++)
                sum += spares * f->plane[(v * (size_t)f->n_planes + (size_t)p) << f->class_bits] << 8 * p;
        }
        for (size_t k = k0; k < k1; k++) {
            size_t at = seen[row[k]]++;
            out[first[row[k]] + at / GROUP].k[at % GROUP] = (uint16_t)((k - k0) * UNIT / 8);
        }
    }
    *spare = (int32_t)sum;
    return count;
}

static enum axm_status pack_groups(struct gemm_weights *w)
{
    size_t ranges = range_count(w->k), at = 0, most = least(w->k, w->k / GROUP + 256 * ranges) + ranges;
    w->groups = gemm_alloc((w->n * most + AHEAD) * sizeof(struct group));
    w->group_begin = gemm_alloc((w->n * ranges + 1) * sizeof *w->group_begin);
    w->spare = gemm_alloc(w->n * sizeof *w->spare);
    if (!w->groups || !w->group_begin || !w->spare)
        return fail(AXM_ENV, "out of memory for %zu x %zu weights", w->n, w->k);
    for (size_t n = 0; n < w->n; n++) {
        size_t *begin = w->group_begin + n * ranges;
        size_t count = group_column(w, n, (struct group *)w->groups + at, begin, &w->spare[n]);
        for (size_t r = 0; r < ranges; r++)
            begin[r] += at;
        at += count;
    }
    w->group_begin[w->n * ranges] = at;
    w->group_steps = at * GROUP;
    return AXM_OK;
}

/* A unit at a time: each table serves a group of steps, else its loading would take the time. */
static void planes_by_groups(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m,
                             int32_t *acc, size_t acc_stride, uint8_t *index)
{
    const struct gemm_form *f = &w->g->f;
    const struct group *groups = w->groups;
    size_t ranges = range_count(w->k);
    for (size_t r = 0; r < ranges; r++) {
        size_t k0 = range_begin(w->k, r), count = range_begin(w->k, r + 1) - k0;
        for (size_t m0 = 0; m0 < m; m0 += UNIT) {
            fill_index(f, false, x + k0 * x_stride, x_stride, m, m0, 1, count, index);
            _mm512_store_si512(index + count * UNIT, _mm512_setzero_si512());
            for (int plane = 0; plane < f->n_planes; plane += 2) {
                int pair = f->n_planes - plane >= 2 ? 2 : 1;
                groups_fn *fn = grouped[pair - 1][f->class_bits - 6];
                for (size_t n = 0; n < w->n; n++) {
                    const size_t *begin = w->group_begin + n * ranges + r;
                    for (size_t i = begin[0]; i < begin[1]; i += 2 * MEANS_MOST) {
                        bool first = r == 0 && plane == 0 && i == begin[0], add = f->n_terms || !first;
                        uint32_t base = first ? (add ? 0 : (uint32_t)w->base[n]) - (uint32_t)w->spare[n] : 0;
                        struct flush to = { acc + n * acc_stride + m0, m - m0, (int32_t)base, add,
                                            8 * plane };
                        fn(f->plane + ((size_t)plane << f->class_bits), groups + i, index,
                           least(2 * MEANS_MOST, begin[1] - i), &to);
                    }
                }
            }
        }
    }
}

static void planes_by_w(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m,
                        int32_t *acc, size_t acc_stride, uint8_t *index)
{
    struct cover c = cover(m, w->g->f.class_bits);
    if (c.full)
        planes_of_units(w, false, 0, c.full, x, x_stride, m, acc, acc_stride, index);
    if (c.slim)
        planes_of_units(w, true, c.full * UNIT, c.slim, x, x_stride, m, acc, acc_stride, index);
}

/* The same with the weights in the lanes and a table for each activation, for few rows and many columns.
 * sums: [UNIT][width], width = n rounded up to units. */
static void planes_by_x(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m,
                        int32_t *acc, size_t acc_stride, int32_t *sums, uint8_t *select)
{
    const struct gemm *g = w->g;
    size_t width = gemm_round_up(w->n, UNIT), units = width / UNIT, n_panels = panel_count(units, 8);
    size_t planes = (size_t)g->f.n_planes;
    for (size_t m0 = 0; m0 < m; m0 += UNIT) {
        size_t rows = least(UNIT, m - m0);
        for (size_t k0 = 0; k0 < w->k; k0 += CHUNK) {
            size_t count = least(CHUNK, w->k - k0);
            for (size_t k = 0; k < count; k++)
                _mm512_store_si512(select + k * UNIT, _mm512_loadu_si512(x + (k0 + k) * x_stride + m0));
            for (size_t p = 0; p < n_panels; p++) {
                size_t first = panel_begin(units, n_panels, p);
                size_t u = panel_begin(units, n_panels, p + 1) - first;
                const uint8_t *index = w->index + first * UNIT * w->k + k0 * u * UNIT;
                for (size_t plane = 0; plane < planes; plane += 2) {
                    size_t group = planes - plane >= 2 ? 2 : 1;
                    panel_fn *fn = panels[0][u - 1][group - 1][2];
                    for (size_t i = 0; i < rows; i++) {
                        struct flush to = { sums + i * width + first * UNIT, u * UNIT, 0, k0 || plane,
                                            8 * (int)plane };
                        fn(g->by_x + plane * 256, planes * 256, select + i, UNIT, index, count, &to);
                    }
                }
            }
        }
        for (size_t n = 0; n < w->n; n++) {
            int32_t *out = acc + n * acc_stride + m0;
            for (size_t i = 0; i < rows; i++) {
                uint32_t before = (uint32_t)(g->f.n_terms ? out[i] : w->base[n]);
                out[i] = (int32_t)(before + (uint32_t)sums[i * width + n]);
            }
        }
    }
}

static void pack_index(struct gemm_weights *w)
{
    size_t units = (w->n + UNIT - 1) / UNIT, n_panels = panel_count(units, 8);
    for (size_t p = 0; p < n_panels; p++) {
        size_t first = panel_begin(units, n_panels, p), u = panel_begin(units, n_panels, p + 1) - first;
        uint8_t *index = w->index + first * UNIT * w->k;
        for (size_t k = 0; k < w->k; k++)
            for (size_t i = 0; i < u; i++)
                for (size_t b = 0; b < UNIT; b++) {
                    size_t n = (first + i) * UNIT + b % 4 * 16 + b / 4;
                    index[(k * u + i) * UNIT + b] = n < w->n ? w->w[n * w->k + k] : 0;
                }
    }
}

/* Cycles of a step of all rows and columns: with a table for each weight, by groups of weights, with a table
 * for each activation. */
enum way { BY_W, BY_GROUPS, BY_X };

static enum way quickest(const struct gemm_weights *w, size_t m)
{
    static const double step[] = { [6] = 2.0, [7] = 2.25, [8] = 3.5 };
    static const double table[] = { [6] = 1.0, [7] = 1.5, [8] = 4.0 };
    int bits = w->g->f.class_bits;
    double k = (double)w->k, by_w = cover(m, bits).cycles * (double)w->n * k;
    double by_groups = step[bits] * (double)w->group_steps + table[bits] * (double)w->group_tables;
    by_groups *= (double)((m + UNIT - 1) / UNIT);
    double by_x = (step_cycles((w->n + UNIT - 1) / UNIT, false, 8) + 4) * (double)m * k;
    if (w->index && by_x < by_w && by_x < by_groups)
        return BY_X;
    return by_groups < by_w ? BY_GROUPS : BY_W;
}

/* --- terms ---------------------------------------------------------------------------------- */

/* How a term's u comes from x. */
enum { SAME, MASKED, TABLE };

ALWAYS_INLINE __m512i spread_row(const int how, const struct map *map, const uint8_t *x)
{
    const __m512i spread = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i v = _mm512_loadu_si512(x);
    if (how == MASKED)
        v = _mm512_xor_si512(_mm512_and_si512(v, map->keep), map->flip);
    if (how == TABLE)
        v = map_apply(map, v);
    return _mm512_permutexvar_epi32(spread, v);
}

/* 16 rows each, 4 k of a row. */
struct four {
    __m512i v0, v1, v2, v3;
};

ALWAYS_INLINE struct four pack_four(const int how, const struct map *map, const uint8_t *x0,
                                    const uint8_t *x1, const uint8_t *x2, const uint8_t *x3, uint8_t *out)
{
    __m512i v0 = spread_row(how, map, x0), v1 = spread_row(how, map, x1);
    __m512i v2 = spread_row(how, map, x2), v3 = spread_row(how, map, x3);
    __m512i a = _mm512_unpacklo_epi8(v0, v1), b = _mm512_unpackhi_epi8(v0, v1);
    __m512i c = _mm512_unpacklo_epi8(v2, v3), d = _mm512_unpackhi_epi8(v2, v3);
    struct four f = { _mm512_unpacklo_epi16(a, c), _mm512_unpackhi_epi16(a, c),
                      _mm512_unpacklo_epi16(b, d), _mm512_unpackhi_epi16(b, d) };
    _mm512_store_si512(out, f.v0);
    _mm512_store_si512(out + 64, f.v1);
    _mm512_store_si512(out + 128, f.v2);
    _mm512_store_si512(out + 192, f.v3);
    return f;
}

ALWAYS_INLINE void pack_term(const int how, const struct gemm_map *m, const uint8_t *x, size_t x_stride,
                             size_t k, uint8_t *out)
{
    const struct map map = map_load(m);
    for (; k >= 4; k -= 4, x += 4 * x_stride, out += 4 * UNIT)
        pack_four(how, &map, x, x + x_stride, x + 2 * x_stride, x + 3 * x_stride, out);
    if (k)
        pack_four(how, &map, x, x + least(1, k - 1) * x_stride, x + least(2, k - 1) * x_stride,
                  x + (k - 1) * x_stride, out);
}

static int how_of(const struct gemm_map *u)
{
    return !u->is_masked ? TABLE : u->keep == 0xff && u->flip == 0 ? SAME : MASKED;
}

/* A unit's bytes for the dot products: [term][k / 4][4][16 rows][4 k].  Behind the last k the weights
 * are 0. */
static void pack_unit(const struct gemm_weights *w, int first, int last, const uint8_t *x, size_t x_stride,
                      uint8_t *out)
{
    for (int t = first; t < last; t++, out += UNIT * gemm_round_up(w->k, 4)) {
        const struct gemm_map *u = &w->g->f.term[t].u;
        switch (how_of(u)) {
        case SAME: pack_term(SAME, u, x, x_stride, w->k, out); break;
        case MASKED: pack_term(MASKED, u, x, x_stride, w->k, out); break;
        case TABLE: pack_term(TABLE, u, x, x_stride, w->k, out); break;
        }
    }
}

#define DOT_DECLARE(c) __m512i s##c##0 = zero, s##c##1 = zero, s##c##2 = zero, s##c##3 = zero;
/* By name: gcc would copy sums and keep some in memory. */
#define DOT_1(c, v) \
    if (vectors > v) { \
        if (v_unsigned) \
            __asm__("vpdpbusd %2, %1, %0" : "+v"(s##c##v) : "v"(b), "v"(x##v)); \
        else \
            __asm__("vpdpbusd %2, %1, %0" : "+v"(s##c##v) : "v"(x##v), "v"(b)); \
    }
#define DOT_STEP(c) \
    if (columns > c) { \
        const __m512i b = _mm512_set1_epi32(v[c]); \
        DOT_1(c, 0) DOT_1(c, 1) DOT_1(c, 2) DOT_1(c, 3) \
    }
#define DOT_PUT(c) \
    if (columns > c) { \
        int32_t *out = acc + c * acc_stride; \
        if (vectors > 2 && rows >= UNIT && !add) { \
            const __m512i b = _mm512_set1_epi32(base[c]); \
            _mm512_storeu_si512(out, _mm512_add_epi32(s##c##0, b)); \
            _mm512_storeu_si512(out + 16, _mm512_add_epi32(s##c##1, b)); \
            _mm512_storeu_si512(out + 32, _mm512_add_epi32(s##c##2, b)); \
            _mm512_storeu_si512(out + 48, _mm512_add_epi32(s##c##3, b)); \
        } else { \
            struct flush f = { out, rows, add ? 0 : base[c], add, 0 }; \
            put(&f, 0, s##c##0); \
            if (vectors > 1) \
                put(&f, 16, s##c##1); \
            if (vectors > 2) { \
                put(&f, 32, s##c##2); \
                put(&f, 48, s##c##3); \
            } \
        } \
    }

/* Lines to be fetched, one a step. */
struct ahead {
    const uint8_t *at;
    size_t stride;
};

/* 16 * vectors rows by `columns` columns. */
ALWAYS_INLINE void dot(const int vectors, const int columns, const bool v_unsigned, const uint8_t *x,
                       const int32_t *v, size_t steps, struct ahead ahead, int32_t *acc, size_t acc_stride,
                       size_t rows, const int32_t *base, bool add)
{
    const __m512i zero = _mm512_setzero_si512();
    DOT_DECLARE(0) DOT_DECLARE(1) DOT_DECLARE(2) DOT_DECLARE(3) DOT_DECLARE(4) DOT_DECLARE(5)
    for (size_t i = 0; i < steps; i++, x += 4 * UNIT, v += columns, ahead.at += ahead.stride) {
        prefetch(_MM_HINT_T1, ahead.at);
        const __m512i x0 = _mm512_load_si512(x);
        const __m512i x1 = vectors > 1 ? _mm512_load_si512(x + 64) : zero;
        const __m512i x2 = vectors > 2 ? _mm512_load_si512(x + 128) : zero;
        const __m512i x3 = vectors > 2 ? _mm512_load_si512(x + 192) : zero;
        DOT_STEP(0) DOT_STEP(1) DOT_STEP(2) DOT_STEP(3) DOT_STEP(4) DOT_STEP(5)
    }
    DOT_PUT(0) DOT_PUT(1) DOT_PUT(2) DOT_PUT(3) DOT_PUT(4) DOT_PUT(5)
}

typedef void dot_fn(const uint8_t *x, const int32_t *v, size_t steps, struct ahead ahead, int32_t *acc,
                    size_t acc_stride, size_t rows, const int32_t *base, bool add);
#define DOT_FN(V, C, S) \
    static void dot_##V##_##C##_##S(const uint8_t *x, const int32_t *v, size_t steps, struct ahead ahead, \
                                    int32_t *acc, size_t acc_stride, size_t rows, const int32_t *base, \
                                    bool add) \
    { \
        dot(V, C, S, x, v, steps, ahead, acc, acc_stride, rows, base, add); \
    }
#define DOT_FNS(V, S) \
    DOT_FN(V, 1, S) DOT_FN(V, 2, S) DOT_FN(V, 3, S) DOT_FN(V, 4, S) DOT_FN(V, 5, S) DOT_FN(V, 6, S)
DOT_FNS(1, 0) DOT_FNS(2, 0) DOT_FNS(4, 0) DOT_FNS(1, 1) DOT_FNS(2, 1) DOT_FNS(4, 1)
#define DOT_ROW(V, S) \
    { dot_##V##_1_##S, dot_##V##_2_##S, dot_##V##_3_##S, dot_##V##_4_##S, dot_##V##_5_##S, dot_##V##_6_##S }
static dot_fn *const dots[2][3][TILE] = {
    { DOT_ROW(1, 0), DOT_ROW(2, 0), DOT_ROW(4, 0) },
    { DOT_ROW(1, 1), DOT_ROW(2, 1), DOT_ROW(4, 1) },
};

/* 64 rows by the first columns of all, from x itself: packs the unit on its way, which hides behind the dot
 * products, as those take two ports and most of it the others. */
ALWAYS_INLINE void dot_packing(const int how, const int columns, const bool v_unsigned, const uint8_t *x,
                               size_t x_stride, size_t k, const struct gemm_map *m, uint8_t *unit,
                               const int32_t *v, int32_t *acc, size_t acc_stride, size_t rows,
                               const int32_t *base, bool add)
{
    enum { vectors = 4 };
    const __m512i zero = _mm512_setzero_si512();
    const struct map map = map_load(m);
    DOT_DECLARE(0) DOT_DECLARE(1) DOT_DECLARE(2) DOT_DECLARE(3) DOT_DECLARE(4) DOT_DECLARE(5)
    for (; k > 0; k -= least(k, 4), x += 4 * x_stride, unit += 4 * UNIT, v += columns) {
        size_t last = least(k, 4) - 1;
        const struct four f = pack_four(how, &map, x, x + least(1, last) * x_stride,
                                        x + least(2, last) * x_stride, x + last * x_stride, unit);
        const __m512i x0 = f.v0, x1 = f.v1, x2 = f.v2, x3 = f.v3;
        DOT_STEP(0) DOT_STEP(1) DOT_STEP(2) DOT_STEP(3) DOT_STEP(4) DOT_STEP(5)
    }
    DOT_PUT(0) DOT_PUT(1) DOT_PUT(2) DOT_PUT(3) DOT_PUT(4) DOT_PUT(5)
}

typedef void dot_packing_fn(const uint8_t *x, size_t x_stride, size_t k, const struct gemm_map *m,
                            uint8_t *unit, const int32_t *v, int32_t *acc, size_t acc_stride, size_t rows,
                            const int32_t *base, bool add);
#define DOT_PACKING_FN(H, C, S) \
    static void dot_packing_##H##_##C##_##S(const uint8_t *x, size_t x_stride, size_t k, \
                                            const struct gemm_map *m, uint8_t *unit, const int32_t *v, \
                                            int32_t *acc, size_t acc_stride, size_t rows, \
                                            const int32_t *base, bool add) \
    { \
        dot_packing(H, C, S, x, x_stride, k, m, unit, v, acc, acc_stride, rows, base, add); \
    }
#define DOT_PACKING_FNS(H, S) \
    DOT_PACKING_FN(H, 1, S) DOT_PACKING_FN(H, 2, S) DOT_PACKING_FN(H, 3, S) \
    DOT_PACKING_FN(H, 4, S) DOT_PACKING_FN(H, 5, S) DOT_PACKING_FN(H, 6, S)
DOT_PACKING_FNS(SAME, 0) DOT_PACKING_FNS(SAME, 1) DOT_PACKING_FNS(MASKED, 0) DOT_PACKING_FNS(MASKED, 1)
#define DOT_PACKING_ROW(H, S) \
    { \
        dot_packing_##H##_1_##S, dot_packing_##H##_2_##S, dot_packing_##H##_3_##S, \
        dot_packing_##H##_4_##S, dot_packing_##H##_5_##S, dot_packing_##H##_6_##S, \
    }
static dot_packing_fn *const dots_packing[2][2][TILE] = {   /* by how, SAME or MASKED */
    { DOT_PACKING_ROW(SAME, 0), DOT_PACKING_ROW(SAME, 1) },
    { DOT_PACKING_ROW(MASKED, 0), DOT_PACKING_ROW(MASKED, 1) },
};

static size_t tile_begin(size_t n, size_t tiles, size_t t)
{
    return n * t / tiles;
}

/* First term whose v is unsigned. */
static int first_unsigned(const struct gemm_form *f)
{
    int i = 0;
    while (i < f->n_terms && !f->term[i].v_unsigned)
        i++;
    return i;
}

/* Terms first .. last - 1 of the weights, as [tile][term][k / 4][column][4 k]. */
static int8_t *pack_terms(const struct gemm_weights *w, int first, int last, int8_t *out)
{
    size_t tiles = (w->n + TILE - 1) / TILE;
    for (size_t t = 0; t < tiles; t++)
        for (int i = first; i < last; i++)
            for (size_t k = 0; k < w->k; k += 4)
                for (size_t n = tile_begin(w->n, tiles, t); n < tile_begin(w->n, tiles, t + 1); n++)
                    for (size_t j = k; j < k + 4; j++)
                        *out++ = j < w->k ? (int8_t)w->g->f.term[i].v[w->w[n * w->k + j]] : 0;
    return out;
}

static void terms(const struct gemm_weights *w, int first, int last, const int8_t *v, const uint8_t *x,
                  size_t x_stride, size_t m, int32_t *acc, size_t acc_stride, uint8_t *unit)
{
    size_t tiles = (w->n + TILE - 1) / TILE, steps = (size_t)(last - first) * ((w->k + 3) / 4);
    bool v_unsigned = w->g->f.term[first].v_unsigned;
    const struct gemm_map *u = &w->g->f.term[first].u;
    const int32_t *columns_v = (const int32_t *)(const void *)v;
    for (size_t m0 = 0; m0 < m && tiles; m0 += UNIT) {
        size_t rows = m - m0, t = 0;
        if (last - first == 1 && how_of(u) != TABLE && rows > 32) {
            dot_packing_fn *fn = dots_packing[how_of(u)][v_unsigned][tile_begin(w->n, tiles, 1) - 1];
            fn(x + m0, x_stride, w->k, u, unit, columns_v, acc + m0, acc_stride, rows, w->base, first > 0);
            t = 1;
        } else {
            pack_unit(w, first, last, x + m0, x_stride, unit);
        }
        /* The next unit's lines are a row of x apart, too far for the CPU to foresee them. */
        size_t unfetched = rows > UNIT ? w->k : 0;
        for (; t < tiles; t++) {
            size_t n = tile_begin(w->n, tiles, t), columns = tile_begin(w->n, tiles, t + 1) - n;
            dot_fn *fn = dots[v_unsigned][rows > 32 ? 2 : rows > 16][columns - 1];
            struct ahead ahead = { unit, 0 };
            if (unfetched >= steps) {
                ahead = (struct ahead){ x + m0 + UNIT + (w->k - unfetched) * x_stride, x_stride };
                unfetched -= steps;
            }
            fn(unit, columns_v + n * steps, steps, ahead, acc + n * acc_stride + m0, acc_stride, rows,
               w->base + n, first > 0);
        }
    }
}

/* --- all ------------------------------------------------------------------------------------ */

static size_t dot_bytes(const struct gemm_weights *w)
{
    return (size_t)w->g->f.n_terms * w->n * gemm_round_up(w->k, 4);
}

static enum axm_status pack(struct gemm_weights *w)
{
    const struct gemm_form *f = &w->g->f;
    w->dot = gemm_alloc(dot_bytes(w));
    w->index = w->g->by_x && w->n >= 32 ? gemm_alloc(gemm_round_up(w->n, UNIT) * w->k) : NULL;
    if (!w->dot || (w->g->by_x && w->n >= 32 && !w->index))
        return fail(AXM_ENV, "out of memory for %zu x %zu weights", w->n, w->k);
    pack_terms(w, first_unsigned(f), f->n_terms, pack_terms(w, 0, first_unsigned(f), w->dot));
    if (w->index)
        pack_index(w);
    return f->n_planes ? pack_groups(w) : AXM_OK;
}

static size_t scratch(const struct gemm_weights *w, size_t m)
{
    const struct gemm_form *f = &w->g->f;
    size_t bytes = (size_t)f->n_terms * UNIT * gemm_round_up(w->k, 4), planes = 0;
    (void)m;
    if (f->n_planes)
        planes = (size_t)UNIT * (PANEL_CHUNK + least(w->k, RANGE) + 1);
    if (w->index)
        planes += UNIT * sizeof(int32_t) * gemm_round_up(w->n, UNIT);
    return bytes > planes ? bytes : planes;
}

static void run(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m, int32_t *acc,
                size_t acc_stride, uint8_t *scratch)
{
    const struct gemm_form *f = &w->g->f;
    int split = first_unsigned(f);
    if (split > 0)
        terms(w, 0, split, w->dot, x, x_stride, m, acc, acc_stride, scratch);
    if (f->n_terms > split)
        terms(w, split, f->n_terms, w->dot + (size_t)split * w->n * gemm_round_up(w->k, 4), x, x_stride, m,
              acc, acc_stride, scratch);
    if (f->n_planes)
        switch (quickest(w, m)) {
        case BY_W: planes_by_w(w, x, x_stride, m, acc, acc_stride, scratch); break;
        case BY_GROUPS: planes_by_groups(w, x, x_stride, m, acc, acc_stride, scratch); break;
        case BY_X:
            planes_by_x(w, x, x_stride, m, acc, acc_stride, (int32_t *)(void *)(scratch + UNIT * CHUNK),
                        scratch);
            break;
        }
    for (size_t n = 0; n < w->n && !f->n_terms && !f->n_planes; n++)
        for (size_t i = 0; i < m; i++)
            acc[n * acc_stride + i] = w->base[n];
}

const struct gemm_kernel gemm_kernel_vbmi = { pack, scratch, run };
#endif
