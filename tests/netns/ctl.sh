#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tomboloctl against both daemons: every command, what it says when something is wrong,
# and that what it changes has changed.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need tmux setpriv
setup
mkdir "$dir/run"
write_relay_conf "control: {socket: $dir/run/relay.sock}"
write_peer_conf "control: {socket: $dir/run/peer.sock}"
start_bridge

# ctl STATUS ARGUMENT...: it ends with that status; $dir/out and $dir/err.
ctl() {
	local wanted=$1 got=0

	shift
	"$sbin/tomboloctl" "$@" >"$dir/out" 2>"$dir/err" || got=$?
	[ "$got" = "$wanted" ] ||
		fail "tomboloctl $*: $got, not $wanted: $(cat "$dir/out" "$dir/err")"
}

# on_relay, on_peer STATUS ARGUMENT...
on_relay() {
	local wanted=$1

	shift
	ctl "$wanted" -s "$dir/run/relay.sock" "$@"
}

on_peer() {
	local wanted=$1

	shift
	ctl "$wanted" -s "$dir/run/peer.sock" "$@"
}

# says PATTERN...: each in what was printed, and nothing on standard error.
says() {
	local pattern

	for pattern; do
		grep -qE -- "$pattern" "$dir/out" ||
			fail "not said: $pattern, but: $(cat "$dir/out")"
	done
	[ ! -s "$dir/err" ] || fail "on standard error: $(cat "$dir/err")"
}

# complains PATTERN: on standard error.
complains() {
	grep -qE -- "$1" "$dir/err" || fail "not complained: $1, but: $(cat "$dir/err")"
}

is_json() {
	python3 -m json.tool "$dir/out" >/dev/null || fail "not JSON: $(cat "$dir/out")"
}

channel_row='^market0 +239\.10\.0\.1:30001 +[1-9][0-9]* +0 +0 +0 '

# ---- what there is to see ----

subscriber_capture_start
market --channels 4 --count 2000 --rate 5000 >"$dir/market.json" || fail marketgen
wait_until 'is_at_rest 2000'
for half in relay peer; do # the other half has told its books
	wait_until "'$sbin/tomboloctl' -s '$dir/run/$half.sock' status |
		grep -qx 'ledger       nothing lost'"
done
subscriber_capture_stop

on_relay 0 status
says '^tombolo-relay colo-a, version ' '^session +vpc-a: open for ' \
	'^  path 0 +tls +up, rtt ' '^capture +feed up, ' '^ledger +nothing lost$' \
	'^all is well$'
on_peer 0 status
says '^tombolo-peer vpc-a, version ' '^session +colo-a: open for ' '^emission +out, 2000 ' \
	'^latency +from colo-a: ' '^all is well$'
on_relay 0 channels
says "$channel_row" '^CHANNEL +GROUP:PORT +CAPTURED ' ' ago$'
on_peer 0 channels --sort name
says "$channel_row" ' ago +colo-a$'
on_relay 0 paths
says '^vpc-a +0 +tls +we dial +up '
on_peer 0 paths
says '^colo-a +0 +tls +dialled in +up '
on_relay 0 ledger
says '^relay colo-a$' '^peer vpc-a, as it last told$' '^verdict: nothing lost$'
on_peer 0 ledger
says '^relay colo-a, as it last told$' '^peer vpc-a$' '^verdict: nothing lost$'
on_relay 0 version
says '^tomboloctl [0-9]' '^tombolo-relay [0-9]'
on_peer 0 version
says '^tombolo-peer [0-9]'
ctl 0 help
says '^usage: tomboloctl '
if command -v python3 >/dev/null; then
	for command in status channels paths ledger version 'log info' reload; do
		# shellcheck disable=SC2086
		{
			on_relay 0 --json $command
			is_json
			on_peer 0 --json $command
			is_json
		}
	done
fi

# ---- which daemon, and none ----

# The sockets' places are seen by a shell that has a /run of its own.
# with_run STATUS SOCKETS ARGUMENT...
with_run() {
	local wanted=$1 sockets=$2 got=0

	shift 2
	# shellcheck disable=SC2016
	unshare -m bash -c 'mount -t tmpfs tmpfs /run && mkdir /run/tombolo || exit 9
		for half in $2; do ln -s "$1/$half.sock" /run/tombolo/; done
		shift 2
		exec "$@"' bash "$dir/run" "$sockets" "$sbin/tomboloctl" "$@" \
		>"$dir/out" 2>"$dir/err" || got=$?
	[ "$got" = "$wanted" ] ||
		fail "with $sockets: $*: $got, not $wanted: $(cat "$dir/err")"
}

