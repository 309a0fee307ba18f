// Drives the Verilated array (class Vaxm_top) through its AXI ports.  sim/array.c puts the array's
// dimensions before this text: ROWS, COLS, LANES, X_BYTES, W_BYTES, OUTPUT_STATIONARY,
// POOL_WIDTH, TABLE, and TRACE if waveforms can be asked for.
#include <algorithm>
#include <cstring>

namespace {

/* The clock has fallen.  Nothing waits for that but the test for the next edge, which in some versions of
 * Verilator has its last value here; else false, and it takes an eval(). */
template <class Model> auto clock_fell(Model *m, int) -> decltype(m->__Vtrigrprev__TOP__clk_i, bool())
{
    m->__Vtrigrprev__TOP__clk_i = 0;
    return true;
}

template <class Model> bool clock_fell(Model *, long)
{
    return false;
}

struct shim {
    VerilatedContext context;
    Vaxm_top top{&context};
    uint64_t cycles = 0;
    uint64_t random = 0;
    bool low = false;          // the model knows that the clock is
#ifdef TRACE
    VerilatedVcdC *vcd = nullptr;
    uint64_t trace_0 = 0, trace_from = 0, trace_to = 0;   // cycles

    void trace(unsigned ns)
    {
        if (vcd && cycles - trace_0 >= trace_from && cycles - trace_0 <= trace_to)
            vcd->dump((cycles - trace_0) * 10 + ns);
    }
#else
    void trace(unsigned) {}
#endif

    bool stalled(uint32_t share)   // true in `share` of 65536 cycles
    {
        if (!share)
            return false;
        random ^= random << 13;    // xorshift64 (Marsaglia 2003)
        random ^= random >> 7;
        random ^= random << 17;
        return (random >> 24 & 0xffff) < share;
    }

    void edge()
    {
        top.clk_i = 1;
        top.eval();
        trace(5);
        top.clk_i = 0;
        low = clock_fell(top.rootp, 0);
        cycles++;
    }

    void reset()
    {
        top.clk_i = 0;
        top.rst_ni = 0;
        top.s_axil_wstrb = 15;
        top.s_axil_bready = 1;
        top.s_axil_rready = 1;
        top.eval();
        edge();
        top.eval();
        top.rst_ni = 1;
        top.eval();
    }

    void settle()   // outputs follow the inputs
    {
        top.eval();
        trace(0);
    }

    // What a weight-stationary array's streams say comes from registers alone, and stands since the edge.
    void settle_streams()
    {
#ifdef TRACE
        settle();
#else
        if (OUTPUT_STATIONARY || !low)
            top.eval();
#endif
    }
};

// The register port: one access after the other, beside whatever the streams do.
struct registers {
    shim &s;
    struct access { unsigned offset; uint32_t value; bool read; };
    access queue[48 + 4 * COLS];
    int first = 0, last = 0;
    bool waiting = false;      // for the answer
    bool refused = false;
    uint32_t value = 0;        // last read

    explicit registers(shim &sim) : s(sim) {}
    bool idle() const { return first == last && !waiting; }
    bool asks() const { return first != last && !waiting; }
    void clear() { first = last = 0; }
    void write(unsigned offset, uint32_t v) { queue[last++] = { offset, v, false }; }
    void read(unsigned offset) { queue[last++] = { offset, 0, true }; }

    void present()   // before settle()
    {
        bool go = asks();
        bool reads = go && queue[first].read;
        s.top.s_axil_arvalid = reads;
        s.top.s_axil_awvalid = s.top.s_axil_wvalid = go && !reads;
        if (go) {
            s.top.s_axil_araddr = s.top.s_axil_awaddr = queue[first].offset;
            s.top.s_axil_wdata = queue[first].value;
        }
    }

    void sample()    // after settle(), before the edge
    {
        if (waiting) {
            if (s.top.s_axil_bvalid || s.top.s_axil_rvalid) {
                refused |= s.top.s_axil_bvalid ? s.top.s_axil_bresp != 0 : s.top.s_axil_rresp != 0;
                if (s.top.s_axil_rvalid)
                    value = s.top.s_axil_rdata;
                waiting = false;
                first++;
            }
        } else if (first != last && (queue[first].read ? s.top.s_axil_arready : s.top.s_axil_awready)) {
            waiting = true;
        }
    }
};

template <class Port> void put(Port &port, size_t byte, unsigned value)
{
    reinterpret_cast<uint8_t *>(&port)[byte] = value;
}

bool access(shim &s, registers &r)
{
    s.top.s_axis_w_tvalid = s.top.s_axis_x_tvalid = s.top.m_axis_y_tready = 0;
    for (int guard = 0; guard < 1000 && !r.idle(); guard++) {
        r.present();
        s.settle();
        r.sample();
        s.edge();
    }
    return r.idle() && !r.refused;
}

enum { CTRL = 0x20, STATUS = 0x24, MODE = 0x2c, DIM_A = 0x30, DIM_B = 0x34, ZERO = 0x38, LO = 0x3c, HI = 0x40,
       POOL = 0x84, POOL_KERNEL = 0x88, POOL_COUNT = 0x9c, POOL_ZERO = 0xa0, POOL_TAPS = 0x100,
       COLUMNS = 0x400, BEATS = COLS / LANES };

// Where a stream stands: which job, and how many beats of it are through.
struct place {
    uint64_t job = 0, beat = 0, tile = 0, in_tile = 0;

