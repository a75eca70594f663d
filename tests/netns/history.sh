#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The flight recorder: what the relay remembers and what the peer emitted, as captures
# that are byte for byte what went in; a stream does not notice that it is read; readers
# who stall; and the log of gaps after a loss.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need tcpdump
setup
mkdir "$dir/run"
write_relay_conf "control: {socket: $dir/run/relay.sock}
history: {memory: 128MiB, age: 5min}"
write_peer_conf "control: {socket: $dir/run/peer.sock}
history: {memory: 128MiB, age: 5min}"
start_bridge

# ctl STATUS HALF ARGUMENT...: it ends with that status; $dir/out and $dir/err.
ctl() {
	local wanted=$1 half=$2 got=0

	shift 2
	"$sbin/tomboloctl" -s "$dir/run/$half.sock" "$@" >"$dir/out" 2>"$dir/err" ||
		got=$?
	[ "$got" = "$wanted" ] ||
		fail "$half: $*: $got, not $wanted: $(cat "$dir/out" "$dir/err")"
}

# says PATTERN...: on standard output; complains PATTERN: on standard error.
says() {
	local pattern

	for pattern; do
		grep -qE -- "$pattern" "$dir/out" ||
			fail "not said: $pattern, but: $(cat "$dir/out")"
	done
}

complains() {
	grep -qE -- "$1" "$dir/err" || fail "not complained: $1, but: $(cat "$dir/err")"
}

# ---- byte for byte what went in ----

"$tools/marketgen" -w "$dir/source.pcap" --count 20000 --pairs 100 --mtu 576 \
	>/dev/null || fail marketgen
replay "$dir/source.pcap" --pps 10000
wait_until 'is_at_rest 20000'
for half in relay peer; do
	ctl 0 $half history all --since 2min -w "$dir/$half.pcapng"
	says '^20000 datagrams of 4 channels, captured from 20'
	[ "$(stat -c %a "$dir/$half.pcapng")" = 600 ] || fail 'anyone may read it'
	"$tools/pcapcompare" "$dir/source.pcap" "$dir/$half.pcapng" >&2 ||
		fail "$half: not what went in"
	n=$(tcpdump -nr "$dir/$half.pcapng" 2>/dev/null | grep -c ' UDP, length ')
	[ "$n" = 20000 ] || fail "$half: tcpdump sees $n"
	if command -v tshark >/dev/null; then
		n=$(tshark -nr "$dir/$half.pcapng" -o ip.check_checksum:TRUE \
			-Y 'udp && ip.checksum.status == Good && frame.comment' \
			2>/dev/null | wc -l)
		[ "$n" = 20000 ] || fail "$half: tshark sees $n"
		tshark -nr "$dir/$half.pcapng" -c 1 -T fields -e frame.interface_name \
			-e frame.comment >"$dir/out" 2>/dev/null
		says '^market[0-3]	channel market[0-3], sequence 1'
	fi
	ctl 0 $half history market1 --since 2min -w - # to standard output
	"$tools/pcapcompare" --only 239.10.0.2:30002 "$dir/source.pcap" "$dir/out" >&2 ||
		fail "$half: one channel is not what went in"
	complains '^[0-9]+ datagrams of 1 channels'
done

# ---- what is refused ----

ctl 1 relay history all --since 1s -w "$dir/relay.pcapng"
complains 'relay.pcapng: File exists; --force writes over it'
ctl 0 relay history all --since 2min -w "$dir/relay.pcapng" --force
ctl 1 peer history nobody --since 1s -w "$dir/nobody.pcapng"
complains 'no such channel'
[ ! -e "$dir/nobody.pcapng" ] || fail 'a file for what was refused'
ctl 2 relay history all --since yesterday -w "$dir/x.pcapng"
complains 'yesterday is not how long ago'
ctl 2 relay history all --since -5s -w "$dir/x.pcapng"
ctl 2 relay history all -w "$dir/x.pcapng"
complains '--since when'
ctl 2 relay history all --since 5s
complains '-w which file'
ctl 2 relay history --since 5s -w "$dir/x.pcapng"
complains 'which CHANNEL'
ctl 1 relay history all --since 1s --until 2s -w "$dir/x.pcapng"
complains 'until must not be before since'
ctl 1 relay history all --since 2min -w /dev/full --force
complains 'No space left'
ctl 1 relay history all --since 2min -w "$dir/none/x.pcapng"
for half in relay peer; do
	code=$(on $half curl -sS -m 5 -o /dev/null -w '%{http_code}' \
		"http://$(metrics_address $half)/history?since=5s")
	[ "$code" = 403 ] || fail "$half: payloads over metrics.listen: $code"
