#!/bin/sh
# run.sh [quick]: checks every model and that each of its mutations is caught. One line a model, a count at the end.
#
# Needs spin and a C compiler. Full: some five minutes on two cores and under 4 GB; quick, for every test run:
# smaller budgets of faults, all mutations, about two minutes. Exit 1 when a search fails or a mutation slips
# through, 2 when it cannot run.
here=$(cd "$(dirname "$0")" && pwd)
case ${1:-full} in
quick | full) size=${1:-full} ;;
*) echo "usage: run.sh [quick]" >&2; exit 2 ;;
esac
for tool in spin "${CC:-cc}"; do
	command -v "$tool" >/dev/null || { echo "run.sh: $tool is missing" >&2; exit 2; }
done
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM
bad=0 all_searches=0 all_caught=0

# search FILE DEFINES -> $states and $result: holds, violated, unfinished or broken
search() {
	rm -rf "$work/x" && mkdir "$work/x" && cd "$work/x" || exit 2
	states=0 result=broken
	# shellcheck disable=SC2086 # the defines are words
	spin -a $2 "$here/$1.pml" >spin.log 2>&1 || { cat spin.log >&2; return; }
	${CC:-cc} -O2 -w -DSAFETY -DCOLLAPSE -DNOFAIR -DMEMLIM=4000 -o pan pan.c || return
	timeout 600 ./pan -m4000000 -w24 >pan.log 2>&1 || { result=unfinished; return; }
	states=$(sed -n 's/^ *\([0-9][0-9]*\) states, stored.*/\1/p' pan.log)
	if grep -q 'errors: 0' pan.log && ! grep -q 'max search depth\|Search not completed\|out of memory' pan.log; then
		result=holds
	elif grep -q 'assertion violated' pan.log; then
		result=violated
	else
		result=unfinished
	fi
}

# hold DEFINES..., full_only DEFINES..., mutation DEFINES...: what the next model is searched for
begin() { : >"$work/hold"; : >"$work/fail"; }
hold() { printf '%s\n' "$@" >>"$work/hold"; }
full_only() { [ "$size" = quick ] || hold "$@"; }
quick_only() { [ "$size" = full ] || hold "$@"; }
mutation() { printf '%s\n' "$@" >>"$work/fail"; }

# model NAME FILE: what was said must hold, each mutation must be violated
model() {
	total=0 runs=0 held=0 tried=0 caught=0 wrong=
	while IFS= read -r defines <&3; do
		search "$2" "$defines"; runs=$((runs + 1)); total=$((total + ${states:-0}))
		if [ $result = holds ]; then held=$((held + 1)); else wrong="$wrong [$defines: $result]"; fi
	done 3<"$work/hold"
	while IFS= read -r defines <&3; do
		search "$2" "$defines"; tried=$((tried + 1))
		if [ $result = violated ]; then caught=$((caught + 1)); else wrong="$wrong [$defines: $result]"; fi
	done 3<"$work/fail"
	[ -z "$wrong" ] || bad=1
	all_searches=$((all_searches + held)) all_caught=$((all_caught + caught))
	echo "$1: $total states, $held of $runs searches hold, $caught of $tried mutations caught$wrong"
}

none="-DCRASH=0 -DPAUSE=0 -DLOST=0 -DFAILS=0 -DGIVES=0 -DREDEL=0"
begin
hold "-DTHREE -DCRASH=1 -DPAUSE=1 -DLOST=1 -DFAILS=0 -DGIVES=0 -DREDEL=0" \
	"-DTHREE -DCRASH=1 -DPAUSE=1 -DLOST=0 -DFAILS=1 -DGIVES=1 -DREDEL=0" \
	"-DTHREE -DCRASH=1 -DPAUSE=0 -DLOST=1 -DFAILS=2 -DGIVES=0 -DREDEL=0" \
	"-DTHREE -DCRASH=0 -DPAUSE=0 -DLOST=2 -DFAILS=0 -DGIVES=0 -DREDEL=0" \
	"-DTHREE -DPOISON -DQUARANTINE $none" \
	"-DPOISON -DQUARANTINE -DCLIM=3 -DCRASH=0 -DPAUSE=0 -DLOST=1 -DFAILS=0 -DGIVES=1 -DREDEL=0"
quick_only "-DCRASH=1 -DPAUSE=0 -DLOST=1 -DFAILS=0 -DGIVES=0 -DREDEL=0" \
	"-DTHREE -DCRASH=0 -DPAUSE=0 -DLOST=1 -DFAILS=1 -DGIVES=0 -DREDEL=1 -DWITHDRAW=1" \
	"-DTHREE -DCRASH=1 -DPAUSE=0 -DLOST=0 -DFAILS=0 -DGIVES=1 -DREDEL=0 -DWITHDRAW=1" \
	"-DTHREE -DCRASH=1 -DPAUSE=0 -DLOST=1 -DFAILS=0 -DGIVES=0 -DREDEL=1"
