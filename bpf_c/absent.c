/* SPDX-License-Identifier: GPL-2.0-only
 *
 * absent.c - most inodes are not watched, and one look at a small array tells.
 *
 * The array counts, by slots of inode numbers, the keys of the hash. Whoever puts a key
 * in has counted it before: fim_inherit and fim_watch_copy here, fim_learn for the
 * monitor, which inserts nothing that it has not stat'ed. What hooks have counted they
 * take back when the inode is gone; what the monitor's keys have counted stays. So a
 * slot may say that there is a key where there is none (then the hash is asked), never
 * that there is none where there is one.
 *
 * It serves once FIM_ABSENT is added to every slot, which fim_serve does, a few blocks
 * with each stat of the scanner's: only hooks add at once. It does not any more once the
 * monitor has written zeroes: a merged inode of overlayfs has a number of its own
 * (overlay.c), so none may be absent where an overlay is watched.
 */

fim_inline __u32 *fim_slot(__u64 ino)
{
	__u32 slot = ino * 0x9e3779b97f4a7c15ull >> (64 - FIM_ABSENT_BITS);
	__u32 block = slot / FIM_ABSENT_SLOTS;
	struct fim_absent *found = absent.lookup(&block);

	return found ? &found->count[slot & (FIM_ABSENT_SLOTS - 1)] : 0;
}

fim_inline void fim_reckon(__u64 ino, __u32 add)
{
	__u32 *count = fim_slot(ino);

	if (count)
		__sync_fetch_and_add(count, add);
}

/* Whether it is certainly not watched; so is none at all. */
fim_inline int fim_is_absent(struct inode *inode)
{
	unsigned long ino = 0;
	__u32 *count;

	if (!inode)
		return 1;
	FIM_READ(ino, &inode->i_ino);
	count = fim_slot(ino);
	return !count || *count == FIM_ABSENT;
}

#define FIM_SERVE 8 /* blocks at once */

fim_inline void fim_serve(struct fim_learned *l)
{
#pragma unroll
	for (int i = 0; i < FIM_SERVE; i++) {
		__u32 block = l->serving;
		struct fim_absent *found = absent.lookup(&block);

		if (!found)
			return; // all do
#pragma unroll
		for (int slot = 0; slot < FIM_ABSENT_SLOTS; slot++)
			__sync_fetch_and_add(&found->count[slot], FIM_ABSENT);
		l->serving++;
	}
}
