#include "sim/verilate.h"

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
#include "sim/verilator.h"

#define CXX_FLAGS "-fPIC", "-std=c++17", "-w"
static const char flags_text[] = "verilator -O3 --flatten; layout 1";

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
static enum axm_status build(const struct verilate *v, const char *path)
{
    struct strbuf dir = { 0 }, file = { 0 }, obj = { 0 }, unit = { 0 }, temp = { 0 };
    struct strbuf include = { 0 }, include_std = { 0 }, include_obj = { 0 };
    enum axm_status st = file_scratch_dir(&dir);
    if (st)
        goto out;
    const char *duts = v->systemverilog ? "duts.sv" : "duts.v";
    strbuf_addf(&file, "%s/%s", dir.s, duts);
    if ((st = file_write(file.s, v->verilog->s, v->verilog->len)))
        goto out;
    strbuf_reset(&file);
    strbuf_addf(&file, "%s/axm_top.sv", dir.s);
    if ((st = file_write(file.s, v->top->s, v->top->len)))
        goto out;
    const char *const verilate[] = {
        "verilator", "--cc", "+1364-2005ext+v", "-O3", "--flatten", "--x-assign", "fast", "--no-timing",
        "-Wno-fatal", "-Wno-lint", "-Wno-style",
        "--top-module", "axm_top", "--Mdir", "obj", "axm_top.sv", duts, v->trace ? "--trace" : NULL, NULL };
    if ((st = proc_run(verilate, &(struct proc_opts){ .dir = dir.s })))
        goto out;
    strbuf_addf(&obj, "%s/obj", dir.s);
    if (v->trace)
        strbuf_adds(&unit, "#include \"verilated_vcd_c.cpp\"\n");
    if ((st = write_includes(obj.s, &unit)))
        goto out;
    strbuf_add(&unit, v->shim->s, v->shim->len);
    strbuf_reset(&file);
    strbuf_addf(&file, "%s/unit.cpp", dir.s);
    if ((st = file_write(file.s, unit.s, unit.len)))
        goto out;
    /* Built under a private name: two processes may want the same simulator at once. */
    strbuf_addf(&temp, "%s.%ld.%lx.tmp", path, (long)getpid(), (unsigned long)pthread_self());
    strbuf_addf(&include, "-I%s", tools.include.s);
    strbuf_addf(&include_std, "-I%s/vltstd", tools.include.s);
    strbuf_addf(&include_obj, "-I%s", obj.s);
    const char *const compile[] = {
        tools.cxx, v->optimization, v->architecture ? v->architecture : "-DAXM_ANY",
        v->trace ? "-DVM_TRACE=1" : "-DAXM_ANY", CXX_FLAGS, include.s,
        include_std.s, include_obj.s, "-shared", "-Wl,-Bsymbolic", "-o", temp.s, file.s, tools.runtime.s,
        "-latomic", "-lpthread", NULL };
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
    strbuf_release(&include_std);
    strbuf_release(&include_obj);
    return st;
}

enum axm_status verilate_load(const struct verilate *v, void **library)
{
    pthread_once(&tools_once, find_tools);
    if (tools.st)
        return tools.st;
    struct strbuf all = { 0 }, path = { 0 };
    enum axm_status st = AXM_OK;
    strbuf_addf(&all, "%s %s %s%s\n", v->systemverilog ? "sv" : "v", v->optimization,
                v->architecture ? v->architecture : "", v->trace ? " trace" : "");
    const struct strbuf *const parts[] = { &tools.versions, v->verilog, v->top, v->shim };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        strbuf_add(&all, parts[i]->s, parts[i]->len);
        all.failed |= parts[i]->failed;
    }
    if (all.failed) {
        st = fail(AXM_ENV, "%s: out of memory", v->what);
        goto out;
    }
    struct sha256_hex key = sha256_bytes(all.s, all.len);
    if ((st = cache_path(key.s, "so", &path)))
        goto out;
    *library = file_exists(path.s) ? dlopen(path.s, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (*library)
        goto out;
    st = build(v, path.s);
    if (!st && !(*library = dlopen(path.s, RTLD_NOW | RTLD_LOCAL)))
        st = fail(AXM_ENV, "%s: %s", path.s, dlerror());
out:
    strbuf_release(&all);
    strbuf_release(&path);
    return st;
}
