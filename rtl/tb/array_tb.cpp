// Drives and checks a generated array under Verilator: random jobs back to back, random stalls on all
// streams, now and then a frame that is too short or not ended.  What must come out is worked out from
// `ref_unit`, the multiplier's behavioural definition, whose ports tb_top has beside the array's.
//
// The generator puts the array's dimensions before this text.
//
//   tb_top [SEED [JOBS]]      prints one line; exit code 0 if all agreed, else 1
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <vector>

#include "Vtb_top.h"
#include "verilated.h"

namespace {

enum { X_BYTES = (X_BITS + 7) / 8, W_BYTES = (W_BITS + 7) / 8, BEATS = COLS / LANES, TILES_MAX = 3 };
enum { CTRL = 0x20, STATUS = 0x24, ERRORS = 0x28, MODE = 0x2c, DIM_A = 0x30, DIM_B = 0x34, ZERO = 0x38,
       LO = 0x3c, HI = 0x40, TIMEOUT = 0x44, CYCLES = 0x50, STALL_X = 0x58, STALL_W = 0x5c, STALL_Y = 0x60,
       POOL = 0x84, POOL_TAPS = 0x100, COLUMN = 0x400, TAPS = 9 };
enum { X_EARLY = 1, X_LATE = 2, W_EARLY = 4, W_LATE = 8, BANK_OVER = 32, CELL_OVER = 64 };

VerilatedContext context;
std::unique_ptr<Vtb_top> top;
uint64_t random_state, cycle;
unsigned long seed;

uint32_t random32()    // splitmix64 (Steele, Lea and Flood 2014)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) >> 16);
}
uint32_t below(uint32_t n) { return random32() % n; }
int32_t between(int32_t lo, int32_t hi) { return lo + (int32_t)below((uint32_t)(hi - lo + 1)); }

[[noreturn]] void failed(const char *what)
{
    printf("FAIL: cycle %llu, seed %lu: %s\n", (unsigned long long)cycle, seed, what);
    exit(1);
}

template <class Port> void put(Port &port, unsigned byte, unsigned value)
{
    reinterpret_cast<uint8_t *>(&port)[byte] = (uint8_t)value;
}

// --- jobs -----------------------------------------------------------------------------------

typedef std::vector<uint32_t> operands;    // of a beat
struct beat {
    operands value;
    bool last;
};
struct window {
    int kernel, stride, pad, in, out;    // of one dimension

    int position(int i, int k) const { return i * stride - pad + k; }
    bool inside(int i, int k) const { return position(i, k) >= 0 && position(i, k) < in; }
};
struct pooling {
    uint32_t kind;                       // register POOL.KIND
    window h, w;
    int images, count;
    int32_t zero, lo, hi, mult[TAPS], shift[TAPS];
};
struct job {
    uint32_t dim_a, dim_b, mode;
    pooling pool;
    int32_t zero, lo, hi;
    int32_t bias[COLS], mult[COLS], shift[COLS], wzero[COLS];
    uint32_t errors;
};
std::vector<beat> x_stream, w_stream;
struct result {
    int32_t word[LANES];
    bool last;
};
std::vector<result> y_stream;

int64_t product(uint32_t w, uint32_t x, uint32_t mode)
{
    static std::unordered_map<uint64_t, uint32_t> known;
    mode &= 0x1ff;
    uint64_t key = (uint64_t)mode << 32 | (uint64_t)w << 16 | x;
    auto found = known.find(key);
    uint32_t p;
    if (found != known.end()) {
        p = found->second;
    } else {
        top->ref_w_i = w;
        top->ref_x_i = x;
        top->ref_order_i = mode >> 8 & 1;
        top->ref_mode_i = mode & 0xff;
        top->eval();
        p = known[key] = top->ref_p_o;
    }
    int unused = 64 - X_BITS - W_BITS;
    return SIGNED ? (int64_t)((uint64_t)p << unused) >> unused : (int64_t)p;
}

// A job whose sums stay small, but those of what meets one row or column: operands there have this value.
bool quiet;
struct loudness {
    unsigned from, to;      // activations or weights of a beat, with to
    uint32_t value;
} loud_x, loud_w;
const loudness none = { 1, 0, 0 };

uint32_t operand(int bits, unsigned at, const loudness &loud)
{
    uint32_t all = (1u << bits) - 1;
    if (at >= loud.from && at <= loud.to)
        return loud.value;
    if (quiet)
        return below(2);
    switch (below(16)) {
    case 0: return 0;
    case 1: return all;
    case 2: return 1u << (bits - 1);
    default: return random32() & all;
    }
}

