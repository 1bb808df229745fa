#!/bin/sh
# Builds and tests everything on a Debian that may have nothing but a shell: installs what is missing (as root or
# with sudo), builds twice (plain, and with address and undefined-behaviour sanitizers), runs the checks, the
# suites, the flow tests against the real program, the browser test and the checked models. The last line is
# "N passed, N failed, N skipped"; the exit code is 0 only if something passed and nothing failed.
#
#   QUICK=1              without the sanitizer build
#   BUILD_ROOT=FOLDER    where build folders are made (default: the source tree)
root=$(cd "$(dirname "$0")/.." && pwd) || exit 2
cd "$root" || exit 2
build=${BUILD_ROOT:-$root}
out=$root/tests/out
mkdir -p "$out" || exit 2

passed=0 failed=0 skipped=0

say() {
	printf '\n== %s\n' "$*"
}

# count PASSED FAILED SKIPPED
count() {
	passed=$((passed + ${1:-0}))
	failed=$((failed + ${2:-0}))
	skipped=$((skipped + ${3:-0}))
}

finish() {
	printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit $?
}

# ---- what the tests need ----

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo -n "$@"
	else
		return 1
	fi
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install PACKAGES...: those that are missing; false if one could not be had.
install() {
	missing=
	for package in "$@"; do
		is_installed "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	echo "installing:$missing"
	as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q update >"$out/apt.log" 2>&1
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get -q install -y --no-install-recommends $missing >>"$out/apt.log" 2>&1
}

# has COMMAND PACKAGES...: installs the packages if the command is not there.
has() {
	command=$1
	shift
	command -v "$command" >/dev/null 2>&1 || { install "$@" && command -v "$command" >/dev/null 2>&1; }
}

say "packages"
if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "no Debian: the packages named in README.md must be there already"
else
	install gcc libc6-dev pkg-config meson ninja-build python3 libev-dev libhiredis-dev libhttp-parser-dev libcurl4-openssl-dev \
		libjansson-dev libyaml-dev libsqlite3-dev libssl-dev libwebsockets-dev libwebsockets-evlib-ev \
		libarchive-dev libexpat1-dev libseccomp-dev libqrencode-dev libprotobuf-c-dev protobuf-c-compiler poppler-utils poppler-data ca-certificates openssl check \
		redis-server redis-tools procps ||
		{ tail -n 20 "$out/apt.log"; echo "cannot install what the build needs"; count 0 1; finish; }
fi
export LC_ALL=C.UTF-8

# ---- builds ----

# build NAME OPTIONS...: configures and compiles $build/NAME.
make_build() {
	folder=$build/$1
	shift
	if [ ! -f "$folder/build.ninja" ]; then
		meson setup "$folder" "$root" -Dtest_clock=true "$@" >"$out/setup.log" 2>&1 ||
			{ cat "$out/setup.log"; return 1; }
	fi
	ninja -C "$folder" >"$out/ninja.log" 2>&1 || { tail -n 60 "$out/ninja.log"; return 1; }
}

# again NAME ARGUMENTS...: the suites that just failed, alone and one after the other. They drive leases and a real
# Redis in real time, and a machine that stands still for a second fails the soundest of them. Sets `mended`.
again() {
	name=$1
	shift
	mended=0
	broken=$(sed -n '/"result": "\(FAIL\|TIMEOUT\|ERROR\)"/s/.*"name": "[^"]* \/ \([^"]*\)".*/\1/p' "$log")
	for suite in $broken; do
		meson test -C "$build/$name" --no-rebuild --print-errorlogs --logbase again "$@" "$suite" >"$out/again.log" 2>&1 ||
			{ cat "$out/again.log"; continue; }
		echo "$name: $suite passed when run again"
		mended=$((mended + 1))
	done
}

# suites NAME ARGUMENTS...: runs meson's suites of a build and counts them.
suites() {
	name=$1
	shift
	log=$build/$name/meson-logs/testlog.json
	rm -f "$log"
	meson test -C "$build/$name" --no-rebuild --print-errorlogs "$@" 2>&1 | grep -vE '^ *[0-9]+/[0-9]+ .* OK '
	if [ ! -s "$log" ]; then
		echo "no suite ran"
		count 0 1
		return
	fi
	ok=$(grep -cE '"result": "(OK|EXPECTEDFAIL)"' "$log")
	skip=$(grep -c '"result": "SKIP"' "$log")
	all=$(grep -c '"result":' "$log")
	again "$name" "$@"
	ok=$((ok + mended))
	echo "$name: $ok of $all passed, $skip skipped"
	count "$ok" $((all - ok - skip)) "$skip"
}

# tally LOG: what node's summary says, into ok, bad and skip.
tally() {
	ok=$(sed -n 's/^[#ℹ] pass \([0-9]*\)$/\1/p' "$1" | tail -n 1)
	bad=$(sed -n 's/^[#ℹ] fail \([0-9]*\)$/\1/p' "$1" | tail -n 1)
	skip=$(sed -n 's/^[#ℹ] skipped \([0-9]*\)$/\1/p' "$1" | tail -n 1)
}

