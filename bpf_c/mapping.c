/* SPDX-License-Identifier: GPL-2.0-only
 *
 * mapping.c - mmap: a file becomes writable through shared memory.
 *
 * perf_event_mmap(vma) runs at the end of every mmap(2) and mprotect(2) that
 * succeeded, whether anyone profiles or not. Its file is compiled without ftrace,
 * so that a probe there is a breakpoint, by which some kernels run no program
 * (Linux kernel commit 548f1191d86c ("bpf: Unbreak BPF_PROG_TYPE_KPROBE when kprobe
 * is called via do_int3") (in v5.12)): there vma_set_page_prot(vma) serves.
 *
 * From here on a store may change the file without passing any hook (its page
 * is dirty already): the close after the last unmap is told whatever was seen.
 */

int fim_mapped(struct pt_regs *ctx, struct vm_area_struct *vma)
{
	struct fim_opened first = {};
	struct fim_opened *known;
	struct fim_watched *self;
	struct fim_scratch *s;
	struct file *file = 0;
	struct inode *inode;
	struct fim_id id = {};
	unsigned long flags = 0;
	__u64 key;

	FIM_READ(flags, &vma->vm_flags);
	if ((flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return 0;
	FIM_READ(file, &vma->vm_file);
	if (!file)
		return 0;
	inode = fim_written_inode(file);
	self = fim_find(inode, &id);
	if (!self)
		return 0;
	key = (__u64)file;
	first.mapped = 1;
	known = opened.lookup(&key);
	if (known)
		known->mapped = 1;
	else if (opened.update(&key, &first))
		fim_count(FIM_COUNTER_PENDING_FAILED);
	s = fim_begin_change(FIM_OP_MMAP, self);
	return s ? fim_send_file(ctx, s, file) : 0;
}
