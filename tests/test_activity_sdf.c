/* The activity engine against Icarus, and static timing against OpenSTA: ten
 * mapped circuits, simulated gate by gate from the library's own cell models
 * with OpenSTA's SDF.  More vectors with AXM_FULL. */
#include "tests/harness.h"

#include <math.h>

#include "base/file.h"
#include "base/proc.h"
#include "synth/characterise.h"

#define OSU018 "/usr/share/qflow/tech/osu018/osu018_stdcells"

static const struct {
    const char *spec;
    enum synth_mode mode;
} circuits[] = {
    { "exact8u", SYNTH_ADDERS },        { "scdm8s_x0_y0", SYNTH_ADDERS }, { "scdm8s_x5_y2", SYNTH_ADDERS },
    { "scdm8s_x8_y4", SYNTH_FLAT },     { "cdm8u_x7_y3", SYNTH_ADDERS },  { "drum8s_k4", SYNTH_ADDERS },
    { "mitchell8u", SYNTH_FLAT },       { "trunc8u_l2_m3", SYNTH_FLAT },  { "booth8s", SYNTH_ADDERS },
    { "wallace8s_cla", SYNTH_ADDERS },
};

enum { CIRCUITS = sizeof circuits / sizeof *circuits };

/* One circuit in a directory of its own: circuit.v, cells.v, circuit.sdf, vectors.hex. */
struct scene {
    struct liberty *lib;
    struct synth_result r;
    struct timing timing;
    uint64_t *vectors;
    size_t n;
    struct strbuf dir;
};

static void save(const struct scene *s, const char *name, const struct strbuf *text)
{
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/%s", s->dir.s, name);
    CHECK(file_write(path.s, text->s, text->len) == AXM_OK, "%s", axm_last_message());
    strbuf_release(&path);
}

/* The models' times are multiples of 10 ps as they come, and the SDF would be rounded to that. */
static void save_cells(const struct scene *s)
{
    static const char coarse[] = "1ns/10ps", fine[] = "1ns/1ps ";
    struct strbuf cells = { 0 };
    CHECK(file_read(OSU018 ".v", 1 << 24, &cells) == AXM_OK, "%s", axm_last_message());
    for (char *at = cells.s; (at = strstr(at, coarse)); )
        memcpy(at, fine, sizeof fine - 1);
    save(s, "cells.v", &cells);
    strbuf_release(&cells);
}

static void scene_init(struct scene *s, int i, size_t vectors)
{
    const char *spec = circuits[i].spec;
    struct mul_circuit c;
    struct mapped_opts conditions = { .input_slew_ns = 0.05, .output_load_pf = 0.01 };
    struct stimulus_opts stimulus = { .vectors = vectors, .seed = 40 + (uint64_t)i };
    struct strbuf sdf = { 0 }, text = { 0 };
    *s = (struct scene){ 0 };
    if (!file_exists(OSU018 ".lib") || !file_exists(OSU018 ".v"))
        SKIP("no " OSU018 ".lib or .v");
    for (int t = 0; t < 4; t++) {
        static const char *const tools[] = { "yosys", "sta", "iverilog", "vvp" };
        if (!proc_have(tools[t]))
            SKIP("no %s", tools[t]);
    }
    assert_int_equal(liberty_read(OSU018 ".lib", &s->lib), AXM_OK);
    struct synth_opts o = { .mode = circuits[i].mode, .lib = s->lib, .mapped = conditions };
    CHECK(mul_circuit_open(spec, &c) == AXM_OK, "%s", axm_last_message());
    CHECK(synth_run(c.text.s, c.top, &o, &s->r) == AXM_OK, "%s", axm_last_message());
    CHECK(timing_run(s->r.mapped, "circuit", &conditions, &s->timing, &sdf) == AXM_OK, "%s",
          axm_last_message());
    assert_int_equal(stimulus_vectors(&stimulus, s->r.mapped, c.is_signed, &s->vectors, &s->n), AXM_OK);
    mul_circuit_release(&c);
    assert_int_equal(file_scratch_dir(&s->dir), AXM_OK);
    save_cells(s);
    save(s, "circuit.sdf", &sdf);
    mapped_write_verilog(s->r.mapped, "circuit", &text);
    save(s, "circuit.v", &text);
    strbuf_reset(&text);
    assert_int_equal(activity_vector_words(s->r.mapped), 1);
    for (size_t v = 0; v < s->n; v++)
        strbuf_addf(&text, "%llx\n", (unsigned long long)s->vectors[v]);
    save(s, "vectors.hex", &text);
    strbuf_release(&text);
    strbuf_release(&sdf);
}

