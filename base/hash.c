#include "base/hash.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sys/types.h>
#include <md5.h>
#include <sha256.h>
#include <sha512.h>

struct sha256_hex sha256_bytes(const void *data, size_t len)
{
    struct sha256_hex h;
    SHA256Data(data, len, h.s);
    return h;
}

struct sha512_hex sha512_bytes(const void *data, size_t len)
{
    struct sha512_hex h;
    SHA512Data(data, len, h.s);
    return h;
}

struct md5_hex md5_bytes(const void *data, size_t len)
{
    struct md5_hex h;
    MD5Data(data, len, h.s);
    return h;
}

typedef void update_fn(SHA2_CTX *c, const uint8_t *data, size_t len);

static enum axm_status update_by_file(const char *path, update_fn *update, SHA2_CTX *c)
{
    unsigned char buffer[65536];
    size_t n;
    FILE *f = fopen(path, "rbe");
    if (!f)
        return fail(AXM_ENV, "%s: %s", path, strerror(errno));
    while ((n = fread(buffer, 1, sizeof buffer, f)) > 0)
        update(c, buffer, n);
    bool bad = ferror(f);
    int error = errno;
    fclose(f);
    return bad ? fail(AXM_ENV, "%s: %s", path, strerror(error)) : AXM_OK;
}

enum axm_status sha256_file(const char *path, struct sha256_hex *out)
{
    SHA2_CTX c;
    SHA256Init(&c);
    enum axm_status st = update_by_file(path, SHA256Update, &c);
    if (st == AXM_OK)
        SHA256End(&c, out->s);
    return st;
}

enum axm_status sha512_file(const char *path, struct sha512_hex *out)
{
    SHA2_CTX c;
    SHA512Init(&c);
    enum axm_status st = update_by_file(path, SHA512Update, &c);
    if (st == AXM_OK)
        SHA512End(&c, out->s);
    return st;
}

uint64_t hash64(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}