// Frames of a stream: what the array takes in, and what it is sent, which differs for a frame that
// is cut short.
std::vector<operands> frames(std::vector<beat> &stream, unsigned n, unsigned len, unsigned width, int bits,
                             const loudness &loud, bool early, bool late)
{
    std::vector<operands> taken;
    unsigned at = below(n), cut = early ? 1 + below(len - 1) : len;
    for (unsigned f = 0; f < n; f++)
        for (unsigned i = 0; i < len; i++) {
            operands value(width);
            if (f != at || i < cut) {
                for (unsigned v = 0; v < width; v++)
                    value[v] = operand(bits, v, loud);
                bool end = f == at ? i == cut - 1 && !late : i == len - 1;
                stream.push_back({ value, end });
            }
            taken.push_back(value);
        }
    return taken;
}

// An accumulator; says whether an addition left its bits, which have a sign or not.
struct accumulator {
    bool has_sign;
    int64_t value = 0;

    bool add(int64_t v)
    {
        int64_t span = (int64_t)1 << ACC_BITS, low = has_sign ? -span / 2 : 0, sum = value + v;
        value = sum < low ? sum + span : sum >= low + span ? sum - span : sum;
        return value != sum;
    }
};

int32_t requantize(int64_t sum, int32_t mult, int32_t shift, int32_t zero, int32_t lo, int32_t hi)
{
    int64_t q = ((sum * mult + ((int64_t)1 << (shift - 1))) >> shift) + zero;
    return (int32_t)(q < lo ? lo : q > hi ? hi : q);
}

int32_t finish(const job &j, int c, int64_t acc, uint64_t row_sum)
{
    uint32_t kept = (uint32_t)acc << (32 - ACC_BITS), sum = (uint32_t)row_sum << (32 - ACC_BITS);
    int64_t t = (int32_t)kept >> (32 - ACC_BITS);
    if (ROW_SUM)
        t -= (int64_t)j.wzero[c] * (int64_t)(sum >> (32 - ACC_BITS));
    int32_t t32 = (int32_t)(uint32_t)(t + j.bias[c]);
    if (j.mode >> 9 & 1)
        return t32;
    return requantize(t32, j.mult[c], j.shift[c], j.zero, j.lo, j.hi);
}

window make_window(int in, bool padded)
{
    window w;
    do {
        w.in = in;
        w.kernel = between(1, 6);
        w.stride = between(1, 6);
        w.pad = padded ? between(0, w.kernel - 1) : 0;
        w.out = (in + w.pad + (padded ? between(0, w.kernel - 1) : 0) - w.kernel) / w.stride + 1;
    } while (in + w.pad < w.kernel || w.kernel > 4 * w.stride);
    return w;
}

pooling make_pool(int positions)
{
    pooling p;
    p.kind = 1 + below(2);
    do {
        int w = between(1, positions < 12 ? positions : 12);
        int h = between(1, positions / w < 12 ? positions / w : 12);
        bool padded = below(2);
        p.w = make_window(w, padded);
        p.h = make_window(h, padded);
        p.images = positions / (w * h);
        p.count = p.images * w * h;
        if (padded && p.kind == 2 && p.h.kernel * p.w.kernel > TAPS)
            p.w.out = POOL_WIDTH + 1;    // not in the table
    } while (p.w.out > POOL_WIDTH);
    p.zero = between(-150, 150);
    p.lo = between(-300, 0);
    p.hi = between(0, 300);
    for (int i = 0; i < TAPS; i++) {
        p.mult[i] = (int32_t)(random32() >> 1);
        p.shift[i] = between(28, 35);
    }
    return p;
}

// One window of the codes of a column, position p of image i at (i * h + y) * w + x.
int32_t pooled(const job &j, const std::vector<int32_t> &code, int image, int oy, int ox)
{
    const pooling &p = j.pool;
    int64_t sum = 0;
    int32_t most = INT32_MIN;
    int n = 0;
    for (int ky = 0; ky < p.h.kernel; ky++)
        for (int kx = 0; kx < p.w.kernel; kx++)
            if (p.h.inside(oy, ky) && p.w.inside(ox, kx)) {
                int32_t q = code[(image * p.h.in + p.h.position(oy, ky)) * p.w.in + p.w.position(ox, kx)];
                sum += q - j.zero;
                most = q > most ? q : most;
                n++;
            }
    n = n < TAPS ? n : TAPS;
    return p.kind == 1 ? most : requantize(sum, p.mult[n - 1], p.shift[n - 1], p.zero, p.lo, p.hi);
}

// Results of a job, code[column][row], or their pools.
void send(const job &j, const std::vector<std::vector<int32_t>> &code)
{
    int images = j.pool.kind ? j.pool.images : 1, rows = j.pool.kind ? j.pool.h.out : (int)code[0].size(),
        columns = j.pool.kind ? j.pool.w.out : 1;
    for (int image = 0; image < images; image++)
        for (int oy = 0; oy < rows; oy++)
            for (int ox = 0; ox < columns; ox++) {
                result out = {};
                for (int c = 0; c < COLS; c++) {
                    out.word[c % LANES] = j.pool.kind ? pooled(j, code[c], image, oy, ox) : code[c][oy];
                    out.last = oy == rows - 1 && ox == columns - 1 && c == COLS - 1;
                    if (c % LANES == LANES - 1)
                        y_stream.push_back(out);
                }
            }
}

