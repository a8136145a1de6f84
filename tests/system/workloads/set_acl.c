/* SPDX-License-Identifier: GPL-2.0-only
 *
 * set_acl.c - a POSIX ACL, as setfacl(1) sets it: one more may read
 */
#include "workload.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/xattr.h>

static long act(int n)
{
	struct {
		struct posix_acl_xattr_header header;
		struct posix_acl_xattr_entry entry[5];
	} acl = {{POSIX_ACL_XATTR_VERSION}, {
		{ACL_USER_OBJ, 6, ACL_UNDEFINED_ID}, {ACL_USER, 4, 1},
		{ACL_GROUP_OBJ, 4, ACL_UNDEFINED_ID}, {ACL_MASK, 4, ACL_UNDEFINED_ID},
		{ACL_OTHER, 0, ACL_UNDEFINED_ID}}};

	return setxattr(name('f', n), "system.posix_acl_access", &acl, sizeof(acl), 0);
}

const struct workload workload = {act, .was = 'f', .is = 'f'};
