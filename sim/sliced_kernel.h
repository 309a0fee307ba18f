/* Follows the C text of a netlist (write_c_parts()) in the unit that sim/sliced.c compiles; not included
 * elsewhere.  FIRST, REST, JOIN: the gates that the activation alone decides, run once for each activation;
 * those that the weight and the mode decide, once for each weight; and the others, once for each product.
 * X_BITS, W_BITS, P_BITS, MODE_BITS, MODE and SIGNED come before it, too. */
#include <stddef.h>
#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

enum {
    LANES = AXM_LANES, WORDS = LANES / 64,
    CHUNK_LOG2 = 6, CHUNK = 1 << CHUNK_LOG2,      /* products summed in a narrow accumulator */
    NARROW = P_BITS + CHUNK_LOG2 + 1, WIDE = 32,
};

#if AXM_LANES == 64
static inline W all(uint64_t bit)
{
    return -bit;
}
#else
static inline W all(uint64_t bit)
{
    return (W){ 0 } - bit;
}
#endif

/* acc += term, term of fewer bits and extended by its sign (or zeros). */
static inline void add(W *acc, int acc_bits, const W *term, int term_bits, int is_signed)
{
    W carry = { 0 }, high = { 0 };
    if (is_signed)
        high = term[term_bits - 1];
    for (int i = 0; i < acc_bits; i++) {
        W a = acc[i], t = i < term_bits ? term[i] : high;
        acc[i] = axm_sum(a, t, carry);
        carry = axm_carry(a, t, carry);
    }
}

/* By weight: what REST gives, a word of equal bits for each net. */
static uint64_t rest[1 << W_BITS][REST_WORDS + 1] __attribute__((aligned(64)));

static const uint64_t *rest_of(unsigned w)
{
    return rest[w & ((1u << W_BITS) - 1)];
}

__attribute__((constructor)) static void fill_rest(void)
{
    for (unsigned w = 0; w < 1u << W_BITS; w++) {
        W in[W_BITS + MODE_BITS + 1], mid[REST_WORDS + 1];
        for (int i = 0; i < W_BITS; i++)
            in[i] = all(w >> i & 1);
        for (int i = 0; i < MODE_BITS; i++)
            in[W_BITS + i] = all((unsigned)MODE >> i & 1);
        REST(in, mid);
        for (int i = 0; i < REST_WORDS; i++)
            rest[w][i] = *(const uint64_t *)&mid[i];
    }
}

/* Planes to integers; what is above the planes is their sign, or zeros. */
static inline __attribute__((always_inline))
void unpack(const W *plane, int bits, int is_signed, int32_t *out)
{
    const uint64_t *word = (const uint64_t *)plane;
#if defined(__AVX512BW__)
    /* Bytes of 64 lanes first.  The permutation makes up for the interleaving, which stays within 16
     * bytes. */
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    for (int w = 0; w < WORDS; w++) {
        __m512i byte[4];
        for (int i = 0; i < 4; i++) {
            byte[i] = _mm512_setzero_si512();
            if (8 * i >= bits && is_signed)
                byte[i] = _mm512_movm_epi8(word[(bits - 1) * WORDS + w]);
            for (int b = 8 * i; b < 8 * i + 8 && 8 * i < bits && (b < bits || is_signed); b++)
                byte[i] = _mm512_mask_add_epi8(byte[i], word[(b < bits ? b : bits - 1) * WORDS + w], byte[i],
                                              _mm512_set1_epi8((char)(1 << (b & 7))));
            byte[i] = _mm512_permutexvar_epi32(order, byte[i]);
        }
        __m512i low[2] = { _mm512_unpacklo_epi8(byte[0], byte[1]), _mm512_unpackhi_epi8(byte[0], byte[1]) };
        __m512i high[2] = { _mm512_unpacklo_epi8(byte[2], byte[3]), _mm512_unpackhi_epi8(byte[2], byte[3]) };
        for (int i = 0; i < 2; i++) {
            _mm512_storeu_si512(out + w * 64 + i * 32, _mm512_unpacklo_epi16(low[i], high[i]));
            _mm512_storeu_si512(out + w * 64 + i * 32 + 16, _mm512_unpackhi_epi16(low[i], high[i]));
        }
    }
#else
    /* 32 x 32 bits at a time, halves swapped five times (Warren, Hacker's Delight, 7-3). */
    for (int lane = 0; lane < LANES; lane += 32) {
        uint32_t m[32];
        for (int b = 0; b < 32; b++)
            m[b] = b < bits || is_signed
                       ? (uint32_t)(word[(b < bits ? b : bits - 1) * WORDS + lane / 64] >> lane % 64) : 0;
        uint32_t mask = 0x0000ffff;
        for (int j = 16; j; j >>= 1, mask ^= mask << j)
            for (int i = 0; i < 32; i = (i + j + 1) & ~j) {
                uint32_t t = (m[i] >> j ^ m[i + j]) & mask;
                m[i] ^= t << j;
                m[i + j] ^= t;
            }
        for (int i = 0; i < 32; i++)
            out[lane + i] = (int32_t)m[i];
    }
#endif
}