// One column's sums leave the accumulator's bits, or those of one cell, if that takes few products: whoever
// does not notice it there has no help from a neighbour.
void make_loud(job &j, unsigned cell)
{
    unsigned column = cell % COLS, row = cell / COLS;
    uint32_t w = below(2) ? 1u << (W_BITS - 1) : (1u << (W_BITS - SIGNED)) - 1,
             x = below(2) ? 1u << (X_BITS - 1) : (1u << (X_BITS - SIGNED)) - 1;
    int64_t p = product(w, x, j.mode), limit = (int64_t)1 << (ACC_BITS - 1);
    unsigned a_pass = OUTPUT_STATIONARY ? 1 : ROWS - row;
    int64_t passes = p ? limit / (p < 0 ? -p : p) / a_pass + 1 : INT64_MAX;
    if (passes > (OUTPUT_STATIONARY ? 300 : 60))
        return;
    loud_x = { row, OUTPUT_STATIONARY ? row : ROWS - 1, x };
    loud_w = { column, column, w };
    quiet = true;
    j.dim_a = 1 + below(2);
    j.dim_b = (unsigned)passes + 1 + below(3);
}

int far_bit = -1;   // not negative: results around plus or minus 2^31 to 2^59, which are limited

job make_job(unsigned number, int cell = -1, unsigned dim_a = 0, unsigned dim_b = 0)
{
    job j = {};
    unsigned rows_max = ACC_DEPTH < 64 ? ACC_DEPTH : 64;
    if (OUTPUT_STATIONARY) {
        j.dim_a = 1 + below(TILES_MAX);
        j.dim_b = number % 8 == 2 ? 1 : 1 + below(40);
    } else {
        j.dim_a = number % 8 == 1 ? rows_max : number % 8 == 2 ? 1 : 1 + below(rows_max);
        j.dim_b = 1 + below(TILES_MAX);
    }
    j.mode = below(2) << 9 | (ORDER == 2 ? below(2) : (unsigned)ORDER) << 8;
    j.mode |= MODE_BITS_0 ? below(MODE_TOP_0 + 1) | below(MODE_TOP_1 + 1) << MODE_BITS_0 : below(256);
    quiet = below(3) == 0;
    loud_x = loud_w = none;
    if (dim_a) {
        j.dim_a = dim_a;
        j.dim_b = dim_b;
    }
    if (cell >= 0)
        make_loud(j, (unsigned)cell);
    unsigned tiles = OUTPUT_STATIONARY ? j.dim_a : j.dim_b, x_frame = OUTPUT_STATIONARY ? j.dim_b : j.dim_a,
             w_frame = OUTPUT_STATIONARY ? j.dim_b : (unsigned)ROWS;
    bool wide = far_bit >= 0 || below(3) == 0;   // all bits of everything, else values as networks have them
    j.zero = wide ? (int32_t)random32() : between(-150, 150);
    j.lo = wide ? (int32_t)(random32() | 1u << 31) : between(-300, 0);
    j.hi = wide ? (int32_t)(random32() >> 1) : between(0, 300);
    if (wide && below(2)) {         // of either sign
        j.hi = (int32_t)random32();
        j.lo = std::min(j.hi, (int32_t)random32());
    }
    for (int c = 0; c < COLS; c++) {
        j.bias[c] = wide ? (int32_t)random32() : between(-10000, 10000);
        j.mult[c] = (int32_t)(random32() >> 1 >> (wide ? below(31) : 0));
        j.shift[c] = wide ? between(1, 62) : between(28, 25 + X_BITS + W_BITS);
        j.wzero[c] = between(-256, 255);
    }
    if (!wide && below(3) == 0) {   // the lowest bits of results, at all shifts, of small and large factors
        j.mode &= 0x1ff;
        quiet = true;
        j.lo = INT32_MIN;
        j.hi = INT32_MAX;
        for (int c = 0; c < COLS; c++) {
            int bits = between(0, 30);
            j.shift[c] = below(2) ? between(1, 4) : 1 + (int)((number + 17 * c) % 62);
            int most = std::min(30, 29 - bits + j.shift[c]);
            j.bias[c] = between(-1 - (1 << most), 1 << most);
            j.mult[c] = (int32_t)(random32() >> 1 >> (30 - bits));
            if (below(2)) {         // runs of ones, through which carries go, with a gap below a sign
                int end = between(0, most);
                uint32_t ones = (1u << end) - (1u << between(0, end));
                j.mult[c] = 1 << bits;
                j.bias[c] = (int32_t)(below(2) ? ones : ones | ~0u << std::min(31, end + between(1, 2)));
            }
        }
    }
    if (far_bit >= 0) {
        j.mode &= 0x1ff;
        quiet = true;
        j.zero = 0;
        j.lo = INT32_MIN;
        j.hi = INT32_MAX;
        for (int c = 0; c < COLS; c++) {
            int bit = (far_bit / 2 + c) % 29;
            j.bias[c] = far_bit % 2 ? -(1 << 30) : 1 << 30;
            j.mult[c] = 1 << (bit + 2);
            j.shift[c] = 1;
        }
    }
    unsigned fault = below(8);
    if (fault == 0 && x_frame > 1)
        j.errors = X_EARLY;
    else if (fault == 1 && w_frame > 1)
        j.errors = W_EARLY;
    else if (fault == 2 || fault == 3)
        j.errors = fault == 2 ? X_LATE : W_LATE;
    auto x = frames(x_stream, tiles, x_frame, ROWS, X_BITS, loud_x, j.errors & X_EARLY, j.errors & X_LATE);
    auto w = frames(w_stream, tiles, w_frame, COLS, W_BITS, loud_w, j.errors & W_EARLY, j.errors & W_LATE);
    unsigned n_rows = OUTPUT_STATIONARY ? tiles * ROWS : j.dim_a;
    if (POOL_WIDTH && !wide && !(j.mode >> 9 & 1) && below(4)) {
        j.pool = make_pool((int)n_rows);
        j.lo = j.lo < -256 ? -256 : j.lo;
        j.hi = j.hi > 255 ? 255 : j.hi;
    }
    std::vector<std::vector<int32_t>> code(COLS);
    for (unsigned r = 0; r < n_rows; r++) {
        for (int c = 0; c < COLS; c++) {
            int64_t acc = 0;
            uint64_t sum = 0;
            accumulator cells{ true }, cells_x{ false }, bank{ true }, bank_x{ false };
            for (unsigned k = 0; k < (OUTPUT_STATIONARY ? j.dim_b : tiles * ROWS); k++) {
                unsigned row = OUTPUT_STATIONARY ? r / ROWS * j.dim_b + k : k / ROWS * j.dim_a + r;
                uint32_t a = x[row][OUTPUT_STATIONARY ? r % ROWS : k % ROWS];
                int64_t p = product(w[OUTPUT_STATIONARY ? row : k][c], a, j.mode);
                acc += p;
                sum += a;
                if (cells.add(p) | (ROW_SUM && cells_x.add(a)))
                    j.errors |= CELL_OVER;
                if (!OUTPUT_STATIONARY && k % ROWS == ROWS - 1) {
                    if (bank.add(cells.value) | (ROW_SUM && bank_x.add(cells_x.value)))
                        j.errors |= BANK_OVER;
                    cells.value = cells_x.value = 0;
                }
            }
            code[c].push_back(finish(j, c, acc, sum));
        }
    }
    send(j, code);
    return j;
}