static void scene_release(struct scene *s)
{
    file_remove_tree(s->dir.s);
    strbuf_release(&s->dir);
    free(s->vectors);
    timing_release(&s->timing);
    synth_release(&s->r);
    liberty_free(s->lib);
}

/* Every net has a name in the bench: a bit of an input, or a net of the design. */
static void add_net(struct strbuf *text, const struct mapped *m, uint32_t net)
{
    for (int p = 0; p < m->n_ports; p++)
        for (int i = 0; i < m->port[p].width && !m->port[p].is_output; i++)
            if (m->port[p].net[i] == net) {
                strbuf_addf(text, "%s[%d]", m->port[p].name, i);
                return;
            }
    strbuf_addf(text, "dut.n%u", net);
}

static void write_bench(struct strbuf *text, const struct scene *s, bool timed)
{
    const struct mapped *m = s->r.mapped;
    int period_ns = (int)ceil(1.5 * m->delay_ns) + 1, bits = 0;
    struct strbuf inputs = { 0 };   /* the last port on the left, as in the vectors */
    strbuf_addf(text, "`timescale 1ns/1ps\nmodule bench;\n");
    for (int p = m->n_ports - 1; p >= 0; p--) {
        if (m->port[p].is_output)
            continue;
        strbuf_addf(text, "  reg [%d:0] %s;\n", m->port[p].width - 1, m->port[p].name);
        strbuf_addf(&inputs, "%s%s", bits ? ", " : "", m->port[p].name);
        bits += m->port[p].width;
    }
    strbuf_addf(text, "  circuit dut (");
    for (int p = 0, first = 1; p < m->n_ports; p++)
        if (!m->port[p].is_output) {
            strbuf_addf(text, "%s.%s(%s)", first ? "" : ", ", m->port[p].name, m->port[p].name);
            first = 0;
        }
    strbuf_addf(text, ");\n"
                      "  reg [%d:0] vector [0:%zu];\n  reg was [0:%d], is [0:%d];\n"
                      "  integer toggles [0:%d];\n  integer i, k;\n  reg counts;\n",
                bits - 1, s->n - 1, m->n_nets, m->n_nets, m->n_nets);
    if (timed)
        for (int net = 2; net < m->n_nets; net++) {
            strbuf_addf(text, "  always @(");
            add_net(text, m, (uint32_t)net);
            strbuf_addf(text, ") if (counts) toggles[%d] = toggles[%d] + 1;\n", net, net);
        }
    strbuf_addf(text, "  task look;\n    begin\n");
    for (int net = 2; net < m->n_nets && !timed; net++) {
        strbuf_addf(text, "      is[%d] = ", net);
        add_net(text, m, (uint32_t)net);
        strbuf_addf(text, ";\n");
    }
    strbuf_addf(text,
        "      for (k = 2; k < %d; k = k + 1) begin\n"
        "        if (counts && is[k] !== was[k]) toggles[k] = toggles[k] + 1;\n"
        "        was[k] = is[k];\n      end\n    end\n  endtask\n"
        "  initial begin\n%s"
        "    $readmemh(\"vectors.hex\", vector);\n"
        "    for (k = 0; k < %d; k = k + 1) toggles[k] = 0;\n"
        "    counts = 0;\n"
        "    for (i = 0; i < %zu; i = i + 1) begin\n"
        "      {%s} = vector[i];\n"
        "      #%d %s\n"
        "      counts = 1;\n"
        "    end\n"
        "    for (k = 2; k < %d; k = k + 1) $display(\"%%0d\", toggles[k]);\n"
        "  end\nendmodule\n",
        m->n_nets, timed ? "    $sdf_annotate(\"circuit.sdf\", dut);\n" : "", m->n_nets, s->n, inputs.s,
        period_ns, timed ? ";" : "look;", m->n_nets);
    strbuf_release(&inputs);
}

