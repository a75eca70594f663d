#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A channel of which something is expected falls silent: it is named, in the log, in
# /metrics, in /status and by tomboloctl; the others are not, whether they speak, are
# outside their hours, or nothing is expected of them. It speaks again, and that is told.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need jq
setup
make_certificates

hour() {
	date -u -d "$1 hours" +%H:%M
}

# Hours around now, and hours that are over; either may go over midnight.
now="hours: \"$(hour -2)-$(hour +2)\", zone: \"+00:00\""
before="hours: \"$(hour -3)-$(hour -2)\", zone: \"+00:00\""
write_relay_conf "control: {socket: $dir/relay.sock}"
sed -i '/^  - {name: market/d' "$dir/relay.yaml"
sed -i "/^channels:/a\\
  - {name: falls, group: 239.10.0.1, port: 30001, expect: {rate: 5/s, over: 1s, $now}}\\
  - {name: speaks, group: 239.10.0.2, port: 30002, expect: {rate: 5/s, over: 1s, $now}}\\
  - {name: closed, group: 239.10.0.3, port: 30003, expect: {rate: 5/s, over: 1s, $before}}\\
  - {name: free, group: 239.10.0.4, port: 30004}" "$dir/relay.yaml"
write_peer_conf

# speak GROUP:PORT: in the background, far more than is expected, until it is killed.
speak() {
	ip netns exec "$(netns exchange)" bash -c "while '$tools/frame_send' -i feed \
		-g $1 -s $EXCHANGE_FEED -n 5; do sleep 0.05; done" &
}

silent() {
	metric relay tombolo_relay_channel_silent "$@"
}

state_of() {
	fetch relay /status | jq -r ".lanes[0].channels[] | select(.name == \"$1\").expect.state"
}

# is CHANNEL STATE: it becomes that.
is() {
	wait_until "[ \"\$(state_of $1)\" = $2 ]"
}

# lines TEXT: of the relay's log.
lines() {
	grep -cF "$1" "$dir/relay.log"
}

start_bridge
speak 239.10.0.1:30001
falls=$!
speak 239.10.0.2:30002
speaks=$!
is falls speaks
is speaks speaks
[ "$(state_of closed)" = 'off hours' ] || fail "closed: $(state_of closed)"
[ "$(state_of free)" = null ] || fail "free: $(state_of free)"
[ "$(silent)" = 0 ] || fail "$(silent) are silent"
[ "$(metric relay tombolo_relay_expected_datagrams_per_second)" = 10 ] ||
	fail 'what is expected is not 5/s of two'
spoken=$(lines 'speaks again') # while the senders were started, either may have been late
fallen=$(lines 'is silent')
[ "$spoken" = "$fallen" ] || fail "silent $fallen times, again $spoken times"

kill "$falls"
is falls silent
# Two intervals more, of who goes on speaking.
measured() {
	metric relay tombolo_relay_captured_datagrams_total channel=speaks
}
start=$(measured)
wait_until "[ \$(measured) -gt $((start + 200)) ]"
[ "$(silent channel=falls)" = 1 ] || fail 'no metric of it'
[ "$(silent)" = 1 ] || fail 'another is silent too'
[ "$(state_of falls)" = silent ] || fail "falls: $(state_of falls)"
[ "$(state_of speaks)" = speaks ] || fail "speaks: $(state_of speaks)"
[ "$(lines 'channel falls is silent expected=5/s measured=')" -gt 0 ] ||
	fail 'no word of it in the log'
[ "$(lines 'is silent')" = $((fallen + 1)) ] || fail 'told more than once'
"$sbin/tomboloctl" -s "$dir/relay.sock" channels >"$dir/channels.txt" || fail tomboloctl
grep -q '^falls .* silent$' "$dir/channels.txt" || fail "tomboloctl: $(cat "$dir/channels.txt")"
[ "$(grep -c 'silent$' "$dir/channels.txt")" = 1 ] || fail 'tomboloctl names another'
"$sbin/tomboloctl" -s "$dir/relay.sock" status | grep -qx 'trouble: channel falls is silent' ||
	fail 'tomboloctl status has no word of it'

speak 239.10.0.1:30001
falls=$!
is falls speaks
[ "$(silent)" = 0 ] || fail 'it speaks, and is silent'
[ "$(lines 'channel falls speaks again expected=5/s measured=')" -gt 0 ] ||
	fail 'no word of it in the log that it speaks again'
[ "$(lines 'speaks again')" = $((spoken + 1)) ] || fail 'told more than once that it speaks'
kill "$falls" "$speaks"
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
exit 0
