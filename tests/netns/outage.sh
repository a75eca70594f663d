#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The line between the halves goes dark for two seconds while the market speaks; every
# connection over it is reset, twenty times in ten seconds; and it goes dark for longer
# than the history remembers. What the history holds is caught up: nothing of it is
# lost, nothing comes twice, order stands. What it no longer holds is counted, by its
# reason.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
setup
make_certificates
write_relay_conf 'session: {heartbeat: 100ms, path_timeout: 400ms}'
write_peer_conf 'session: {heartbeat: 100ms, path_timeout: 400ms}'
start_bridge
before=0 # captured by this relay in earlier cases

# 5,000 datagrams a second, until all has happened; the subscriber listens. What happens
# to the line is tied to how far the capture has come: 10,000 more are two seconds.
speak() {
	before=$(metric relay tombolo_relay_captured_datagrams_total)
	subscriber_capture_start
	market_start --rate 5000 --duration 120
}

until_said() {
	wait_until "captured_beyond $((before + $1))"
}

# until_settled [BEFORE]: the market closes, and all of it was emitted or is counted as
# lost; BEFORE as is_at_rest takes it.
until_settled() {
	market_stop
	wait_until "is_at_rest $((before + sent)) ${1-}"
	subscriber_capture_stop
	wait_until 'is_balanced relay && is_balanced peer'
}

lost() {
	metric peer tombolo_peer_lost_datagrams_total "$@"
}

# ---- dark for two seconds ----

speak
until_said 3000
line_cut
wait_until '! fetch relay /healthz && ! fetch peer /healthz'
until_said 13500
line_mend
wait_until 'fetch relay /healthz && fetch peer /healthz'
until_said 18000
until_settled
received_market "$sent" || fail 'dark for two seconds: not all arrived in order'
[ "$(lost)" = 0 ] || fail 'dark for two seconds: the peer counts losses'

# ---- reset, twenty times ----

speak
for ((i = 1; i <= 20; i++)); do
	until_said $((i * 2500))
	wait_until 'fetch relay /healthz && fetch peer /healthz'
	opened=$(metric peer tombolo_peer_sessions_opened_total)
	line_reset
	wait_until "[ \$(metric peer tombolo_peer_sessions_opened_total) -gt $opened ]"
done
until_said 52500
until_settled
received_market "$sent" || fail 'reset 20 times: not all arrived in order'
[ "$(lost)" = 0 ] || fail 'reset 20 times: the peer counts losses'

# ---- dark for longer than the history remembers ----

stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
books_are_closed relay || fail "the relay's books do not add up"
write_relay_conf 'session: {heartbeat: 100ms, path_timeout: 400ms}
history: {age: 1s}'
start_relay
wait_until 'fetch relay /healthz && fetch peer /healthz'
settled=$(settled)
speak
until_said 3000
line_cut
until_said 18500
line_mend
wait_until "[ \$(metric peer tombolo_peer_lost_datagrams_total reason=aged) -gt 0 ]"
until_said 22000
until_settled "$settled"
aged=$(lost reason=aged)
say "dark for longer than history.age: $aged of $sent are lost as aged"
[ "$(lost)" = "$aged" ] || fail 'not all that is lost is lost as aged'
# Three seconds were dark, the last of which the history had.
{ [ "$aged" -gt 5000 ] && [ "$aged" -lt $((sent - 3000)) ]; } || fail "$aged are lost as aged"
emitted=$((sent - aged))
received_market "$sent"
grep -q "\"received\": $emitted, \"lost\": $aged, \"in_order\": $emitted, \"duplicates\": 0," \
	"$dir/latency.json" || fail 'the rest did not arrive, in order'
[ "$(metric relay tombolo_relay_shed_datagrams_total reason=aged)" -le "$aged" ] ||
	fail 'the relay counts more as aged than the peer does'
log_says peer 'reason=aged' || fail 'the peer does not say what it lost'
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
grep -qE "ledger: verdict: on the line: $aged lost \(aged $aged\)" "$dir/relay.log" ||
	fail "the relay's verdict is: $(grep verdict: "$dir/relay.log" | tail -n 1)"
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
for daemon in relay peer; do
	books_are_closed "$daemon" || fail "the final books of the $daemon do not add up"
done
exit 0
