# SPDX-License-Identifier: GPL-2.0-only
# make -f tests/bench/inode_table.mk: what the inode table costs, measured.
CORE := $(addprefix ext/,siphash.c arena.c slots.c inode_store.c inode_root.c inode_table.c inode_walk.c mount_path.c mount_table.c mount_kind.c buffer.c bpf_map.c)
OUT ?= build

.PHONY: bench-inode-table
bench-inode-table: $(OUT)/bench_inode_table
	$<

$(OUT)/bench_inode_table: tests/bench/inode_table.c $(CORE) $(wildcard ext/*.h)
	mkdir -p $(OUT)
	$(CC) -std=gnu11 -O2 -g -Wall -Wextra -Werror -Iext -Ibpf_c $< $(CORE) -o $@