    void advance(uint64_t tile_beats, uint64_t job_beats)
    {
        beat++;
        if (++in_tile == tile_beats) {
            in_tile = 0;
            tile++;
        }
        if (beat == job_beats) {
            job++;
            beat = tile = in_tile = 0;
        }
    }
};

// Byte b of word i becomes byte i of word b.
void transpose(uint64_t w[8])
{
    const uint64_t mask[] = { 0x00000000ffffffff, 0x0000ffff0000ffff, 0x00ff00ff00ff00ff };
    for (unsigned half = 4, level = 0; half; half /= 2, level++)
        for (unsigned i = 0; i < 8; i++)
            if (!(i & half)) {
                uint64_t swap = (w[i] >> 8 * half ^ w[i + half]) & mask[level];
                w[i + half] ^= swap;
                w[i] ^= swap << 8 * half;
            }
}

struct product {
    const array_run &r;
    uint64_t k_tiles;
    // Eight beats of activations, which lie K by K in memory, of a weight-stationary array.
    mutable uint64_t ahead[(ROWS + 7) / 8][8];

    explicit product(const array_run &run) : r(run), k_tiles((run.k + ROWS - 1) / ROWS) {}

    uint64_t row_tiles(const array_job &j) const { return (j.m_count + ROWS - 1) / ROWS; }
    uint64_t w_tile() const { return OUTPUT_STATIONARY ? r.k : ROWS; }
    uint64_t w_beats(const array_job &j) const { return OUTPUT_STATIONARY ? row_tiles(j) * r.k : k_tiles *
        ROWS; }
    uint64_t x_tile(const array_job &j) const { return OUTPUT_STATIONARY ? r.k : j.m_count; }
    uint64_t x_beats(const array_job &j) const
    {
        return OUTPUT_STATIONARY ? row_tiles(j) * r.k : k_tiles * j.m_count;
    }
    bool pooled() const { return r.pool_kind != 0; }
    // Pooled results do not say which job they are from: all jobs on the same columns count as one.
    bool first_of_columns(uint64_t job) const { return job == 0 || r.job[job - 1].n_0 != r.job[job].n_0; }
    uint64_t last_of_columns(uint64_t job) const
    {
        while (job + 1 < r.jobs && !first_of_columns(job + 1))
            job++;
        return job;
    }
    uint64_t y_beats(const array_job &j) const
    {
        if (pooled())
            return r.images * r.pool_out * BEATS;
        return (OUTPUT_STATIONARY ? row_tiles(j) * ROWS : j.m_count) * BEATS;
    }

    void w_beat(Vaxm_top &top, const place &p) const
    {
        const array_job &j = r.job[p.job];
        uint64_t k = OUTPUT_STATIONARY ? p.in_tile : p.beat;
        for (unsigned c = 0; c < COLS; c++) {
            uint64_t n = j.n_0 + c;
            put(top.s_axis_w_tdata, c * W_BYTES, n < r.n && k < r.k ? r.w[n * r.k + k] : 0);
        }
        top.s_axis_w_tlast = p.in_tile + 1 == w_tile();
    }

    void fetch_ahead(const place &p) const
    {
        const array_job &j = r.job[p.job];
        uint64_t beats = std::min<uint64_t>(8, j.m_count - p.in_tile);
        for (unsigned i = 0; i < sizeof ahead / sizeof ahead[0][0]; i++) {
            uint64_t k = p.tile * ROWS + i, &word = ahead[i / 8][i % 8];
            word = 0;
            if (i < ROWS && k < r.k) {
                const uint8_t *from = r.x + k * r.x_stride + j.m_0 + p.in_tile;
                if (beats == 8)
                    memcpy(&word, from, 8);   // one load
                else
                    memcpy(&word, from, beats);
            }
        }
        for (auto &words : ahead)
            transpose(words);
    }

