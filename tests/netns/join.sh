#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How the feed comes to the relay: groups joined by IGMP, from the source where one is
# configured, and left at the end; and a TAP port, where nothing is joined and frames
# have tags. What is of no channel is not carried.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
setup
make_certificates
CHANNELS="239.10.0.1:30001 239.10.0.1:30003 239.10.0.2:30002@$EXCHANGE_FEED" write_relay_conf
write_peer_conf
start_bridge

joined() {
	ip -n "$(netns relay)" maddr show dev feed | grep -c 'inet  *239\.'
}

send() {
	on exchange "$tools/frame_send" -i feed "$@" || fail "frame_send $*"
}

captured() {
	metric relay tombolo_relay_captured_datagrams_total "$@"
}

# ---- joined ----

[ "$(joined)" = 2 ] || fail "$(joined) groups are joined"
on relay grep -q ' feed 0xef0a0002 0x0a0a0009 ' /proc/net/mcfilter ||
	fail "the source is not joined: $(on relay cat /proc/net/mcfilter)"
on relay grep -q ' feed 0xef0a0001 ' /proc/net/mcfilter && fail 'a source of a channel without'
subscriber_capture_start
send -g 239.10.0.1:30001 -s 10.10.0.8 -n 100
send -g 239.10.0.2:30002 -s 10.10.0.8 -n 50 # by another than the channel's source
send -g 239.10.0.2:30002 -s "$EXCHANGE_FEED" -n 100
send -g 239.10.0.3:30003 -n 50 # of no channel
send -g 239.10.0.1:30002 -n 50 # a channel's group, and no channel's port
send -g 224.0.0.2:30001 -n 50  # never carried
send -g 239.10.0.1:30003 -s 10.10.0.7 -n 100
wait_until 'is_at_rest 300'
for channel in 239.10.0.1-30001 "239.10.0.2-30002-$EXCHANGE_FEED" 239.10.0.1-30003; do
	[ "$(captured "channel=$channel")" = 100 ] ||
		fail "$(captured "channel=$channel") captured of $channel"
done
# Down and up again, faster than anybody looks: the kernel has forgotten the source.
ip -n "$(netns relay)" link set feed down
ip -n "$(netns relay)" link set feed up
wait_until "on relay grep -q ' feed 0xef0a0002 0x0a0a0009 ' /proc/net/mcfilter"
[ "$(joined)" = 2 ] || fail "$(joined) groups are joined after the interface was down"
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
[ "$(joined)" = 0 ] || fail "$(joined) groups are still joined"
subscriber_capture_stop
"$tools/latency" --json "$dir/received.pcap" | grep -q '"foreign": 300,' ||
	fail 'the subscriber heard something else'

# ---- a TAP ----

CAPTURE='interface: feed, join: none, promiscuous: true' write_relay_conf
start_relay
wait_until 'fetch relay /healthz && fetch peer /healthz'
[ "$(joined)" = 0 ] || fail "$(joined) groups are joined on a TAP"
total=0
for tags in '' '--vlan 100' '--vlan 100 --vlan 7'; do
	# shellcheck disable=SC2086
	"$tools/marketgen" -w "$dir/source.pcap" --count 2000 --pairs 50 --mtu 600 $tags \
		>/dev/null || fail marketgen
	total=$((total + 2000))
	subscriber_capture_start
	replay "$dir/source.pcap" --pps 10000
	wait_until "is_at_rest $total 300"
	subscriber_capture_stop
	"$tools/pcapcompare" "$dir/source.pcap" "$dir/received.pcap" >&2 ||
		fail "not the same: marketgen $tags"
done
wait_until 'is_balanced relay && is_balanced peer'
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
exit 0