// --- the clock --------------------------------------------------------------------------------

size_t x_at, w_at, y_at;
uint64_t moved;         // the cycle in which a stream last did
unsigned x_stall, w_stall, y_stall;    // of 100 cycles
bool y_waits, aborting;
result y_held;

result y_now()
{
    result y = {};
    memcpy(y.word, &top->m_axis_y_tdata, sizeof y.word);
    y.last = top->m_axis_y_tlast;
    return y;
}

bool same(const result &a, const result &b)
{
    return !memcmp(a.word, b.word, sizeof a.word) && a.last == b.last;
}

// One cycle: the streams move by themselves; the caller has set the register port and looks at it
// between the two halves.
void before_edge()
{
    if (!top->s_axis_x_tvalid && x_at < x_stream.size() && below(100) >= x_stall) {
        for (unsigned r = 0; r < ROWS; r++)
            for (unsigned b = 0; b < X_BYTES; b++)
                put(top->s_axis_x_tdata, r * X_BYTES + b, x_stream[x_at].value[r] >> 8 * b);
        top->s_axis_x_tlast = x_stream[x_at].last;
        top->s_axis_x_tvalid = 1;
    }
    if (!top->s_axis_w_tvalid && w_at < w_stream.size() && below(100) >= w_stall) {
        for (unsigned c = 0; c < COLS; c++)
            for (unsigned b = 0; b < W_BYTES; b++)
                put(top->s_axis_w_tdata, c * W_BYTES + b, w_stream[w_at].value[c] >> 8 * b);
        top->s_axis_w_tlast = w_stream[w_at].last;
        top->s_axis_w_tvalid = 1;
    }
    top->m_axis_y_tready = below(100) >= y_stall;
    top->eval();
    if (y_waits && !aborting && (!top->m_axis_y_tvalid || !same(y_now(), y_held)))
        failed("a result was withdrawn or changed before it was taken");
    y_held = y_now();
    y_waits = top->m_axis_y_tvalid && !top->m_axis_y_tready;
}

