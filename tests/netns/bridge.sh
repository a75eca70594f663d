#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What goes in comes out: every payload, in order, once; with the source's own
# repetitions, VLAN tags off, and fragments whole.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
setup
start_bridge
total=0

# carry MARKETGEN-OPTION...
carry() {
	"$tools/marketgen" -w "$dir/source.pcap" --count 20000 --pairs 100 "$@" \
		>/dev/null || fail marketgen
	total=$((total + 20000))
	subscriber_capture_start "$dir/received.pcap"
	replay "$dir/source.pcap" --pps 10000
	wait_until "is_at_rest $total"
	subscriber_capture_stop
	"$tools/pcapcompare" "$dir/source.pcap" "$dir/received.pcap" >&2 ||
		fail "not the same: marketgen $*"
}

carry --seed 1
carry --seed 2 --vlan 100
carry --seed 3 --vlan 100 --vlan 7 --mtu 576
[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] || fail 'lost without a loss'

stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
exit 0
