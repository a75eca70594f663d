#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The quota of the network. Paced: the line is dark for a second and the backlog leaves
# within the quota, whatever 100 ms one looks at, in order and without a loss, over TLS
# and over DTLS. With a warning only it leaves at once, and that is counted and said.
# RATE (10,000/s, the quota being half as much again) is for measuring by hand.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need tcpdump
rate=${RATE:-10000}
quota=$((rate * 3 / 2))
setup
make_certificates

# most_within MS FILE: the most datagrams of one group in any so many milliseconds.
most_within() {
	tcpdump -nr "$2" -tt 'udp and dst portrange 30001-39999' 2>/dev/null |
		awk -v window="$1" '{
			split($1, t, ".")
			us = (t[1] - first) * 1000000 + t[2]
			if (NR == 1) { first = t[1]; us = t[2] }
			to = $5; n = ++count[to]; at[to, n] = us
			if (!(to in from)) from[to] = 1
			while (at[to, from[to]] <= us - window * 1000)
				delete at[to, from[to]++]
			if (n - from[to] + 1 > most) most = n - from[to] + 1
		}
		END { print most + 0 }'
}

# stall TRANSPORT OVER-QUOTA: a second in the dark, at one group.
stall() {
	TRANSPORT=$1 CHANNELS=1 write_relay_conf
	LISTEN=$1 EMIT="quota: {flow_pps: $quota}, over_quota: $2" write_peer_conf \
		'recovery: {memory: 256MiB, window: 65536}'
	start_peer
	start_relay
	wait_until 'fetch relay /healthz && fetch peer /healthz'
	subscriber_capture_start
	market_start --channels 1 --rate "$rate" --duration 60
	wait_until "captured_beyond $((rate / 2))"
	line_cut
	wait_until "captured_beyond $((rate * 3 / 2))"
	line_mend
	wait_until "captured_beyond $((rate * 5))"
	market_stop
	wait_until "is_at_rest $sent"
	subscriber_capture_stop
	received_market "$sent" || fail "$1, $2: not all arrived in order"
	[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] ||
		fail "$1, $2: lost without a loss"
	wait_until 'is_balanced relay && is_balanced peer'
	most=$(most_within 100 "$dir/received.pcap")
	peak=$(metric peer tombolo_peer_flow_peak_packets window=100ms)
	above=$(metric peer tombolo_peer_flow_over_quota_packets_total window=100ms)
	say "$1, $2: $sent at $rate/s, most in 100 ms $most (its own figure: $peak)" \
		"of $((quota / 10)), above $above"
	stop relay
	stop peer
}

for transport in tls dtls; do
	stall "$transport" pace
	[ "$most" -le $((quota / 10)) ] || fail "$transport: $most datagrams in 100 ms"
	[ "$above" = 0 ] || fail "$transport: counted as above the quota: $above"
	! log_says peer 'above emit.quota' || fail 'paced, and told to be above'
	# Not far below either: it was the quota that held it back.
	[ "$most" -ge $((quota * 9 / 100)) ] ||
		fail "$transport: only $most datagrams in 100 ms"
done

stall tls warn
[ "$most" -gt $((quota / 10)) ] || fail 'without pacing it was within the quota'
[ "$above" -gt 0 ] || fail 'what was above the quota is not counted'
[ "$(grep -c 'above emit.quota flow=239' "$dir/peer.log")" -ge 1 ] || fail 'not told'
exit 0
