/* Measuring: nothing twice, and again as soon as anything that decides it changes. */
#include "tests/sim_fixture.h"

#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "synth/characterise.h"
#include "tests/capture.h"

#define OSU018 "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"
#define OSU035 "/usr/share/qflow/tech/osu035/osu035_stdcells.lib"

static struct liberty *need(const char *path)
{
    struct liberty *l;
    if (!proc_have("yosys") || !proc_have("sta"))
        SKIP("no yosys or no sta");
    if (access(path, R_OK))
        SKIP("no %s", path);
    assert_int_equal(liberty_read(path, &l), AXM_OK);
    return l;
}

static struct characterise_opts conditions(const struct liberty *lib)
{
    return (struct characterise_opts){ .lib = lib, .mode = SYNTH_ADDERS, .tools = "versions",
                                       .mapped = { .input_slew_ns = 0.1, .output_load_pf = 0.02 },
                                       .stimulus = { .seed = 1, .vectors = 500 } };
}

static struct mul_circuit circuit_of(const char *spec)
{
    struct mul_circuit c;
    CHECK(mul_circuit_open(spec, &c) == AXM_OK, "%s", axm_last_message());
    return c;
}

static bool is_fresh(const char *spec, const struct characterise_opts *o, struct measurement *m)
{
    struct mul_circuit c = circuit_of(spec);
    bool fresh;
    CHECK(characterise(&c, o, m, &fresh) == AXM_OK, "%s", axm_last_message());
    mul_circuit_release(&c);
    return fresh;
}

TEST(test_characterise__measures_once_per_condition)
{
    struct liberty *lib = need(OSU018), *other = need(OSU035);
    struct strbuf path = { 0 };
    struct measurement first, again;
    assert_int_equal(file_scratch_dir(&path), AXM_OK);
    size_t dir = path.len;
    strbuf_adds(&path, "/r.sqlite");
    struct characterise_opts o = conditions(lib), changed;
    assert_int_equal(store_open(path.s, &o.store), AXM_OK);
    assert_true(is_fresh("trunc4u_l1_m1", &o, &first));
    assert_false(is_fresh("trunc4u_l1_m1", &o, &again));
    assert_memory_equal(&first, &again, sizeof first);
    assert_true(is_fresh("trunc4u_l1_m2", &o, &again));

    changed = o, changed.stimulus.seed = 2;
    assert_true(is_fresh("trunc4u_l1_m1", &changed, &again));
    assert_true(again.area_um2 == first.area_um2 && again.energy_pj[1] != first.energy_pj[1]);
    changed = o, changed.stimulus.vectors = 600;
    assert_true(is_fresh("trunc4u_l1_m1", &changed, &again));
    changed = o, changed.stimulus.kind = STIMULUS_GAUSS, changed.stimulus.sigma = 2;
    assert_true(is_fresh("trunc4u_l1_m1", &changed, &again));
    changed = o, changed.mode = SYNTH_FLAT;
    assert_true(is_fresh("trunc4u_l1_m1", &changed, &again));
    changed = o, changed.lib = other;
    assert_true(is_fresh("trunc4u_l1_m1", &changed, &again));
    changed = o, changed.mapped.output_load_pf = 0.05;
    assert_true(is_fresh("trunc4u_l1_m1", &changed, &again));
    assert_true(again.delay_ns > first.delay_ns && again.switching_pj[0] > first.switching_pj[0]);
    changed = o, changed.tools = "newer versions";
    assert_true(is_fresh("trunc4u_l1_m1", &changed, &again));

    assert_false(is_fresh("trunc4u_l1_m1", &o, &again));   /* and the first is still there */
    store_close(o.store);
    path.s[dir] = '\0';
    file_remove_tree(path.s);
    strbuf_release(&path);
    liberty_free(lib);
    liberty_free(other);
}