void after_edge()
{
    bool x_moves = top->s_axis_x_tvalid && top->s_axis_x_tready;
    bool w_moves = top->s_axis_w_tvalid && top->s_axis_w_tready;
    if (top->m_axis_y_tvalid && top->m_axis_y_tready) {
        if (y_at == y_stream.size())
            failed("a result that nobody asked for");
        result y = y_now();
        if (!same(y, y_stream[y_at])) {
            for (unsigned i = 0; i < LANES; i++)
                if (y.word[i] != y_stream[y_at].word[i])
                    printf("result beat %zu, word %u: %d, not %d\n", y_at, i, y.word[i],
                           y_stream[y_at].word[i]);
            failed("a wrong result");
        }
        y_at++;
    }
    if (x_moves || w_moves || (top->m_axis_y_tvalid && top->m_axis_y_tready))
        moved = cycle;
    top->clk_i = 1;
    top->eval();
    top->clk_i = 0;
    top->eval();            // inputs change later: what samples at this edge must not get away with it
    if (x_moves) {
        x_at++;
        top->s_axis_x_tvalid = 0;
    }
    if (w_moves) {
        w_at++;
        top->s_axis_w_tvalid = 0;
    }
    cycle++;
}

// True: SLVERR.
bool write_bad(unsigned address, uint32_t value, unsigned strobe = 15)
{
    bool bad = false, aw = true, w = true, b = false;
    top->s_axil_awaddr = address;
    top->s_axil_wdata = value;
    top->s_axil_wstrb = strobe;
    for (unsigned guard = 0; !b; guard++) {
        top->s_axil_awvalid = aw && (top->s_axil_awvalid || below(4));
        top->s_axil_wvalid = w && (top->s_axil_wvalid || below(4));
        top->s_axil_bready = below(4) != 0;
        before_edge();
        aw = aw && !(top->s_axil_awvalid && top->s_axil_awready);
        w = w && !(top->s_axil_wvalid && top->s_axil_wready);
        if (top->s_axil_bvalid && top->s_axil_bready) {
            b = true;
            bad = top->s_axil_bresp != 0;
        }
        after_edge();
        top->s_axil_awvalid = top->s_axil_awvalid && aw;
        top->s_axil_wvalid = top->s_axil_wvalid && w;
        if (guard > 10000)
            failed("no answer to a register write");
    }
    top->s_axil_bready = 0;
    return bad;
}

void write(unsigned address, uint32_t value)
{
    if (write_bad(address, value))
        failed("a register write was refused");
}

uint64_t read_cycle;    // in which the last value read was the register's

// True: SLVERR.
bool read_bad(unsigned address, uint32_t &value)
{
    bool bad = false, ar = true, r = false;
    top->s_axil_araddr = address;
    for (unsigned guard = 0; !r; guard++) {
        top->s_axil_arvalid = ar;
        top->s_axil_rready = below(4) != 0;
        before_edge();
        if (ar && top->s_axil_arready) {
            ar = false;
            read_cycle = cycle;
        }
        if (top->s_axil_rvalid && top->s_axil_rready) {
            r = true;
            value = top->s_axil_rdata;
            bad = top->s_axil_rresp != 0;
        }
        after_edge();
        top->s_axil_arvalid = ar;
        if (guard > 10000)
            failed("no answer to a register read");
    }
    top->s_axil_rready = 0;
    return bad;
}

uint32_t read(unsigned address)
{
    uint32_t value = 0;
    if (read_bad(address, value))
        failed("a register read was refused");
    return value;
}

void expect(unsigned address, uint32_t value)
{
    uint32_t seen = read(address);
    if (seen != value) {
        printf("register 0x%03x reads 0x%08x, not 0x%08x\n", address, seen, value);
        failed("a wrong register");
    }
}

void wait_for(uint32_t mask)    // bits of STATUS to be 0
{
    for (uint64_t began = cycle; read(STATUS) & mask;)
        if (cycle - (moved > began ? moved : began) > 50000)
            failed("nothing moves");
}

unsigned some_stall()
{
    static const unsigned percent[] = { 0, 0, 30, 90 };
    return percent[below(4)];
}

void check_errors(uint32_t expected)
{
    uint32_t seen = read(ERRORS);
    if (seen != expected) {
        printf("error flags 0x%03x, not 0x%03x\n", seen, expected);
        failed("wrong error flags");
    }
    write(ERRORS, 0x3ff);
}

void start(const job &j)
{
    write(MODE, j.mode);
    write(DIM_A, j.dim_a);
    write(DIM_B, j.dim_b);
    write(ZERO, (uint32_t)j.zero);
    write(LO, (uint32_t)j.lo);
    write(HI, (uint32_t)j.hi);
    for (unsigned c = 0; c < COLS; c++) {
        write(COLUMN + 16 * c, (uint32_t)j.bias[c]);
        write(COLUMN + 16 * c + 4, (uint32_t)j.mult[c]);
        write(COLUMN + 16 * c + 8, (uint32_t)j.shift[c]);
        write(COLUMN + 16 * c + 12, (uint32_t)j.wzero[c]);
    }
    if (POOL_WIDTH) {
        const pooling &p = j.pool;
        write(POOL, p.kind | 0x100);
        if (p.kind) {
            const int32_t set[] = { p.w.kernel << 16 | p.h.kernel, p.w.stride << 16 | p.h.stride,
                p.w.pad << 16 | p.h.pad, p.w.in << 16 | p.h.in, p.w.out << 16 | p.h.out, p.count, p.zero,
                p.lo, p.hi };
            for (unsigned i = 0; i < sizeof set / sizeof set[0]; i++)
                write(POOL + 4 + 4 * i, (uint32_t)set[i]);
            for (unsigned i = 0; i < TAPS; i++) {
                write(POOL_TAPS + 8 * i, (uint32_t)p.mult[i]);
                write(POOL_TAPS + 8 * i + 4, (uint32_t)p.shift[i]);
            }
        }
    }
    write(CTRL, 1);
}

