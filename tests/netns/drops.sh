#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is dropped beside the books, by the interfaces: which of them are used, and how;
# a frame that each of them drops, in /metrics, /status, the verdict and by tomboloctl.
# The driver's own figures are read as ethtool reads them, and where the driver knows no
# allowances there is no series.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need ethtool jq
setup
CHANNELS='239.10.0.1:30001' write_relay_conf "control: {socket: $dir/relay.sock}"
write_peer_conf "control: {socket: $dir/peer.sock}"
start_bridge

# ---- the driver's figures ----

# veth has some: peer_ifindex, rx_queue_0_drops ... They may move between the two.
as_ethtool() {
	on relay ethtool -S feed | sed -n 's/^ *\([^ ].*: [0-9]*\)$/\1/p' >"$dir/ethtool"
	on relay "$tools/ethstat" feed >"$dir/ethstat"
	[ -s "$dir/ethtool" ] && diff "$dir/ethtool" "$dir/ethstat"
}

wait_until as_ethtool
index=$(ip -n "$(netns exchange)" -j link show dev feed | jq '.[0].ifindex')
grep -qx "peer_ifindex: $index" "$dir/ethstat" || fail 'not the peer of the veth'
on relay "$tools/ethstat" lo 2>"$dir/none" && fail 'the loopback interface has figures'
grep -q 'not supported' "$dir/none" || fail "$(cat "$dir/none")"

# ---- which are used ----

# is_used HOST INTERFACE USE
is_used() {
	[ "$(metric "$1" tombolo_interface_use "interface=$2" "use=$3")" = 1 ]
}

wait_until 'is_used relay feed capture && is_used relay line1 path'
wait_until 'is_used peer out emission && is_used peer line1 path'
[ "$(metric relay tombolo_interface_use)" = 2 ] || fail 'the relay uses others too'
[ "$(metric peer tombolo_interface_use)" = 2 ] || fail 'the peer uses others too'
for half in relay peer; do
	fetch $half /metrics >"$dir/$half.prom"
	grep -q '^# TYPE tombolo_interface_allowance_exceeded_packets_total counter' \
		"$dir/$half.prom" || fail "the $half does not know of allowances"
	! grep -E '^tombolo_interface_(allowance|conntrack)' "$dir/$half.prom" ||
		fail "the $half has allowances, of a veth"
done

# ---- drops: what is longer than the other end of a veth takes ----

# errors HOST INTERFACE COUNTER
errors() {
	metric "$1" tombolo_interface_errors_total "interface=$2" "counter=$3"
}

# mtu HOST INTERFACE BYTES
mtu() {
	ip -n "$(netns "$1")" link set dev "$2" mtu "$3" || fail "no MTU of $3 on $2"
}

# send COUNT: one by one, since the sender hears that the cable took one not.
send() {
	local i

	for ((i = 0; i < $1; i++)); do
		on exchange "$tools/frame_send" -i feed -g 239.10.0.1:30001 \
			-s "$EXCHANGE_FEED" -l 1200 2>/dev/null
	done
}

# ctl HOST: the lines of tomboloctl ledger beside the books.
ctl() {
	"$sbin/tomboloctl" -s "$dir/$1.sock" ledger | sed '1,/^beside the books/d'
}

for sock in relay peer; do
	"$sbin/tomboloctl" -s "$dir/$sock.sock" ledger >"$dir/$sock.books" || fail tomboloctl
	grep -q '^beside the books' "$dir/$sock.books" || fail "$(cat "$dir/$sock.books")"
done
before=$(errors relay feed rx_dropped)
mtu relay feed 1000
send 20
wait_until "[ \$(errors relay feed rx_dropped) -ge $((before + 20)) ]"
wait_until "[ \$(metric relay tombolo_relay_dropped_datagrams_total point=interface) -ge 20 ]"
ctl relay | grep -qE '^  feed +rx_dropped +[0-9]+$' || fail "tomboloctl: $(ctl relay)"
mtu relay feed 1500

[ "$(errors relay line1 tx_dropped)" = 0 ] || fail 'line1 has dropped before'
mtu line r1 1300
on relay ping -q -c 3 -i 0.2 -W 1 -s 1350 "$PEER_LINE1" >"$dir/ping.log" 2>&1 &&
	fail 'the line takes what is too long'
wait_until "[ \$(errors relay line1 tx_dropped) -ge 3 ]"
mtu line r1 1500

[ "$(errors peer out tx_dropped)" = 0 ] || fail 'out has dropped before'
fetch peer /status | jq -re .verdict | grep -q 'emitted on' && fail 'the verdict knows before'
mtu subscriber out 1000
send 20
wait_until "[ \$(errors peer out tx_dropped) -ge 1 ]"
mtu subscriber out 1500
wait_until 'is_at_rest'
fetch peer /status >"$dir/status.json"
jq -e '.interfaces[] | select(.name == "out") | .emission and (.path | not) and
	.errors.tx_dropped > 0 and (has("allowance_exceeded") | not)' \
	"$dir/status.json" >/dev/null || fail "$(jq .interfaces "$dir/status.json")"
jq -re .verdict "$dir/status.json" |
	grep -qE 'beside the books: [0-9]+ frames dropped by the interface that is emitted on' ||
	fail "the verdict: $(jq .verdict "$dir/status.json")"
ctl peer | grep -qE '^  out +tx_dropped +[0-9]+$' || fail "tomboloctl: $(ctl peer)"
wait_until 'is_balanced relay && is_balanced peer'
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
log_says peer 'beside the books:' || fail 'not in the final verdict'
exit 0
