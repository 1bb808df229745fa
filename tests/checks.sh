#!/bin/sh
# Holds what no compiler holds: who may include what, banned functions, sizes, and that nothing tells of the
# machine it was written on. Prints "ok NAME" or "FAIL NAME" with the places; exit 1 if anything failed.
cd "$(dirname "$0")/.." || exit 2

failed=0
found=$(mktemp) || exit 2
trap 'rm -f "$found"' EXIT

# Everything that is, or is about to be, under version control; the whole tree where it is none.
files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files -co --exclude-standard -- "$@" | while read -r name; do
			[ -f "$name" ] && echo "$name"
		done
	else
		for pattern in "$@"; do
			find . -path './build*' -prune -o -path './.git' -prune -o -path './tests/out' -prune -o \
				-path '*/node_modules' -prune -o -type f \
				-name "${pattern##*/}" -print | sed 's#^\./##'
		done
	fi
}

# verdict NAME: fails if the file $found has lines, and shows them.
verdict() {
	if [ -s "$found" ]; then
		failed=1
		echo "FAIL $1"
		sed 's/^/     /' "$found" | head -n 40
	else
		echo "ok   $1"
	fi
}

# lines PATTERN FILES...: places of an extended pattern, none where there are no files.
lines() {
	pattern=$1
	shift
	[ $# -eq 0 ] || grep -nE "$pattern" "$@" /dev/null || true
}

sources=$(files '*.c' '*.h')
product=$(echo "$sources" | grep -E '^(gateway|adapters|agents|include)/')
all=$(files '*')

lines '#[[:space:]]*include[[:space:]]*["<][^">]*\.\./' $sources >"$found"
verdict "no ../ in an #include"

# only NAME-PATTERN ALLOWED-PATTERN TITLE: a library's headers stay behind their wall.
only() {
	lines "#[[:space:]]*include[[:space:]]*<($1)" $product | grep -vE "^($2)" >"$found"
	verdict "$3"
}
only 'ev\.h|ev\+\+\.h|hiredis/|http_parser\.h|curl/' 'gateway/net/' "libev, hiredis, http_parser, libcurl only in gateway/net"
only 'sqlite3\.h' 'gateway/base/db\.c:' "SQLite only in gateway/base/db.c"
only 'openssl/' 'gateway/base/crypto\.c:|gateway/net/' "OpenSSL only in gateway/base/crypto.c and gateway/net"
only 'archive\.h|archive_entry\.h|expat\.h|seccomp\.h' 'agents/documents/' "libarchive, expat, libseccomp only in agents/documents"
only 'yaml\.h' 'gateway/base/tree[a-z_]*\.[ch]:' "libyaml only in gateway/base/tree"

lines '#[[:space:]]*include "qg/(queue|ledger|core|turn|role|model|desk)\.h"' $(echo "$sources" | grep '^adapters/') >"$found"
verdict "adapters see neither queue nor roles"
lines '#[[:space:]]*include "qg/(queue|ledger|core|adapter|bot|http)\.h"' \
	$(echo "$sources" | grep '^agents/' | grep -v '^agents/worker') >"$found"
verdict "agents but for the worker see neither queue nor gateway"
lines '#[[:space:]]*include "qg/(queue|core|adapter|role|turn|model)\.h"' \
	$(echo "$sources" | grep -E '^gateway/(base|net)/') >"$found"
verdict "base and net see nothing above them"

lines '(^|[^[:alnum:]_])(strcpy|strcat|sprintf|vsprintf|gets|atoi|strtok|sleep|usleep)[[:space:]]*\(' $sources >"$found"
verdict "no banned functions"

lines '(TODO|FIXME|XXX:)' $(echo "$all" | grep -vE '^tests/checks\.sh$|\.(png|ico|bin)$') >"$found"
verdict "nothing left to do later"

for header in $(echo "$sources" | grep '^include/qg/'); do
	guard="QG_$(basename "$header" .h | tr 'a-z.-' 'A-Z__')_H"
	grep -q "^#ifndef $guard\$" "$header" && grep -q "^#define $guard\$" "$header" || echo "$header: no $guard"
done >"$found"
verdict "headers are guarded by their names"

flags="$(pkg-config --cflags jansson 2>/dev/null)"
for header in $(echo "$sources" | grep '^include/qg/'); do
	${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Werror -Iinclude $flags \
		-fsyntax-only -x c "$header" 2>&1 | head -n 3
done >"$found"
verdict "each header compiles alone"

for file in $product; do
	awk -v file="$file" '
		FNR == 1 { start = 0 }
		/^\{/ { start = FNR }
		/^\}/ { if (start && FNR - start > 100) print file ":" start ": " FNR - start " lines"; start = 0 }
	' "$file"
done >"$found"
verdict "no function over 100 lines"

for file in $product; do
	count=$(wc -l <"$file")
	[ "$count" -le 550 ] || echo "$file: $count lines"
done >"$found"
verdict "no file over 550 lines"

# Places of one machine, and hosts from which a lock file must not download.
lines '(^|[^[:alnum:]_.])(/work/|/home/[a-z]|/root/|/tmp/b-)|registry\.[a-z]+\.(org|com)|npmmirror' \
	$(echo "$all" | grep -vE '^tests/checks\.sh$|\.(png|ico|bin)$|/corpus/') >"$found"
verdict "no machine paths and no download hosts"

exit $failed
