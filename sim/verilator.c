#include "sim/verilator.h"

#include <assert.h>
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/proc.h"
#include "base/progress.h"
#include "sim/clock.h"

#define CXX_FLAGS "-fPIC", "-std=c++17", "-w"
static const char flags_text[] = "verilator -O3 --flatten; layout 1";

/* What costs least in all.  64 TOSAM 8x8 circuits take 0.5 s to compile and 0.2 s
 * to run over all pairs at -O0, 1.7 and 0.2 s at -O1; one 12x12 multiplier 0.4
 * and 6.2 s at -O0, 0.5 and 1.4 s at -O1.  -O2 and -march=native compile longer
 * than they save; g++ is slower in both.  Verilator itself takes 0.5 to 2 s for 64. */
enum { QUICK_BITS = 18 };

static const char *optimization(const struct dut *d)
{
    return d->width_a + d->width_b + dut_runtime_bits(d) <= QUICK_BITS ? "-O0" : "-O1";
}

/* The tools, asked once per process. */
struct toolchain {
    enum axm_status st;
    const char *cxx;
    struct strbuf versions;     /* part of every cache key */
    struct strbuf include;      /* directory of verilated.h */
    struct strbuf runtime;      /* object with Verilator's runtime, in the cache */
};
static struct toolchain tools;
static pthread_once_t tools_once = PTHREAD_ONCE_INIT;

enum axm_status verilator_need(void)
{
    enum axm_status st = proc_need("verilator", "verilator");
    if (!st && !proc_have("clang++"))
        st = proc_need("g++", "g++");
    return st;
}

static void trim(struct strbuf *b)
{
    while (b->len && (b->s[b->len - 1] == '\n' || b->s[b->len - 1] == ' '))
        b->s[--b->len] = 0;
}

/* Path of NAME.SUFFIX in the cache. */
static enum axm_status cache_path(const char *name, const char *suffix, struct strbuf *out)
{
    enum axm_status st = file_cache_dir("verilator", out);
    if (st)
        return st;
    strbuf_addf(out, "/%s.%s", name, suffix);
    return out->failed ? fail(AXM_ENV, "%s: out of memory", name) : AXM_OK;
}

/* Verilator's runtime takes 3 s to compile, so it is compiled once per version. */
static enum axm_status compile_runtime(struct toolchain *t)
{
    struct sha256_hex key = sha256_bytes(t->versions.s, t->versions.len);
    struct strbuf name = { 0 }, scratch = { 0 }, source = { 0 }, object = { 0 }, include = { 0 };
    strbuf_addf(&name, "runtime-%.32s", key.s);
    enum axm_status st = cache_path(name.s, "o", &t->runtime);
    if (st || file_exists(t->runtime.s))
        goto out;
    if ((st = file_scratch_dir(&scratch)))
        goto out;
    strbuf_addf(&source, "%s/runtime.cpp", scratch.s);
    strbuf_addf(&object, "%s.%ld.tmp", t->runtime.s, (long)getpid());
    strbuf_addf(&include, "-I%s", t->include.s);
    static const char text[] = "#include \"verilated.cpp\"\n#include \"verilated_threads.cpp\"\n";
    if ((st = file_write(source.s, text, sizeof text - 1)))
        goto out;
    note_verbose("compiling Verilator's runtime, once");
    const char *const argv[] = { t->cxx, "-O1", CXX_FLAGS, include.s, "-c", source.s, "-o", object.s, NULL };
    st = proc_run(argv, &(struct proc_opts){ 0 });
    if (!st && rename(object.s, t->runtime.s))
        st = fail(AXM_ENV, "%s: cannot be put in place", t->runtime.s);
    if (st)
        unlink(object.s);
out:
    if (scratch.s)
        file_remove_tree(scratch.s);
    strbuf_release(&name);
    strbuf_release(&scratch);
    strbuf_release(&source);
    strbuf_release(&object);
    strbuf_release(&include);
    return st;
}

