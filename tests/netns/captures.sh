#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real feeds, where they are at hand: what an exchange said on its day arrives at the
# subscriber, every payload of the channels, in order, once, and nothing else; played
# from the file, and live at its own speed and at ten times that. TOMBOLO_CAPTURES
# names the directory.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
captures=${TOMBOLO_CAPTURES:-$TOMBOLO_SRCDIR/../shared/captures}
[ -d "$captures" ] || skip "no real captures in $captures"
setup
make_certificates
write_peer_conf
start_peer

unpack() {
	gzip -dc "$captures/$1" >"$dir/$2" || fail "$1 cannot be read"
}

emitted() {
	metric peer tombolo_peer_emitted_datagrams_total
}

# arrived FILE DATAGRAMS [OTHERS]: what the subscriber recorded is DATAGRAMS of FILE,
# which has OTHERS (0) more, of groups that are not carried.
arrived() {
	"$tools/pcapcompare" --subset --json "$dir/$1" "$dir/received.pcap" \
		>"$dir/compared.log" || fail "$1 is not what arrived: $(cat "$dir/compared.log")"
	grep -q "\"received\": $2, \"lost\": ${3:-0}, \"duplicate\": 0, \"extra\": 0, \"reordered\": 0}, \"equal\"" \
		"$dir/compared.log" || fail "of $1 not $2 arrived: $(cat "$dir/compared.log")"
}

# play NAME FILE DATAGRAMS STATUS: from the file as fast as it goes. The relay ends by
# itself, with STATUS, when the peer has told that all is emitted.
play() {
	local relay=relay_$1 before

	before=$(emitted)
	CAPTURE="file: $dir/$2, pace: max" write_relay_conf
	subscriber_capture_start
	start "$relay" relay "$sbin/tombolo-relay" -f "$dir/relay.yaml"
	finish "$relay" 60
	[ "$status" = "$4" ] || fail "$2: the relay ended with $status"
	[ "$(($(emitted) - before))" = "$3" ] || fail "$2: $(emitted) - $before emitted"
	subscriber_capture_stop
	books_are_closed "$relay" || fail "$2: the relay's books do not add up"
	[ "$(book "$relay" captured)" = "$3" ] || fail "$2: $(book "$relay" captured) captured"
	[ "$(book "$relay" unsent)" = 0 ] || fail "$2: something is unsent"
	wait_until 'is_balanced peer'
	say "$1: $3 from the file"
}

unpack krx/mdf-kospi200.20110216-0.pcap.gz krx.pcap
unpack iex/TOPS16.pcapng.gz tops.pcap
unpack iex/DEEP10.pcap.gz deep.pcap
krx_channels='233.37.54.61:15515 233.37.54.61:15518
	233.37.54.62:15514 233.37.54.62:15516 233.37.54.62:15520
	233.37.54.71:15571 233.37.54.71:15572 233.37.54.71:15573
	233.37.54.71:15574 233.37.54.71:15577 233.37.54.71:15578'

CHANNELS=$krx_channels play krx krx.pcap 21215 0
arrived krx.pcap 21215 21 # of HSRP, to 224.0.0.2, which is never carried
CHANNELS=224.67.0.199:16642 play tops tops.pcap 13022 0
arrived tops.pcap 13022
# The last frame of this one is cut: 16 and 460 bytes of it are there.
CHANNELS=224.2.3.10:16648 play deep deep.pcap 121314 1
log_says relay_deep 'capture: frame 121315: truncated' ||
	fail 'the relay does not say what is wrong with the file'
truncate -s -476 "$dir/deep.pcap"
arrived deep.pcap 121314

# A datagram of 9,401 bytes in 8 fragments, the first of which comes last. It is
# longer than what the interface takes, then it is not.
cp "$captures/quirks/vlan_ipfrag_padding_multicast.pcap" "$dir/fragments.pcap"
CHANNELS=224.0.2.2:42102
export CHANNELS
before=$(emitted)
CAPTURE="file: $dir/fragments.pcap, pace: max" write_relay_conf
start relay_oversize relay "$sbin/tombolo-relay" -f "$dir/relay.yaml"
finish relay_oversize
[ "$status" = 0 ] || fail "the relay of an oversize datagram ended with $status"
[ "$(emitted)" = "$before" ] || fail 'an oversize datagram was emitted'
[ "$(metric peer tombolo_peer_refused_datagrams_total reason=oversize)" = 1 ] ||
	fail 'an oversize datagram is not counted'
log_says peer 'datagram refused reason=oversize group=224.0.2.2 port=42102 bytes=9401' ||
	fail 'an oversize datagram is not told'
books_are_closed relay_oversize || fail 'the books do not add up after an oversize datagram'
[ "$(book relay_oversize refused_oversize)" = 1 ] ||
	fail 'an oversize datagram is not in the ledger'
log_says relay_oversize 'verdict: at emission: 1 refused as oversize' ||
	fail 'the verdict does not tell of an oversize datagram'

for host in peer subscriber; do
	ip -n "$(netns "$host")" link set out mtu 9600
done
play fragments fragments.pcap 1 0
arrived fragments.pcap 1

# Live, from the exchange's LAN.
CHANNELS=$krx_channels write_relay_conf
start_relay
wait_until 'fetch relay /healthz && fetch peer /healthz'
total=0
for speed in 10 1; do
	before=$(emitted)
	total=$((total + 21215))
	subscriber_capture_start
	replay "$dir/krx.pcap" --multiplier "$speed"
	wait_until "[ \$((\$(emitted) - $before)) = 21215 ]"
	subscriber_capture_stop
	arrived krx.pcap 21215 21
	say "krx: 21215 live, at $speed times its speed"
done
[ "$(metric relay tombolo_relay_captured_datagrams_total)" = "$total" ] ||
	fail "not $total were captured live"
wait_until 'is_balanced relay && is_balanced peer'
[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] || fail 'lost without a loss'
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
for daemon in relay peer; do
	books_are_closed "$daemon" || fail "the final books of the $daemon do not add up"
done
exit 0
