#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the service manager is told while a stream runs: the state, when it changes; a
# sign of life, for as long as the lane moves, through a drain, too. A lane that hangs
# is named in the log and there is no sign of life, until it moves again.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
setup
make_certificates
# Who hangs is not taken for one who is gone.
patience='session: {path_timeout: 60s, drain_timeout: 60s}'
write_relay_conf "$patience"
write_peer_conf "$patience"

# A look every 250 ms; a hang is told after 500 ms.
export WATCHDOG_USEC=1000000
rate=1000

signs_of_life() {
	grep -cx WATCHDOG=1 "$dir/$1.states"
}

# Packets of the exchange, whether anybody listens or not: at $rate a second they are
# the clock here.
spoken() {
	ip -n "$(netns exchange)" -s -j link show dev feed |
		grep -o '"tx":{"bytes":[0-9]*,"packets":[0-9]*' | grep -o '[0-9]*$'
}

# passes SECONDS: they have passed.
passes() {
	local end=$(($(spoken) + $1 * rate))

	wait_until "[ \$(spoken) -ge $end ]"
}

states() {
	grep '^STATUS=' "$dir/$1.states"
}

is_in_state() {
	[ "$(states "$1" | tail -n 1)" = "STATUS=$2" ]
}

# hang_lane NAME, and let_go: of its lane's thread.
hang_lane() {
	rm -f "$dir/hang.out"
	"$tools/hang" "$(cat "$dir/$1.pid")" lane0 >"$dir/hang.out" 2>"$dir/hang.log" &
	hang_pid=$!
	wait_until "grep -qx held '$dir/hang.out' || ! kill -0 $hang_pid"
	grep -qx held "$dir/hang.out" && return
	wait "$hang_pid"
	[ $? != 77 ] || skip "a thread may not be held: $(cat "$dir/hang.log")"
	fail "the lane's thread is not held: $(cat "$dir/hang.log")"
}

let_go() {
	kill -TERM "$hang_pid"
	wait "$hang_pid" || fail 'the thread was not held to the end'
}

# ---- a state, and a sign of life ----

start_peer
start_relay
wait_until "is_in_state relay 'running: 1 of 1 session open, 1 path up, 4 channels'"
wait_until "is_in_state peer 'running: 1 of 1 session open, 1 path up, 4 channels'"
market_start --rate "$rate" --duration 120
passes 1
for half in relay peer; do
	was[0]=$(states "$half" | wc -l)
	was[1]=$(signs_of_life "$half")
	wait_until "[ \$(signs_of_life $half) -ge $((was[1] + 6)) ]"
	[ "$(states "$half" | wc -l)" = "${was[0]}" ] ||
		fail "a stream alone changes the state of the $half: $(states "$half")"
done

# ---- a lane hangs ----

for half in relay peer; do
	hang_lane "$half"
	wait_until "log_says $half 'lane0 hangs'"
	last=$(signs_of_life "$half")
	passes 2
	fetch "$half" /metrics >/dev/null || fail "the main thread of the $half hangs, too"
	[ "$(signs_of_life "$half")" = "$last" ] ||
		fail "a lane of the $half hangs, and the manager is told that all is well"
	[ "$(grep -cF 'lane0 hangs' "$dir/$half.log")" = 1 ] ||
		fail "the $half says more than once that its lane hangs"
	let_go
	wait_until "log_says $half 'lane0 moves again'"
	wait_until "[ \$(signs_of_life $half) -ge $((last + 4)) ]"
done
wait_until 'fetch relay /healthz && fetch peer /healthz'

# ---- a drain is no hang ----

# The peer takes nothing and says nothing: so the relay's drain lasts.
signal peer STOP
signal relay TERM
wait_until 'has_said relay STOPPING=1'
wait_until "states relay | grep -q '^STATUS=draining: '"
last=$(signs_of_life relay)
wait_until "[ \$(signs_of_life relay) -ge $((last + 4)) ]"
signal peer CONT
finish relay
[ "$status" = 0 ] || fail "the relay ended with $status"
market_stop
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
for half in relay peer; do
	books_are_closed "$half" || fail "the final books of the $half do not add up"
done
exit 0
