#!/bin/sh
# Drives the real binary with a real Redis over real sockets.
#
#   QUNGONG_BIN=build/gateway/qungong tests/flow/run.sh [NAME]...
#
# QUNGONG_BIN is a binary built with -Dtest_clock=true; NAME is a file of this folder without .mjs (all without).
# QUNGONG_FLOW_SEED=n repeats a kill test. Prints what node's test runner counts; logs of failed tests are kept in
# tests/out/flow/.
set -eu
cd "$(dirname "$0")"

all='roundtrip several drain redis noisy clock reload mailbox verbs doors fsync models vectors services budgets books feishu-webhook hooks sends wecom-link wecom-streams wecom-owners wecom-deaf wecom-reload wecom-share wecom-media wecom-webhook wecom-polls wecom-robot wecom-hire dingtalk-link dingtalk-cards dingtalk-sends dingtalk-owners dingtalk-media dingtalk-webhook dingtalk-robot dingtalk-hire feishu-link feishu-cards feishu-card-owners feishu-clicks feishu-sends feishu-owners feishu-media feishu-chats feishu-reactions feishu-robot feishu-hire drill kill'

if [ -z "${QUNGONG_BIN:-}" ] || [ ! -x "$QUNGONG_BIN" ]; then
	echo "QUNGONG_BIN: path of a binary built with -Dtest_clock=true" >&2
	exit 2
fi
case $QUNGONG_BIN in
/*) ;;
*)
	echo "QUNGONG_BIN must be an absolute path" >&2
	exit 2
	;;
esac
[ $# -gt 0 ] || set -- $all
files=
for name in "$@"; do
	files="$files $name.mjs"
done
# shellcheck disable=SC2086 # names of our own, without blanks
exec node --test --test-reporter=spec $files
