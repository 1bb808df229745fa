#!/bin/sh
# From a bare Debian 12 to a work group in the browser: installs what is needed, builds, writes a first config if
# there is none, and runs in the foreground. May be run again at any time: what is there stays.
#
#   sh deploy/quickstart.sh            as root, or as a user with sudo
#   sh deploy/quickstart.sh --no-run   everything but the last step
#
#   QUNGONG_HOME=FOLDER   config and data (default: ~/qungong)
#   BUILD=FOLDER          build folder (default: build beside the sources)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
home=${QUNGONG_HOME:-${HOME:-/root}/qungong}
build=${BUILD:-$root/build}
run=yes
for argument in "$@"; do
	case $argument in
	--no-run) run=no ;;
	*)
		echo "usage: sh deploy/quickstart.sh [--no-run]" >&2
		exit 2
		;;
	esac
done

say() {
	printf '==> %s\n' "$*"
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		echo "需要 root 或 sudo 来安装软件包 · root or sudo is needed to install packages" >&2
		exit 1
	fi
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

packages="gcc libc6-dev pkg-config meson ninja-build python3 libev-dev libhiredis-dev libhttp-parser-dev libcurl4-openssl-dev
	libjansson-dev libyaml-dev libsqlite3-dev libssl-dev libwebsockets-dev libwebsockets-evlib-ev libarchive-dev
	libexpat1-dev libseccomp-dev libqrencode-dev libprotobuf-c-dev protobuf-c-compiler poppler-utils poppler-data redis-server tzdata ca-certificates"
missing=
for package in $packages; do
	is_installed "$package" || missing="$missing $package"
done
if [ -n "$missing" ]; then
	say "安装 installing:$missing"
	had_redis=no
	! is_installed redis-server || had_redis=yes
	as_root apt-get -q update
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
	# qungong starts a private server of its own; the package's public one is not needed
	if [ "$had_redis" = no ] && [ -d /run/systemd/system ]; then
		as_root systemctl disable --now redis-server >/dev/null 2>&1 || true
	fi
fi

export LC_ALL=C.UTF-8
if [ ! -f "$build/build.ninja" ]; then
	say "配置 configuring $build"
	meson setup "$build" "$root" -Dbuildtype=release -Dtests=false
fi
say "编译 building"
ninja -C "$build" gateway/qungong

mkdir -p "$home"
cd "$home"
if [ ! -f qungong.yaml ]; then
	say "写入 writing $home/qungong.yaml"
	cp "$root/deploy/example/qungong.yaml" qungong.yaml.new
	mv qungong.yaml.new qungong.yaml
fi
export QUNGONG_TEMPLATES="${QUNGONG_TEMPLATES:-$root/templates}"
"$build/gateway/qungong" check

if [ "$run" = no ]; then
	say "启动 to start: cd $home && $build/gateway/qungong run"
	exit 0
fi
# Without a terminal the program prints where the token lies; whoever reads this output shall have the link.
if [ ! -t 1 ]; then
	address=$(sed -n 's/^admin_listen:[[:space:]]*\([^[:space:]#]*\).*/\1/p' qungong.yaml)
	data=$(sed -n 's/^data_dir:[[:space:]]*\([^[:space:]#]*\).*/\1/p' qungong.yaml)
	token=${data:-./data}/admin.token
	(
		tries=0
		while [ ! -s "$token" ] && [ "$tries" -lt 300 ]; do
			tries=$((tries + 1))
			sleep 0.1
		done
		[ ! -s "$token" ] || echo "http://${address:-127.0.0.1:8081}/chat/xiaoman?token=$(cat "$token")"
	) &
fi
say "运行，Ctrl-C 结束 · running, Ctrl-C ends it"
exec "$build/gateway/qungong" run
