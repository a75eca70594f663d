#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A configuration that changes while a market runs: channels come, move and go, quotas,
# ages and the log level change, certificates are renewed, all of that under scrapes, and
# the channels that are not touched notice nothing: nothing lost, repeated, re-ordered
# or, beside the same stream left alone, late. What needs a restart, or is wrong, is
# refused as a whole and named.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
: "${RATE:=20000}"
setup
make_certificates
mkdir "$dir/control" || fail 'no directory'
transport=${TRANSPORT:-tls}
write_relay_conf "control: {socket: $dir/control/relay.sock}"
LISTEN="$transport" write_peer_conf "control: {socket: $dir/control/peer.sock}"
start_bridge

ctl() {
	local half=$1

	shift
	"$sbin/tomboloctl" -s "$dir/control/$half.sock" "$@"
}

# reloaded HALF TEXT: it is done, and said so.
reloaded() {
	ctl "$1" reload >"$dir/said.log" 2>&1 || fail "$1: $(cat "$dir/said.log")"
	grep -qF -- "$2" "$dir/said.log" || fail "$1 says: $(cat "$dir/said.log")"
}

# refused HALF TEXT: and nothing has changed.
refused() {
	local before after

	before=$(ctl "$1" channels)
	! ctl "$1" reload >"$dir/said.log" 2>&1 || fail "$1: was not refused: $2"
	grep -qF -- "$2" "$dir/said.log" || fail "$1 says: $(cat "$dir/said.log")"
	after=$(ctl "$1" channels)
	[ "$(wc -l <<<"$before")" = "$(wc -l <<<"$after")" ] || fail "changed after all: $2"
	log_says "$1" "was not reloaded" || fail "$1: no word of a refusal in the log"
}

joined() {
	local hex

	# As the kernel prints it, in the byte order of the machine.
	hex=$(printf '%02X%02X%02X%02X' "${1##*.}" "$(cut -d. -f3 <<<"$1")" \
		"$(cut -d. -f2 <<<"$1")" "${1%%.*}")
	on relay grep -q "$hex" /proc/net/igmp
}

# ---- what is refused ----

cp "$dir/relay.yaml" "$dir/relay.good"
cp "$dir/peer.yaml" "$dir/peer.good"
sed -i 's/^capture: .*/capture: {interface: feed, buffer: 8MiB}/' "$dir/relay.yaml"
refused relay 'needs a restart: capture.buffer: 64MiB -> 8MiB'
sed -e 's/^node: .*/node: colo-b/' -e 's/name: market3/name: market9/' "$dir/relay.good" \
	>"$dir/relay.yaml"
refused relay 'node: "colo-a" -> "colo-b"'
sed 's/port: 30002/port: none/' "$dir/relay.good" >"$dir/relay.yaml"
refused relay 'channels[1].port'
rm "$dir/relay.yaml"
refused relay 'relay.yaml'
{
	cat "$dir/relay.good"
	echo 'history: {channels: 3}'
} >"$dir/relay.yaml"
refused relay 'history.channels'
mv "$dir/colo-a.crt" "$dir/colo-a.away"
cp "$dir/relay.good" "$dir/relay.yaml"
refused relay 'colo-a.crt'
mv "$dir/colo-a.away" "$dir/colo-a.crt"
sed 's/^emit: .*/emit: {interface: out, loop: true}/' "$dir/peer.good" >"$dir/peer.yaml"
refused peer 'needs a restart: emit.loop: false -> true'
cp "$dir/peer.good" "$dir/peer.yaml"
reloaded relay 'nothing new'
reloaded peer 'nothing new'

# ---- what changes ----

# channels LINE...: these after the four that stay.
channels() {
	local line

	{
		sed '/^channels:/,/market3/!d' "$dir/relay.good"
		for line; do
			printf '  - {%s}\n' "$line"
		done
	} >"$dir/channels.yaml"
	sed -e '/^channels:/,/market3/d' "$dir/relay.good" | cat - "$dir/channels.yaml" \
		>"$dir/relay.yaml"
}

say_to() {
	on exchange bash -c "printf '$3' >/dev/udp/$1/$2"
}

channel_figure() {
	metric "$1" "$2" "channel=$3"
}

extra_emitted() {
	[ "$(channel_figure peer tombolo_peer_emitted_datagrams_total extra)" = "$1" ]
}

