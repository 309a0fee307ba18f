/* Synthesis: every mode on a small circuit, and what is said when a library, a
 * tool or the Verilog is not what it must be. */
#include "tests/sim_fixture.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "synth/characterise.h"
#include "synth/synth.h"
#include "tests/command.h"

#define QFLOW "/usr/share/qflow/tech"
static const char *const libraries[] = {
    QFLOW "/osu018/osu018_stdcells.lib",
    QFLOW "/osu035/osu035_stdcells.lib",
    QFLOW "/osu050/osu05_stdcells.lib",
};

static const struct mapped_opts conditions = { .input_slew_ns = 0.1, .output_load_pf = 0.02 };

static void need_tools(void)
{
    if (!proc_have("yosys") || !proc_have("sta"))
        SKIP("no yosys or no sta");
}

static struct liberty *need(int library)
{
    struct liberty *l;
    need_tools();
    if (access(libraries[library], R_OK))
        SKIP("no %s", libraries[library]);
    assert_int_equal(liberty_read(libraries[library], &l), AXM_OK);
    return l;
}

static struct synth_result synthesised(const char *spec, enum synth_mode mode, const struct liberty *lib)
{
    struct axm_spec s = spec_of(spec);
    struct synth_opts o = { .mode = mode, .lib = lib, .mapped = conditions };
    struct mul_circuit c;
    struct synth_result r;
    assert_int_equal(mul_circuit_of_spec(&s, &c), AXM_OK);
    CHECK(synth_run(c.text.s, c.top, &o, &r) == AXM_OK, "%s: %s", synth_mode_name(mode), axm_last_message());
    mul_circuit_release(&c);
    return r;
}

static int count_of(const struct synth_result *r, const char *type)
{
    for (int i = 0; i < r->n_counts; i++)
        if (!strcmp(r->count[i].type, type))
            return r->count[i].n;
    return 0;
}

/* Cells whose type begins so. */
static int count_like(const struct synth_result *r, const char *prefix)
{
    int n = 0;
    for (int i = 0; i < r->n_counts; i++)
        n += strncmp(r->count[i].type, prefix, strlen(prefix)) ? 0 : r->count[i].n;
    return n;
}

TEST(test_synth__every_mode_ends_in_its_own_cells)
{
    struct liberty *lib = need(0);
    struct netlist *nl = netlist_of("wallace4u_ks");
    int fa = 0, ha = 0;
    for (size_t i = 0; i < netlist_cells(nl); i++) {
        fa += netlist_cell(nl, i)->kind == CELL_FA;
        ha += netlist_cell(nl, i)->kind == CELL_HA;
    }
    netlist_free(nl);
    for (int mode = 0; mode < SYNTH_MODES; mode++) {
        struct synth_result r = synthesised("wallace4u_ks", (enum synth_mode)mode, lib);
        int all = 0;
        for (int i = 0; i < r.n_counts; i++) {
            all += r.count[i].n;
            assert_true(i == 0 || strcmp(r.count[i - 1].type, r.count[i].type) < 0);
        }
        CHECK(r.cells > 0 && r.cells == all, "%s: %d cells, %d by type", synth_mode_name(mode), r.cells, all);
        assert_true((r.mapped != NULL) == synth_mode_maps((enum synth_mode)mode));
        CHECK(!r.mapped || (r.mapped->n_cells == r.cells && r.mapped->area_um2 > 0), "%d", mode);
        switch (mode) {
        case SYNTH_FLAT:
            assert_int_equal(count_of(&r, "FAX1") + count_of(&r, "HAX1"), 0);
            break;
        case SYNTH_ADDERS:
        case SYNTH_HIERARCHY:
            assert_true(fa > 0 && ha > 0);
            assert_int_equal(count_of(&r, "FAX1"), fa);
            assert_int_equal(count_of(&r, "HAX1"), ha);
            break;
        case SYNTH_GENERIC: assert_int_equal(count_like(&r, "$_"), r.cells); break;
        case SYNTH_ICE40: assert_int_equal(count_like(&r, "SB_"), r.cells); break;
        case SYNTH_XILINX: assert_true(count_like(&r, "LUT") > 0); break;
        default: break;
        }
        synth_release(&r);
    }
    liberty_free(lib);
}

