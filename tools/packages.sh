# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# What Debian calls what a build, its tests and the demo need. Sourced.

build_packages='autoconf automake gcc libc6-dev make pkg-config libpcap-dev
	libyaml-dev libssl-dev libevent-dev libjansson-dev
	libncurses-dev libcurl4-openssl-dev check'
run_packages='curl ethtool iproute2 iputils-ping nftables openssl procps socat tcpdump
	tcpreplay tmux util-linux xz-utils'
lint_packages='clang clang-format libclang-rt-14-dev mandoc python3-yaml shellcheck
	systemd yamllint'
# For tests/netns/prometheus.sh and the faults_*.sh.
watch_packages='faketime jq prometheus'
package_packages='debhelper debootstrap dpkg-dev lintian'
boot_packages='systemd-container'

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_missing PACKAGE...: by apt-get when root; otherwise says what is missing.
install_missing() {
	local package missing=()

	command -v dpkg-query >/dev/null || return 0
	for package in "$@"; do
		is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "missing packages: ${missing[*]}" >&2
		return 0
	fi
	echo "installing: ${missing[*]}"
	apt-get update -qq &&
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends "${missing[@]}" >/dev/null
}
