#!/bin/sh
# Fuzzes one target for a number of runs: tests/fuzz/run.sh TARGET RUNS [libFuzzer options]
# Works on a copy of the corpus in the build folder ($QUNGONG_FUZZ_BUILD, by default build-fuzz beside the sources);
# an input that crashes is left there as crash-*: keep it in tests/fuzz/corpus/TARGET together with the fix.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
targets=$(cd "$root/tests/fuzz" && printf '%s ' fuzz_*.c | sed 's/fuzz_//g; s/\.c//g')
if [ $# -lt 2 ] || [ ! -f "$root/tests/fuzz/fuzz_$1.c" ]; then
	echo "usage: $0 TARGET RUNS [libFuzzer options]" >&2
	echo "targets: $targets" >&2
	exit 2
fi
target=$1
runs=$2
shift 2
build=${QUNGONG_FUZZ_BUILD:-$root/build-fuzz}
if [ ! -f "$build/build.ninja" ]; then
	CC=clang meson setup "$build" "$root" -Dfuzzers=true -Dbuildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
fi
ninja -C "$build" "tests/fuzz/fuzz_$target"
mkdir -p "$build/corpus/$target"
cd "$build"
exec "tests/fuzz/fuzz_$target" -runs="$runs" -max_len=8192 -timeout=5 -print_final_stats=1 "$@" \
	"corpus/$target" "$root/tests/fuzz/corpus/$target"