// --- registers -----------------------------------------------------------------------------------

struct set_up {
    unsigned address;
    uint32_t mask, value;
    int sign;               // highest bit of a value that reads sign-extended, else 0
};

uint32_t reads(const set_up &s)
{
    return s.sign && s.value >> s.sign & 1 ? s.value | ~s.mask : s.value;
}

bool is_there(unsigned word, bool to_write)
{
    if (word >= COLUMN / 4)
        return word < COLUMN / 4 + 4 * COLS;
    if (POOL_WIDTH && ((word >= POOL / 4 - !to_write && word <= 0x2a) ||
                       (word >= POOL_TAPS / 4 && word < POOL_TAPS / 4 + 2 * TAPS)))
        return true;
    return to_write ? word == 8 || (word >= 10 && word <= 17)
                    : word <= 5 || (word >= 8 && word <= 17) || (word >= 20 && word <= 24);
}

void check_registers()
{
    std::vector<set_up> set = { { MODE, 0x2ffu | (ORDER == 2) << 8, 0, 0 }, { DIM_A, ~0u, 0, 0 },
        { DIM_B, ~0u, 0, 0 }, { ZERO, ~0u, 0, 0 }, { LO, ~0u, 0, 0 }, { HI, ~0u, 0, 0 },
        { TIMEOUT, ~0u, 0, 0 } };
    for (unsigned c = 0; c < COLS; c++)
        for (unsigned i = 0; i < 4; i++)
            set.push_back({ COLUMN + 16 * c + 4 * i, i < 2 ? ~0u : i == 2 ? 0x3fu : 0x1ffu, 0,
                            i == 3 ? 8 : 0 });
    if (POOL_WIDTH)
        for (unsigned i = 0; i < TAPS; i++) {
            set.push_back({ POOL_TAPS + 8 * i, ~0u, 0, 0 });
            set.push_back({ POOL_TAPS + 8 * i + 4, 0x3f, 0, 0 });
        }
    uint32_t order = ORDER == 1 ? 0x100 : 0;
    for (const set_up &s : set)
        write(s.address, 0);
    for (unsigned turn = 0; turn < 6; turn++) {
        for (set_up &s : set) {
            uint32_t value = random32(), bytes = 0;
            unsigned strobe = turn ? below(16) : 15;
            for (unsigned b = 0; b < 4; b++)
                bytes |= strobe >> b & 1 ? 0xffu << 8 * b : 0;
            if (write_bad(s.address, value, strobe))
                failed("a register write was refused");
            s.value = (s.value & ~bytes) | (value & bytes & s.mask);
        }
        for (const set_up &s : set)
            expect(s.address, reads(s) | (s.address == MODE ? order : 0));
    }
    expect(0x00, 0x41584d31);
    expect(0x08, COLS << 16 | ROWS);
    expect(0x0c, OUTPUT_STATIONARY | SIGNED << 1 | ROW_SUM << 2 | (MODE_BITS_0 > 0) << 3 | ORDER << 4 |
           (POOL_WIDTH > 0) << 6 | LANES << 8);
    expect(0x10, OUTPUT_STATIONARY ? 0 : ACC_DEPTH);
    expect(0x14, ACC_BITS << 16 | W_BITS << 8 | X_BITS);
    if (read(0x04) >> 16 != 1)
        failed("another VERSION");
    expect(CTRL, 0);
    expect(STATUS, 0);
    check_errors(0);
    for (unsigned word = 0; word < 1024; word++) {
        uint32_t value;
        if (read_bad(4 * word, value) == is_there(word, false) ||
            !read_bad(4 * word + 1 + below(3), value))
            failed("a read was taken or refused that should not be");
        check_errors(128);
        if (!is_there(word, true) && !write_bad(4 * word, random32()))
            failed("a write was taken that should not be");
        if (!write_bad(4 * word + 1 + below(3), random32()))
            failed("a write to an odd address was taken");
        check_errors(128);
    }
    for (const set_up &s : set)
        expect(s.address, reads(s) | (s.address == MODE ? order : 0));
    write(TIMEOUT, 0);
    write(MODE, 0);
    write(DIM_B, 1);
    for (uint32_t a = 0; a < 33; a++) {
        uint32_t dim = a ? 1u << (a - 1) : 0;
        if (dim && (OUTPUT_STATIONARY || dim <= ACC_DEPTH))
            continue;
        write(DIM_A, dim);
        write(CTRL, 1);
        expect(STATUS, 0);
        check_errors(16);
    }
    write(DIM_A, 1);
    write(DIM_B, 0);
    write(CTRL, 1);
    expect(STATUS, 0);
    check_errors(16);
}

