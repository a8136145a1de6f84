/* SPDX-License-Identifier: GPL-2.0-only
 *
 * bpf_map.h - bpf(2) on maps that somebody else has made; nothing else here
 * makes that system call.
 *
 * `key` and `value` have the sizes that maps.h gives the map; a per-CPU map's
 * value is an array of one value for each possible CPU. All return 0 or -errno.
 */
#ifndef FIM_BPF_MAP_H
#define FIM_BPF_MAP_H

#include <stdbool.h>
#include <stdint.h>

int bpf_map_lookup(int map, const void *key, void *ret);
/* -EEXIST where the key is there, -E2BIG where the map is full */
int bpf_map_insert(int map, const void *key, const void *value);
int bpf_map_update(int map, const void *key, const void *value);
/* -ENOENT where it is not there */
int bpf_map_delete(int map, const void *key);
/* The key after `key` (NULL: the first); -ENOENT at the end */
int bpf_map_next(int map, const void *key, void *ret);

/* CPUs that could ever be, that is the length of a per-CPU value; -errno.
 * Source: /sys/devices/system/cpu/possible */
int bpf_map_possible_cpus(void);

#endif