full_only "-DCRASH=1 -DPAUSE=1 -DLOST=1 -DFAILS=0 -DGIVES=0 -DREDEL=0" \
	"-DTHREE -DCRASH=1 -DPAUSE=0 -DLOST=1 -DFAILS=1 -DGIVES=1 -DREDEL=0 -DWITHDRAW=1" \
	"-DTHREE -DCRASH=0 -DPAUSE=1 -DLOST=0 -DFAILS=0 -DGIVES=1 -DREDEL=1 -DWITHDRAW=2" \
	"-DTHREE -DCRASH=1 -DPAUSE=1 -DLOST=1 -DFAILS=0 -DGIVES=1 -DREDEL=0" \
	"-DTHREE -DCRASH=1 -DPAUSE=0 -DLOST=1 -DFAILS=0 -DGIVES=0 -DREDEL=2"
mutation "-DM_NOFENCE -DTHREE -DCRASH=0 -DPAUSE=1 -DLOST=0 -DFAILS=0 -DGIVES=0 -DREDEL=0" \
	"-DM_NOATT -DTHREE -DCRASH=0 -DPAUSE=1 -DLOST=0 -DFAILS=0 -DGIVES=0 -DREDEL=0" \
	"-DM_ACKFIRST -DTHREE -DCRASH=0 -DPAUSE=0 -DLOST=0 -DFAILS=0 -DGIVES=0 -DREDEL=1" \
	"-DM_FLAG -DTHREE $none" \
	"-DM_WINDOW -DTHREE -DCRASH=0 -DPAUSE=0 -DLOST=0 -DFAILS=0 -DGIVES=0 -DREDEL=1" \
	"-DM_NOFLIGHT -DTHREE -DCRASH=0 -DPAUSE=0 -DLOST=1 -DFAILS=0 -DGIVES=0 -DREDEL=0" \
	"-DM_DELCONSUMER -DTHREE -DCRASH=1 -DPAUSE=0 -DLOST=0 -DFAILS=0 -DGIVES=0 -DREDEL=0" \
	"-DM_OTHERS -DTHREE -DCRASH=0 -DPAUSE=0 -DLOST=1 -DFAILS=0 -DGIVES=0 -DREDEL=0" \
	"-DCRASH_PER_TAKE -DTHREE -DCRASH=0 -DPAUSE=0 -DLOST=2 -DFAILS=0 -DGIVES=0 -DREDEL=0" \
	"-DM_FROMBATCH -DTHREE $none -DWITHDRAW=1" \
	"-DM_REVIVE -DTHREE -DCRASH=0 -DPAUSE=0 -DLOST=0 -DFAILS=0 -DGIVES=0 -DREDEL=1 -DWITHDRAW=1" \
	"-DM_UNSCHEDULE -DTHREE $none -DWITHDRAW=1" \
	"-DPOISON -DTHREE $none"
model mailbox mailbox

begin
hold "-DPART_TIME"
mutation "-DPART_TIME -DBY_WALL -DOFFSET=2" "-DPART_TIME -DM_NORULE" "-DPART_TIME -DM_REPLYAGE" \
	"-DPART_TIME -DM_EXPIRE" "-DPART_TIME -DTTL=5"
model "lease, time" lease

begin
some="-DPART_OUT -DCRASH=1 -DTAKE=1 -DLOST=1"
quick_only "-DPART_OUT -DCRASH=1 -DTAKE=1 -DLOST=0 -DUNKNOWN=1" "$some -DUNKNOWN=0"
full_only "$some -DUNKNOWN=1"
mutation "$some -DUNKNOWN=0 -DM_BELL" "$some -DUNKNOWN=0 -DM_INCREMENT" "$some -DUNKNOWN=0 -DM_EPOCHRESET" \
	"$some -DUNKNOWN=0 -DM_RECORDFIRST"
model "lease, out list" lease

begin
hold ""
mutation -DM_TWO -DM_OVERWRITE -DM_NODEDUPE
model due due

begin
hold ""
full_only "-DCRASH=2 -DCOPIES=3"
mutation -DM_NOFENCE -DM_TWOSTEPS -DM_FORGETREFUSED -DM_FORGETCLOSED -DM_LATELOST -DM_AGAIN
model budget budget

echo "models: $all_searches searches, $all_caught mutations caught"
exit $bad