/* 100 MHz of 2.5 pJ are 0.25 mW; 4000 nW of leakage 0.004 mW more. */
TEST(test_characterise__milliwatts_by_hand)
{
    struct measurement m = { .leakage_nw = 4000, .energy_pj = { 1, 2.5, 2 } };
    assert_float_equal(measurement_mw(&m, DELAY_UNIT, 100), 0.254, 1e-12);
}

/* A trace that repeats one pair toggles nothing; two pairs by turns toggle the same in any copy. */
TEST(test_characterise__traces_keep_their_order)
{
    struct liberty *lib = need(OSU018);
    struct strbuf dir = { 0 };
    char path[300];
    int16_t pairs[2000];
    struct measurement still, turns, blocks;
    struct characterise_opts o = conditions(lib);
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    snprintf(path, sizeof path, "%s/t.i16", dir.s);
    o.stimulus = (struct stimulus_opts){ .kind = STIMULUS_TRACE, .trace = path };
    for (int i = 0; i < 2000; i++)
        pairs[i] = i % 2 ? 7 : -5;
    assert_int_equal(file_write(path, pairs, sizeof pairs), AXM_OK);
    assert_true(is_fresh("exact4s", &o, &still));
    assert_true(still.steps == 999 && still.energy_pj[DELAY_UNIT] == 0 && still.toggles[DELAY_UNIT] == 0);
    for (int i = 0; i < 2000; i++)
        pairs[i] = i / 2 % 2 ? 7 : -8;
    assert_int_equal(file_write(path, pairs, sizeof pairs), AXM_OK);
    assert_true(is_fresh("exact4s", &o, &turns));
    for (int i = 0; i < 2000; i++)   /* the same pairs, sorted */
        pairs[i] = i < 1000 ? 7 : -8;
    assert_int_equal(file_write(path, pairs, sizeof pairs), AXM_OK);
    assert_true(is_fresh("exact4s", &o, &blocks));
    CHECK(turns.toggles[DELAY_ZERO] > 900 * blocks.toggles[DELAY_ZERO] && blocks.toggles[DELAY_ZERO] > 0,
          "%g %g", turns.toggles[DELAY_ZERO], blocks.toggles[DELAY_ZERO]);

    struct mul_circuit c = circuit_of("exact4s");
    struct capture cap;
    assert_int_equal(file_write(path, pairs, 6), AXM_OK);
    capture_begin(&cap);
    enum axm_status st = characterise(&c, &o, &turns, NULL);
    capture_end(&cap);
    CHECK(st == AXM_USAGE && strstr(cap.line, "6 bytes"), "%s", cap.line);
    mul_circuit_release(&c);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    liberty_free(lib);
}

/* Somebody else's a * b by its own port names, against our exact one: adders are found in it. */
TEST(test_characterise__foreign_circuits)
{
    static const char text[] = "module theirs (input [3:0] A, input [3:0] B, output [7:0] O);\n"
                               "  assign O = A * B;\nendmodule\n";
    struct liberty *lib = need(OSU018);
    struct strbuf dir = { 0 };
    char path[300], spec[320];
    struct measurement ours, theirs;
    struct characterise_opts o = conditions(lib);
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    snprintf(path, sizeof path, "%s/theirs.v", dir.s);
    snprintf(spec, sizeof spec, "verilog:%s:u", path);
    assert_int_equal(file_write(path, text, strlen(text)), AXM_OK);
    assert_true(is_fresh("exact4u", &o, &ours));
    o.mode = SYNTH_EXTRACT;
    assert_true(is_fresh(spec, &o, &theirs));
    CHECK(theirs.area_um2 > 0.7 * ours.area_um2 && theirs.area_um2 < 1.5 * ours.area_um2, "%g %g",
          theirs.area_um2, ours.area_um2);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    liberty_free(lib);
}

TEST(test_characterise__tables_have_no_circuit_bad)
{
    struct mul_circuit c;
    struct capture cap;
    capture_begin(&cap);
    enum axm_status st = mul_circuit_open("lut:x.npy:u:ab", &c);
    capture_end(&cap);
    CHECK(st == AXM_USAGE && strstr(cap.line, "no circuit"), "%s", cap.line);
}
