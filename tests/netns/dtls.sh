#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A path over DTLS: it comes up on a line that loses every second packet; learns that
# the line takes less than its first hop and carries 9,000 bytes in pieces that fit, none
# of them an IP fragment; finds back when its address changes on the way; and does not
# notice what strangers send to its port: noise, cut records, what was sent before, and
# 50,000 greetings a second from addresses that are not theirs.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need socat
MTU=9600 setup
make_certificates
# The machine may be slow, and a path must not time out for it.
TRANSPORT=dtls write_relay_conf 'session: {path_timeout: 2s}'
LISTEN=dtls write_peer_conf 'session: {path_timeout: 2s}'
total=0 # captured so far

nothing_lost() {
	[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] ||
		fail "$1: the peer counts losses"
	wait_until 'is_balanced relay && is_balanced peer'
}

captured() {
	metric relay tombolo_relay_captured_datagrams_total
}

sessions() {
	metric peer tombolo_peer_sessions_opened_total
}

# ---- what is said later: datagrams of 9,000 bytes, as the exchange's LAN carries them ----

"$tools/marketgen" -w "$dir/source.pcap" --count 8000 --channels 3 --max 9000 \
	>/dev/null || fail marketgen
openssl enc -aes-128-ctr -K "$(printf '%032d' 1)" -iv 0 -in /dev/zero 2>/dev/null |
	head -c 9000000 >"$dir/long"
capture_start relay feed "$dir/long.pcap"
on exchange socat -u -b 9000 "FILE:$dir/long" \
	"UDP-DATAGRAM:239.10.0.4:30004,bind=$EXCHANGE_FEED,ip-multicast-if=$EXCHANGE_FEED" ||
	fail socat
capture_stop exchange
[ "$(wc -c <"$dir/long.pcap")" = $((24 + 1000 * (16 + 14 + 28 + 9000))) ] ||
	fail 'not 1000 datagrams of 9,000 bytes'

# ---- a handshake of which every second packet is lost, in each direction ----

for end in r1 p1; do
	on line nft add rule inet line wire1 iifname $end numgen inc mod 2 0 counter drop
done
start_peer
start_relay
wait_until 'fetch relay /healthz && fetch peer /healthz'
[ "$(on line nft list chain inet line wire1 |
	grep -oE 'packets [0-9]+' | grep -cE ' ([2-9]|[1-9][0-9]+)$')" = 2 ] ||
	fail 'not both directions lost packets of the handshake'
say "a session after $(metric relay tombolo_tunnel_dialled_total) attempts"
line_mend

# ---- 9,000 bytes through 1,280 ----

# The relay's first hop takes more than the line behind it.
on line ip link set p1 mtu 1280
on peer ip link set line1 mtu 1280
for end in relay peer; do
	watch $end long 'iifname "line1" ip length > 1280'
	watch $end whole 'iifname "line1" ip length > 1200'
	watch $end fragments 'iifname "line1" ip frag-off & 0x3fff != 0'
done
subscriber_capture_start
replay "$dir/source.pcap" --pps 4000 &
replay_pid=$!
replay "$dir/long.pcap" --pps 500
wait "$replay_pid" || fail tcpreplay
total=$((total + 9000))
wait_until "is_at_rest $total"
subscriber_capture_stop
"$tools/pcapcompare" --only 239.10.0.4:30004 "$dir/long.pcap" "$dir/received.pcap" >&2 ||
	fail 'not the same: 9,000 bytes'
"$tools/pcapcompare" --only 239.10.0.1:30001 --only 239.10.0.2:30002 \
	--only 239.10.0.3:30003 "$dir/source.pcap" "$dir/received.pcap" >&2 ||
	fail 'not the same: shorter ones between those of 9,000 bytes'
log_says relay 'the path takes 1280 bytes at a time, no longer 9216' ||
	fail 'the path did not learn what the line takes'
for end in relay peer; do
	[ "$(watched $end long)" = 0 ] || fail "longer than the line at the $end"
	[ "$(watched $end fragments)" = 0 ] || fail "IP fragments at the $end"
done
[ "$(watched peer whole)" -gt 7000 ] || fail 'the pieces do not fill the line'
nothing_lost '9,000 bytes'

# ---- the relay's address changes on the way ----