    void x_beat(Vaxm_top &top, const place &p) const
    {
        const array_job &j = r.job[p.job];
        if (!OUTPUT_STATIONARY && X_BYTES == 1) {
            if (p.in_tile % 8 == 0)
                fetch_ahead(p);
            for (unsigned i = 0; i < ROWS; i += 8)
                memcpy(reinterpret_cast<uint8_t *>(&top.s_axis_x_tdata) + i, &ahead[i / 8][p.in_tile % 8],
                       ROWS - i < 8 ? ROWS - i : 8);
        } else if (OUTPUT_STATIONARY) {
            const uint8_t *row = r.x + p.in_tile * r.x_stride + j.m_0;
            for (unsigned i = 0; i < ROWS; i++) {
                uint64_t m = p.tile * ROWS + i;
                put(top.s_axis_x_tdata, i * X_BYTES, m < j.m_count ? row[m] : 0);
            }
        } else {
            for (unsigned i = 0; i < ROWS; i++) {
                uint64_t k = p.tile * ROWS + i;
                put(top.s_axis_x_tdata, i * X_BYTES, k < r.k ? r.x[k * r.x_stride + j.m_0 + p.in_tile] : 0);
            }
        }
        top.s_axis_x_tlast = p.in_tile + 1 == x_tile(j);
    }

    void y_beat(const Vaxm_top &top, const place &p) const
    {
        const array_job &j = r.job[p.job];
        uint64_t row = p.beat / BEATS, n = j.n_0 + p.beat % BEATS * LANES;
        if (!pooled() && row >= j.m_count)
            return;
        int32_t word[LANES];
        memcpy(word, &top.m_axis_y_tdata, sizeof word);
        for (unsigned i = 0; i < LANES && n + i < r.n; i++)
            r.y[(n + i) * r.y_stride + (pooled() ? 0 : j.m_0) + row] = word[i];
    }

    // Out of line: inside the loop it made the whole run 12 % slower.
    __attribute__((noinline, cold)) void watch(array_run &run, const place &p, uint64_t cycle) const
    {
        const array_job &j = r.job[p.job];
        uint64_t n = j.n_0 + p.beat % BEATS * LANES, row = p.beat / BEATS;
        if ((pooled() ? 0 : j.m_0) + row == r.watch_m && n <= r.watch_n && r.watch_n < n + LANES &&
            (pooled() || row < j.m_count))
            run.watch_cycle = cycle;
    }

    void set_up_pool(registers &regs, uint64_t job) const
    {
        if (!POOL_WIDTH || (!pooled() && job != 0))
            return;
        regs.write(POOL, r.pool_kind | (uint32_t)first_of_columns(job) << 8);
        if (!pooled())
            return;
        regs.write(POOL_COUNT, r.job[job].m_count);
        if (job != 0)
            return;
        for (unsigned i = 0; i < 8; i++)
            regs.write(i < 5 ? POOL_KERNEL + 4 * i : POOL_ZERO + 4 * (i - 5), r.pool_register[i]);
        for (unsigned i = 0; i < r.pool_taps; i++) {
            regs.write(POOL_TAPS + 8 * i, r.pool_mult[i]);
            regs.write(POOL_TAPS + 8 * i + 4, r.pool_shift[i]);
        }
    }

