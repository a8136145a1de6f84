#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# run.sh [SECONDS] - fuzz the decoder and the renderers (clang's libFuzzer, with
# the address and undefined-behaviour sanitizers).  What it finds is left in
# $OUT (build/fuzz) as crash-*; the corpus grows there from run to run.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${OUT:-$root/build/fuzz}
mkdir -p "$out/corpus"

core=
for name in siphash decode buffer utf8 json terminal error_name record record_text record_change \
	process process_text process_last calendar arguments; do
	core="$core $root/ext/$name.c"
done
# shellcheck disable=SC2086
${CLANG:-clang} -std=gnu11 -g -O1 -Wall -Wextra -Werror \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	-I"$root/ext" -I"$root/bpf_c" -I"$root/tests/fuzz" \
	"$root/tests/fuzz/decode_fuzz.c" "$root/tests/fuzz/trivial_view.c" $core \
	-o "$out/decode_fuzz"
"${PYTHON:-/usr/bin/python3}" "$root/tests/fuzz/seeds.py" "$out/seeds"
exec "$out/decode_fuzz" -max_total_time="${1:-20}" -max_len=4096 -print_final_stats=1 \
	-artifact_prefix="$out/" "$out/corpus" "$out/seeds"
