#include "sim/native.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/proc.h"

enum { FLAGS_MAX = 8 };

static const char *compiler(void)
{
    return proc_have("clang") ? "clang" : "gcc";   /* of bit-sliced netlists clang's code is a third faster */
}

/* Part of every cache key; asked once per process, as it takes longer than to load what is in the cache. */
static struct strbuf version;
static enum axm_status version_status;
static pthread_once_t version_once = PTHREAD_ONCE_INIT;

static void find_version(void)
{
    const char *const argv[] = { compiler(), "--version", NULL };
    version_status = proc_run(argv, &(struct proc_opts){ .out = &version });
}

static enum axm_status build(const struct strbuf *source, const char *const flags[], const char *path)
{
    struct strbuf dir = { 0 }, file = { 0 }, temp = { 0 };
    enum axm_status st = file_scratch_dir(&dir);
    if (st)
        goto out;
    strbuf_addf(&file, "%s/unit.c", dir.s);
    strbuf_addf(&temp, "%s.%ld.%lx.tmp", path, (long)getpid(), (unsigned long)pthread_self());
    if ((st = file_write(file.s, source->s, source->len)))
        goto out;
    const char *argv[FLAGS_MAX + 8] = { compiler(), "-std=gnu11", "-w", "-fPIC", "-shared" };
    int n = 5;
    for (int i = 0; flags[i] && i < FLAGS_MAX; i++)
        argv[n++] = flags[i];
    argv[n++] = "-o";
    argv[n++] = temp.s;
    argv[n] = file.s;
    st = proc_run(argv, &(struct proc_opts){ 0 });
    if (!st && rename(temp.s, path))
        st = fail(AXM_ENV, "%s: cannot be put in place", path);
    if (st)
        unlink(temp.s);
out:
    if (dir.s)
        file_remove_tree(dir.s);
    strbuf_release(&dir);
    strbuf_release(&file);
    strbuf_release(&temp);
    return st;
}

enum axm_status native_load(const char *what, const struct strbuf *source, const char *const flags[],
                            void **library)
{
    struct strbuf key = { 0 }, path = { 0 };
    enum axm_status st = proc_have("clang") ? AXM_OK : proc_need("gcc", "gcc");
    if (st)
        return st;
    pthread_once(&version_once, find_version);
    if ((st = version_status))
        goto out;
    strbuf_add(&key, version.s, version.len);
    for (int i = 0; flags[i]; i++)
        strbuf_addf(&key, "%s\n", flags[i]);
    strbuf_add(&key, source->s, source->len);
    if (key.failed || source->failed) {
        st = fail(AXM_ENV, "%s: out of memory", what);
        goto out;
    }
    struct sha256_hex hash = sha256_bytes(key.s, key.len);
    if ((st = file_cache_dir("native", &path)))
        goto out;
    strbuf_addf(&path, "/%s.so", hash.s);
    *library = file_exists(path.s) ? dlopen(path.s, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (*library)
        goto out;
    st = build(source, flags, path.s);
    if (!st && !(*library = dlopen(path.s, RTLD_NOW | RTLD_LOCAL)))
        st = fail(AXM_ENV, "%s: %s", what, dlerror());
out:
    strbuf_release(&key);
    strbuf_release(&path);
    return st;
}
