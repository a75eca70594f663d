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

# speak COUNT: 5,000 datagrams a second; the subscriber listens. What happens to the
# line is tied to how far the capture has come: 10,000 more are two seconds.
speak() {
	before=$(metric relay tombolo_relay_captured_datagrams_total)
	subscriber_capture_start
	market_start --count "$1" --rate 5000
}

until_said() {
	wait_until "captured_beyond $((before + $1))"
}

# All was said, and all of it was emitted or is counted as lost.
until_settled() {
	market_end
	wait_until "is_at_rest $((before + $1))"
	subscriber_capture_stop
	wait_until 'is_balanced relay && is_balanced peer'
}

lost() {
	metric peer tombolo_peer_lost_datagrams_total "$@"
}

# ---- dark for two seconds ----

speak 18000
until_said 3000
line_cut
wait_until '! fetch relay /healthz && ! fetch peer /healthz'
until_said 13500
line_mend
wait_until 'fetch relay /healthz && fetch peer /healthz'
until_settled 18000
received_market 18000 || fail 'dark for two seconds: not all arrived in order'
[ "$(lost)" = 0 ] || fail 'dark for two seconds: the peer counts losses'

# ---- reset, twenty times ----

opened=$(metric peer tombolo_peer_sessions_opened_total)
speak 52500
for ((i = 1; i <= 20; i++)); do
	until_said $((i * 2500))
	wait_until 'fetch relay /healthz && fetch peer /healthz'
	line_reset
	wait_until "[ \$(metric peer tombolo_peer_sessions_opened_total) = $((opened + i)) ]"
done
kill -0 "$market_pid" || fail 'the market had ended before the last reset'
until_settled 52500
received_market 52500 || fail 'reset 20 times: not all arrived in order'
[ "$(lost)" = 0 ] || fail 'reset 20 times: the peer counts losses'

# ---- dark for longer than the history remembers ----

stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
books_are_closed relay || fail "the relay's books do not add up"
write_relay_conf 'session: {heartbeat: 100ms, path_timeout: 400ms}
history: {age: 1s}'
start_relay
wait_until 'fetch relay /healthz && fetch peer /healthz'
emitted=$(metric peer tombolo_peer_emitted_datagrams_total)
speak 22000
until_said 3000
line_cut
until_said 18500
line_mend
market_end
wait_until "[ \$(metric peer tombolo_peer_lost_datagrams_total reason=aged) -gt 0 ]"
wait_until "[ \$((\$(metric peer tombolo_peer_emitted_datagrams_total) - $emitted + \
	\$(lost))) = 22000 ]"
subscriber_capture_stop
wait_until 'is_balanced relay && is_balanced peer'
aged=$(lost reason=aged)
say "dark for longer than history.age: $aged of 22000 are lost as aged"
[ "$(lost)" = "$aged" ] || fail 'not all that is lost is lost as aged'
# Three seconds were dark, the last of which the history had.
{ [ "$aged" -gt 5000 ] && [ "$aged" -lt 15500 ]; } || fail "$aged are lost as aged"
emitted=$((22000 - aged))
received_market 22000
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