static void find_tools(void)
{
    struct toolchain *t = &tools;
    if ((t->st = verilator_need()))
        return;
    t->cxx = proc_have("clang++") ? "clang++" : "g++";
    const char *const version[] = { "verilator", "--version", NULL };
    const char *const cxx_version[] = { t->cxx, "--version", NULL };
    const char *const root[] = { "verilator", "--getenv", "VERILATOR_ROOT", NULL };
    strbuf_adds(&t->versions, flags_text);
    if ((t->st = proc_run(version, &(struct proc_opts){ .out = &t->versions })) ||
        (t->st = proc_run(cxx_version, &(struct proc_opts){ .out = &t->versions })) ||
        (t->st = proc_run(root, &(struct proc_opts){ .out = &t->include })))
        return;
    trim(&t->include);
    strbuf_adds(&t->include, "/include");
    t->st = compile_runtime(t);
}

/* --- what is compiled ----------------------------------------------------------- */

static void write_top(const struct dut *const *duts, size_t n, struct strbuf *out)
{
    const struct dut *d = duts[0];
    strbuf_adds(out, "module axm_top (\n");
    if (d->clock[0])
        strbuf_adds(out, "  input wire clk_i,\n");
    strbuf_addf(out, "  input wire [%d:0] a_i,\n  input wire [%d:0] b_i,\n", d->width_a - 1,
                d->width_b - 1);
    for (int i = 0; i < d->n_runtime; i++)
        strbuf_addf(out, "  input wire [%d:0] r%d_i,\n", d->runtime[i].width - 1, i);
    /* Unpacked: one wide vector compiles 15 times slower. */
    strbuf_addf(out, "  output wire [%d:0] p_o [0:%zu]\n);\n", d->width_p - 1, n - 1);
    for (size_t k = 0; k < n; k++) {
        char instance[32], product[32];
        snprintf(instance, sizeof instance, "u_%zu", k);
        snprintf(product, sizeof product, "p_o[%zu]", k);
        dut_write_instance(duts[k], instance, product, out);
    }
    strbuf_adds(out, "endmodule\n");
}

/* The C face of the simulator.  With registers, the product of pair t is out after clock
 * edge t + latency - 1. */
static void write_shim(const struct dut *d, size_t n, struct strbuf *out)
{
    strbuf_adds(out,
        "extern \"C\" {\n"
        "struct axm_sim { VerilatedContext context; Vaxm_top top{&context}; };\n"
        "void *axm_sim_new() { return new axm_sim; }\n"
        "void axm_sim_free(void *s) { delete static_cast<axm_sim *>(s); }\n"
        "void axm_sim_run(void *s, const uint64_t *runtime, const uint32_t *a,\n"
        "                 const uint32_t *b, size_t n, uint64_t *product)\n"
        "{\n"
        "    Vaxm_top &top = static_cast<axm_sim *>(s)->top;\n");
    for (int i = 0; i < d->n_runtime; i++)
        strbuf_addf(out, "    top.r%d_i = runtime[%d];\n", i, i);
    strbuf_addf(out,
        "    const size_t late = %d;\n"
        "    for (size_t t = 0; t < n + late; t++) {\n"
        "        top.a_i = t < n ? a[t] : 0;\n"
        "        top.b_i = t < n ? b[t] : 0;\n", d->latency > 1 ? d->latency - 1 : 0);
    if (d->clock[0])
        strbuf_adds(out,
            "        top.clk_i = 0;\n"
            "        top.eval();\n"
            "        top.clk_i = 1;\n");
    strbuf_addf(out,
        "        top.eval();\n"
        "        if (t >= late)\n"
        "            for (size_t k = 0; k < %zu; k++)\n"
        "                product[k * n + t - late] = top.p_o[k];\n"
        "    }\n"
        "}\n"
        "}\n", n);
}

