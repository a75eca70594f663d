#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The ground that the other scenarios stand on, without the daemons: multicast
# reaches the relay's host whole and no further, the line carries, cuts and mends,
# connections can be reset, and a capture misses nothing.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need ping ss socat
setup

reaches() {
	on "$1" ping -c 1 -W 0.2 "$2" >/dev/null
}

"$tools/marketgen" -w "$dir/source.pcap" --count 3000 --pairs 100 >/dev/null ||
	fail 'marketgen'
capture_start relay feed "$dir/received.pcap"
replay "$dir/source.pcap" --topspeed
capture_stop exchange
"$tools/pcapcompare" "$dir/source.pcap" "$dir/received.pcap" >&2 ||
	fail 'the feed LAN does not carry what is replayed'

capture_start relay feed "$dir/live.pcap"
sent=$(market --count 2000 --rate 20000 | sed 's/.*"sent": \([0-9]*\).*/\1/')
capture_stop exchange
"$tools/latency" --sent "$sent" --json "$dir/live.pcap" |
	grep -q '"sent": 2000, "received": 2000, "lost": 0, "in_order": 2000, "dup' ||
	fail 'the feed LAN does not carry what is said live'

subscriber_capture_start "$dir/received.pcap"
replay "$dir/source.pcap" --topspeed
subscriber_capture_stop
"$tools/pcapcompare" --subset --json "$dir/source.pcap" "$dir/received.pcap" |
	grep -q '"received": 0, "lost": 3000' ||
	fail 'multicast reaches the subscriber without the daemons'

for wire in 1 2; do
	reaches relay "10.2.$wire.1" || fail "line $wire does not carry"
	line_cut "$wire"
	reaches relay "10.2.$wire.1" && fail "line $wire is cut and carries"
	reaches relay "10.2.$((3 - wire)).1" || fail "cutting $wire cut both"
	line_mend "$wire"
	line_loss 50 "$wire"
	heard=$(on relay ping -q -c 60 -i 0.002 -W 0.2 "10.2.$wire.1" |
		sed -n 's/.* \([0-9]*\) received.*/\1/p')
	{ [ "$heard" -gt 0 ] && [ "$heard" -lt 60 ]; } ||
		fail "line $wire loses half and lets $heard of 60 through"
	line_mend "$wire"
	reaches relay "10.2.$wire.1" || fail "line $wire is mended and does not carry"
done

ip netns exec "$(netns peer)" socat -u TCP-LISTEN:7443 - >"$dir/socat.log" 2>&1 &
wait_until "on peer ss -Htln sport 7443 | grep -q LISTEN"
ip netns exec "$(netns relay)" socat -u PIPE TCP:"$PEER_LINE1":7443 2>"$dir/socat2.log" &
wait_until "on relay ss -Htn state established dst $PEER_LINE1 | grep -q 7443"
line_reset 1
wait_until "! on relay ss -Htn state established | grep -q 7443"
wait_until "! on peer ss -Htn state established | grep -q 7443"
exit 0
