#!/bin/sh
# Takes away what could build something: /bin/false is mounted over every compiler, make and pip,
# and an empty directory over Python's pip. Prints what it hid. For a mount namespace, or a
# machine, of the test's own.
set -eu

empty=$(mktemp -d)
for directory in $(echo "$PATH" | tr : ' '); do
	for name in cc gcc c++ g++ clang clang++ ld as make gmake pip pip3 '*-gcc' '*-gcc-[0-9]*' \
		'gcc-[0-9]*' 'clang-[0-9]*'; do
		for path in "$directory"/$name; do
			path=$(readlink -e "$path") || continue
			cmp -s "$path" /bin/false || mount --bind /bin/false "$path"
			echo "$path"
		done
	done
done
for path in /usr/lib/python3*/dist-packages/pip /usr/lib/python3*/site-packages/pip; do
	[ ! -d "$path" ] || { mount --bind "$empty" "$path" && echo "$path"; }
done
for name in cc gcc clang make pip 'python3 -m pip'; do
	! $name --version >/dev/null 2>&1 || { echo "$name still works" >&2; exit 1; }
done
