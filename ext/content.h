/* SPDX-License-Identifier: GPL-2.0-only
 *
 * content.h - reading files whole, with manners: what was not in the page cache
 * before is not left in it, and not more than so much a second.
 */
#ifndef FIM_CONTENT_H
#define FIM_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "digest.h"

#define CONTENT_PART (128 * 1024) /* read at once: within a second-level cache */

/* Shared by all threads. */
struct content_pace {
	uint64_t bytes_per_second; /* 0: as fast as it goes */
	uint64_t free_at;          /* atomic: when the next byte may be read */
	uint64_t read;             /* atomic: bytes so far */
	bool stop;                 /* atomic: nobody wants the rest */
};

/* Digest the first `size` bytes of `fd`. `part` has room for CONTENT_PART. Fewer
 * bytes are no error: the caller sees by fstat(2) that the file moved.
 * -ECANCELED: stopped, -errno. */
int content_digest(int fd, uint64_t size, struct digest *digest, char *part,
		   struct content_pace *pace);

#endif
