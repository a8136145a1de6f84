#!/bin/sh
# make install: everything below DESTDIR, from what is in build/install.
# By the environment: DESTDIR PREFIX PYTHON PYTHON_DIR UNITDIR
set -eu

python=$(command -v "$PYTHON")
bindir=$PREFIX/bin
share=$PREFIX/share
here=$(dirname "$0")
built=build/install

to() { install -d "$DESTDIR$1" && install -p -m "$2" "$3" "$DESTDIR$1/${4:-${3##*/}}"; }

filled() { # a file with its @WORDS@ filled in
	path=
	"$python" -I -c 'import sys; sys.exit(sys.argv[1] not in sys.path)' "$PYTHON_DIR" ||
		path="sys.path.insert(0, \"$PYTHON_DIR\")"
	sed -e "s|@BINDIR@|$bindir|" -e "s|@PYTHON@|$python|" -e "s|@PATH@|$path|" "$here/$1" \
		>"$built/$1"
}

# What was compiled is compiled again only where its sources are newer.
mkdir -p $built/lib
find $built -type f ! -name '*.o' ! -name '*.so' -delete
"$python" setup.py -q build --build-base $built/base --build-lib $built/lib 2>/dev/null ||
	"$python" setup.py build --build-base $built/base --build-lib $built/lib
"$python" "$here/manual.py" $built/lib $built/pages
for file in fim.in fim.service fim-check.service fim-check.timer; do filled $file; done

install -d "$DESTDIR$PYTHON_DIR"
(cd $built/lib && find fim -type f ! -path '*/dist/*' ! -name '*.pyc') | while read -r file; do
	to "$PYTHON_DIR/$(dirname "$file")" 644 "$built/lib/$file"
done
to "$PYTHON_DIR/fim/dist" 644 "$here/record.schema.json"
to "$bindir" 755 $built/fim.in fim
for unit in fim.service fim-check.service fim-check.timer; do to "$UNITDIR" 644 $built/$unit; done
for section in 1 5 8; do
	for page in $built/pages/*.$section; do to "$share/man/man$section" 644 "$page"; done
done
to "$share/bash-completion/completions" 644 $built/pages/completion fim
for part in collect policies; do
	for file in "$here/$part"/*.*; do to "$share/fim/$part" 644 "$file"; done
done
[ -e "$DESTDIR/etc/fim/environment" ] || to /etc/fim 644 "$here/environment"
install -d -m 755 "$DESTDIR/etc/fim/policy.d"
install -d -m 700 "$DESTDIR/var/lib/fim"