static void check_library(int library)
{
    struct liberty *lib = need(library);
    for (int mode = SYNTH_ADDERS; mode <= SYNTH_HIERARCHY; mode++) {
        struct synth_result r = synthesised("drum4s_k3", (enum synth_mode)mode, lib);
        struct timing t;
        CHECK(timing_run(r.mapped, "drum4s_k3", &conditions, &t, NULL) == AXM_OK, "%s", axm_last_message());
        assert_true(r.mapped->area_um2 > 0 && t.delay_ns > 0 && t.n_points > 0);
        timing_release(&t);
        synth_release(&r);
    }
    liberty_free(lib);
}

TEST(test_synth__osu035_maps)
{
    check_library(1);
}

TEST(test_synth__osu050_maps)
{
    check_library(2);
}

/* --- failures -------------------------------------------------------------------- */

#define HEAD "library(t) { voltage_unit : \"1V\"; capacitive_load_unit(1, pf); nom_voltage : 1;\n"
#define TIME "time_unit : \"1ns\";\n"
#define IN(NAME) "pin(" NAME ") { direction : input; capacitance : 0.01; }\n"
#define OUT(NAME, F) "pin(" NAME ") { direction : output; function : \"" F "\"; }\n"
#define CELL(NAME, PINS) "cell(" NAME ") { area : 1; " LEAK " " PINS " }\n"
#define LEAK "cell_leakage_power : 1;"
#define INV CELL("I", IN("A") OUT("Y", "!A"))
#define BUF CELL("B", IN("A") OUT("Y", "A"))
#define NAND CELL("N", IN("A") IN("B") OUT("Y", "!(A B)"))
#define HA CELL("H", IN("A") IN("B") OUT("S", "A^B") OUT("C", "A B"))
#define FA CELL("F", IN("A") IN("B") IN("C") OUT("S", "A^B^C") OUT("Y", "A B + C (A+B)"))

TEST(test_synth__unfit_libraries_bad)
{
    static const struct {
        const char *text, *mode, *says;
    } cases[] = {
        { HEAD TIME INV BUF NAND HA "}", "adders", "no full adder cell (3 inputs; their XOR" },
        { HEAD TIME INV BUF NAND FA "}", "adders", "no half adder cell (2 inputs; their XOR and their AND" },
        { HEAD TIME INV BUF NAND FA "}", "extract", "no half adder cell" },
        { HEAD TIME BUF NAND FA HA "}", "flat", "no inverter cell, which ABC needs" },
        { HEAD TIME BUF NAND FA HA "}", "adders", "no inverter cell, which ABC needs" },
        { HEAD TIME INV NAND "}", "flat", "no buffer cell, which ABC needs" },
        { HEAD TIME INV BUF "}", "flat", "no two-input AND, NAND, OR or NOR cell, which ABC needs" },
        { HEAD TIME INV BUF NAND FA, "flat", "unexpected end: the file is truncated" },
        { HEAD INV "}", "flat", "no time_unit: the unit must be stated" },
        { HEAD "time_unit : \"1parsec\";" INV "}", "flat", "time_unit \"1parsec\" is not understood" },
        { HEAD TIME "cell(I) { area : 1; " IN("A") OUT("Y", "!A") "} }", "flat",
          "no power tables: no combinational cell has internal_power or leakage" },
        { HEAD TIME "}", "flat", "the library has no cells" },
    };
    struct strbuf dir = { 0 };
    char path[300], arguments[900];
    need_tools();
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    snprintf(path, sizeof path, "%s/t.lib", dir.s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(file_write(path, cases[i].text, strlen(cases[i].text)), AXM_OK);
        snprintf(arguments, sizeof arguments, "power exact4u --mode %s --liberty %s --store %s/r.sqlite",
                 cases[i].mode, path, dir.s);
        CHECK(refuses(arguments, 2, cases[i].says) && strstr(io.err, path), "case %zu", i);
    }
    file_remove_tree(dir.s);
    strbuf_release(&dir);
}

/* The directory that io says is kept. */
static void kept_directory(char dir[256])
{
    const char *kept = strstr(io.err, "scratch directory kept: ");
    int n = kept ? sscanf(kept, "scratch directory kept: %255s", dir) : 0;
    CHECK(n == 1, "%s", io.err);
}