// --- jobs that do not end by themselves, and counters ---------------------------------------------

void steps(unsigned n)
{
    while (n--) {
        before_edge();
        after_edge();
    }
}

void stalls(unsigned x, unsigned w, unsigned y)
{
    x_stall = x;
    w_stall = w;
    y_stall = y;
}

// What the streams still hold is dropped, as a host must after an abort.
void drop()
{
    top->s_axis_x_tvalid = top->s_axis_w_tvalid = 0;
    x_at = x_stream.size();
    w_at = w_stream.size();
    y_at = y_stream.size();
}

unsigned jobs_ended;

void is_idle()
{
    uint32_t status = read(STATUS), ended = status >> 16;
    if (status & 0xffff || (ended != jobs_ended && ended != ((jobs_ended + 1) & 0xffff)))
        failed("STATUS is wrong after an abort");
    jobs_ended = ended;    // the job may have ended before
    if (top->m_axis_y_tvalid)
        failed("results after an abort");
    write(ERRORS, 0x3ff);
}

void abort_job()
{
    aborting = true;
    write(CTRL, 2);
    drop();
    aborting = false;
    is_idle();
}

// To the end, with results.
void run_whole(const job &j)
{
    start(j);
    wait_for(3);
    if (y_at != y_stream.size() || x_at != x_stream.size() || w_at != w_stream.size())
        failed("a job left beats over");
    check_errors(j.errors);
    jobs_ended = (jobs_ended + 1) & 0xffff;
}

// A counter moves with the clock, or stands still.
void check_counter(unsigned address, bool moves)
{
    uint32_t first = read(address);
    uint64_t at = read_cycle;
    steps(below(40));
    uint32_t second = read(address);
    if (second - first != (moves ? read_cycle - at : 0)) {
        printf("counter 0x%03x: %u in %llu cycles\n", address, second - first,
               (unsigned long long)(read_cycle - at));
        failed("a wrong counter");
    }
}

void check_counters(bool busy, bool x, bool w, bool y)
{
    expect(CYCLES + 4, 0);
    check_counter(CYCLES, busy);
    check_counter(STALL_X, x);
    check_counter(STALL_W, w);
    check_counter(STALL_Y, y);
}

// Sums that leave the accumulator's bits, a cell at a time.
void check_overflows()
{
    stalls(0, 0, 0);
    for (unsigned i = 0; i < ROWS * COLS && i < 64; i++)
        run_whole(make_job(0, (int)(ROWS * COLS > 64 ? below(ROWS * COLS) : i)));
}

// Each bit of a result that is too large, alone.
void check_limits()
{
    stalls(0, 0, 0);
    for (far_bit = 0; far_bit < 58; far_bit++)
        run_whole(make_job(0, -1, OUTPUT_STATIONARY ? 1 : 4, OUTPUT_STATIONARY ? 2 : 1));
    far_bit = -1;
}

// At any moment, results taken or not; the job after it is as if nothing had been.
void check_aborts()
{
    for (unsigned i = 0; i < 40; i++) {
        stalls(0, 0, i % 2 ? 100 : 0);
        start(make_job(0));
        steps(below(60));
        abort_job();
        if (i % 4 == 0) {
            y_stall = 0;
            run_whole(make_job(0));
        }
    }
}

void check_stalls()
{
    check_counters(false, false, false, false);
    for (unsigned dry = 0; dry < 2; dry++) {
        stalls(dry ? 0 : 100, dry ? 100 : 0, 0);
        start(make_job(0));
        steps(100);
        check_counters(true, !dry, dry, false);
        write(CTRL, 4);
        if (read(dry ? STALL_X : STALL_W) || read(dry ? STALL_W : STALL_X) > 100 || read(CYCLES) > 200)
            failed("counters were not cleared");
        abort_job();
    }
    stalls(0, 0, 100);
    job j = OUTPUT_STATIONARY ? make_job(1, -1, 1 + 12 / ROWS, 1 + below(8)) : make_job(1);
    start(j);
    steps(600 + 8 * (ROWS + COLS) + (POOL_WIDTH ? 1200 * BEATS : 0));
    if (j.dim_a * (OUTPUT_STATIONARY ? ROWS : 1) > 10 && !POOL_WIDTH)    // more than find room
        check_counters(true, false, false, true);
    expect(STATUS, jobs_ended << 16 | 1);
    job next = make_job(2);
    start(next);                        // waits, and keeps its set-up
    expect(STATUS, jobs_ended << 16 | 3);
    write(ERRORS, 0x3ff);
    for (unsigned a = MODE; a <= HI; a += 4)
        if (!write_bad(a, random32()))
            failed("the set-up of a job that waits was written");
    for (unsigned c = 0; c < 4 * COLS; c++)
        if (!write_bad(COLUMN + 4 * c, random32()))
            failed("the set-up of a job that waits was written");
    check_errors(128);
    write(CTRL, 1);
    check_errors(16);
    y_stall = 0;
    wait_for(3);
    if (y_at != y_stream.size())
        failed("results are missing");
    jobs_ended = (jobs_ended + 2) & 0xffff;
    expect(STATUS, jobs_ended << 16);
    write(ERRORS, 0x3ff);
}

