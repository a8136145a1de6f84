#!/bin/sh
# make deb: build/fim-monitor_VERSION_ARCH.deb, of what make install installs.
set -eu

here=$(dirname "$0")
version=$(sed -n 's/^VERSION = "\(.*\)"/\1/p' fim/version.py)
architecture=$(dpkg --print-architecture)
tree=build/deb
packages=/usr/lib/python3/dist-packages

# The newest glibc symbol that the extension needs.
libc_wanted() {
	objdump -T $tree$packages/fim/_core.abi3.so | sed -n 's/.*(GLIBC_\([0-9.]*\)).*/\1/p' |
		sort -V | tail -n 1
}

rm -rf $tree
DESTDIR=$tree PREFIX=/usr PYTHON=/usr/bin/python3 PYTHON_DIR=$packages UNITDIR=/lib/systemd/system \
	sh "$here/install.sh"
find $tree/usr/share/man -type f -exec gzip -9n {} +
install -D -m 644 README.md $tree/usr/share/doc/fim-monitor/README.md
install -m 644 "$here/operations.md" $tree/usr/share/doc/fim-monitor/operations.md
install -m 644 "$here/copyright" $tree/usr/share/doc/fim-monitor/copyright

install -d $tree/DEBIAN
cat >$tree/DEBIAN/control <<-END
	Package: fim-monitor
	Version: $version
	Architecture: $architecture
	Maintainer: fim maintainers <root@localhost>
	Section: admin
	Priority: optional
	Depends: python3 (>= 3.6), python3-bpfcc, libc6 (>= $(libc_wanted))
	Recommends: linux-headers-amd64 | linux-headers-generic
	Conflicts: fim
	Installed-Size: $(du -k -s $tree | cut -f 1)
	Description: file integrity monitor: real time, with who did it
	 Reports every change below the paths that a policy names, as it happens, with
	 who did it, from kernel 3.10 on, and says so where it could not see.
END
echo /etc/fim/environment >$tree/DEBIAN/conffiles
for script in postinst prerm postrm; do
	install -m 755 "$here/debian.$script" $tree/DEBIAN/$script
done
(cd $tree && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) \
	>$tree/DEBIAN/md5sums
dpkg-deb --root-owner-group --build $tree "build/fim-monitor_${version}_$architecture.deb" >/dev/null
echo "build/fim-monitor_${version}_$architecture.deb"