! joined 239.20.0.1 || fail 'joined too early'
channels 'name: extra, group: 239.20.0.1, port: 31001'
reloaded relay 'channels: 4 -> 5 entries'
joined 239.20.0.1 || fail 'the new group is not joined'
# The first datagram of a new channel counts.
for n in 1 2 3; do
	say_to 239.20.0.1 31001 "extra$n"
done
wait_until 'extra_emitted 3'
channels 'name: extra, group: 239.20.0.2, port: 31002'
reloaded relay 'channels'
joined 239.20.0.2 || fail 'the other group is not joined'
wait_until '! joined 239.20.0.1'
say_to 239.20.0.1 31001 gone
say_to 239.20.0.2 31002 moved
wait_until 'extra_emitted 4'
channels
reloaded relay 'channels: 5 -> 4 entries'
wait_until '! joined 239.20.0.2'
channels 'name: extra, group: 239.20.0.2, port: 31002'
reloaded relay 'channels'
say_to 239.20.0.2 31002 back
wait_until 'extra_emitted 5'
[ "$(channel_figure relay tombolo_relay_captured_datagrams_total extra)" = 5 ] ||
	fail 'the books of a channel that came back do not go on'
capture_start subscriber out "$dir/extra.pcap"
{
	cat "$dir/peer.good"
	printf 'channels: [{name: extra, group: 239.99.0.9, port: 49999}]\n'
} >"$dir/peer.yaml"
reloaded peer 'channels: 0 -> 1 entries'
say_to 239.20.0.2 31002 elsewhere
wait_until 'extra_emitted 6'
capture_stop peer
tcpdump -nr "$dir/extra.pcap" 'dst host 239.99.0.9 and udp dst port 49999' 2>/dev/null |
	grep -q 'length 9' || fail 'the peer does not emit to the new address'
# What is emitted changes, in a market that goes on.
sed -i 's/^emit: .*/emit: {interface: out, ttl: 3, dscp: 46, over_quota: pace}/' "$dir/peer.yaml"
capture_start subscriber out "$dir/marks.pcap"
reloaded peer 'emit.ttl: 8 -> 3, emit.dscp: 0 -> 46, emit.over_quota: warn -> pace'
say_to 239.20.0.2 31002 marked
wait_until 'extra_emitted 7'
capture_stop peer
tcpdump -vnr "$dir/marks.pcap" 'dst host 239.99.0.9' 2>/dev/null | grep -q 'tos 0xb8, ttl 3,' ||
	fail 'what is emitted has another time to live or code point'
sed -i 's/, over_quota: pace//' "$dir/peer.yaml"
reloaded peer 'emit.over_quota: pace -> warn'
sed -i 's/^log:.*//' "$dir/relay.yaml"
echo 'log: {level: debug}' >>"$dir/relay.yaml"
reloaded relay 'log.level: info -> debug'
sed -i 's/level: debug/level: info/' "$dir/relay.yaml"
reloaded relay 'log.level: debug -> info'

# ---- under a market ----

# Renewed by the same CA, as tools/certs does it when asked again.
renew() {
	rm -f "$dir/colo-a.crt" "$dir/colo-a.key" "$dir/vpc-a.crt" "$dir/vpc-a.key"
	"$TOMBOLO_SRCDIR/tools/certs" -d "$dir" colo-a vpc-a >/dev/null ||
		fail 'no new certificates'
}

churn() {
	local i over emit

	for ((i = 1; i <= 50; i++)); do
		[ $((i % 5)) != 0 ] || renew
		case $((i % 3)) in
		0) channels ;;
		1) channels 'name: extra, group: 239.20.0.1, port: 31001' \
			"name: come$((i % 7)), group: 239.21.0.$i, port: 32000" ;;
		2) channels 'name: extra, group: 239.20.0.2, port: 31002' ;;
		esac
		printf 'history: {age: %ds}\n' $((10 + i % 5)) >>"$dir/relay.yaml"
		reloaded relay reloaded
		over=warn
		[ $((i % 2)) != 0 ] || over=pace
		emit="ttl: $((8 + i % 3)), quota: {flow_pps: $((75000 + i))}, over_quota: $over"
		sed "s/^emit: .*/emit: {interface: out, $emit}/" \
			"$dir/peer.good" >"$dir/peer.yaml"
		reloaded peer reloaded
	done
}

