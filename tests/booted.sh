#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The units through their life under a real systemd: installed, started, a stream, a
# hang, an upgrade under way, a reload, stopped, removed. tests/boot.sh runs it in a
# machine of its own.
#
#   booted.sh VERSION NEXT     packages of both are in /root, their dependencies in
#                              the cache of apt
set -u
export LC_ALL=C DEBIAN_FRONTEND=noninteractive TOMBOLO_WAIT=60
: "${TOMBOLO_SRCDIR:=$(cd "$(dirname "$0")/.." && pwd)}"
export TOMBOLO_SRCDIR TOMBOLO_BUILDDIR=$TOMBOLO_SRCDIR
# shellcheck source=netns/lib.sh
. "$TOMBOLO_SRCDIR/tests/netns/lib.sh"
# shellcheck disable=SC2034
HOSTS='exchange subscriber' # relay and peer are on this host itself
version=$1 next=$2
halves='relay peer'
open='running: 1 of 1 session open, 1 path up, 5 channels'

# For what lib.sh does on a host.
on() {
	local host=$1

	shift
	case $host in
	relay | peer) "$@" ;;
	*) ip netns exec "$(netns "$host")" "$@" ;;
	esac
}

explain() {
	local status=$?

	[ "$status" = 0 ] || journalctl -q -b --no-pager >"$dir/journal.log"
	return "$status"
}

lay_out() {
	local host

	dir=$(mktemp -d)
	trap 'explain; teardown' EXIT
	for host in $HOSTS; do
		ip netns add "$(netns "$host")" || fail 'no network namespaces'
		ip -n "$(netns "$host")" link set lo up
	done
	ip link add feed type veth peer name feed netns "$(netns exchange)"
	ip link add out type veth peer name out netns "$(netns subscriber)"
	ip addr add "$RELAY_FEED/24" dev feed
	ip addr add "$PEER_OUT/24" dev out
	ip -n "$(netns exchange)" addr add "$EXCHANGE_FEED/24" dev feed
	ip -n "$(netns subscriber)" addr add "$SUBSCRIBER_OUT/24" dev out
	ip link set feed up
	ip link set out up
	ip -n "$(netns exchange)" link set feed up
	ip -n "$(netns subscriber)" link set out up
	ip route add 224.0.0.0/4 dev out
	ip -n "$(netns exchange)" route add 224.0.0.0/4 dev feed
}

# ---- the package ----

apt() {
	apt-get -y -q --no-install-recommends "$@" >"$dir/apt.log" 2>&1 ||
		fail "apt-get $*"
}

install_version() {
	apt install "/root/tombolo_$1_$(dpkg --print-architecture).deb"
	# shellcheck disable=SC2016
	[ "$(dpkg-query -W -f '${Status} ${Version}' tombolo)" = \
		"install ok installed $1" ] || fail "version $1 is not installed"
}

