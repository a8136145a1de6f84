/* SPDX-License-Identifier: GPL-2.0-only
 *
 * block_device.h - the block devices that the data of a file system lies on.
 */
#ifndef FIM_BLOCK_DEVICE_H
#define FIM_BLOCK_DEVICE_H

#include <stdint.h>

/* Devices are the kernel's dev_t: 12 bits major, 20 bits minor. */
typedef void block_device_each(void *context, uint32_t dev);

/* `dev` itself, the disk that it is a partition of, and what it is made of
 * (device mapper, md), down to the disks. Nothing for what is no block device.
 * Source: /sys/dev/block */
void block_device_walk(uint32_t dev, block_device_each *each, void *context);

/* The number of the block device at `path`, 0 where there is none. */
uint32_t block_device_at(const char *path);

#endif