/* narrow += the products of k activations and weights; at most CHUNK may be added to one sum. */
static inline __attribute__((always_inline))
void sum_up(W *narrow, const W *planes, const uint32_t *index, const uint8_t *w, size_t k)
{
    size_t j = 0;
    /* Two products are added first: fewer full adders than to add each to the longer sum. */
    for (; j + 1 < k; j += 2) {
        W one[P_BITS], two[P_BITS + 1];
        JOIN(planes + (size_t)index[j] * FIRST_WORDS, rest_of(w[j]), one);
        JOIN(planes + (size_t)index[j + 1] * FIRST_WORDS, rest_of(w[j + 1]), two);
        if (SIGNED)
            two[P_BITS] = two[P_BITS - 1];
        else
            two[P_BITS] = (W){ 0 };
        add(two, P_BITS + 1, one, P_BITS, SIGNED);
        add(narrow, NARROW, two, P_BITS + 1, SIGNED);
    }
    for (; j < k; j++) {
        W product[P_BITS];
        JOIN(planes + (size_t)index[j] * FIRST_WORDS, rest_of(w[j]), product);
        add(narrow, NARROW, product, P_BITS, SIGNED);
    }
}

__attribute__((visibility("default")))
void axm_sliced_layer(const W *planes, const uint32_t *index, size_t positions, size_t k, const uint8_t *w,
                      size_t n, int32_t *acc, size_t acc_stride)
{
    for (size_t p = 0; p < positions; p++)
        for (size_t o = 0; o < n; o++) {
            int32_t *out = acc + o * acc_stride + p * LANES;
            W wide[WIDE] = { { 0 } };
            for (size_t first = 0; first < k; first += CHUNK) {
                W narrow[NARROW] = { { 0 } };
                size_t length = k - first < CHUNK ? k - first : CHUNK;
                sum_up(narrow, planes, index + p * k + first, w + o * k + first, length);
                if (k <= CHUNK)
                    unpack(narrow, NARROW, SIGNED, out);
                else
                    add(wide, WIDE, narrow, NARROW, SIGNED);
            }
            if (k > CHUNK)
                unpack(wide, WIDE, 0, out);
        }
}

/* What a cell of a systolic array does in a cycle: out = in + product, WIDE planes each.  in: NULL is
 * zero. */
__attribute__((visibility("default")))
void axm_sliced_cell(const W *x, unsigned w, const W *in, W *out)
{
    W product[P_BITS];
    JOIN(x, rest_of(w), product);
    if (in)
        for (int i = 0; i < WIDE; i++)
            out[i] = in[i];
    else
        for (int i = 0; i < WIDE; i++)
            out[i] = (W){ 0 };
    add(out, WIDE, product, P_BITS, SIGNED);
}

/* acc += term, WIDE planes each. */
__attribute__((visibility("default")))
void axm_sliced_add(W *acc, const W *term)
{
    add(acc, WIDE, term, WIDE, 0);
}

__attribute__((visibility("default")))
void axm_sliced_unpack(const W *planes, int32_t *out)
{
    unpack(planes, WIDE, 0, out);
}

/* 64-bit words of an activation, packed: what FIRST gives. */
__attribute__((visibility("default")))
const size_t axm_sliced_words = FIRST_WORDS * WORDS;

/* LANES codes to bit planes. */
static void planes_of(const uint8_t *codes, uint64_t *to)
{
    for (size_t word = 0; word < WORDS; word++) {
        const uint8_t *byte = codes + word * 64;
#if defined(__AVX512BW__)
        __m512i v = _mm512_loadu_si512(byte);
        for (int b = 0; b < X_BITS; b++)
            to[b * WORDS + word] = _mm512_test_epi8_mask(v, _mm512_set1_epi8((char)(1 << b)));
#else
        for (int b = 0; b < X_BITS; b++) {
            uint64_t bits = 0;
            for (int i = 0; i < 64; i += 8) {
                uint64_t eight;
                __builtin_memcpy(&eight, byte + i, 8);
                /* Bit b of eight bytes to one byte, the first lowest. */
                bits |= (eight >> b & 0x0101010101010101u) * 0x0102040810204080u >> 56 << i;
            }
            to[b * WORDS + word] = bits;
        }
#endif
    }
}

__attribute__((visibility("default")))
void axm_sliced_pack(const uint8_t *codes, size_t elements, W *planes)
{
    for (size_t e = 0; e < elements; e++) {
        W x[X_BITS];
        planes_of(codes + e * LANES, (uint64_t *)x);
        FIRST(x, planes + e * FIRST_WORDS);
    }
}