// Jobs of many tiles, and dimensions of all bits: what ends too early gives results that nobody asked for.
void check_long_jobs()
{
    stalls(0, 0, 0);
    if (OUTPUT_STATIONARY) {
        run_whole(make_job(0, -1, (ROWS > 8 ? 256 : 2048) + below(64), 1 + below(2)));
        run_whole(make_job(0, -1, 1, 4096 + below(64)));
    } else {
        run_whole(make_job(0, -1, 1 + below(2), 256 + below(64)));
    }
    for (unsigned bit = 8; bit < 32; bit++)
        for (unsigned tiles = 0; tiles <= OUTPUT_STATIONARY; tiles++) {
            job j;
            do {
                drop();
                j = make_job(0);
            } while (j.pool.kind);
            (tiles ? j.dim_a : j.dim_b) += 1u << bit;
            y_stream.back().last = false;
            if (!tiles)
                y_stream.resize(y_at);
            start(j);
            steps(bit < 16 ? 200 : 60);
            expect(STATUS, jobs_ended << 16 | 1);
            abort_job();
        }
}

// TIMEOUT cycles in a row, exactly: two more pass from the first one until the job has gone.
void check_timeouts()
{
    stalls(100, 100, 0);
    for (unsigned bit = 0; bit < 32; bit++) {
        bool whole = bit < 12;
        uint32_t limit = 1u << bit | below(1u << bit);
        write(CTRL, 4);
        write(TIMEOUT, limit);
        start(make_job(0));
        if (limit > 200)
            expect(STATUS, jobs_ended << 16 | 1);
        if (whole) {
            uint64_t began = cycle;
            while (read(STATUS) & 3)
                if (cycle - began > limit + 200)
                    failed("no time-out");
            drop();
            check_errors(256);
            expect(STALL_W, limit + 2);
            expect(STALL_X, OUTPUT_STATIONARY ? limit + 2 : 0);
            is_idle();
        } else {
            steps(20);
            expect(STATUS, jobs_ended << 16 | 1);
            check_errors(0);
            abort_job();
        }
    }
    for (unsigned bit = 0; bit < 12; bit++) {   // one that is over when it is written
        write(TIMEOUT, 0);
        start(make_job(0));
        unsigned waited = 1u << bit | below(1u << bit);
        steps(waited);
        expect(STATUS, jobs_ended << 16 | 1);
        write(TIMEOUT, 1 + below(waited));
        expect(STATUS, jobs_ended << 16);
        drop();
        check_errors(256);
    }
    write(TIMEOUT, 0);
}

}

int main(int argc, char **argv)
{
    seed = argc > 1 ? strtoul(argv[1], nullptr, 0) : 1;
    unsigned long jobs = argc > 2 ? strtoul(argv[2], nullptr, 0) : 40;
    random_state = seed;
    top.reset(new Vtb_top(&context));
    top->clk_i = 0;
    top->rst_ni = 0;
    top->eval();
    std::vector<job> job_list;
    for (unsigned i = 0; i < jobs; i++)
        job_list.push_back(make_job(i));
    before_edge();
    top->s_axis_x_tvalid = top->s_axis_w_tvalid = 0;
    after_edge();
    top->rst_ni = 1;
    uint32_t errors = 0;
    check_registers();
    for (const job &j : job_list) {
        wait_for(2);
        x_stall = some_stall();
        w_stall = some_stall();
        y_stall = some_stall();
        start(j);
        errors |= j.errors;
        if (below(4) == 0) {    // alone: else flags of many jobs come together
            wait_for(3);
            check_errors(errors);
            errors = 0;
        }
    }
    wait_for(3);
    if (y_at != y_stream.size() || x_at != x_stream.size() || w_at != w_stream.size())
        failed("beats are left over");
    if (read(STATUS) >> 16 != (jobs & 0xffff))
        failed("STATUS.JOBS is wrong");
    check_errors(errors);
    jobs_ended = (unsigned)jobs & 0xffff;
    check_overflows();
    check_limits();
    check_aborts();
    check_stalls();
    check_long_jobs();
    check_timeouts();
    stalls(0, 0, 0);
    run_whole(make_job(0));
    expect(STATUS, jobs_ended << 16);
    check_counters(false, false, false, false);
    write(CTRL, 4);
    for (unsigned a = CYCLES; a <= STALL_Y; a += 4)
        expect(a, 0);
    printf("PASS: %lu jobs, %zu result beats, %llu cycles, seed %lu\n", jobs, y_stream.size(),
           (unsigned long long)cycle, seed);
    return 0;
}
