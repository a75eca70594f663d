#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The capture shell on a real interface: a veth pair in a network namespace of our
# own, with the probe on v0 and the sender on v1. Needs root; 77 = skipped.
#
# Waits for events of the probe, never for a time; nothing leaves the namespace.
set -u

: "${TOMBOLO_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${TOMBOLO_BUILDDIR:=$TOMBOLO_SRCDIR/_build/check}"
tools=$TOMBOLO_BUILDDIR/tests/tools
ns=tmb-$$-capture
work=$(mktemp -d) || exit 1
failures=0

[ -z "${TOMBOLO_SKIP_SCENARIOS-}" ] || { echo "TOMBOLO_SKIP_SCENARIOS is set"; exit 77; }
[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
ip netns add "$ns" 2>/dev/null || { echo "cannot make a network namespace"; exit 77; }

cleanup() {
	[ -n "${probe_pid-}" ] && kill -KILL "$probe_pid" 2>/dev/null
	ip netns del "$ns"
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

inside() { ip netns exec "$ns" "$@"; }
send() { inside "$tools/frame_send" -i v1 "$@" || fail "the sender failed: $*"; }

fail() {
	echo "FAIL: $case: $*" >&2
	failures=$((failures + 1))
}

check() { # check what actual expected
	[ "$2" = "$3" ] || fail "$1 is $2, expected $3"
}

check_over() { # check_over what actual least
	[ "$2" -gt "$3" ] || fail "$1 is $2, expected more than $3"
}

make_pair() {
	ip -n "$ns" link add v0 type veth peer name v1 &&
		ip -n "$ns" link set v0 up && ip -n "$ns" link set v1 up
}

# The probe's events are lines from ${probe[0]}, its commands go to ${probe[1]}.
start_probe() {
	coproc probe { exec ip netns exec "$ns" "$tools/capture_probe" "$@" \
		2>"$work/stderr"; }
	# shellcheck disable=SC2154 # set by coproc
	probe_pid=$probe_PID
	exec {from}<&"${probe[0]}" {to}>&"${probe[1]}"
	local in=${probe[0]} out=${probe[1]}
	exec {in}<&- {out}>&-
	expect '"event":"open"'
}

tell() { echo "$*" >&"$to"; }

# Reads events up to one that matches; it is in $line then.
expect() {
	while IFS= read -r -t 30 -u "$from" line; do
		[[ $line == *$1* ]] && return 0
		[[ $line == *'"event":"dropped"'* ]] && told "$line"
	done
	line=
	fail "no event $1; the probe's log: $(cat "$work/stderr")"
	return 1
}

# Adds up what ops.dropped was told.
told() {
	[[ $1 =~ \"point\":\"([a-z_]+)\",\"n\":([0-9]+) ]] || return
	[ "${BASH_REMATCH[1]}" = kernel_ring ] &&
		told_ring=$((told_ring + BASH_REMATCH[2]))
}

figure() {
	[[ $line =~ \"$1\":(-?[0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

until_seen() {
	tell "until $1"
	expect '"event":"reached"'
}

stop_probe() {
	tell stop
	expect '"event":"stopped"'
	check "groups joined after the stop" "$(joined)" 0
	exec {to}>&- {from}<&-
	wait "$probe_pid"
	check "the probe's status" $? 0
	probe_pid=
}

joined() { ip -n "$ns" maddr show dev v0 | grep -c "inet  *239\."; }

# The state of a process that was sent SIGSTOP, by waiting for it: T.
freeze() {
	kill -STOP "$probe_pid"
	until grep -q '^State:	T' "/proc/$probe_pid/status"; do :; done
}

# Waits for a line of the probe's log; the time is a bound only.
expect_log() {
	local until=$((SECONDS + 30))

	until grep -q "$1" "$work/stderr"; do
		[ $SECONDS -lt $until ] || { fail "no log line: $1"; return; }
	done
}

# ---- what an operator gets wrong ----

case="errors"
make_pair || { echo "cannot make a veth pair"; exit 77; }
answer=$(inside "$tools/capture_probe" -i nosuch0 -g 239.1.2.3:30001 </dev/null)
[[ $answer == *'no interface nosuch0 to capture on; there are: '*v0* ]] ||
	fail "no list of interfaces: $answer"

if command -v setpriv >/dev/null; then
	answer=$(inside setpriv --bounding-set -net_raw --inh-caps -net_raw \
		"$tools/capture_probe" -i v0 -g 239.1.2.3:30001 </dev/null)
	[[ $answer == *'capturing on v0 needs CAP_NET_RAW'* ]] ||
		fail "no word of CAP_NET_RAW: $answer"
fi

inside sysctl -qw net.ipv4.igmp_max_memberships=0
answer=$(inside "$tools/capture_probe" -i v0 -g 239.1.2.3:30001 </dev/null)
[[ $answer == *'cannot join group 239.1.2.3: '*igmp_max_memberships* ]] ||
	fail "no remedy for the limit of memberships: $answer"

# ---- joins ----

case="joins"
# A limit of two by socket, and 20 groups: the sockets are simply more. The group with
# sources is the last by number, and so joined last: /proc/net/mcfilter shows an
# interface's sources only when its newest group has some.
inside sysctl -qw net.ipv4.igmp_max_memberships=2
groups=()
for i in $(seq 1 20); do groups+=(-g "239.9.0.$i:30001"); done
start_probe -i v0 "${groups[@]}" -g 239.9.0.1:30002 \
	-g 239.99.0.1:30001@10.0.0.9 -g 239.99.0.1:30002@10.0.0.8 \
	-g 239.98.0.2:30001@10.0.0.9 -g 239.98.0.2:30001
check "groups joined" "$(joined)" 22
filters=$(inside cat /proc/net/mcfilter)
grep -q ' v0 0xef630001 0x0a000009 ' <<<"$filters" || fail "no SSM of 10.0.0.9: $filters"
grep -q ' v0 0xef630001 0x0a000008 ' <<<"$filters" || fail "no SSM of 10.0.0.8: $filters"
grep -q '0xef620002' <<<"$filters" && fail "any source does not win: $filters"
stop_probe
inside sysctl -qw net.ipv4.igmp_max_memberships=20

case="no joins"
start_probe -i v0 -J -g 239.1.2.3:30001
check "groups joined" "$(joined)" 0
stop_probe

# ---- frames ----

# All that a feed may look like, and four things that must not come through.
for mode in "" -B -P; do
	case="frames $mode"
	# shellcheck disable=SC2086 # no mode is no argument
	start_probe -i v0 $mode -g 239.1.2.3:30001 -g 239.1.2.4:30001
	send -g 239.1.2.3:30001 -n 100 -S 0
	send -g 239.1.2.9:30001 -n 50 -S 0
	send -g 239.1.2.3:30001 -n 100 -S 100 -t 1
	send -g 239.1.2.9:30001 -n 50 -S 0 -t 1
	send -g 239.1.2.4:30001 -n 100 -S 200 -t 2
	send -g 239.1.2.9:30001 -n 50 -S 0 -t 2
	inside "$tools/frame_send" -i v0 -g 239.1.2.3:30001 -n 50 || fail "sender"
	# As long as a packet socket sends them on an MTU of 1500.
	send -g 239.1.2.3:30001 -n 10 -S 300 -l 1472 -t 1
	send -g 239.1.2.3:30001 -n 10 -S 310 -l 1464 -t 2
	until_seen 320
	check "untagged" "$(figure untagged)" 100
	check "tagged" "$(figure tagged)" 110
	check "double tagged" "$(figure double_tagged)" 110
	check "cut" "$(figure cut)" 0
	check "disorder" "$(figure disorder)" 0
	check "times that are not now" "$(figure bad_time)" 0
	send -g 239.1.2.4:30001 -n 5 -S 320 -F -l 1000
	send -g 239.1.2.4:30001 -n 5 -S 320 -F -t 1
	until_seen 340
	stop_probe
	check "frames" "$(figure frames)" 340
	check "ring drops" "$(figure kernel_ring)" 0
	# The kernel counts double tags in rx_dropped unless somebody asks for them.
	check "interface drops" "$(figure interface)" 0
done

case="sources"
start_probe -i v0 -J -g 239.1.2.3:30001@10.0.0.9 -g 239.1.2.4:30001@10.0.0.8
send -g 239.1.2.3:30001 -n 10 -s 10.0.0.7
send -g 239.1.2.3:30001 -n 10 -s 10.0.0.9
send -g 239.1.2.4:30001 -n 10 -s 10.0.0.8 -t 1
until_seen 20
stop_probe
check "frames" "$(figure frames)" 20

# The exact filter of 200 groups, and the wide one of 300; 20480 was the kernel's
# limit on the memory of a filter for 20 years, where it can be set here.
inside sysctl -qw net.core.optmem_max=20480 2>/dev/null
for count in 200 300; do
	case="$count groups"
	groups=()
	for ((i = 0; i < count; i++)); do
		groups+=(-g "239.200.$((i / 250)).$((i % 250)):30001")
	done
	start_probe -i v0 -J "${groups[@]}"
	send -g 239.7.7.7:30001 -n 10
	send -g 224.0.0.77:30001 -n 10
	for ((i = 0; i < count; i += 49)); do
		send -g "239.200.$((i / 250)).$((i % 250)):30001" -t $((i % 3))
	done
	expected=$(((count + 48) / 49))
	[ "$count" -gt 200 ] && expected=$((expected + 10))
	until_seen $expected
	stop_probe
	check "frames" "$(figure frames)" $expected
	grep -q "Warning" "$work/stderr" && fail "$(cat "$work/stderr")"
done

# What is on the wire while the ring is opened, and its filter not yet compiled.
case="others at the start"
inside "$tools/frame_send" -i v1 -g 239.7.7.7:30001 -n 200000 &
sender=$!
start_probe -i v0 -J "${groups[@]:0:400}"
wait "$sender" || fail "the sender failed"
send -g 239.200.0.1:30001
until_seen 1
stop_probe
check "frames" "$(figure frames)" 1

# ---- losses ----

for mode in "" -B; do
	case="overflow $mode"
	told_ring=0
	# shellcheck disable=SC2086
	start_probe -i v0 -b 1048576 $mode -g 239.1.2.3:30001
	check_over "ring bytes" "$(figure ring_bytes)" 900000
	# What this host sends takes no room in the ring.
	freeze
	inside "$tools/frame_send" -i v0 -g 239.1.2.3:30001 -n 20000 || fail "sender"
	kill -CONT "$probe_pid"
	send -g 239.1.2.3:30001
	until_seen 1
	check "ring drops" "$(figure kernel_ring)" 0
	freeze
	send -g 239.1.2.3:30001 -n 20000 -S 1 -l 100
	kill -CONT "$probe_pid"
	until_seen 20001
	check "frames and drops" $(($(figure frames) + $(figure kernel_ring))) 20001
	check_over "ring drops" "$(figure kernel_ring)" 0
	check_over "frames" "$(figure frames)" 400
	check "drops told" "$told_ring" "$(figure kernel_ring)"
	send -g 239.1.2.3:30001 -n 10 -S 20001
	until_seen 20011
	check "interface drops" "$(figure interface)" 0
	# What the ring holds when it is stopped is handed on.
	freeze
	send -g 239.1.2.3:30001 -n 500 -S 20011
	tell stop
	kill -CONT "$probe_pid"
	stop_probe
	check "frames and drops at the end" \
		$(($(figure frames) + $(figure kernel_ring))) 20511
done

# ---- the link ----

case="down and up"
start_probe -i v0 -g 239.1.2.3:30001
check "link up" "$(figure link_up)" 0 # not before it is started
tell figures
expect '"event":"figures"'
check "link up" "$(figure link_up)" 1
ip -n "$ns" link set v0 down
expect '"event":"link","error":100,"text":"interface v0 is down'
ip -n "$ns" link set v0 up
expect '"event":"link","error":0,"text":"interface v0 is up'
check "groups joined" "$(joined)" 1
send -g 239.1.2.3:30001 -n 10
until_seen 10

case="a larger MTU"
ip -n "$ns" link set v0 mtu 9000
expect_log 'the MTU grew.*interface=v0 mtu=9000 was=1500'

case="no carrier"
ip -n "$ns" link set v1 down
expect '"event":"link","error":100,"text":"interface v0 has no carrier'
ip -n "$ns" link set v1 up
expect '"event":"link","error":0'
send -g 239.1.2.3:30001 -n 10 -S 10
until_seen 20

case="gone and back"
ip -n "$ns" link del v0
expect '"event":"link","error":19,"text":"interface v0 is gone'
make_pair || fail "no veth pair"
expect '"event":"link","error":0'
check "groups joined" "$(joined)" 1
send -g 239.1.2.3:30001 -n 10 -S 20
until_seen 30

case="down before the start"
stop_probe
ip -n "$ns" link set v0 down
start_probe -i v0 -g 239.1.2.3:30001
expect '"event":"link","error":100,"text":"interface v0 is down'
ip -n "$ns" link set v0 up
expect '"event":"link","error":0'
check "groups joined" "$(joined)" 1
send -g 239.1.2.3:30001 -n 10 -S 20
until_seen 10
stop_probe

# ---- offloads ----

if command -v ethtool >/dev/null &&
	inside ethtool -K v0 gro on rx-gro-list on 2>/dev/null; then
	case="merging"
	start_probe -i v0 -g 239.1.2.3:30001
	stop_probe
	grep -q 'rx-gro-list is on and merges UDP datagrams.*ethtool -K v0' \
		"$work/stderr" || fail "no warning: $(cat "$work/stderr")"
fi

[ "$failures" -eq 0 ] && echo "capture: all passed"
[ "$failures" -eq 0 ]
