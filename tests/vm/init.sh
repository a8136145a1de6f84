#!/bin/busybox sh
# The guest's first process: loads modules, puts the root together, hands over to session.sh.

/bin/busybox mkdir -p /proc /sys /dev /kernel /host /changes /root
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
export PATH=/bin
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/$module" || echo "fim-vm: no module $module"; done </modules
. /settings

# disk NAME: the block device that carries this serial number
disk() {
    for serial in /sys/block/vd*/serial; do
        [ "$(cat "$serial")" = "$1" ] && basename "$(dirname "$serial")"
    done
}

# share TAG DIRECTORY OPTIONS
share() {
    mkdir -p "$2"
    mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2"
}

# layered LOWER NAME DIRECTORY: DIRECTORY becomes LOWER with its changes kept in memory
layered() {
    mkdir -p "/changes/$2/upper" "/changes/$2/work" "$3"
    # xino: else directories and files of the merged tree can share a number.
    mount -t overlay -o "xino=on,lowerdir=$1,upperdir=/changes/$2/upper,workdir=/changes/$2/work" fim-vm "$3"
}

overlay_root() {
    layered /kernel:/host root /root
    [ -e "/root/lib/modules/$RELEASE" ] && return
    mkdir -p /root/lib/modules # a root whose /lib is no link
    ln -s "/usr/lib/modules/$RELEASE" /root/lib/modules
}

# A tmpfs with the host's directories bound into it, read-only; /lib is made of links, so that it
# can have this kernel's modules; /etc is a copy.
plain_root() {
    mount -t tmpfs -o mode=755 root /root
    for path in /host/*; do
        name=${path##*/}
        case $name in
        etc) cp -a /host/etc /root ;;
        lib) library ;;
        proc | sys | dev | run | tmp | mnt | root | home | var | lost+found) mkdir "/root/$name" ;;
        *)
            if [ -L "$path" ]; then cp -a "$path" /root; else bound "$path" "/root/$name"; fi
            ;;
        esac
    done
    mkdir -p /root/var/log /root/var/lib /root/var/cache /root/lib/modules
    mkdir -m 1777 /root/var/tmp
    ln -s /run /root/var/run
    bound "/kernel/usr/lib/modules/$RELEASE" "/root/lib/modules/$RELEASE"
    bound /kernel/usr/src /root/usr/src
}

library() {
    mkdir /root/lib
    if [ -L /host/lib ]; then from=/usr/lib; else from=/.lib; bound /host/lib /root/.lib; fi
    for path in /host/lib/*; do
        [ "${path##*/}" = modules ] || ln -s "$from/${path##*/}" /root/lib
    done
}

bound() {
    [ -d "$1" ] || return
    mkdir -p "$2"
    mount --bind "$1" "$2"
}

# The checkout can be written, whatever the root; its changes are lost.
checkout() {
    from=/host$CHECKOUT
    [ "$OWN_TREE" ] && share checkout /checkout ro,cache=loose && from=/checkout
    if [ "$ROOT" = plain ]; then
        top=${CHECKOUT#/}
        mkdir -p "/root$CHECKOUT" || mount -t tmpfs tmpfs "/root/${top%%/*}"
        mkdir -p "/root$CHECKOUT"
        mount -t tmpfs tmpfs "/root$CHECKOUT"
        cp -a "$from/." "/root$CHECKOUT"
    elif [ "$OWN_TREE" ]; then
        layered "$from" checkout "/root$CHECKOUT"
    fi
}

mount -t tmpfs tmpfs /changes
mount -t ext4 -o ro "/dev/$(disk kernel)" /kernel
share host /host ro,cache=loose
"${ROOT}_root"
checkout
for directory in tmp run mnt; do mount -t tmpfs -o mode=755 tmpfs "/root/$directory"; done
chmod 1777 /root/tmp
mkdir -p /root/run/lock /root/run/fim-vm
for type in $DISKS; do
    mkdir -p "/root/mnt/$type"
    mount -t "$type" "/dev/$(disk "$type")" "/root/mnt/$type"
done
[ "$SHARE" ] && share share /root/mnt/share rw,cache=none

cp /bin/busybox /session /command /settings /root/run/fim-vm
umount /proc /sys
mount --move /dev /root/dev
exec switch_root /root /run/fim-vm/busybox sh /run/fim-vm/session
