/* Content hashes. */
#ifndef AXM_BASE_HASH_H
#define AXM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct sha256_hex { char s[65]; };
struct sha512_hex { char s[129]; };
struct md5_hex { char s[33]; };

/* SHA-256 as lower-case hex (libmd does the work). */
struct sha256_hex sha256_bytes(const void *data, size_t len);
enum axm_status sha256_file(const char *path, struct sha256_hex *out) AXM_MUST_CHECK;

/* For what others published so: packages by SHA-512, data sets by MD5 (which guards against accidents,
 * not against forgers). */
struct sha512_hex sha512_bytes(const void *data, size_t len);
enum axm_status sha512_file(const char *path, struct sha512_hex *out) AXM_MUST_CHECK;
struct md5_hex md5_bytes(const void *data, size_t len);

/* FNV-1a over bytes, for hash tables; not for content addressing. */
uint64_t hash64(const void *data, size_t len);

#endif