/* Yosys's own words, and a directory with what it read. */
TEST(test_synth__broken_verilog_bad)
{
    struct liberty *lib = need(0);
    struct synth_opts o = { .mode = SYNTH_ADDERS, .lib = lib, .mapped = conditions };
    struct synth_result r;
    char dir[256], path[300];
    streams_begin(&io);
    enum axm_status st = synth_run("module broken (input a_i);\n  assign = ;\nendmodule\n", "broken", &o, &r);
    streams_end(&io);
    assert_int_equal(st, AXM_ENV);
    CHECK(strstr(io.err, "axmul: yosys: exit code 1: ") && strstr(io.err, "design.v:2: ERROR: syntax error"),
          "%s", io.err);
    kept_directory(dir);
    static const char *const files[] = { "design.v", "run.ys", "cells.lib" };
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        CHECK(file_exists(path), "%s", path);
    }
    file_remove_tree(dir);
    assert_true(file_exists(libraries[0]));   /* cells.lib is a link */

    streams_begin(&io);
    st = synth_run("module other (input a_i);\nendmodule\n", "broken", &o, &r);
    streams_end(&io);
    CHECK(st == AXM_ENV && strstr(io.err, "ERROR: Module `broken' not found"), "%s", io.err);
    kept_directory(dir);
    file_remove_tree(dir);
    liberty_free(lib);
}

/* --- what must not disturb the tools: each in a process of its own ------------------- */

static int relative_library(void *arg)
{
    struct liberty *lib;
    struct synth_result r;
    struct timing t;
    if (chdir(arg) || liberty_read("my cells.lib", &lib) != AXM_OK)
        return 1;
    r = synthesised("exact4u", SYNTH_FLAT, lib);
    if (timing_run(r.mapped, "exact4u", &conditions, &t, NULL) != AXM_OK)
        return 2;
    timing_release(&t);
    synth_release(&r);
    liberty_free(lib);
    return 0;
}

TEST(test_synth__relative_paths_and_blanks_in_them)
{
    struct liberty *lib = need(0);
    struct strbuf dir = { 0 }, text = { 0 };
    char path[300];
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    snprintf(path, sizeof path, "%s/my cells.lib", dir.s);
    assert_int_equal(file_read(libraries[0], 1 << 24, &text), AXM_OK);
    assert_int_equal(file_write(path, text.s, text.len), AXM_OK);
    int code = in_child(relative_library, dir.s);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&text);
    liberty_free(lib);
    assert_int_equal(code, 0);
}

static int without_library(void *arg)
{
    (void)arg;
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", QFLOW, "tmpfs", 0, NULL))
        return 77;
    return !refuses("synth exact4u", 3, "osu018_stdcells.lib: not found; install the Debian package "
                    "qflow-tech-osu018, or name a library with --liberty");
}

TEST(test_synth__no_default_library_bad)
{
    need_tools();
    if (!file_is_dir(QFLOW))
        SKIP("no %s", QFLOW);
    int code = in_child(without_library, NULL);
    if (code == 77)
        SKIP("no right to mount");
    assert_int_equal(code, 0);
}

static int without_yosys(void *arg)
{
    setenv("PATH", arg, 1);
    return !(refuses("synth exact4u", 3, "yosys: not found in PATH; install the Debian package yosys") &&
             refuses("power exact4u", 3, "yosys: not found in PATH; install the Debian package yosys"));
}

/* PATH with yosys alone. */
static int without_sta(void *arg)
{
    setenv("PATH", arg, 1);
    return !refuses("power exact4u", 3, "sta: not found in PATH; install the Debian package opensta");
}

TEST(test_synth__missing_tools_bad)
{
    struct liberty *lib = need(0);
    struct strbuf dir = { 0 };
    char yosys[300];
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    int none = in_child(without_yosys, dir.s);
    snprintf(yosys, sizeof yosys, "%s/yosys", dir.s);
    assert_int_equal(symlink("/bin/true", yosys), 0);
    int half = in_child(without_sta, dir.s);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    liberty_free(lib);
    assert_int_equal(none, 0);
    assert_int_equal(half, 0);
}

TEST(test_synth__modes_that_are_none_bad)
{
    CHECK(refuses("synth exact4u --mode fastest", 2, "--mode must be adders, flat, "), "above");
    CHECK(refuses("power exact4u --mode ice40", 2, "--mode must be adders, flat, extract or h"), "above");
}
