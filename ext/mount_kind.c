/* SPDX-License-Identifier: GPL-2.0-only
 *
 * mount_kind.c - which types of file system a watch does not enter.
 */
#include "mount_table.h"

static const struct {
	const char *type;
	enum mount_kind kind;
} not_entered[] = {
	{"proc", MOUNT_PSEUDO},
	{"sysfs", MOUNT_PSEUDO},
	{"cgroup", MOUNT_PSEUDO},
	{"cgroup2", MOUNT_PSEUDO},
	{"devpts", MOUNT_PSEUDO},
	{"debugfs", MOUNT_PSEUDO},
	{"tracefs", MOUNT_PSEUDO},
	{"securityfs", MOUNT_PSEUDO},
	{"selinuxfs", MOUNT_PSEUDO},
	{"smackfs", MOUNT_PSEUDO},
	{"bpf", MOUNT_PSEUDO},
	{"pstore", MOUNT_PSEUDO},
	{"efivarfs", MOUNT_PSEUDO},
	{"configfs", MOUNT_PSEUDO},
	{"fusectl", MOUNT_PSEUDO},
	{"mqueue", MOUNT_PSEUDO},
	{"hugetlbfs", MOUNT_PSEUDO},
	{"binfmt_misc", MOUNT_PSEUDO},
	{"rpc_pipefs", MOUNT_PSEUDO},
	{"nfsd", MOUNT_PSEUDO},
	{"nsfs", MOUNT_PSEUDO},
	{"resctrl", MOUNT_PSEUDO},
	{"autofs", MOUNT_AUTOFS},
	{"fuse", MOUNT_FUSE},
	{"fuseblk", MOUNT_FUSE},
	{"nfs", MOUNT_NETWORK},
	{"nfs4", MOUNT_NETWORK},
	{"cifs", MOUNT_NETWORK},
	{"smb3", MOUNT_NETWORK},
	{"ceph", MOUNT_NETWORK},
	{"glusterfs", MOUNT_NETWORK},
	{"9p", MOUNT_NETWORK},
	{"virtiofs", MOUNT_NETWORK},
	{"afs", MOUNT_NETWORK},
	{"lustre", MOUNT_NETWORK},
	{"gpfs", MOUNT_NETWORK},
	{"beegfs", MOUNT_NETWORK},
};

enum mount_kind mount_kind_of(struct bytes type)
{
	const char *dot = memchr(type.data, '.', type.length);

	if (dot) /* "fuse.sshfs": the kernel's type, and its server's word */
		type.length = (size_t)(dot - type.data);
	for (size_t i = 0; i < sizeof(not_entered) / sizeof(*not_entered); i++)
		if (bytes_equal(type, bytes_of_string(not_entered[i].type)))
			return not_entered[i].kind;
	return MOUNT_LOCAL;
}

const char *mount_kind_word(enum mount_kind kind)
{
	static const char *const words[] = {
		[MOUNT_LOCAL] = "local",
		[MOUNT_PSEUDO] = "pseudo",
		[MOUNT_NETWORK] = "network",
		[MOUNT_FUSE] = "fuse",
		[MOUNT_AUTOFS] = "autofs",
	};

	return words[kind];
}

const char *mount_not_entered(enum mount_kind kind)
{
	static const char *const why[] = {
		[MOUNT_LOCAL] = NULL,
		[MOUNT_PSEUDO] = "not entered: a pseudo file system",
		[MOUNT_NETWORK] = "not entered: a network file system",
		[MOUNT_FUSE] = "not entered: a file system served by a process",
		[MOUNT_AUTOFS] = "not entered: an automount point",
	};

	return why[kind];
}