# As README.Debian says.
configure() {
	/usr/share/doc/tombolo/examples/certs -d /etc/tombolo colo-a vpc-a >/dev/null ||
		fail 'examples/certs makes no certificates'
	# A history that outlives a hang, and a channel on which the market is silent.
	cat >/etc/tombolo/relay.yaml <<-EOT
		node: colo-a
		capture: {interface: feed}
		channels:
		$(channel_lines 5)
		history: {memory: 256MiB, age: 120s}
		tls:
		  certificate: /etc/tombolo/colo-a.crt
		  key: /etc/tombolo/colo-a.key
		  ca: /etc/tombolo/ca.crt
		peers: [{name: vpc-a, paths: [{connect: "127.0.0.1:7443"}]}]
		metrics: {listen: "$RELAY_METRICS"}
		control: {socket: /run/tombolo/relay.sock}
	EOT
	cat >/etc/tombolo/peer.yaml <<-EOT
		node: vpc-a
		listen: [{address: "127.0.0.1:7443"}]
		tls:
		  certificate: /etc/tombolo/vpc-a.crt
		  key: /etc/tombolo/vpc-a.key
		  ca: /etc/tombolo/ca.crt
		relays: [{name: colo-a}]
		emit: {interface: out}
		metrics: {listen: "$PEER_METRICS"}
		control: {socket: /run/tombolo/peer.sock}
	EOT
	sed -e 's/:7443/:7444/' -e 's/:9465/:9475/' \
		-e 's|/run/tombolo/|/run/tombolo-peer-spare/|' \
		/etc/tombolo/peer.yaml >/etc/tombolo/peer-spare.yaml
	chgrp tombolo /etc/tombolo/*
	chmod 0640 /etc/tombolo/*
	chmod 0600 /etc/tombolo/ca.key
}

administrators_files() {
	find /etc/tombolo -type f -exec sha256sum {} + | sort
}

# ---- the units ----

unit() {
	echo "tombolo-$1.service"
}

# show HALF PROPERTY
show() {
	systemctl show -P "$2" "$(unit "$1")"
}

# is HALF PROPERTY VALUE
is() {
	[ "$(show "$1" "$2")" = "$3" ]
}

must_be() {
	is "$@" || fail "$1: $2 is $(show "$1" "$2"), not $3"
}

# journal HALF [OPTION...]: what it said, and what systemd said of it.
journal() {
	local half=$1

	shift
	journalctl -q -b --no-pager -u "$(unit "$half")" "$@"
}

# reports HALF TEXT
reports() {
	journal "$1" -o cat | grep -F -- "$2"
}

# has_priority HALF PRIORITY TEXT: each line with the text, without what tells it.
has_priority() {
	local lines

	lines=$(journal "$1" -o json --output-fields=MESSAGE,PRIORITY | grep -F -- "$3")
	grep -qE "\"MESSAGE\" ?: ?\"$3" <<<"$lines" ||
		fail "the journal of the $1 has no line that begins with: $3"
	! grep -vE "\"PRIORITY\" ?: ?\"$2\"" <<<"$lines" ||
		fail "not of priority $2 in the journal of the $1: $3"
}

are_open() {
	is relay StatusText "$open" && is peer StatusText "$open" &&
		fetch relay /healthz && fetch peer /healthz
}

start_units() {
	local half

	for half in peer relay; do
		timeout 60 systemctl start "$(unit "$half")" || fail "the $half does not start"
		must_be "$half" ActiveState active
		must_be "$half" SubState running
		must_be "$half" NRestarts 0
		reports "$half" 'main: ready version=' >/dev/null ||
			fail "the $half is active and has not said that it is ready"
	done
	wait_until are_open
}

# of_process HALF NAME: from /proc/PID/status.
of_process() {
	awk -F '[:\t ]+' -v name="$2" '$1 == name { print $2 }' \
		"/proc/$(show "$1" MainPID)/status"
}

# The sandbox is not a wish: where systemd cannot make it, it goes without.
check_sandbox() {
	local half limit

	for half in $halves; do
		[ "$(of_process "$half" Uid)" = "$(id -u tombolo)" ] || fail "$half: who is it"
		[ "$(of_process "$half" Seccomp)" = 2 ] || fail "$half: no system call filter"
		[ "$(of_process "$half" NoNewPrivs)" = 1 ] || fail "$half: new privileges"
		limit=0000000000000000
		[ "$half" = peer ] || limit=0000000000002000 # CAP_NET_RAW
		[ "$(of_process "$half" CapBnd)" = $limit ] || fail "$half: capabilities"
		[ "$(of_process "$half" CapEff)" = $limit ] || fail "$half: capabilities"
		systemd-analyze security --no-pager --threshold=20 "$(unit "$half")" \
			>"$dir/security.log" 2>&1 || fail "$half: more exposed than 2.0"
	done
	[ "$(readlink "/proc/$(show peer MainPID)/ns/user")" != \
		"$(readlink /proc/self/ns/user)" ] || fail 'peer: no users of its own'
}

check_control() {
	local half

	for half in $halves; do
		tomboloctl "$half" status >"$dir/ctl.log" 2>&1 || fail "tomboloctl $half status"
		grep -qx 'all is well' "$dir/ctl.log" || fail "the $half has trouble"
	done
}

# ---- the stream ----

captured() {
	metric relay tombolo_relay_captured_datagrams_total "$@"
}

emitted() {
	metric peer tombolo_peer_emitted_datagrams_total
}

# arrived BEFORE SETTLED: all of $sent are at rest, which were BEFORE captured and
# SETTLED settled until the market opened; and all of them, in order.
arrived() {
	wait_until "is_at_rest $(($1 + sent)) $(($2 - $1))"
	subscriber_capture_stop
	received_market "$sent" || fail 'not all of the stream arrived, once and in order'
}

carry() {
	local before settled

	before=$(captured) settled=$(settled)
	subscriber_capture_start
	market_start --rate 2000 --count "$1"
	market_end
	[ "$sent" = "$1" ] || fail "the market said $sent of $1"
	arrived "$before" "$settled"
}

# ---- the watchdog ----

# hang_lane HALF OTHER: until systemd has had enough of it. The thread is let go then:
# one that is traced does not end, whoever kills it. $emitted_before and $passed are
# what the peer has emitted and the relay has sent when nothing moves any more.
hang_lane() {
	"$tools/hang" "$(show "$1" MainPID)" lane0 >"$dir/hang.out" 2>"$dir/hang.log" &
	hang_pid=$!
	wait_until "grep -qx held '$dir/hang.out' || ! kill -0 $hang_pid"
	grep -qx held "$dir/hang.out" || fail "the lane of the $1 is not held"
	wait_until "reports $1 'lane0 hangs: '"
	wait_until "! fetch $2 /healthz"
	emitted_before=$(emitted)
	passed=$(metric relay tombolo_relay_sent_datagrams_total)
	wait_until "reports $1 'Watchdog timeout (limit 10s)!'"
	kill -TERM "$hang_pid" 2>/dev/null
	wait "$hang_pid"
}

# The market closes, and the relay has captured all of it: it heard $words last words
# behind it, one from each processor, on the channel that was silent.
close_market() {
	local cpu silent

	market_stop
	silent=$(captured channel=market4) words=0
	for cpu in $(processors); do
		on exchange taskset -c "$cpu" bash -c 'echo >/dev/udp/239.10.0.5/30005'
		words=$((words + 1))
	done
	wait_until "[ \$(captured channel=market4) = $((silent + words)) ]"
}

# hang HALF OTHER: while the market speaks; at the end all is well.
hang() {
	local pid

	pid=$(show "$1" MainPID)
	emitted_start=$(emitted)
	subscriber_capture_start
	market_start --rate 500 --duration 150
	wait_until "captured_beyond $(($(captured) + 500))"
	hang_lane "$1" "$2"
	wait_until "is $1 NRestarts 1 && is $1 SubState running"
	[ "$(show "$1" MainPID)" != "$pid" ] || fail "the $1 is the same as before"
	wait_until are_open
	has_priority "$1" 3 'main: lane0 hangs: '
	wait_until "captured_beyond $(($(captured) + 500))"
	close_market
}

# heard EMITTED: by both processes of the peer, or the one, since the market opened.
heard() {
	subscriber_capture_stop
	received_market "$sent"
	received=$(figure received)
	{ [ "$(figure duplicates)" = 0 ] && [ "$(figure in_order)" = "$received" ]; } ||
		fail "after the hang of a lane: $(cat "$dir/latency.json")"
	[ "$received" = $(($1 - words)) ] ||
		fail "$received arrived, and $(($1 - words)) are emitted"
	wait_until 'is_balanced relay && is_balanced peer'
}

# The relay knows what went with the old peer, and has all the rest for the new one.
hang_of_peer() {
	local abandoned

	hang peer relay
	wait_until "[ \$((\$(emitted) + $passed)) = $(captured) ]"
	heard $((emitted_before - emitted_start + $(emitted)))
	abandoned=$(metric relay tombolo_relay_abandoned_datagrams_total)
	say "the peer hung: $received of $sent arrived, $abandoned abandoned"
	[ $((sent - received)) -le "$abandoned" ] || fail 'more are lost than abandoned'
	[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] ||
		fail 'the new peer counts losses'
}

# What came while there was no relay is in nobody's books; all the rest arrives.
hang_of_relay() {
	hang relay peer
	wait_until "[ \$(emitted) = $((emitted_before + $(captured))) ]"
	heard $(($(emitted) - emitted_start))
	say "the relay hung: $received of $sent arrived"
	[ "$received" -ge 1000 ] || fail 'it did not go on'
	reports peer 'restarted: epoch=' >/dev/null ||
		fail 'the peer does not tell of the new relay'
}

# ---- under way ----

upgrade_under_way() {
	local half before settled pids

	before=$(captured) settled=$(settled)
	pids="$(show relay MainPID) $(show peer MainPID)"
	subscriber_capture_start
	market_start --rate 2000 --duration 120
	wait_until "captured_beyond $((before + 2000))"
	install_version "$next"
	wait_until "captured_beyond $(($(captured) + 2000))"
	market_stop
	arrived "$before" "$settled"
	[ "$(show relay MainPID) $(show peer MainPID)" = "$pids" ] ||
		fail 'the upgrade restarts a daemon'
	for half in $halves; do
		[[ $(readlink "/proc/$(show "$half" MainPID)/exe") == *' (deleted)' ]] ||
			fail "the $half does not run the program that it was started from"
	done
}

expiry() {
	metric "$1" tombolo_certificate_expiry_timestamp_seconds
}

# reload HALF NODE
reload() {
	local pid before

	pid=$(show "$1" MainPID) before=$(expiry "$1")
	/usr/share/doc/tombolo/examples/certs -f -t 100 -d /etc/tombolo "$2" >/dev/null ||
		fail "no new certificate of $2"
	chgrp tombolo "/etc/tombolo/$2.key" && chmod 0640 "/etc/tombolo/$2.key"
	systemctl reload "$(unit "$1")" || fail "the $1 does not reload"
	wait_until "[ \$(expiry $1) -lt $before ]"
	must_be "$1" ActiveState active
	[ "$(show "$1" MainPID)" = "$pid" ] || fail "the reload restarts the $1"
}

# ---- the end ----

stop_units() {
	local half

	for half in $halves; do
		timeout 60 systemctl stop "$(unit "$half")" || fail "the $half does not stop"
		must_be "$half" ActiveState inactive
		must_be "$half" Result success
		must_be "$half" ExecMainStatus 0
		has_priority "$half" 6 'ledger: verdict: '
		! journal "$half" -o cat | grep -E ' residual[a-z_]*=(-|[1-9])' ||
			fail "the final books of the $half do not add up"
		[ ! -e "/run/tombolo/$half.sock" ] || fail "the $half leaves its socket"
	done
}

processes() {
	grep -lsE "^Uid:[[:space:]]$(id -u tombolo)[[:space:]]" /proc/[0-9]*/status
}

