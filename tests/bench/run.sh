#!/bin/sh
# Runs the benchmarks and prints one table: sh tests/bench/run.sh [QUNGONG_BIN]
# Without a binary it builds one with buildtype=release (debug information does not change the code, the breakdown reads
# it). $BENCH: only these of start webhook cycle wecom dingtalk feishu ingest turns stream streams memory breakdown; $BENCH_SCALE: 0.1 for a tenth of the messages.
# The table is also kept in tests/out/bench/table.md.
set -eu
# the bundle of certificates it names would be read once more by each library
unset SSL_CERT_FILE SSL_CERT_DIR
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
QUNGONG_BENCH_TMP=$(mktemp -d "${TMPDIR:-/tmp}/qungong-bench-XXXXXX")
export QUNGONG_BENCH_TMP
trap 'rm -rf "$QUNGONG_BENCH_TMP"' EXIT
trap 'exit 1' INT TERM HUP
if [ $# -ge 1 ]; then
	QUNGONG_BIN=$(realpath "$1")
	if [ ! -x "$QUNGONG_BIN" ]; then
		echo "$0: $1 is no program" >&2
		exit 2
	fi
else
	meson setup "$QUNGONG_BENCH_TMP/build" "$root" -Dbuildtype=release -Ddebug=true -Dtests=false >&2
	ninja -C "$QUNGONG_BENCH_TMP/build" >&2
	QUNGONG_BIN=$QUNGONG_BENCH_TMP/build/gateway/qungong
fi
QUNGONG_LOAD=$QUNGONG_BENCH_TMP/load
QUNGONG_VENDOR=$QUNGONG_BENCH_TMP/vendor
export QUNGONG_BIN QUNGONG_LOAD QUNGONG_VENDOR
"${CC:-cc}" -O2 -std=c11 -D_GNU_SOURCE -Wall -Wextra -o "$QUNGONG_LOAD" "$here"/load*.c
"${CC:-cc}" -O2 -std=c11 -D_GNU_SOURCE -Wall -Wextra -o "$QUNGONG_VENDOR" "$here"/vendor.c
for folder in "$here/node" "$here/../platforms"; do
	[ -d "$folder/node_modules/dingtalk-stream" ] || (cd "$folder" && npm ci --silent >&2)
done
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
node "$here/bench.mjs"