done

# ---- a stream at 20,000/s does not notice ----

# readers HALF: connections to its control socket.
readers() {
	on "$1" ss -xH state connected | grep -c "$dir/run/$1.sock"
}

subscriber_capture_start
market_start --channels 4 --rate 20000 --count 120000
wait_until 'captured_beyond 10000'
read_both() {
	for half in relay peer; do
		ctl 0 $half history all --since 1min -w "$dir/$half.pcapng" --force
		fetch $half /healthz >/dev/null || fail "$half is not well"
	done
}
# Readers who stall: they are closed, and cost nobody anything.
for half in relay peer; do
	on $half curl -sSN --unix-socket "$dir/run/$half.sock" --limit-rate 1 \
		'http://localhost/history?since=2min' >/dev/null 2>&1 &
	wait_until "[ \$(readers $half) -ge 1 ]"
done
while kill -0 "$market_pid" 2>/dev/null; do
	read_both
done
market_end
wait_until "is_at_rest $((20000 + sent))"
subscriber_capture_stop
received_market "$sent" || fail 'the stream noticed that the history was read'
[ "$(metric relay tombolo_relay_dropped_datagrams_total)" = 0 ] ||
	fail 'lost before capture'
for half in relay peer; do
	wait_until "[ \$(readers $half) = 0 ]"
	ctl 0 $half history all --since 5min -w "$dir/$half.pcapng" --force
	says "^$((20000 + sent)) datagrams of 4 channels"
done
"$tools/pcapcompare" "$dir/relay.pcapng" "$dir/peer.pcapng" >&2 ||
	fail 'the peer did not emit what the relay captured'

# ---- the log of gaps ----

for half in relay peer; do
	ctl 0 $half gaps
done
says '^no gaps$'
stop relay
stop peer
rm "$dir/relay.yaml" "$dir/peer.yaml"
TRANSPORT=dtls write_relay_conf "control: {socket: $dir/run/relay.sock}"
LISTEN=dtls write_peer_conf "control: {socket: $dir/run/peer.sock}
history: {memory: 0}"
start_bridge
ctl 1 peer history all --since 5s -w "$dir/x.pcapng"
complains 'history.memory of the configuration is 0'
line_loss 5
market --channels 2 --count 4000 --rate 4000 >"$dir/market.json" || fail marketgen
line_mend
wait_until 'is_at_rest 4000'
# The relay has told its book since: what it never sheds was lost on the path.
wait_until "'$sbin/tomboloctl' -s '$dir/run/peer.sock' gaps market0 -n 5 |
	awk 'NR > 1 && \$7 != \"path\" && \$8 != \"path\" { bad = 1 } END { exit bad || NR < 6 }'"
ctl 0 peer gaps
says '^FOUND \(UTC\) +CHANNEL +FIRST +COUNT +LASTED +CAUSE +ASKED +OUTCOME +FROM$' \
	'^20[0-9-]+ [0-9:.]+ +market0 +[0-9]+ +[0-9]+ .* path +[1-9][0-9]* +[0-9]+ repaired +colo-a$'
ctl 0 peer --json gaps
repaired=$(grep -o '"repaired": [0-9]*' "$dir/out" | awk '{ n += $2 } END { print n }')
if [ "$(grep -c '"found_ns"' "$dir/out")" -lt 256 ]; then
	[ "$repaired" = "$(metric peer tombolo_peer_repaired_total)" ] ||
		fail "the log has $repaired repaired, not as many as the figures"
fi
ctl 0 peer gaps market1 -n 1
[ "$(wc -l <"$dir/out")" = 2 ] || fail "not one gap: $(cat "$dir/out")"
ctl 2 peer gaps -n 0
ctl 0 relay gaps
says '^upstream gaps$' '^no upstream gaps$' '^marks$' '^no marks$'
stop relay
[ "$status" = 0 ] || fail "the relay ended with $status"
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"
exit 0
