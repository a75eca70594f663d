#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Five faults of the two ends, injected one after the other: the feed stops, the captured
# interface goes down, the peer's clock is a second off, the capture ring overflows, the
# network's quota is exceeded. Each is named by the ledger, by its alert and in the
# handbook, and nobody else is blamed.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
# shellcheck source=faults_lib.sh
. "$TOMBOLO_SRCDIR/tests/netns/faults_lib.sh"
need faketime
quota=20000
setup
mkdir "$dir/run"
CAPTURE='interface: feed, buffer: 1MiB' write_relay_conf "control: {socket: $dir/run/relay.sock}
session: {path_timeout: 5s}"
# Something is expected of each channel.
sed -i '/^  - {name: market/s/}$/, expect: {rate: 10\/s, over: 2s}}/' "$dir/relay.yaml"
EMIT="quota: {flow_pps: $quota}, over_quota: warn" \
	write_peer_conf "control: {socket: $dir/run/peer.sock}
session: {path_timeout: 5s}"

# The peer's clock is what a file says. Its other clocks are the kernel's.
start_peer() {
	start peer peer env LD_PRELOAD="$(faketime -f +0 printenv LD_PRELOAD)" \
		FAKETIME_TIMESTAMP_FILE="$dir/clock" FAKETIME_CACHE_DURATION=1 \
		FAKETIME_DONT_FAKE_MONOTONIC=1 "$sbin/tombolo-peer" -f "$dir/peer.yaml"
}

echo +0 >"$dir/clock"
start_faults

# ---- the feed stops ----

healthy 'feed stops'
market_stop
for channel in market0 market1 market2 market3; do
	wait_until "raised TomboloChannelBelowExpect instance=$RELAY_METRICS channel=$channel"
done
hear relay 'nothing lost; now before capture \(exchange or network\): silent: market0, market1, market2 and 1 more'
hear peer 'nothing lost'
told relay 'expect: channel ... is silent expected=... measured=... within_ms=...' 'line to the exchange, or the exchange'
explained TomboloChannelBelowExpect 'line to the exchange, or the exchange'
market_begin
wait_until 'quiet TomboloChannelBelowExpect && quiet TomboloChannelSilent'
only TomboloChannelBelowExpect TomboloChannelSilent

# ---- the captured interface goes down ----

healthy 'interface down'
# Not amid the market: the kernel may drop, and count, what is in the interface then.
market_stop
ip -n "$(netns relay)" link set feed down
wait_until "raised TomboloCaptureLinkDown instance=$RELAY_METRICS"
hear relay 'nothing lost; now in capture: interface feed is down'
hear peer 'nothing lost'
told relay 'capture: interface=... ...' 'link of the captured interface'
explained TomboloCaptureLinkDown 'cable, switch port'
ip -n "$(netns relay)" link set feed up
market_begin
wait_until 'quiet TomboloCaptureLinkDown'
# What is silent is looked at once a second, and so for a moment after the link is back:
# shorter than the alert's patience as shipped.
only TomboloCaptureLinkDown TomboloChannelBelowExpect

# ---- the peer's clock is a second off ----

healthy 'clock off'
echo +1 >"$dir/clock"
wait_until "raised TomboloClockOffset instance=$RELAY_METRICS remote=vpc-a"
wait_until "raised TomboloClockOffset instance=$PEER_METRICS remote=colo-a"
hear relay 'nothing lost; now the clocks here and on vpc-a are (0.99|1.00). s apart, ours behind'
hear peer 'nothing lost; now the clocks here and on colo-a are (0.99|1.00). s apart, ours ahead'
for half in relay peer; do
	told $half 'session: the clocks of the two hosts are apart remote=... slot=... ours_minus_theirs_ms=... error_ms=...' 'chronyc'
done
explained TomboloClockOffset 'chronyc tracking'
echo +0 >"$dir/clock"
wait_until 'quiet TomboloClockOffset'
only TomboloClockOffset

# ---- the capture ring overflows ----

healthy 'ring overflow'
signal relay STOP
market --channels 4 --rate 100000 --count 20000 --max 1400 >/dev/null || fail marketgen
signal relay CONT
wait_until "raised TomboloDropsBeforeCapture instance=$RELAY_METRICS point=kernel_ring"
dropped='in capture: [0-9]+ datagrams dropped by the kernel ring'
hear relay "$dropped"
hear peer "$dropped"
told relay 'capture: datagrams lost before capture point=... count=...' 'did not read in time'
told peer 'session: remote=... lost datagrams before capture point=... count=...' "relay's host"
explained TomboloDropsBeforeCapture 'capture.buffer'
only TomboloDropsBeforeCapture
wait_until 'quiet TomboloDropsBeforeCapture'

# ---- the network's quota is exceeded ----

healthy 'quota exceeded' "$dropped" "$dropped"
market --channels 1 --rate 50000 --count 2800 --max 300 >/dev/null || fail marketgen
wait_until "raised TomboloOverQuota instance=$PEER_METRICS group=239.10.0.1 port=30001"
hear relay "$dropped"
hear peer "$dropped; after emission: [0-9]+ emitted above emit.quota, which the network may have dropped"
told peer 'emit: above emit.quota flow=...:... in_100ms packets=... bytes=...' 'over_quota: pace'
explained TomboloOverQuota 'over_quota: pace'
wait_until 'quiet TomboloOverQuota'
only TomboloOverQuota TomboloQuotaNear
market_stop
exit 0
