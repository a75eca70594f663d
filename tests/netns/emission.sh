#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the subscriber's wire carries: addresses as configured, TTL, DSCP and DF; an
# immediate channel beside ordered ones when the relay sheds; and nothing lost while
# the interface is down or has no address, while either daemon stands still, and when
# the relay is told to stop in mid-stream.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need tcpdump
setup
make_certificates
write_relay_conf
sed -i '/- name: vpc-a/a\    shed_age: 100ms\n    repair_rate: 20000/s' "$dir/relay.yaml"
EMIT='ttl: 5, dscp: 46' write_peer_conf 'channels:
  - {name: market0, group: 239.99.0.1, port: 40001}
  - {name: market1, delivery: immediate}'
start_bridge

emitted() {
	metric peer tombolo_peer_emitted_datagrams_total
}

no_losses() {
	[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] || fail "lost: $1"
	wait_until 'is_balanced relay && is_balanced peer'
}

# ---- addresses, headers, order ----

# The line is dark for a second; what is older then than shed_age is not sent live, but
# repaired, while the market goes on: late where it is immediate, in its place where
# order counts.
"$tools/marketgen" -w "$dir/source.pcap" --count 30000 --pairs 50 >/dev/null ||
	fail marketgen
subscriber_capture_start
replay "$dir/source.pcap" --pps 5000 &
replay_pid=$!
wait_until 'captured_beyond 3000'
line_cut
wait_until '! fetch relay /healthz && captured_beyond 8000'
line_mend
wait_until 'fetch relay /healthz && fetch peer /healthz'
wait "$replay_pid" || fail tcpreplay
wait_until 'is_at_rest 30000'
subscriber_capture_stop
"$tools/pcapcompare" --json --map 239.10.0.1:30001=239.99.0.1:40001 \
	"$dir/source.pcap" "$dir/received.pcap" >"$dir/compared.log"
say "$(cat "$dir/compared.log")"
[ "$(grep -o '"lost": 0, "duplicate": 0, "extra": 0, "reordered": 0' \
	"$dir/compared.log" | wc -l)" = 3 ] || fail 'three ordered channels are not as said'
grep -qE '"239.10.0.2:30002", .*"lost": 0, "duplicate": 0, "extra": 0, "reordered": [1-9]' \
	"$dir/compared.log" || fail 'the immediate channel is not whole, or was not repaired'
{ [ "$(metric relay tombolo_relay_shed_datagrams_total reason=age)" -gt 0 ] &&
	[ "$(metric relay tombolo_relay_repaired_datagrams_total)" -gt 0 ] &&
	[ "$(metric peer tombolo_peer_repaired_total)" -gt 0 ]; } || fail 'nothing was shed'
no_losses 'shed and repaired'
[ "$(tcpdump -nr "$dir/received.pcap" "src host $PEER_OUT and ip[8] = 5 and
	ip[1] = 46 << 2 and ip[6:2] = 0x4000" 2>/dev/null | wc -l)" = 30000 ] ||
	fail 'TTL, DSCP, DF or the source is not as it should be'

# ---- standing still ----

# Packets of the exchange, whether anybody listens or not.
spoken() {
	ip -n "$(netns exchange)" -s -j link show dev feed |
		grep -o '"tx":{"bytes":[0-9]*,"packets":[0-9]*' | grep -o '[0-9]*$'
}

until_spoken() {
	local now

	now=$(spoken)
	wait_until "[ \$(spoken) -gt $((now + $1)) ]"
}

cannot_send() {
	wait_until "[ \$(grep -c 'interface cannot send' '$dir/peer.log') = $1 ]"
	until_spoken 2500
}

sed -i '/shed_age/d' "$dir/relay.yaml"
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
mv "$dir/relay.log" "$dir/relay1.log"
start_relay
wait_until 'fetch relay /healthz && fetch peer /healthz'
before=$(emitted)
subscriber_capture_start
# Down before the first datagram: while an interface goes down, the kernel takes what it
# is given for some microseconds, says that it was sent, and drops it.
ip -n "$(netns peer)" link set out down
market_start --rate 5000 --duration 60
cannot_send 1
ip -n "$(netns peer)" link set out up
wait_until "grep -q 'interface can send' '$dir/peer.log'"
ip -n "$(netns peer)" addr del "$PEER_OUT/24" dev out
cannot_send 2
ip -n "$(netns peer)" addr add "$PEER_OUT/24" dev out
# It went with the interface. The peer does not need it, the recorder's last word does.
ip -n "$(netns peer)" route add 224.0.0.0/4 dev out
for daemon in peer relay; do
	until_spoken 500
	signal $daemon STOP
	until_spoken 5000
	signal $daemon CONT
	wait_until 'fetch relay /healthz && fetch peer /healthz'
done
market_stop
wait_until "is_at_rest $sent $before"
subscriber_capture_stop
received_market "$sent" || fail 'the interface, or standing still, cost something'
[ "$(metric relay tombolo_relay_dropped_datagrams_total)" = 0 ] || fail 'capture dropped'
[ $(($(emitted) - before)) = "$sent" ] || fail 'not as many were emitted as were said'
no_losses 'standing still'

# ---- told to stop in mid-stream ----

before=$(emitted)
captured=$(metric relay tombolo_relay_captured_datagrams_total)
subscriber_capture_start
market_start --rate 5000 --duration 60
wait_until "captured_beyond $((captured + 3000))"
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
market_stop
books_are_closed relay || fail 'the final books of the relay do not add up'
[ "$(book relay unsent)" = 0 ] || fail 'something is unsent'
captured=$(($(book relay captured) - captured))
[ $(($(emitted) - before)) = "$captured" ] ||
	fail "$captured were captured, and $(($(emitted) - before)) of them emitted"
[ "$(book relay emitted)" = "$(emitted)" ] ||
	fail 'the relay ended before it was told that all was emitted'
subscriber_capture_stop
received_market "$sent"
[ "$(figure in_order)" = "$captured" ] || fail "not all of $captured arrived in order"
[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] || fail 'lost: told to stop'
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
books_are_closed peer || fail 'the final books of the peer do not add up'
exit 0