subscriber_capture_start
market_start --rate 10000 --duration 120
wait_until "captured_beyond $((total + 2500))"
opened=$(sessions)
on line nft -f - <<-EOF
	add rule inet line wire1 iifname "r1" ip saddr set 10.1.1.77
	add rule inet line wire1 iifname "p1" ip daddr $RELAY_LINE1 drop
	add rule inet line wire1 iifname "p1" ip daddr 10.1.1.77 ip daddr set $RELAY_LINE1
EOF
wait_until "[ \$(sessions) -gt $opened ]"
wait_until 'fetch relay /healthz && fetch peer /healthz'
log_says peer "from=10.1.1.77:" || fail 'not from the new address'
wait_until "captured_beyond $(($(captured) + 2500))"
market_stop
total=$((total + sent))
wait_until "is_at_rest $total"
subscriber_capture_stop
received_market "$sent" || fail 'another address: not all arrived in order'
nothing_lost 'another address'

# ---- strangers at the port ----

# What the peer threw away, or had no room for.
dropped() {
	echo $(($(metric peer tombolo_tunnel_dtls_dropped_total) + \
		$(metric peer tombolo_tunnel_dtls_overflowed_total)))
}

dropped_beyond() {
	[ "$(dropped)" -ge "$1" ]
}

# spoof KIND COUNT RATE [SOURCE [UDP_SPOOF-OPTION...]]: from the line; else from strangers
# whom nothing reaches.
spoof() {
	on line "$tools/udp_spoof" -d "$PEER_LINE1:7443" -k "$1" -n "$2" -r "$3" \
		-s "${4:-10.66.0.0/16}" "${@:5}" >"$dir/spoof.json" || fail udp_spoof
	[ "$(figure sent "$dir/spoof.json")" = "$2" ] || fail "not all sent: $1"
}

resident_kb() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$(cat "$dir/peer.pid")/status"
}

ip -n "$(netns line)" route add blackhole 10.66.0.0/16
ip -n "$(netns peer)" route add 10.66.0.0/16 via 10.2.1.254
subscriber_capture_start
market_start --rate 10000 --duration 120
wait_until "captured_beyond $((total + 5000))"
opened=$(sessions)
established=$(metric peer tombolo_tunnel_established_total)

# What the relay says itself, and says again; then others in its name.
before=$(dropped)
spoof again 3000 3000 10.1.1.77 -i p1
port=$(figure port "$dir/spoof.json")
wait_until "dropped_beyond $((before + 3000))"
for kind in noise cut hello; do
	spoof $kind 1000 4000 10.1.1.77 -p "$port"
done
wait_until "dropped_beyond $((before + 6000))"
# As strangers. Greetings come as fast as they can be answered, and faster.
for kind in noise cut; do
	spoof $kind 1000 4000
done
wait_until "dropped_beyond $((before + 8000))"
retries=$(metric peer tombolo_tunnel_dtls_hello_retries_total)
resident=$(resident_kb)
spoof hello 500000 50000
say "greetings: $(cat "$dir/spoof.json")"
retries=$(($(metric peer tombolo_tunnel_dtls_hello_retries_total) - retries))
say "answered with a cookie: $retries; resident: $resident kB before, $(resident_kb) kB after"

market_stop
total=$((total + sent))
wait_until "is_at_rest $total"
subscriber_capture_stop
received_market "$sent" || fail 'the stream noticed the strangers'
nothing_lost strangers
[ "$retries" -gt 10000 ] || fail "of 500000 greetings $retries were answered"
# A sanitizer keeps what was freed, to see that nobody uses it; and tells of leaks itself.
grep -q __asan_init "$sbin/tombolo-peer" ||
	[ "$(resident_kb)" -le $((resident * 105 / 100)) ] ||
	fail "the peer grew from $resident kB to $(resident_kb) kB"
{ [ "$(sessions)" = "$opened" ] &&
	[ "$(metric peer tombolo_tunnel_established_total)" = "$established" ]; } ||
	fail 'the session noticed the strangers'

for daemon in relay peer; do
	stop $daemon
	[ "$status" = 0 ] || fail "the $daemon ended with $status"
	books_are_closed $daemon || fail "the final books of the $daemon do not add up"
done
exit 0