static int compare_names(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

/* #include lines for every .cpp file in dir, in a fixed order. */
static enum axm_status write_includes(const char *dir, struct strbuf *out)
{
    enum { MANY = 256 };
    char *name[MANY];
    int n = 0;
    DIR *d = opendir(dir);
    if (!d)
        return fail(AXM_ENV, "%s: Verilator left nothing there", dir);
    for (struct dirent *e; (e = readdir(d)) && n < MANY;) {
        size_t len = strlen(e->d_name);
        if (len > 4 && !strcmp(e->d_name + len - 4, ".cpp") && (name[n] = strdup(e->d_name)))
            n++;
    }
    closedir(d);
    qsort(name, n, sizeof name[0], compare_names);
    for (int i = 0; i < n; i++) {
        strbuf_addf(out, "#include \"%s\"\n", name[i]);
        free(name[i]);
    }
    return n ? AXM_OK : fail(AXM_ENV, "%s: Verilator left no C++ there", dir);
}

/* Compiles everything as one translation unit into the shared object `path`. */
static enum axm_status build(const struct dut *d, const struct strbuf *verilog, const struct strbuf *top,
                             const struct strbuf *shim, const char *path)
{
    struct strbuf dir = { 0 }, file = { 0 }, obj = { 0 }, unit = { 0 }, temp = { 0 };
    struct strbuf include = { 0 }, include_obj = { 0 };
    enum axm_status st = file_scratch_dir(&dir);
    if (st)
        goto out;
    const char *duts = d->systemverilog ? "duts.sv" : "duts.v";
    strbuf_addf(&file, "%s/%s", dir.s, duts);
    if ((st = file_write(file.s, verilog->s, verilog->len)))
        goto out;
    strbuf_reset(&file);
    strbuf_addf(&file, "%s/axm_top.sv", dir.s);
    if ((st = file_write(file.s, top->s, top->len)))
        goto out;
    const char *const verilate[] = {
        "verilator", "--cc", "+1364-2005ext+v", "-O3", "--flatten", "--x-assign", "fast", "--no-timing",
        "-Wno-fatal", "-Wno-lint", "-Wno-style",
        "--top-module", "axm_top", "--Mdir", "obj", "axm_top.sv", duts, NULL };
    if ((st = proc_run(verilate, &(struct proc_opts){ .dir = dir.s })))
        goto out;
    strbuf_addf(&obj, "%s/obj", dir.s);
    if ((st = write_includes(obj.s, &unit)))
        goto out;
    strbuf_add(&unit, shim->s, shim->len);
    strbuf_reset(&file);
    strbuf_addf(&file, "%s/unit.cpp", dir.s);
    if ((st = file_write(file.s, unit.s, unit.len)))
        goto out;
    /* Built under a private name: two processes may want the same simulator at once. */
    strbuf_addf(&temp, "%s.%ld.%lx.tmp", path, (long)getpid(), (unsigned long)pthread_self());
    strbuf_addf(&include, "-I%s", tools.include.s);
    strbuf_addf(&include_obj, "-I%s", obj.s);
    const char *const compile[] = {
        tools.cxx, optimization(d), CXX_FLAGS, include.s, include_obj.s, "-shared", "-Wl,-Bsymbolic",
        "-o", temp.s, file.s, tools.runtime.s, "-latomic", "-lpthread", NULL };
    st = proc_run(compile, &(struct proc_opts){ 0 });
    if (!st && rename(temp.s, path))
        st = fail(AXM_ENV, "%s: cannot be put in place", path);
    if (st)
        unlink(temp.s);
out:
    if (dir.s)
        file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&file);
    strbuf_release(&obj);
    strbuf_release(&unit);
    strbuf_release(&temp);
    strbuf_release(&include);
    strbuf_release(&include_obj);
    return st;
}

/* --- the loaded simulator --------------------------------------------------------- */

struct verilator_sim {
    void *library, *sim;
    size_t n;
    int width_a, width_b;
    void *(*new_sim)(void);
    void (*free_sim)(void *);
    void (*run)(void *, const uint64_t *, const uint32_t *, const uint32_t *, size_t, uint64_t *);
};

static bool load(struct verilator_sim *v, const char *path)
{
    v->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!v->library)
        return false;
    *(void **)&v->new_sim = dlsym(v->library, "axm_sim_new");
    *(void **)&v->free_sim = dlsym(v->library, "axm_sim_free");
    *(void **)&v->run = dlsym(v->library, "axm_sim_run");
    if (v->new_sim && v->free_sim && v->run && (v->sim = v->new_sim()))
        return true;
    dlclose(v->library);
    v->library = NULL;
    return false;
}