# tap TITLE COMMAND...: runs node's tests and counts what its summary says.
tap() {
	title=$1
	shift
	log=$out/$(echo "$title" | tr ' ' '-').log
	"$@" >"$log" 2>&1
	code=$?
	tally "$log"
	if [ "$code" -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then
		bad=1
	fi
	echo "$title: ${ok:-0} passed, ${bad:-0} failed, ${skip:-0} skipped"
	[ "${bad:-0}" -eq 0 ] || { grep -nE '^ *(not ok|✖)' "$log" | head -n 40; echo "see $log"; }
	count "${ok:-0}" "${bad:-0}" "${skip:-0}"
}

flow_ok=0 flow_bad=0 flow_skip=0 flow_again=

# flow FILE: one file of flow tests. They kill and stop programs in real time, and a machine that stands still for a
# second fails the soundest of them: what failed is run once more, and the total says so.
flow() {
	name=$(basename "$1" .mjs)
	log=$out/flow-$name.log
	for try in first again; do
		env QUNGONG_BIN="$bin" node --test "$1" >"$log" 2>&1
		code=$?
		tally "$log"
		[ "$code" -ne 0 ] || break
		[ "${bad:-0}" -gt 0 ] || bad=1
		echo "$name, $try run: $bad failed"
		grep -nE '^ *(not ok|✖)' "$log" | head -n 10
		cp "$log" "$out/flow-$name-$try.log"
	done
	[ "$code" -ne 0 ] || [ "$try" = first ] || flow_again="$flow_again $name"
	flow_ok=$((flow_ok + ${ok:-0})) flow_bad=$((flow_bad + ${bad:-0})) flow_skip=$((flow_skip + ${skip:-0}))
}

say "plain build"
if make_build build-test; then
	suites build-test
else
	count 0 1
	finish
fi
bin=$build/build-test/gateway/qungong

if [ -z "${QUICK:-}" ]; then
	say "sanitizer build"
	if make_build build-asan -Db_sanitize=address,undefined -Db_lundef=false; then
		ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
			suites build-asan --timeout-multiplier 4
	else
		count 0 1
	fi
	say "the other compiler"
	if has clang clang; then
		if CC=clang make_build build-clang; then
			count 1
			echo "clang: no warnings"
		else
			count 0 1
		fi
	else
		echo "skipped: no clang"
		count 0 0 1
	fi
fi

# ---- checks, command line ----

# lines_of TITLE COMMAND...: a script that prints "ok NAME" or "FAIL NAME" lines.
lines_of() {
	title=$1
	shift
	log=$out/$(echo "$title" | tr ' ' '-').log
	"$@" >"$log" 2>&1
	code=$?
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^FAIL ' "$log")
	skip=$(grep -c '^skip ' "$log")
	[ "$code" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	echo "$title: $ok passed, $bad failed, $skip skipped"
	[ "$bad" -eq 0 ] || grep -v '^ok ' "$log" | head -n 60
	count "$ok" "$bad" "$skip"
}

say "checks"
lines_of checks sh tests/checks.sh
say "command line"
lines_of "command line" sh tests/flow/cli.sh "$bin"

# ---- the real program, driven by Node ----

# Each stand-in is itself proven by the official clients of what it stands in for. Flow tests use them, and their packages.
for folder in platforms models; do
	[ -f "tests/$folder/package.json" ] || continue
	say "stand-ins: $folder"
	if has node nodejs && has npm npm && { [ -d "tests/$folder/node_modules" ] ||
		(cd "tests/$folder" && npm ci --silent >"$out/npm-$folder.log" 2>&1); }; then
		tap "stand-ins $folder" sh -c "cd tests/$folder && exec node --test"
	else
		echo "skipped: the official clients cannot be had from npm (see $out/npm-$folder.log)"
		count 0 0 1
	fi
done

say "flow"
if has node nodejs; then
	has strace strace || echo "no strace: the order of writing and acknowledging is not looked at"
	for file in $(grep -lE '^[[:space:]]*flow\(' tests/flow/*.mjs); do
		flow "$file"
	done
	printf 'flow: %s passed, %s failed, %s skipped' "$flow_ok" "$flow_bad" "$flow_skip"
	[ -z "$flow_again" ] && echo || printf '; passed when run again:%s\n' "$flow_again"
	count "$flow_ok" "$flow_bad" "$flow_skip"
else
	echo "skipped: no node"
	count 0 0 1
fi

say "browser"
if has node nodejs && has npm npm && has chromium chromium fonts-noto-cjk; then
	if [ -d tests/browser/node_modules/playwright-core ] ||
		(cd tests/browser && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent >"$out/npm.log" 2>&1); then
		tap browser env QUNGONG_BIN="$bin" CHROMIUM="$(command -v chromium)" \
			sh -c 'cd tests/browser && exec node --test'
	else
		echo "skipped: playwright-core cannot be had from npm (see $out/npm.log)"
		count 0 0 1
	fi
else
	echo "skipped: no chromium or node"
	count 0 0 1
fi

# ---- the model of the protocol ----

if [ -f tests/model/run.sh ]; then
	say "model"
	if has spin spin; then
		if sh tests/model/run.sh quick >"$out/model.log" 2>&1; then
			cat "$out/model.log"
			count 1
		else
			tail -n 30 "$out/model.log"
			count 0 1
		fi
	else
		echo "skipped: no spin"
		count 0 0 1
	fi
fi

finish
