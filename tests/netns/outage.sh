#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The line between the halves goes dark while the market speaks, and later every
# connection over it is reset. What the history holds is caught up: nothing is lost,
# nothing comes twice, order stands.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
setup
make_certificates
write_relay_conf 'session: {heartbeat: 100ms, path_timeout: 400ms}'
write_peer_conf 'session: {heartbeat: 100ms, path_timeout: 400ms}'
start_bridge

captured_beyond() {
	[ "$(metric relay tombolo_relay_captured_datagrams_total)" -gt "$1" ]
}

# The market speaks for four seconds; what happens to the line is tied to how far
# the capture has come.
subscriber_capture_start "$dir/received.pcap"
market --count 20000 --rate 5000 >"$dir/market.json" &
market_pid=$!
wait_until 'captured_beyond 2000'
line_cut 1
wait_until '! fetch relay /healthz'
wait_until 'captured_beyond 8000'
line_mend 1
wait_until 'fetch relay /healthz && fetch peer /healthz'
wait_until 'captured_beyond 12000'
line_reset 1
wait "$market_pid" || fail marketgen
wait_until 'is_at_rest 20000'
subscriber_capture_stop

"$tools/latency" --sent 20000 --json "$dir/received.pcap" >"$dir/latency.json"
grep -q '"sent": 20000, "received": 20000, "lost": 0, "in_order": 20000, "duplicates": 0,' \
	"$dir/latency.json" || fail "after an outage: $(cat "$dir/latency.json")"
exit 0
