#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Strangers at the peer's door while the market speaks: noise, a browser, old TLS, no
# certificate, a stranger's, an expired one, one not yet valid, a revoked one, one of a
# name that is not listed, a relay's own with noise behind it, and two hundred that say
# nothing. Each is refused by its own name, in the log and in the figures, and the stream
# does not notice.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need socat
setup
make_certificates
write_relay_conf 'session: {path_timeout: 10s}' # the machine may be slow, too
write_peer_conf 'session: {path_timeout: 10s}'
sed -i '/^tls:/s|}$|, handshake_timeout: 1s, crl: '"$dir/ca.crl}|" "$dir/peer.yaml"
"$TOMBOLO_SRCDIR/tools/certs" -d "$dir" mallory judas >/dev/null || fail certs
"$TOMBOLO_SRCDIR/tools/certs" -r -d "$dir" judas >/dev/null || fail 'certs -r'
for name in expired:-10:5 early:10:5; do
	IFS=: read -r name begin days <<<"$name"
	mkdir "$dir/$name"
	cp "$dir/ca.crt" "$dir/ca.key" "$dir/$name"
	"$TOMBOLO_SRCDIR/tools/certs" -d "$dir/$name" -b "$begin" -t "$days" colo-a \
		>/dev/null || fail certs
done
"$TOMBOLO_SRCDIR/tools/certs" -d "$dir/stranger" colo-a >/dev/null || fail certs
start_bridge

subscriber_capture_start
market_start --rate 2000 --duration 60
wait_until 'captured_beyond 1000'

refused() {
	metric peer "tombolo_tunnel_refused_$1_total"
}

# refuses COUNTER TEXT COMMAND...: one connection by COMMAND from the line between the
# halves is refused, and counted, as COUNTER, and the log says TEXT.
refuses() {
	local counter=$1 line="connection refused: $2 from=10.2.1.254:" before told

	shift 2
	before=$(refused "$counter")
	told=$(grep -cF "$line" "$dir/peer.log")
	on line timeout 10 "$@" </dev/null >"$dir/hostile.log" 2>&1
	wait_until "[ \$(refused $counter) = $((before + 1)) ]"
	wait_until "[ \$(grep -cF '$line' '$dir/peer.log') = $((told + 1)) ]"
}

# Once its certificate is refused, a client of TLS 1.3 learns of it when it reads.
client() {
	refuses "$1" "$2" openssl s_client -connect "$PEER_LINE1:7443" "${@:3}"
}

certificate() {
	client "$1" "$2" -cert "$3/colo-a.crt" -key "$3/colo-a.key"
}

noise() {
	openssl enc -aes-128-ctr -K "$(printf '%032d' "$1")" -iv 0 -in /dev/zero \
		2>/dev/null | head -c "$2"
}

noise 1 4096 >"$dir/noise"
refuses protocol 'not TLS at all' socat -u "FILE:$dir/noise" "TCP:$PEER_LINE1:7443"
refuses protocol 'not TLS at all' curl -s -m 5 "http://$PEER_LINE1:7443/"
client protocol 'not TLS 1.3' -tls1_2
client no_certificate 'no certificate'
certificate untrusted 'untrusted certificate' "$dir/stranger"
certificate expired 'expired certificate' "$dir/expired"
certificate expired 'certificate not yet valid' "$dir/early"
client revoked 'revoked certificate' -cert "$dir/judas.crt" -key "$dir/judas.key"
client name 'wrong name' -cert "$dir/mallory.crt" -key "$dir/mallory.key"

# Whatever noise looks like, it is refused.
refused_as_noise() {
	local sum=0 counter

	for counter in timeout protocol other; do
		sum=$((sum + $(refused $counter)))
	done
	echo "$sum"
}
before=$(refused_as_noise)
for ((i = 0; i < 20; i++)); do
	noise $((100 + i)) 600 >"$dir/noise"
	on line timeout 10 socat -u "FILE:$dir/noise" "TCP:$PEER_LINE1:7443" 2>/dev/null
done
wait_until "[ \$(refused_as_noise) = $((before + 20)) ]"

# One that is who it says, and then breaks the protocol: only its own path ends.
errors=$(metric peer tombolo_peer_protocol_errors_total)
printf '\001\0\0\001\0' | on line timeout 10 openssl s_client -quiet -connect \
	"$PEER_LINE1:7443" -cert "$dir/colo-a.crt" -key "$dir/colo-a.key" >"$dir/hostile.log" 2>&1
wait_until "[ \$(metric peer tombolo_peer_protocol_errors_total) = $((errors + 1)) ]"

# Two hundred that say nothing: some are too many, the others time out, and none of
# them holds a file descriptor when it is gone.
open_files() {
	find "/proc/$(cat "$dir/peer.pid")/fd" -mindepth 1 | wc -l
}
files=$(open_files)
before=$(($(refused limit) + $(refused timeout)))
ip netns exec "$(netns line)" bash -c "for ((i = 0; i < 200; i++)); do
		exec {fd}<>/dev/tcp/$PEER_LINE1/7443
	done
	echo all
	exec sleep 60" >"$dir/silent.log" 2>&1 &
silent_pid=$!
wait_until "grep -q all '$dir/silent.log'"
wait_until "[ \$((\$(refused limit) + \$(refused timeout))) = $((before + 200)) ]"
{ [ "$(refused limit)" -gt 0 ] && [ "$(refused timeout)" -gt 0 ]; } ||
	fail "of 200 silent ones $(refused limit) were too many, $(refused timeout) timed out"
log_says peer 'connection refused: timed out from=10.2.1.254:' || fail 'no word of a time-out'
log_says peer 'connection refused: limit: too many' || fail 'no word of the limit'
wait_until "[ \$(open_files) -le $files ]"
kill "$silent_pid"

market_stop
wait_until "is_at_rest $sent"
subscriber_capture_stop
received_market "$sent" || fail 'the stream noticed the strangers'
{ [ "$(metric relay tombolo_relay_sessions_opened_total)" = 1 ] &&
	[ "$(metric peer tombolo_peer_sessions_opened_total)" = 1 ]; } ||
	fail 'the session noticed the strangers'
[ "$(metric relay tombolo_relay_resent_datagrams_total)" = 0 ] || fail 'something was sent again'
wait_until 'is_balanced relay && is_balanced peer'
exit 0
