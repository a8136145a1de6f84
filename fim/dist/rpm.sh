#!/bin/sh
# make rpm: build/rpm/RPMS/ARCH/fim-monitor-VERSION-1.rpm; DIST=.el7 names another distribution.
set -eu

version=$(sed -n 's/^VERSION = "\(.*\)"/\1/p' fim/version.py)
top=$PWD/build/rpm
dist=${DIST:-}
release=${dist#.el}

rm -rf "$top"
mkdir -p "$top/SOURCES"
tar -czf "$top/SOURCES/fim-monitor-$version.tar.gz" --transform "s|^|fim-monitor-$version/|" \
	--exclude '*.so' --exclude __pycache__ bpf_c ext fim setup.py Makefile README.md
# On a build host without RPM's database (Debian) what BuildRequires names is there as files.
[ -e /etc/redhat-release ] || set -- --nodeps
rpmbuild -bb --quiet "$@" --define "_topdir $top" --define "version_of_fim $version" \
	${dist:+--define "dist $dist" --define "rhel $release"} fim/dist/fim-monitor.spec
find "$top/RPMS" -name '*.rpm'
