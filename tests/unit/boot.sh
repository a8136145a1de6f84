#!/bin/sh
# Boots systemd in namespaces of its own, over this machine's root (its changes are lost), and
# has it run DIRECTORY/job, seen there as /job/job; without a network.  Usage: boot.sh DIRECTORY
#
# To be started by: unshare -m -p -n -C -f --kill-child sh boot.sh DIRECTORY
set -eu

[ $$ -eq 1 ] || exit 1 # the end of this powers off
mount --make-rprivate /
mkdir "$1/changes"
mount -t tmpfs tmpfs "$1/changes"
cd "$1/changes"
mkdir upper work root
mount -t overlay -o "lowerdir=/,upperdir=upper,workdir=work" overlay root
mkdir root/job
mount --bind "$1" root/job
mount --rbind /dev root/dev
mount --rbind /sys root/sys
mount -t proc proc root/proc
for place in run tmp; do mount -t tmpfs -o mode=755 tmpfs root/$place; done

# systemd wants a hierarchy of its own, of whichever kind this kernel has free.
mount -t cgroup2 cgroup2 root/sys/fs/cgroup 2>/dev/null || {
	mount -t tmpfs tmpfs root/sys/fs/cgroup
	mkdir root/sys/fs/cgroup/unified
	mount -t cgroup2 cgroup2 root/sys/fs/cgroup/unified
}

units=root/run/systemd/system
mkdir -p $units
cat >$units/job.service <<-END
	[Service]
	Type=oneshot
	ExecStart=/bin/sh /job/job
	StandardOutput=file:/job/said
	StandardError=file:/job/said
	ExecStopPost=/bin/systemctl --no-block poweroff
END
cat >$units/job.target <<-END
	[Unit]
	Requires=job.service
	DefaultDependencies=no
	AllowIsolate=yes
END
container=lxc exec chroot root /lib/systemd/systemd --system --unit=job.target