/* Toggles of every net, by Icarus. */
static void icarus_toggles(const struct scene *s, bool timed, uint64_t *toggles)
{
    /* OpenSTA writes (min::max): no typical delays. */
    const char *const compile_timed[] = { "iverilog", "-g2005", "-gspecify", "-Tmax", "-s", "bench",
                                          "-o", "run", "bench.v", "circuit.v", "cells.v", NULL };
    const char *const compile_zero[] = { "iverilog", "-g2005", "-s", "bench",
                                         "-o", "run", "bench.v", "circuit.v", "cells.v", NULL };
    const char *const run[] = { "vvp", "-n", "run", NULL };
    struct strbuf bench = { 0 }, log = { 0 }, out = { 0 };
    struct proc_opts compile = { .dir = s->dir.s, .out = &log, .err = &log };
    struct proc_opts simulate = { .dir = s->dir.s, .out = &out, .err = &log };
    write_bench(&bench, s, timed);
    save(s, "bench.v", &bench);
    CHECK(proc_run(timed ? compile_timed : compile_zero, &compile) == AXM_OK, "%s", axm_last_message());
    CHECK(proc_run(run, &simulate) == AXM_OK, "%s", axm_last_message());
    char *at = out.s;
    for (int net = 0; net < s->r.mapped->n_nets; net++)
        toggles[net] = net < 2 ? 0 : strtoull(at, &at, 10);
    CHECK(at && *at == '\n' && !at[1], "odd output of the bench: %s\n%s", out.s, log.s ? log.s : "");
    strbuf_release(&bench);
    strbuf_release(&log);
    strbuf_release(&out);
}

/* --- Icarus's rule for short pulses ------------------------------------------------ */

/* A copy of the cells with the delays of the SDF; free it. */
static struct mapped_cell *cells_with_sdf(const struct scene *s)
{
    const struct mapped *m = s->r.mapped;
    struct mapped_cell *cells = malloc(sizeof *cells * (size_t)m->n_cells);
    struct strbuf path = { 0 }, sdf = { 0 };
    int cell = -1, arcs = 0, read = 0;
    memcpy(cells, m->cell, sizeof *cells * (size_t)m->n_cells);
    strbuf_addf(&path, "%s/circuit.sdf", s->dir.s);
    CHECK(file_read(path.s, 1 << 26, &sdf) == AXM_OK, "%s", axm_last_message());
    for (char *line = strtok(sdf.s, "\n"); line; line = strtok(NULL, "\n")) {
        char in[32], out[32];
        double rise_ns, fall_ns;
        if (sscanf(line, " (INSTANCE u%d)", &cell) == 1 ||
            sscanf(line, " (IOPATH %31s %31s (%*f::%lf) (%*f::%lf))", in, out, &rise_ns, &fall_ns) != 4)
            continue;
        assert_in_range(cell, 0, m->n_cells - 1);
        bool is_output;
        int k = lib_cell_pin(cells[cell].lib, in, &is_output);
        int o = lib_cell_pin(cells[cell].lib, out, &is_output);
        cells[cell].arc[o][k].rise_ps = (uint32_t)lrint(rise_ns * 1e3);
        cells[cell].arc[o][k].fall_ps = (uint32_t)lrint(fall_ns * 1e3);
        read++;
    }
    for (int i = 0; i < m->n_cells; i++)
        arcs += cells[i].lib->n_in * cells[i].lib->n_out;
    assert_int_equal(read, arcs);
    strbuf_release(&path);
    strbuf_release(&sdf);
    return cells;
}

enum { DUE_MAX = 64 };

#define NEVER UINT32_MAX

/* Module paths as Icarus simulates them: every turn of the function's value
 * schedules one look at it, none is ever cancelled, and an output takes the
 * value that its function has when a look falls due.  So a pulse shorter than
 * the delay is swallowed, as in the engine, but a transition that is taken back
 * and made again arrives at the time of the first one, not of the last. */
struct replay {
    const struct mapped *m;
    const struct mapped_cell *cell;
    bool *value, *function, *changed;   /* [n_nets] */
    uint32_t (*due)[DUE_MAX];           /* [n_nets] looks under way, any order */
    int *n_due;
    uint64_t *toggles;
};

