/* SPDX-License-Identifier: GPL-2.0-only
 *
 * siphash.h - SipHash-1-3: a hash that who does not know the key cannot steer.
 */
#ifndef FIM_SIPHASH_H
#define FIM_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* `key` is 16 bytes. */
uint64_t siphash(const void *key, const void *data, size_t length);

#endif
