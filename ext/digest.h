/* SPDX-License-Identifier: GPL-2.0-only
 *
 * digest.h - message digests by OpenSSL's libcrypto, found at run time: the one
 * that Python's hashlib has in the process, from 1.0.1 (RHEL 7) to 3. Nothing
 * is linked and no header needed, and its FIPS mode decides what is allowed.
 */
#ifndef FIM_DIGEST_H
#define FIM_DIGEST_H

#include <stddef.h>

#define DIGEST_MAX 64

struct digest_kind; /* an algorithm */
struct digest;      /* a computation, reused for one file after the other */

/* By OpenSSL's name. NULL, and *why in words: no libcrypto, no such algorithm,
 * or one that its FIPS mode refuses. Kept for the life of the process. */
const struct digest_kind *digest_find(const char *name, const char **why);

struct digest *digest_new(const struct digest_kind *kind);
void digest_free(struct digest *digest);

/* 0 or -EIO, of a libcrypto that refuses. */
int digest_start(struct digest *digest);
int digest_add(struct digest *digest, const void *data, size_t length);
/* Its length into `ret_length`; `ret` has room for DIGEST_MAX. */
int digest_finish(struct digest *digest, unsigned char *ret, size_t *ret_length);

#endif