with_run 0 relay version
says '^tombolo-relay '
with_run 0 peer version
says '^tombolo-peer '
with_run 2 'relay peer' version
complains 'a relay and a peer are here: '
with_run 0 'relay peer' peer version
says '^tombolo-peer '
with_run 3 '' version
complains 'no daemon has its control socket at '
ctl 3 -s "$dir/run/nobody.sock" status
complains 'nobody.sock: No such file or directory; is the daemon running'
ctl 3 -s "$dir/relay.yaml" status
complains 'Connection refused'
ctl 2 -s "$dir/run/relay.sock" frobnicate
complains 'frobnicate: no such command'
ctl 2 -s "$dir/run/relay.sock" log loud
complains 'loud: no such level'

# In a user namespace there is nobody else to be.
if setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
	chmod 755 "$dir" "$dir/run"
	got=0
	setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$sbin/tomboloctl" -s "$dir/run/relay.sock" drain \
		>"$dir/out" 2>"$dir/err" || got=$?
	# 126: the program itself is where another user may not look
	if [ "$got" != 126 ] && [ "$got" != 127 ]; then
		[ "$got" = 3 ] || fail "drained by anyone: $got: $(cat "$dir/err")"
		complains 'Permission denied; be root'
	fi
fi

# ---- only on the control socket ----

# post PATH: the status of HTTP, over TCP.
post() {
	on relay curl -sS -m 5 -o "$dir/out" -w '%{http_code}' -X POST \
		"http://$RELAY_METRICS$1"
}

for path in /drain /reload '/log?level=debug'; do
	[ "$(post "$path")" = 403 ] || fail "$path over TCP: $(cat "$dir/out")"
	grep -qx 'Only on the control socket.' "$dir/out" || fail "$path: $(cat "$dir/out")"
done
[ "$(post /status)" = 405 ] || fail 'POST /status'
fetch relay /healthz || fail 'the relay is not well after what it refused'

# ---- what is changed ----

for half in relay peer; do
	"on_$half" 0 log debug
	says '^log level debug, was info$'
	log_says $half 'log: level=debug was=info' || fail "$half: not in the log"
	"on_$half" 0 status
	says 'log level debug$'
	"on_$half" 0 log error
	log_says $half 'log: level=error was=debug' || fail "$half: not in the log"
	"on_$half" 0 log info
done

# expiry HALF: of the certificate in use, as status tells it.
expiry() {
	"on_$1" 0 status
	grep '^certificate' "$dir/out"
}

# Certificates of another duration are read in; the session stays.
before=$(expiry relay)
"$TOMBOLO_SRCDIR/tools/certs" -d "$dir" -f -t 77 colo-a >/dev/null || fail 'no certificate'
on_relay 0 reload
says '^reloaded: nothing new but what the certificates say$'
after=$(expiry relay)
[ "$after" != "$before" ] || fail "the same certificate: $after"
# Valid since yesterday, and seconds have passed.
[[ $after == *'(7'[567]' days)' ]] || fail "another certificate: $after"
on_relay 0 status
says '^session +vpc-a: open '

cp "$dir/colo-a.crt" "$dir/kept.crt"
echo garbage >"$dir/colo-a.crt"
on_relay 1 reload
complains "colo-a.crt: "
[ "$(expiry relay)" = "$after" ] || fail 'the old certificate did not stay'
cp "$dir/kept.crt" "$dir/colo-a.crt"

# ---- top, in a terminal of 80 by 24 ----

# The server is this scenario's own. terminal COMMAND ARGUMENT...
terminal() {
	tmux -S "$dir/tmux" -f /dev/null "$@"
}

screen_says() {
	terminal capture-pane -p -t top | grep -qE -- "$1"
}

# top_on HALF TERM: it has rows, sorts, and ends by q with 0.
top_on() {
	rm -f "$dir/top.status"
	terminal new-session -d -s top -x 80 -y 24 \
		"TERM=$2 '$sbin/tomboloctl' -s '$dir/run/$1.sock' top; echo \$? >'$dir/top.status'; cat"
	wait_until "screen_says '^tombolo-$1 '"
	wait_until "screen_says '^ market0 +[0-9.k]+/s '"
	wait_until "screen_says '^nothing lost'"
	wait_until "screen_says 'channels 1-4 of 4'"
	terminal send-keys -t top s
	wait_until "screen_says 's sort: rate'"
	terminal send-keys -t top NPage
	terminal send-keys -t top q
	wait_until "[ -s '$dir/top.status' ]"
	[ "$(cat "$dir/top.status")" = 0 ] || fail "top on $1: $(cat "$dir/top.status")"
	terminal kill-server
	wait_until '! terminal has-session'
}

top_on relay vt100
top_on peer screen

# ---- trouble, and the end ----

on_peer 0 drain
says '^draining$' '^ended$'
finish peer
[ "$status" = 0 ] || fail "the peer ended with $status"
wait_until '! fetch relay /healthz'
on_relay 1 status
says '^trouble: session vpc-a is ' '^trouble: path 0 of vpc-a is down$'
ctl 3 -s "$dir/run/peer.sock" status
on_relay 0 drain
finish relay
[ "$status" = 0 ] || fail "the relay ended with $status"
exit 0