# HALF: some 60 a second of it, until it is told to stop.
scrape() {
	local url

	url=http://$(metrics_address "$1")/metrics
	# shellcheck disable=SC2016
	on "$1" bash -c '
		trap "exit 0" TERM
		urls=()
		for i in {1..10}; do urls+=(-o /dev/null "$0"); done
		while :; do
			curl -fsS -m 5 "${urls[@]}" && echo 10 || echo failed
			sleep 0.15 # between two looks of a scraper
		done' "$url" >"$dir/scrapes.$1" 2>&1 &
}

scraped() {
	awk '{ n += $1 } END { print n + 0 }' "$dir/scrapes.relay" "$dir/scrapes.peer"
}

# stream NAME: what is left of the market in $dir/NAME.json.
stream() {
	subscriber_capture_start "$dir/$1.pcap"
	market_start --rate "$RATE" --duration 120
}

stream_end() {
	market_stop
	wait_until "[ \"\$(metric relay tombolo_relay_captured_datagrams_total)\" = \
		\$(($2 + $sent)) ] && is_balanced relay && is_balanced peer"
	wait_until "is_at_rest $(($2 + sent))"
	subscriber_capture_stop
	received_market "$sent" "$dir/$1.pcap" || fail "$1: not all, once and in order"
	cp "$dir/latency.json" "$dir/$1.json"
	rm "$dir/$1.pcap"
}

captured() {
	metric relay tombolo_relay_captured_datagrams_total
}

# stream_alone NAME
stream_alone() {
	local before

	before=$(captured)
	stream "$1"
	wait_until "captured_beyond $((before + RATE * 5))" 60
	stream_end "$1" "$before"
}

stream_alone before
before=$(captured)
epoch=$(ctl relay --json status | grep -o '"epoch": *"[0-9a-f]*"' | head -n 1)
stream churned
wait_until "captured_beyond $((before + RATE / 2))"
scrape relay
scrapes_relay=$!
scrape peer
scrapes_peer=$!
began=$EPOCHREALTIME
churn
took=$(awk "BEGIN { print $EPOCHREALTIME - $began }")
kill "$scrapes_relay" "$scrapes_peer"
stream_end churned "$before"
say "50 reloads of each half with 10 renewals of certificates took $took s; $(scraped) scrapes"
! grep -q failed "$dir/scrapes.relay" "$dir/scrapes.peer" || fail 'a scrape failed'
awk "BEGIN { exit !($(scraped) >= 50 * $took) }" || fail 'too few scrapes to mean anything'
[ "$(metric relay tombolo_tunnel_reloads_total)" -ge 50 ] || fail 'the relay did not reload'
[ "$epoch" = "$(ctl relay --json status | grep -o '"epoch": *"[0-9a-f]*"' | head -n 1)" ] ||
	fail 'another epoch'
[ "$(metric peer tombolo_peer_sessions_opened_total)" = 1 ] || fail 'another session'
[ "$(metric peer tombolo_peer_duplicate_datagrams_total)" = 0 ] || fail 'repeated'
[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] || fail 'lost'
[ "$(metric relay tombolo_relay_dropped_datagrams_total)" = 0 ] || fail 'dropped'
# Late is what is later than the same stream left alone, before and afterwards: what else
# the machine has to do may begin or end meanwhile. Half of it, so that no single stall of
# the machine decides.
stream_alone afterwards
alone=$(printf '%s\n' "$(figure p50 "$dir/before.json")" "$(figure p50 "$dir/afterwards.json")" |
	sort -g | tail -n 1)
awk "BEGIN { exit !($(figure p50 "$dir/churned.json") < 2 * $alone) }" ||
	fail "delayed: $(cat "$dir/before.json" "$dir/afterwards.json") alone, $(cat "$dir/churned.json") beside reloads"

# New handshakes use the new certificate.
if [ "$transport" = tls ]; then
	serial=$(openssl x509 -noout -serial -in "$dir/vpc-a.crt")
	shown=$(on relay openssl s_client -connect 10.2.1.1:7443 -cert "$dir/colo-a.crt" \
		-key "$dir/colo-a.key" </dev/null 2>/dev/null | openssl x509 -noout -serial)
	[ "$serial" = "$shown" ] || fail "a new handshake shows $shown, not $serial"
fi
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
books_are_closed relay || fail 'the books of the relay do not add up'
stop peer
books_are_closed peer || fail 'the books of the peer do not add up'
exit 0
