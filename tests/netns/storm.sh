#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A line that loses does not make a storm: at two percent hardly more is repaired than
# was lost; at forty, in both directions, requests stay within their bound; and on a
# line that is dark for five seconds they stop, which the log says once. What the
# history holds is caught up each time, and order stands.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
request_rate=20000 request_burst=2000 # PROTOCOL.md, 8.1
requests_unheard=32
setup
make_certificates
# A dark path is held for alive long enough to be asked in vain.
times='session: {heartbeat: 200ms, path_timeout: 3s}'
TRANSPORT=dtls write_relay_conf "$times
history: {age: 30s}"
LISTEN=dtls write_peer_conf "$times
recovery: {give_up: 30s}"
start_bridge
total=0 # captured so far

captured() {
	metric relay tombolo_relay_captured_datagrams_total
}

peer() {
	metric peer "tombolo_peer_$1_total"
}

speak() {
	subscriber_capture_start
	market_start --rate 5000 --duration 120
}

until_said() {
	wait_until "captured_beyond $((total + $1))"
}

until_settled() {
	market_stop
	total=$((total + sent))
	wait_until "is_at_rest $total"
	subscriber_capture_stop
	received_market "$sent" || fail "$1: not all arrived in order"
	[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] ||
		fail "$1: the peer counts losses"
	wait_until 'is_balanced relay && is_balanced peer'
}

now_ms() {
	date +%s%3N
}

# told TEXT: how many lines of the peer's log have it.
told() {
	grep -cF -- "$1" "$dir/peer.log"
}

asks_no_more() {
	[ "$(told 'answers no request')" -gt "$(told 'requesting goes on')" ]
}

# ---- two percent ----

line_loss 2
speak
until_said 25000
until_settled 'two percent'
line_mend
# Nothing else brought what the line had lost.
lost=$(peer repaired)
repairs=$(metric relay tombolo_relay_repaired_datagrams_total)
say "two percent: $lost lost on the line, $repairs repairs sent, $(peer requested) requested"
[ "$lost" -gt 100 ] || fail 'the line did not lose'
[ $((2 * repairs)) -le $((3 * lost)) ] || fail "$repairs repairs for $lost lost"

# ---- forty percent, in both directions ----

speak
until_said 2500
line_loss 40
for ((i = 1; i <= 6; i++)); do
	began=$(now_ms)
	before=$(peer requested)
	until_said $((2500 + i * 2500))
	requested=$(($(peer requested) - before))
	elapsed=$(($(now_ms) - began))
	say "forty percent: $requested requested in $elapsed ms"
	[ "$requested" -le $((request_rate * elapsed / 1000 + request_burst)) ] ||
		fail "$requested requested in $elapsed ms"
done
[ "$requested" -gt 0 ] || fail 'nothing was requested'
line_mend
until_said 20000
until_settled 'forty percent'

# ---- five seconds dark ----

# Some are missing when it goes dark, so that there is something to ask for.
speak
until_said 2500
line_loss 40
until_said 5000
on line nft -f - <<-EOF
	flush chain inet line wire1
	add counter inet line in_vain
	add rule inet line wire1 iifname "p1" counter name in_vain drop
	add rule inet line wire1 drop
EOF
wait_until asks_no_more
stopped=$(told 'answers no request')
until_said 30000
[ "$(told 'answers no request')" = "$stopped" ] || fail 'said twice: answers no request'
asks_no_more || fail 'it went on asking in the dark'
line_mend
packets=$(on line nft list counter inet line in_vain | awk '$1 == "packets" { print $2 }')
say "dark: $packets packets from the peer"
# As many as are asked in vain, some of them before; and reports: one for each 50 ms
# until the path is dead.
{ [ "$packets" -ge $((requests_unheard / 2)) ] &&
	[ "$packets" -le $((requests_unheard + 60)) ]; } ||
	fail "$packets packets into the dark line"
wait_until 'fetch relay /healthz && fetch peer /healthz'
until_said 40000
until_settled dark
[ "$(told 'requesting goes on')" = "$stopped" ] || fail 'it does not say that it goes on'
for daemon in relay peer; do
	stop $daemon
	[ "$status" = 0 ] || fail "the $daemon ended with $status"
	books_are_closed $daemon || fail "the final books of the $daemon do not add up"
done
exit 0
