/* SPDX-License-Identifier: GPL-2.0-only
 *
 * device.c - a block device opened for writing, below a watched file system; and
 * a watched file made the data of a loop device.
 *
 * Whoever writes there changes files of which no hook hears. blkdev_open(inode,
 * file) is what open(2) of a block device comes to, and nothing else does. The
 * monitor puts the devices' numbers in the hash, with FIM_DEVICE for a device.
 *
 * The loop driver is given a descriptor by ioctl(2).
 *
 * Cannot see: whether either succeeds; the monitor looks whether it has.
 */

#define FIM_LOOP_SET_FD 0x4c00
#define FIM_LOOP_CHANGE_FD 0x4c06
#define FIM_LOOP_CONFIGURE 0x4c0a /* its struct loop_config begins with the descriptor */
#define FIM_LOOP_MAJOR 7

int fim_blkdev_open(struct pt_regs *ctx, struct inode *inode, struct file *file)
{
	struct fim_watched *self;
	struct fim_scratch *s;
	struct fim_id id = {};
	fmode_t mode = 0;
	dev_t rdev = 0;

	FIM_READ(mode, &file->f_mode);
	if (!(mode & FMODE_WRITE))
		return 0;
	FIM_READ(rdev, &inode->i_rdev);
	id.dev = FIM_DEVICE;
	id.ino = rdev;
	self = watched.lookup(&id);
	if (!self)
		return 0;
	s = fim_begin(FIM_OP_OPEN, self, 0);
	return s ? fim_send_file(ctx, s, file) : 0;
}

fim_inline struct file *fim_task_file(struct task_struct *task, __u32 descriptor)
{
	struct files_struct *files = 0;
	struct fdtable *table = 0;
	struct file **all = 0, *file = 0;
	unsigned int count = 0;

	FIM_READ(files, &task->files);
	FIM_READ(table, &files->fdt);
	FIM_READ(count, &table->max_fds);
	FIM_READ(all, &table->fd);
	if (descriptor < count)
		FIM_READ(file, all + descriptor);
	return file;
}

fim_inline int fim_is_loop(unsigned int cmd)
{
	return cmd == FIM_LOOP_SET_FD || cmd == FIM_LOOP_CHANGE_FD || cmd == FIM_LOOP_CONFIGURE;
}

/* `file` is the loop device. */
fim_inline int fim_loop_ioctl(struct pt_regs *ctx, struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	struct inode *loop = fim_file_inode(file), *inode;
	__u32 descriptor = arg;
	struct fim_watched *self;
	struct fim_scratch *s;
	struct fim_id id = {};
	dev_t rdev = 0;

	FIM_READ(rdev, &loop->i_rdev);
	if (!S_ISBLK(fim_inode_mode(loop)) || rdev >> 20 != FIM_LOOP_MAJOR)
		return 0;
	if (cmd == FIM_LOOP_CONFIGURE)
		FIM_READ(descriptor, arg);
	file = fim_task_file((struct task_struct *)bpf_get_current_task(), descriptor);
	if (!file)
		return 0;
	inode = fim_file_inode(file);
	self = fim_find(inode, &id);
	if (!self)
		return 0;
	s = fim_begin(FIM_OP_OPEN, self, 0);
	if (!s)
		return 0;
	s->event.other.rdev = rdev;
	return fim_send_file(ctx, s, file);
}
