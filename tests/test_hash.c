#include "tests/harness.h"

#include "base/file.h"
#include "base/hash.h"
#include "tests/capture.h"

static const struct {
    const char *text, *sha256;
} fips_180_4[] = {   /* NIST, examples of SHA-256: no, one and two blocks */
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

TEST(test_hash__sha256_is_that_of_fips_180)
{
    for (size_t i = 0; i < sizeof fips_180_4 / sizeof *fips_180_4; i++)
        assert_string_equal(sha256_bytes(fips_180_4[i].text, strlen(fips_180_4[i].text)).s,
                            fips_180_4[i].sha256);
}

/* The same two of SHA-512, the second its example of two blocks. */
TEST(test_hash__sha512_is_that_of_fips_180)
{
    assert_string_equal(sha512_bytes("abc", 3).s,
                        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    static const char two[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                              "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    assert_string_equal(sha512_bytes(two, sizeof two - 1).s,
                        "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
                        "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
}

/* RFC 1321, appendix A.5. */
TEST(test_hash__md5_is_that_of_rfc_1321)
{
    assert_string_equal(md5_bytes("", 0).s, "d41d8cd98f00b204e9800998ecf8427e");
    assert_string_equal(md5_bytes("abc", 3).s, "900150983cd24fb0d6963f7d28e17f72");
    static const char digits[] = "1234567890123456789012345678901234567890"
                                 "1234567890123456789012345678901234567890";
    assert_string_equal(md5_bytes(digits, 80).s, "57edf4a22be3c955ac49da2e2107b67a");
}

/* The standard's long example: a million times "a". */
TEST(test_hash__sha256_of_a_file_is_that_of_its_bytes)
{
    enum { N = 1000000 };
    struct strbuf path = { 0 };
    struct sha256_hex h;
    char *text = malloc(N);
    memset(text, 'a', N);
    assert_int_equal(file_scratch_dir(&path), AXM_OK);
    char *dir = strdup(path.s);
    strbuf_adds(&path, "/million");
    assert_int_equal(file_write(path.s, text, N), AXM_OK);
    assert_int_equal(sha256_file(path.s, &h), AXM_OK);
    assert_string_equal(h.s, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    struct sha512_hex h5;
    assert_int_equal(sha512_file(path.s, &h5), AXM_OK);
    assert_string_equal(h5.s, "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
                              "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b");
    file_remove_tree(dir);
    free(dir);
    free(text);
    strbuf_release(&path);
}

TEST(test_hash__a_file_that_cannot_be_read_is_named)
{
    struct capture c;
    struct sha256_hex h = { "untouched" };
    capture_begin(&c);
    assert_int_equal(sha256_file("/nonexistent/x", &h), AXM_ENV);
    assert_string_equal(c.line, "/nonexistent/x: No such file or directory");
    assert_int_equal(sha256_file("/", &h), AXM_ENV);
    assert_string_equal(c.line, "/: Is a directory");
    capture_end(&c);
    assert_string_equal(h.s, "untouched");
}

/* Noll's published vectors of 64-bit FNV-1a. */
TEST(test_hash__hash64_is_fnv1a)
{
    assert_int_equal(hash64("", 0), UINT64_C(0xcbf29ce484222325));
    assert_int_equal(hash64("a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    assert_int_equal(hash64("foobar", 6), UINT64_C(0x85944171f73967e8));
}