static bool replay_function(const struct replay *r, const struct mapped_cell *c, int o)
{
    unsigned state = 0;
    for (int k = 0; k < c->lib->n_in; k++)
        state |= (unsigned)r->value[c->in[k]] << k;
    return c->lib->output[o].truth >> state & 1;
}

static void replay_inputs(struct replay *r, uint64_t vector)
{
    int bit = 0;
    memset(r->changed, 0, (size_t)r->m->n_nets);
    for (int p = 0; p < r->m->n_ports; p++)
        for (int i = 0; i < r->m->port[p].width && !r->m->port[p].is_output; i++, bit++) {
            uint32_t net = r->m->port[p].net[i];
            r->changed[net] = r->value[net] != (vector >> bit & 1);
            r->value[net] = vector >> bit & 1;
        }
}

static void replay_turn(struct replay *r, const struct mapped_cell *c, int o, uint32_t now)
{
    uint32_t net = c->out[o], delay = NEVER;
    bool v = replay_function(r, c, o);
    if (v == r->function[net])
        return;
    r->function[net] = v;
    for (int k = 0; k < c->lib->n_in; k++) {
        uint32_t d = v ? c->arc[o][k].rise_ps : c->arc[o][k].fall_ps;
        if (r->changed[c->in[k]] && d < delay)
            delay = d;
    }
    assert_true(r->n_due[net] < DUE_MAX);
    r->due[net][r->n_due[net]++] = now + delay;
}

/* Looks that fall due at the next time; NEVER if there are none. */
static uint32_t replay_next(struct replay *r)
{
    uint32_t now = NEVER;
    for (int net = 0; net < r->m->n_nets; net++)
        for (int i = 0; i < r->n_due[net]; i++)
            now = r->due[net][i] < now ? r->due[net][i] : now;
    for (int net = 0; net < r->m->n_nets; net++) {
        int left = 0, before = r->n_due[net];
        for (int i = 0; i < before; i++)
            if (r->due[net][i] != now)
                r->due[net][left++] = r->due[net][i];
        r->n_due[net] = left;
        r->changed[net] = left < before && r->value[net] != r->function[net];
        r->value[net] ^= r->changed[net];
    }
    return now;
}

static void replay_toggles(const struct scene *s, uint64_t *toggles)
{
    const struct mapped *m = s->r.mapped;
    size_t nets = (size_t)m->n_nets;
    struct mapped_cell *cells = cells_with_sdf(s);
    struct replay r = { .m = m, .cell = cells, .value = calloc(nets, 1), .function = calloc(nets, 1),
                        .changed = calloc(nets, 1), .due = calloc(nets, sizeof *r.due),
                        .n_due = calloc(nets, sizeof *r.n_due), .toggles = toggles };
    r.value[1] = true;
    for (size_t v = 0; v < s->n; v++) {
        replay_inputs(&r, s->vectors[v]);
        if (v == 0) {
            for (int i = 0; i < m->n_cells; i++)
                for (int o = 0; o < cells[i].lib->n_out; o++) {
                    uint32_t net = cells[i].out[o];
                    r.value[net] = r.function[net] = replay_function(&r, &cells[i], o);
                }
            continue;
        }
        for (uint32_t now = 0; now != NEVER; now = replay_next(&r)) {
            for (size_t net = 0; net < nets; net++)
                toggles[net] += r.changed[net];
            for (int i = 0; i < m->n_cells; i++)
                for (int o = 0; o < cells[i].lib->n_out; o++)
                    replay_turn(&r, &cells[i], o, now);
        }
    }
    free(r.value);
    free(r.function);
    free(r.changed);
    free(r.due);
    free(r.n_due);
    free(cells);
}

/* --- the comparison ------------------------------------------------------------------- */

struct difference {
    uint64_t ours, icarus;
    double total, net_by_net;   /* parts of Icarus's toggles */
};

struct result {
    struct difference zero, liberty, replay;
    double sta_ns, ours_ns;
};

static struct difference compare(const uint64_t *ours, const uint64_t *icarus, int nets)
{
    struct difference d = { 0 };
    for (int i = 0; i < nets; i++) {
        d.ours += ours[i];
        d.icarus += icarus[i];
        d.net_by_net += fabs((double)ours[i] - (double)icarus[i]);
    }
    assert_true(d.icarus > 0);
    d.total = (double)d.ours / (double)d.icarus - 1;
    d.net_by_net /= (double)d.icarus;
    return d;
}

