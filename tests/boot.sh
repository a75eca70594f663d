#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The Debian package under a real systemd: a fresh Debian 12 root is booted in a
# container, and tests/booted.sh there has the units through their life. Run by
# tools/check boot, as root; takes minutes and a network, see root.sh.
set -u
# shellcheck source=root.sh
. "$(dirname "$0")/root.sh"
seconds=480 # from boot to power off, at most
container=

end() {
	if [ -n "$container" ]; then
		kill "$container" 2>/dev/null # twice, and it does not wait
		kill "$container" 2>/dev/null
		wait "$container"
	fi
	rm -rf --one-file-system "$work" "$root"
}
trap end EXIT

# ---- what the root has when it boots ----

# It is not its first boot, which would enable all that it has; and there is no network
# to wait for.
furnish() {
	apt update
	apt install systemd systemd-sysv curl iproute2 openssl
	inside systemd-machine-id-setup >/dev/null 2>&1
	[ -s "$root/etc/machine-id" ] || fail 'the root has no machine id'
	inside systemctl -q mask systemd-networkd.service systemd-networkd.socket \
		systemd-networkd-wait-online.service console-getty.service \
		apt-daily.timer apt-daily-upgrade.timer
}

# Both versions, and what they depend on: there will be no network.
put_packages() {
	local one

	for one in "$version" "$next"; do
		cp "$work/tombolo_${one}_$arch.deb" "$root/root/" ||
			fail "no package of version $one"
	done
	apt install -d "/root/tombolo_${version}_$arch.deb"
}

put_tests() {
	local tool

	mkdir -p "$root/root/test/tests/netns" "$root/root/test/tests/tools"
	cp "$top/tests/booted.sh" "$root/root/test/tests/"
	cp "$top/tests/netns/lib.sh" "$root/root/test/tests/netns/"
	make -C "$work/source/debian/build" test-tools >"$work/tools.log" 2>&1 ||
		fail "test-tools: $(tail -n 20 "$work/tools.log")"
	for tool in hang latency marketgen record; do
		cp "$work/source/debian/build/tests/tools/$tool" \
			"$root/root/test/tests/tools/" || fail "no $tool"
	done
}

# The test is a unit itself; when it ends, so does the machine.
put_unit() {
	cat >"$root/etc/systemd/system/booted.service" <<-EOT
		[Unit]
		SuccessAction=poweroff
		FailureAction=poweroff
		[Service]
		Type=exec
		ExecStart=/bin/bash /root/test/tests/booted.sh $version $next
		ExecStopPost=/bin/sh -c 'echo "\$SERVICE_RESULT \$EXIT_STATUS" >/root/verdict'
		RuntimeMaxSec=$((seconds - 60))
		StandardOutput=append:/root/said
		StandardError=append:/root/said
	EOT
	mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
	ln -s ../booted.service "$root/etc/systemd/system/multi-user.target.wants/"
}

# ---- its life ----

boot() {
	timeout -k 30 "$seconds" systemd-nspawn --quiet --directory="$root" --boot \
		--machine="tmb-$$" --private-network --register=no --keep-unit \
		--link-journal=no --resolv-conf=off --timezone=off \
		</dev/null >"$work/boot.log" 2>&1 &
	container=$!
	wait "$container"
	container=
}

# What is left when the machine is off; /root has the packages themselves.
check_rest() {
	local left

	left=$(leftovers | grep -v "^$root/root/")
	[ -z "$left" ] || fail "purge leaves: $left"
	[ -s "$root/etc/tombolo/relay.yaml" ] || fail "the administrator's files are gone"
}

[ "$(id -u)" = 0 ] || skip 'only root boots a root'
need apt-get debootstrap dh dh_installsysusers dpkg-buildpackage systemd-nspawn unshare
take_source
build nocheck
bump "$next"
build nocheck
say "tombolo $version and $next are built"

make_root
furnish
put_packages
put_tests
put_unit
say 'a fresh root is there'

boot
cat "$root/root/said" 2>/dev/null
verdict=$(cat "$root/root/verdict" 2>/dev/null)
[ "$verdict" = 'success 0' ] || {
	tail -n 40 "$work/boot.log" >&2
	fail "${verdict:-it did not come to a verdict}"
}
check_rest
say 'passed'
