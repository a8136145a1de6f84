/* SPDX-License-Identifier: GPL-2.0-only
 *
 * device.c - a block device opened for writing, below a watched file system.
 *
 * Whoever writes there changes files of which no hook hears. blkdev_open(inode,
 * file) is what open(2) of a block device comes to, and nothing else does. The
 * monitor puts the devices' numbers in the hash, with FIM_DEVICE for a device.
 *
 * Cannot see: whether the open succeeds; the monitor looks whether it has.
 */

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
	return s ? fim_send_file(ctx, s, file, inode) : 0;
}
