/* SPDX-License-Identifier: GPL-2.0-only
 *
 * inode_table.c - what the inode table costs: 1,000,000 files in 50,000
 * directories, names of about 16 bytes; and the kernel's map of the same inodes,
 * made as BCC makes it and filled.
 *
 *	make -f tests/bench/inode_table.mk
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bpf_map.h"
#include "inode_table.h"

#define DIRS 50000u
#define FILES 1000000u
#define ALL (DIRS + FILES)

static size_t name_bytes;
static char path_buffer[INODE_PATH_SIZE];

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static size_t resident(void)
{
	size_t size, pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file || fscanf(file, "%zu %zu", &size, &pages) != 2)
		abort();
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* The order in which things are asked for is not that of adding. */
static uint32_t scattered(uint32_t n)
{
	return (uint32_t)(n * 2654435761ull % ALL);
}

static struct fim_id id_of(uint32_t n)
{
	return (struct fim_id){.ino = 2 + n * 7ull, .dev = 8u << 20 | 1};
}

/* Directory n is in directory n / 8; file n in one of all. */
static struct fim_id parent_of(uint32_t n)
{
	return id_of(n < DIRS ? n / 8 : (n - DIRS) / (FILES / DIRS));
}

static struct bytes name_of(uint32_t n, char buffer[32])
{
	int length = snprintf(buffer, 32, n < DIRS ? "directory-%06u"
						   : "file-%07u.data", n);

	return bytes_of(buffer, (size_t)length);
}

static void add(struct inode_table *table, uint32_t n)
{
	struct fim_id dir = parent_of(n), child = id_of(n);
	char buffer[32];
	struct bytes name = name_of(n, buffer);

	name_bytes += name.length;
	if (inode_table_add_name(table, &dir, name, &child, n < DIRS) < 0)
		abort();
}

static void add_again(struct inode_table *table, uint32_t n)
{
	add(table, n);
}

static void look_up(struct inode_table *table, uint32_t n)
{
	struct fim_id id = id_of(n);

	if (!inode_table_known(table, &id, NULL))
		abort();
}

static void miss(struct inode_table *table, uint32_t n)
{
	struct fim_id id = id_of(n);

	id.ino++;
	if (inode_table_known(table, &id, NULL))
		abort();
}

static void path(struct inode_table *table, uint32_t n)
{
	struct fim_id id = id_of(n);
	struct bytes found;

	if (inode_table_path(table, &id, path_buffer, sizeof(path_buffer),
			     &found) < 0)
		abort();
}

static void rename_it(struct inode_table *table, uint32_t n)
{
	struct fim_id dir = parent_of(n), child = id_of(n);
	char buffer[32];
	struct bytes name = name_of(n, buffer);

	if (!inode_table_remove_name(table, &dir, name, &child))
		abort();
	buffer[0] = 'F';
	inode_table_add_name(table, &dir, name, &child, n < DIRS);
}

typedef void act(struct inode_table *table, uint32_t n);

static void measure(struct inode_table *table, const char *what, act *act,
		    bool in_order)
{
	double start = now();

	for (uint32_t n = 1; n < ALL; n++)
		act(table, in_order ? n : scattered(n) ? scattered(n) : 1);
	printf("%-28s %6.0f ns\n", what, (now() - start) / ALL);
}

/* Like the hash `watched` of bpf_c/maps.h. */
static int make_map(uint32_t slots)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_HASH,
		.key_size = sizeof(struct fim_id),
		.value_size = sizeof(struct fim_watched),
		.max_entries = slots,
	};

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

/* As the kernel charges it: nodes preallocated, buckets, locks. */
static unsigned long long charged(int map)
{
	unsigned long long bytes = 0;
	char line[128];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", map);
	file = fopen(line, "re");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "memlock: %llu", &bytes);
	if (file)
		fclose(file);
	return bytes;
}

/* Its buckets are the next power of two: what a slot costs goes by the number. */
static void measure_map(uint32_t slots)
{
	struct fim_watched value = {0};
	int map = make_map(slots);
	double start = now();

	if (map < 0) {
		printf("no BPF map here              %s\n", strerror(errno));
		return;
	}
	for (uint32_t n = 0; n < slots; n++) {
		struct fim_id id = id_of(n);

		if (bpf_map_insert(map, &id, &value) < 0)
			abort();
	}
	printf("%-28s %6.0f ns\n", "insert into the BPF map", (now() - start) / slots);
	printf("kernel bytes a slot          %6.1f, %u slots, all filled\n",
	       (double)charged(map) / slots, slots);
	close(map);
}

int main(void)
{
	struct inode_table table;
	struct fim_id root = id_of(0);
	size_t before = resident(), bytes, names;
	double start;

	if (inode_table_init(&table, 4000000, "sixteen bytes ok") < 0)
		return 1;
	inode_table_set_root(&table, &root, bytes_of_string("/srv"), 0);
	measure(&table, "add", add, true);
	names = name_bytes;
	bytes = resident() - before;
	printf("inodes                       %u\n", inode_table_count(&table));
	printf("name bytes an inode          %6.1f\n", (double)names / ALL);
	printf("resident bytes an inode      %6.1f, without the names %.1f\n",
	       (double)bytes / ALL, (double)(bytes - names) / ALL);
	printf("allocated                    %6.1f MiB, resident %.1f MiB\n",
	       (double)inode_table_memory(&table) / (1 << 20),
	       (double)bytes / (1 << 20));
	measure(&table, "add again, scattered", add_again, false);
	measure(&table, "look up, scattered", look_up, false);
	measure(&table, "look up what is not there", miss, false);
	measure(&table, "path, scattered", path, false);
	measure(&table, "path, in order", path, true);
	measure(&table, "rename, in order", rename_it, true);
	printf("after renaming all           %6.1f MiB resident\n",
	       (double)(resident() - before) / (1 << 20));
	start = now();
	if (inode_table_forget_tree(&table, &root, NULL, NULL) != ALL)
		abort();
	printf("%-28s %6.0f ns\n", "forget the whole tree", (now() - start) / ALL);
	inode_table_deinit(&table);
	measure_map(FILES);
	measure_map(ALL);
	return 0;
}