    void set_up(registers &regs, uint64_t job) const
    {
        const array_job &j = r.job[job];
        regs.clear();
        regs.write(DIM_A, OUTPUT_STATIONARY ? row_tiles(j) : j.m_count);
        if (job == 0) {
            regs.write(MODE, r.mode);
            regs.write(DIM_B, OUTPUT_STATIONARY ? r.k : k_tiles);
            regs.write(ZERO, r.zero);
            regs.write(LO, r.lo);
            regs.write(HI, r.hi);
        }
        set_up_pool(regs, job);
        if (first_of_columns(job))
            for (unsigned c = 0; c < COLS && j.n_0 + c < r.n; c++) {
                uint64_t n = j.n_0 + c;
                regs.write(COLUMNS + 16 * c, r.bias[n]);
                regs.write(COLUMNS + 16 * c + 4, r.mult[n]);
                regs.write(COLUMNS + 16 * c + 8, r.shift[n]);
                regs.write(COLUMNS + 16 * c + 12, r.wzero[n]);
            }
        regs.write(CTRL, 1);
        regs.read(STATUS);
    }
};

const char *run(shim &s, array_run &r)
{
    Vaxm_top &top = s.top;
    product p(r);
    registers regs(s);
    place w, x, y;
    uint64_t set_up = 0, began = s.cycles, limit = began + r.cycle_limit;
    bool w_held = false, x_held = false, pending = false, w_fresh = true, x_fresh = true;
    s.random = r.seed * 2 + 1;
    uint64_t image_beats = r.pool_out * BEATS;
    while (y.job < r.jobs || (p.pooled() && (w.job < r.jobs || x.job < r.jobs))) {
        // A job is set up as soon as the one before has been taken.
        if (regs.idle()) {
            if (pending && (regs.value & 2)) {
                regs.clear();
                regs.read(STATUS);
            } else if (set_up < r.jobs) {
                p.set_up(regs, set_up++);
                pending = true;
            }
        }
        regs.present();
        bool w_valid = w.job < r.jobs && w.job < set_up && (w_held || !s.stalled(r.stall[0]));
        bool x_valid = x.job < r.jobs && x.job < set_up && (x_held || !s.stalled(r.stall[1]));
        bool y_ready = !s.stalled(r.stall[2]);
        if (w_valid && w_fresh)
            p.w_beat(top, w);
        if (x_valid && x_fresh)
            p.x_beat(top, x);
        w_fresh = w_fresh && !w_valid;
        x_fresh = x_fresh && !x_valid;
        top.s_axis_w_tvalid = w_valid;
        top.s_axis_x_tvalid = x_valid;
        top.m_axis_y_tready = y_ready;
        if (regs.asks())
            s.settle();
        else
            s.settle_streams();
        regs.sample();
        if (regs.refused)
            return "a register access was refused";
        bool w_moves = w_valid && top.s_axis_w_tready, x_moves = x_valid && top.s_axis_x_tready;
        if (y_ready && top.m_axis_y_tvalid) {
            if (y.job >= r.jobs)
                return "a result that nobody asked for";
            p.y_beat(top, y);
            if (__builtin_expect(r.watch_n != UINT64_MAX, 0))
                p.watch(r, y, s.cycles - began);
            uint64_t job = y.job, beats = p.y_beats(r.job[job]);
            y.advance(p.pooled() ? image_beats : beats, beats);
            if ((p.pooled() ? y.in_tile == 0 : y.job != job) != (top.m_axis_y_tlast != 0))
                return "tlast does not mark the end of a job's or an image's results";
            if (p.pooled() && y.job != job)
                y.job = p.last_of_columns(job) + 1;
        }
        if (w_moves) {
            w.advance(p.w_tile(), p.w_beats(r.job[w.job]));
            w_fresh = true;
        }
        if (x_moves) {
            x.advance(p.x_tile(r.job[x.job]), p.x_beats(r.job[x.job]));
            x_fresh = true;
        }
        w_held = w_valid && !w_moves;
        x_held = x_valid && !x_moves;
        s.edge();
        if (s.cycles > limit)
            return "no end within the cycles that would be plenty";
    }
    // What the last job drops may still be on its way.
    bool busy = p.pooled();
    top.s_axis_w_tvalid = top.s_axis_x_tvalid = 0;
    while (!regs.idle() || busy) {
        if (regs.idle()) {
            regs.clear();
            regs.read(STATUS);
        }
        regs.present();
        s.settle();
        regs.sample();
        if (p.pooled() && top.m_axis_y_tvalid)
            return "a result that nobody asked for";
        s.edge();
        if (regs.idle() && !(regs.value & 3))
            busy = false;
        if (s.cycles > limit)
            return "no end within the cycles that would be plenty";
    }
    if (w.job != r.jobs || x.job != r.jobs)
        return "results ended before the operands";
    return nullptr;
}

}

extern "C" {

int axm_array_placed = 0;   // the driver's: this code has been moved

void *axm_array_new()
{
    shim *s = new shim;
#ifdef TRACE
    s->context.traceEverOn(true);
#endif
    s->reset();
    return s;
}

void axm_array_free(void *sim)
{
    shim *s = static_cast<shim *>(sim);
    Verilated::threadContextp(&s->context);   // else that of the latest one, which may be gone
    delete s;
}

void axm_array_run(void *sim, array_run *r)
{
    shim &s = *static_cast<shim *>(sim);
    uint64_t before = s.cycles;
    r->watch_cycle = UINT64_MAX;
#ifdef TRACE
    VerilatedVcdC vcd;
    if (r->trace_file) {
        s.top.trace(&vcd, 99);
        vcd.open(r->trace_file);
        s.vcd = &vcd;
        s.trace_0 = before;
        s.trace_from = r->trace_from;
        s.trace_to = r->trace_to;
    }
#endif
    r->failure = run(s, *r);
    r->cycles = s.cycles - before;
#ifdef TRACE
    if (s.vcd && !vcd.isOpen())
        r->failure = "its waveform cannot be written";
    s.vcd = nullptr;
    vcd.close();
#endif
}

int axm_array_access(void *sim, unsigned offset, uint32_t *value, int write)
{
    shim &s = *static_cast<shim *>(sim);
    registers r(s);
    if (write)
        r.write(offset, *value);
    else
        r.read(offset);
    bool ok = access(s, r);
    if (!write)
        *value = r.value;
    return ok;
}

void axm_array_table(void *sim, const uint16_t *table, size_t n)
{
#ifdef TABLE
    shim &s = *static_cast<shim *>(sim);
    for (size_t i = 0; i < n; i++)
        s.top.rootp->TABLE[i] = table[i];
#else
    (void)sim;
    (void)table;
    (void)n;
#endif
}

}