check_removal() {
	[ -z "$(processes)" ] || fail "still runs: $(processes)"
	# Of what was enabled, the name may stay until the next reload.
	! systemctl list-units --all --plain --no-legend 'tombolo*' |
		grep -vE '^[^ ]+ +not-found +inactive ' || fail 'systemd still has it'
	[ -z "$(find /run -maxdepth 1 -name 'tombolo*')" ] ||
		fail "left in /run: $(find /run -name 'tombolo*')"
	administrators_files | cmp -s - "$dir/files" ||
		fail "the administrator's files are not as they were"
}

# ---- the life ----

lay_out

install_version "$version"
for half in $halves; do
	must_be "$half" ActiveState inactive
	must_be "$half" UnitFileState disabled
	! timeout 60 systemctl start "$(unit "$half")" 2>/dev/null ||
		fail "the $half starts without a configuration"
	reports "$half" "/etc/tombolo/$half.yaml" >/dev/null ||
		fail "the $half does not say that it has no configuration"
	systemctl stop "$(unit "$half")"
	systemctl reset-failed "$(unit "$half")" 2>/dev/null
done
say 'installed; nothing runs without a configuration'

configure
start_units
check_sandbox
check_control
has_priority relay 6 'main: ready version='
has_priority peer 6 'main: ready version='
carry 20000
say 'both are ready, confined, and carry a stream'

hang_of_peer
hang_of_relay
carry 5000
say 'a lane that hangs is restarted by the watchdog, and the stream goes on'

upgrade_under_way
reload relay colo-a
reload peer vpc-a
carry 5000
say 'upgraded and reloaded under way, and nothing is lost'

stop_units
systemctl -q enable "$(unit relay)" "$(unit peer)" tombolo-peer@spare.service ||
	fail 'systemctl enable'
start_units
timeout 60 systemctl start tombolo-peer@spare.service ||
	fail 'an instance does not start'
[ -S /run/tombolo-peer-spare/peer.sock ] || fail 'the instance has no socket'
carry 5000
say 'stopped, and started again with an instance'

administrators_files >"$dir/files"
[ "$(wc -l <"$dir/files")" -ge 9 ] || fail 'too few files to compare'
apt remove tombolo
check_removal
apt purge tombolo
check_removal
[ -z "$(find /etc/systemd -name '*tombolo*')" ] || fail 'a unit is still enabled'
say 'removed and purged'
exit 0
