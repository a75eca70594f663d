#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Either half dies in mid-stream and is started again by hand. The other one survives
# and finds it by itself; nothing comes twice, order stands, and the books say what was
# lost and why. A peer that is told to stop loses nothing: its successor goes on where
# it ended.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
setup
make_certificates
CHANNELS=5 write_relay_conf # marketgen speaks on four of them
write_peer_conf
start_bridge

# The market speaks until all has happened, and the subscriber listens.
speak() {
	subscriber_capture_start
	market_start --rate 5000 --duration 120
}

captured() {
	metric relay tombolo_relay_captured_datagrams_total "$@"
}

emitted() {
	metric peer tombolo_peer_emitted_datagrams_total "$@"
}

lost() {
	metric peer tombolo_peer_lost_datagrams_total "$@"
}

# Packets of the exchange, whether anybody listens or not.
spoken() {
	ip -n "$(netns exchange)" -s -j link show dev feed |
		grep -o '"tx":{"bytes":[0-9]*,"packets":[0-9]*' | grep -o '[0-9]*$'
}

# The market closes, and the relay has captured all of it: it heard a last word
# behind it, from each processor, on the fifth channel.
finish_market() {
	local cpu words

	market_stop
	words=$(captured channel=market4)
	for cpu in $(processors); do
		on exchange taskset -c "$cpu" bash -c 'echo >/dev/udp/239.10.0.5/30005'
		words=$((words + 1))
	done
	wait_until "[ \$(captured channel=market4) = $words ]"
}

# nothing_twice CASE: and order stands, in the $received that the subscriber heard.
nothing_twice() {
	received_market "$sent"
	received=$(figure received)
	{ [ "$(figure duplicates)" = 0 ] && [ "$(figure in_order)" = "$received" ]; } ||
		fail "$1: $(cat "$dir/latency.json")"
}

# ---- the peer is told to stop, and started again ----

speak
wait_until 'captured_beyond 3000'
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
books_are_closed peer || fail 'the final books of the peer do not add up'
wait_until 'captured_beyond 7000'
start_peer
wait_until 'fetch relay /healthz && fetch peer /healthz'
wait_until "captured_beyond $(($(captured) + 3000))"
finish_market
wait_until "[ \$(metric relay tombolo_relay_unsent_datagrams) = 0 ]"
wait_until "[ \$((\$(book peer emitted) + \$(emitted))) = $(captured) ]"
subscriber_capture_stop
nothing_twice 'a peer was stopped'
[ "$received" = "$sent" ] || fail "a peer was stopped, and $received of $sent arrived"
[ "$(metric relay tombolo_relay_abandoned_datagrams_total)" = 0 ] ||
	fail 'the relay holds a stopped peer for a killed one'
wait_until 'is_balanced relay && is_balanced peer'

# ---- the peer is killed ----

before=$(captured)
speak
wait_until "captured_beyond $((before + 3000))"
mv "$dir/peer.log" "$dir/peer1.log"
# So that there is something it was sent and has not emitted.
signal peer STOP
wait_until "captured_beyond $(($(captured) + 500))"
stop peer KILL
[ "$status" = 137 ] || fail "the peer ended with $status"
wait_until '! fetch relay /healthz'
passed=$(metric relay tombolo_relay_sent_datagrams_total)
wait_until "captured_beyond $((before + 7000))"
start_peer
wait_until 'fetch relay /healthz && fetch peer /healthz'
wait_until "captured_beyond $(($(captured) + 3000))"
finish_market
# What had been sent to the former one is not sent again; the rest is.
wait_until "[ \$((\$(emitted) + $passed)) = $(captured) ]"
subscriber_capture_stop
wait_until 'is_balanced relay && is_balanced peer'
nothing_twice 'the peer was killed'
abandoned=$(metric relay tombolo_relay_abandoned_datagrams_total)
say "the peer was killed: $((sent - received)) did not arrive, of $abandoned abandoned"
[ "$abandoned" -gt 0 ] || fail 'the relay does not know what the killed peer had'
{ [ "$received" -lt "$sent" ] && [ $((sent - received)) -le "$abandoned" ]; } ||
	fail "$received of $sent arrived, and $abandoned are abandoned"
[ "$(lost)" = 0 ] || fail 'the new peer counts losses'

# ---- the relay is killed ----

# The line is dark, then lets through only what is short: so the relay says what it has
# and cannot send it, and when it dies the peer knows what it misses.
before=$(captured)
speak
wait_until "captured_beyond $((before + 3000))"
line_cut
wait_until '! fetch relay /healthz && ! fetch peer /healthz'
line_clip 1400
wait_until "[ \$(metric peer tombolo_peer_missing_datagrams) -gt 0 ]"
mv "$dir/relay.log" "$dir/relay1.log"
stop relay KILL
[ "$status" = 137 ] || fail "the relay ended with $status"
wait_until '! fetch peer /healthz'
wait_until "[ \$(metric peer tombolo_peer_held_datagrams) = 0 ]"
line_mend
emitted=$(emitted)
missing=$(metric peer tombolo_peer_missing_datagrams)
spoken=$(spoken)
wait_until "[ \$(spoken) -gt $((spoken + 2000)) ]"
start_relay
wait_until 'fetch relay /healthz && fetch peer /healthz'
wait_until "captured_beyond $(($(captured) + 3000))"
finish_market
wait_until "[ \$(emitted) = $((emitted + $(captured))) ]"
subscriber_capture_stop
wait_until 'is_balanced relay && is_balanced peer'
nothing_twice 'the relay was killed'
say "the relay was killed: $received of $sent arrived, $missing were known to be missing"
[ "$(metric peer tombolo_peer_epochs_total)" = 2 ] ||
	fail 'the peer does not count the new epoch'
[ "$(lost reason=restart)" = "$missing" ] ||
	fail "$(lost reason=restart) are lost by the restart, and $missing were missing"
[ "$(lost)" = "$missing" ] || fail 'the peer counts other losses'
log_says peer 'restarted: epoch=' || fail 'the peer does not tell of the restart'
{ [ "$received" -gt 3000 ] && [ "$received" -le $((sent - 2000 - missing)) ]; } ||
	fail "$missing were missing, 2000 more said to a dead relay, and $received arrived"

stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
for daemon in relay peer; do
	books_are_closed "$daemon" || fail "the final books of the $daemon do not add up"
done
exit 0