static struct result measure(int i)
{
    struct scene s;
    struct activity a;
    struct result r;
    scene_init(&s, i, getenv("AXM_FULL") ? 5000 : 400);
    int nets = s.r.mapped->n_nets;
    uint64_t *ours = calloc((size_t)nets, sizeof *ours), *icarus = calloc((size_t)nets, sizeof *icarus);
    uint64_t *replayed = calloc((size_t)nets, sizeof *replayed);
    icarus_toggles(&s, false, icarus);
    assert_int_equal(activity_run(s.r.mapped, s.vectors, s.n, DELAY_ZERO, &a, ours), AXM_OK);
    r.zero = compare(ours, icarus, nets);
    icarus_toggles(&s, true, icarus);
    assert_int_equal(activity_run(s.r.mapped, s.vectors, s.n, DELAY_LIBERTY, &a, ours), AXM_OK);
    r.liberty = compare(ours, icarus, nets);
    replay_toggles(&s, replayed);
    r.replay = compare(replayed, icarus, nets);
    r.sta_ns = s.timing.delay_ns;
    r.ours_ns = s.r.mapped->delay_ns;
    printf("%-14s %5d %6zu %8llu %+7.3f %7.3f %8llu %+7.3f %7.3f %+7.3f %7.3f %8.4f %+6.2f\n",
           circuits[i].spec, s.r.mapped->n_cells, s.n - 1, (unsigned long long)r.zero.icarus,
           100 * r.zero.total, 100 * r.zero.net_by_net, (unsigned long long)r.liberty.icarus,
           100 * r.liberty.total, 100 * r.liberty.net_by_net, 100 * r.replay.total,
           100 * r.replay.net_by_net, r.sta_ns, 100 * (r.ours_ns / r.sta_ns - 1));
    free(ours);
    free(icarus);
    free(replayed);
    scene_release(&s);
    return r;
}

/* Measured once for all tests.  Differences in percent: of the total, and the sum over the nets. */
static const struct result *results(void)
{
    static struct result r[CIRCUITS];
    static bool measured;
    if (measured)
        return r;
    printf("%27s %-24s %-24s %-15s %s\n", "", "zero delay", "liberty delay", "Icarus's rule",
           "critical path");
    printf("%-14s %5s %6s %8s %7s %7s %8s %7s %7s %7s %7s %8s %6s\n", "circuit", "cells", "steps", "icarus",
           "total", "nets", "icarus", "total", "nets", "total", "nets", "sta ns", "ours");
    for (int i = 0; i < CIRCUITS; i++)
        r[i] = measure(i);
    measured = true;
    return r;
}

TEST(test_activity_sdf__zero_delay_equals_icarus)
{
    const struct result *r = results();
    for (int i = 0; i < CIRCUITS; i++)
        CHECK(fabs(r[i].zero.total) <= 0.001 && r[i].zero.net_by_net <= 0.001, "%s", circuits[i].spec);
}

TEST(test_activity_sdf__liberty_delay_equals_icarus_with_sdf)
{
    const struct result *r = results();
    for (int i = 0; i < CIRCUITS; i++) {
        CHECK(fabs(r[i].liberty.total) <= 0.02, "%s", circuits[i].spec);
        CHECK(r[i].liberty.net_by_net <= 0.05, "%s", circuits[i].spec);
    }
}

/* What is left comes of Icarus's rule for short pulses: with it and OpenSTA's own
 * delays hardly a net differs. */
TEST(test_activity_sdf__rest_is_the_rule_for_short_pulses)
{
    const struct result *r = results();
    for (int i = 0; i < CIRCUITS; i++)
        CHECK(r[i].replay.net_by_net <= 0.002, "%s", circuits[i].spec);
}

TEST(test_activity_sdf__critical_path_equals_opensta)
{
    const struct result *r = results();
    for (int i = 0; i < CIRCUITS; i++)
        CHECK(fabs(r[i].ours_ns / r[i].sta_ns - 1) <= 0.02, "%s: %g ns, OpenSTA %g", circuits[i].spec,
              r[i].ours_ns, r[i].sta_ns);
}
