#!/bin/sh
# Install what fim needs and this host lacks.  Usage: packages.sh run|test|look|vm...
#
# With apt-get it installs; with yum or dnf it prints the command, and runs it
# only with INSTALL=yes.  Headers of the running kernel are tried and not
# insisted on: `fim doctor` says what their absence means.
set -eu

apt_of() {
	case $1 in
	run) echo gcc libc6-dev make python3-dev python3-setuptools python3-bpfcc ;;
	test) echo python3-pytest python3-hypothesis python3-jsonschema python3-pyflakes python3-yaml clang inotify-tools auditd aide strace \
		stress-ng btrfs-progs mmdebstrap rsyslog rsyslog-openssl rsyslog-relp rsyslog-pgsql postgresql \
		iproute2 openssl rpm python3-rpm mandoc systemd logrotate vim cron \
		"$(apt_clang_runtime)" ;;
	look) echo chromium-headless-shell fonts-dejavu-core ;;
	vm) echo qemu-system-x86 busybox-static cpio kmod zstd xz-utils e2fsprogs xfsprogs ;;
	esac
}

# The sanitizers' and the fuzzer's runtime is a package of its own, with clang's
# version in its name, where there is one.
apt_clang_runtime() {
	version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p')
	apt-cache show "libclang-rt-$version-dev" >/dev/null 2>&1 && echo "libclang-rt-$version-dev" || :
}

rpm_of() {
	case $1 in
	run) echo gcc make python3-devel python3-setuptools "$(rpm_bcc)" "kernel-devel-$(uname -r)" ;;
	test) echo python3-pytest clang compiler-rt ;;
	vm) echo qemu-kvm busybox cpio kmod zstd xz e2fsprogs xfsprogs ;;
	esac
}

rpm_bcc() {
	[ -e /usr/bin/python2.7 ] && echo python-bcc || echo python3-bcc
}

missing_apt() {
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
			echo "$package"
	done
}

with_apt() {
	wanted=$(for need in "$@"; do apt_of "$need"; done)
	# shellcheck disable=SC2086
	missing=$(missing_apt $wanted)
	[ -n "$missing" ] || [ ! -d "/lib/modules/$(uname -r)/build" ] || return 0
	[ -z "$missing" ] || {
		apt-get -qq update
		# shellcheck disable=SC2086
		DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y $missing
	}
	[ -d "/lib/modules/$(uname -r)/build" ] ||
		apt-get -qq install --no-install-recommends -y "linux-headers-$(uname -r)" \
			>/dev/null 2>&1 || :
}

with_rpm() {
	tool=$1
	shift
	wanted=$(for need in "$@"; do rpm_of "$need"; done)
	# shellcheck disable=SC2086
	rpm -q $wanted >/dev/null 2>&1 && return 0
	echo "fim needs: $tool install" $wanted
	# shellcheck disable=SC2086
	[ "${INSTALL:-}" = yes ] && "$tool" install -y $wanted
}

if command -v apt-get >/dev/null; then
	[ "$(id -u)" = 0 ] || { echo "fim: installing packages needs root: run it with sudo" >&2; exit 1; }
	with_apt "$@"
elif command -v dnf >/dev/null; then
	with_rpm dnf "$@"
elif command -v yum >/dev/null; then
	with_rpm yum "$@"
else
	echo "fim: no apt-get, dnf or yum here: install the packages that README.md lists" >&2
fi