enum axm_status verilator_open(const struct dut *const *duts, size_t n, struct verilator_sim **out)
{
    pthread_once(&tools_once, find_tools);
    if (tools.st)
        return tools.st;
    struct strbuf verilog = { 0 }, top = { 0 }, shim = { 0 }, all = { 0 }, path = { 0 };
    struct verilator_sim *v = calloc(1, sizeof *v);
    if (!duts[0]->standalone)
        write_verilog_library(&verilog);
    for (size_t k = 0; k < n; k++) {
        assert(dut_same_shape(duts[0], duts[k]));
        strbuf_add(&verilog, duts[k]->text.s, duts[k]->text.len);
    }
    write_top(duts, n, &top);
    write_shim(duts[0], n, &shim);
    strbuf_adds(&all, duts[0]->systemverilog ? "sv" : "v");
    const struct strbuf *parts[] = { &tools.versions, &verilog, &top, &shim };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        strbuf_add(&all, parts[i]->s, parts[i]->len);
    enum axm_status st = AXM_OK;
    if (!v || all.failed || shim.failed || top.failed || verilog.failed) {
        st = fail(AXM_ENV, "%s: out of memory", duts[0]->module);
        goto out;
    }
    v->n = n;
    v->width_a = duts[0]->width_a;
    v->width_b = duts[0]->width_b;
    struct sha256_hex key = sha256_bytes(all.s, all.len);
    if ((st = cache_path(key.s, "so", &path)))
        goto out;
    if (file_exists(path.s) && load(v, path.s))
        goto out;
    st = build(duts[0], &verilog, &top, &shim, path.s);
    if (!st && !load(v, path.s))
        st = fail(AXM_ENV, "%s: %s", path.s, dlerror());
out:
    strbuf_release(&verilog);
    strbuf_release(&top);
    strbuf_release(&shim);
    strbuf_release(&all);
    strbuf_release(&path);
    if (st)
        free(v);
    else
        *out = v;
    return st;
}

void verilator_close(struct verilator_sim *v)
{
    if (!v)
        return;
    v->free_sim(v->sim);
    dlclose(v->library);
    free(v);
}

void verilator_run(struct verilator_sim *v, const uint64_t *runtime, const uint32_t *a,
                   const uint32_t *b, size_t n, uint64_t *product)
{
    static const uint64_t zeros[RUNTIME_PORTS];
    v->run(v->sim, runtime ? runtime : zeros, a, b, n, product);
}

static void compare_products(const struct axm_mul *m, const uint32_t *a, const uint32_t *b,
                             const uint64_t *product, size_t n, const uint64_t *runtime,
                             struct sim_result *result)
{
    uint64_t expected[256];
    result->pairs += n;
    for (size_t begin = 0; begin < n; begin += sizeof expected / sizeof expected[0]) {
        size_t count = n - begin;
        if (count > sizeof expected / sizeof expected[0])
            count = sizeof expected / sizeof expected[0];
        axm_eval_many(m, a + begin, b + begin, expected, count);
        for (size_t i = 0; i < count; i++) {
            if (product[begin + i] == expected[i])
                continue;
            if (result->mismatches++ == 0) {
                result->first = (struct sim_mismatch){ .a = a[begin + i], .b = b[begin + i],
                    .expected = expected[i], .actual = product[begin + i] };
                if (runtime)
                    memcpy(result->first.runtime, runtime, sizeof result->first.runtime);
            }
        }
    }
}

enum axm_status verilator_compare(struct verilator_sim *v, const struct axm_mul *const *model,
                                  const struct stimulus *pairs, const uint64_t *runtime,
                                  struct sim_result *result)
{
    assert(pairs->width_a == v->width_a && pairs->width_b == v->width_b);
    enum { CHUNK = 1000 };   /* not a power of two: the products of v->n circuits would share cache sets */
    uint32_t a[CHUNK], b[CHUNK];
    uint64_t *product = malloc(v->n * CHUNK * sizeof *product);
    if (!product)
        return fail(AXM_ENV, "%zu simulated circuits: out of memory", v->n);
    double start = clock_seconds();
    enum axm_status st = AXM_OK;
    for (uint64_t first = 0; first < pairs->count && !st; first += CHUNK) {
        size_t n = pairs->count - first < CHUNK ? pairs->count - first : CHUNK;
        stimulus_get(pairs, first, n, a, b);
        verilator_run(v, runtime, a, b, n, product);
        for (size_t k = 0; k < v->n; k++)
            compare_products(model[k], a, b, product + k * n, n, runtime, &result[k]);
        if (progress_stop_requested())
            st = AXM_STOPPED;
    }
    double share = (clock_seconds() - start) / v->n;
    for (size_t k = 0; k < v->n; k++)
        result[k].seconds += share;
    free(product);
    return st;
}
