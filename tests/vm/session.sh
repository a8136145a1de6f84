# Second half of the guest's life: the usual mounts, the command, its status, power off.

cd /run/fim-vm || exit
./busybox mount -t proc proc /proc
./busybox mkdir bin
./busybox --install -s bin
export PATH=/run/fim-vm/bin
. ./settings

mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null
hostname fim-vm
ip link set lo up

# port NAME: the virtio-serial port of this name
port() {
    for name in /sys/class/virtio-ports/*/name; do
        [ "$(cat "$name")" = "$1" ] && echo "/dev/$(basename "$(dirname "$name")")"
    done
}

# The command, and its end: as the child of this shell or as a service of systemd.
cat >job <<'END'
cd /run/fim-vm || exit
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    FIM_VM=1 FIM_TEST_FORCE=1 /run/fim-vm/bin/setsid /bin/sh command 2>&1 </dev/null
END

# In its place as the first process: nothing of the host's is started but what the job wants.
boot_systemd() {
    mkdir -p /run/systemd/system
    cat >/run/systemd/system/fim-vm.service <<-END
	[Unit]
	After=basic.target
	Requires=basic.target
	[Service]
	Type=oneshot
	ExecStart=/bin/sh -c 'sh /run/fim-vm/job >$(port output)'
	ExecStopPost=/bin/sh -c 'echo \$EXIT_STATUS >$(port status); sync; /run/fim-vm/bin/poweroff -f'
	TimeoutStartSec=infinity
	END
    umount /sys/fs/cgroup /sys/fs/bpf /sys/kernel/tracing /sys/kernel/debug
    exec env -i /lib/systemd/systemd --system --unit=fim-vm.service
}
[ "$SYSTEMD" ] && boot_systemd

mkfifo output
cat <output >"$(port output)" &
reader=$!
echo "fim-vm: $(cut -d' ' -f1 /proc/uptime) s after the kernel's start" >/dev/console
sh job >output
status=$?
(sleep 5; kill $reader) & # a daemon left behind may hold the output open
wait $reader
echo $status >"$(port status)"
sync
poweroff -f
