#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A busy market, live: 20,000 datagrams a second for ten seconds, in bursts. All of it
# arrives, in order, once. How late is printed and not judged: it is the machine's.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
setup
CHANNELS=16 write_relay_conf
start_bridge

subscriber_capture_start
sent=200000
market --channels 16 --rate 20600 --count $sent >"$dir/market.json" || fail marketgen
wait_until "is_at_rest $sent"
subscriber_capture_stop
say "$(cat "$dir/market.json")"
received_market "$sent" || fail "not all of $sent arrived in order"
wait_until 'is_balanced relay && is_balanced peer'
[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] || fail 'lost without a loss'
[ "$(metric relay tombolo_relay_dropped_datagrams_total)" = 0 ] ||
	fail 'datagrams were lost before capture'
exit 0
