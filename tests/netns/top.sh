#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tomboloctl top in terminals: healthy and in trouble, small and large, few channels and
# 500, without colours, over a slow link, while the daemon goes and comes back. With
# TOP_PICTURES, the pictures of doc/ are made there.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
need tmux script
setup
mkdir "$dir/run"
write_channels() {
	CHANNELS=$1 WIRES='1:dtls 2:dtls' write_relay_conf "control: {socket: $dir/run/relay.sock}"
}
write_channels 4
LISTEN=dtls write_peer_conf "control: {socket: $dir/run/peer.sock}"
start_bridge

# The server is this scenario's own. terminal COMMAND ARGUMENT...
terminal() {
	tmux -S "$dir/tmux" -f /dev/null "$@"
}

# says PATTERN: on the screen. line N PATTERN: on its Nth line.
says() {
	terminal capture-pane -p -t top | grep -qE -- "$1"
}

line() {
	terminal capture-pane -p -t top | sed -n "$1p" | grep -qE -- "$2"
}

# top HALF COLUMNSxROWS [VARIABLE=VALUE...]: starts; what it writes is in $dir/bytes.
top() {
	local half=$1 size=$2

	shift 2
	rm -f "$dir/top.status"
	terminal new-session -d -s top -x "${size%x*}" -y "${size#*x}" \
		"env ${*:-TERM=screen-256color} '$sbin/tomboloctl' -s '$dir/run/$half.sock' top; echo \$? >'$dir/top.status'; cat"
	: >"$dir/bytes"
	terminal pipe-pane -t top "cat >>'$dir/bytes'"
	wait_until "says '^tombolo-$half '"
}

quit_top() {
	terminal send-keys -t top q
	wait_until "[ -s '$dir/top.status' ]"
	[ "$(cat "$dir/top.status")" = 0 ] || fail "top ended with $(cat "$dir/top.status")"
	terminal kill-server
	wait_until '! terminal has-session'
}

# The head says for how many seconds the daemon is up: another text, another refresh.
head_line() {
	terminal capture-pane -p -t top | head -n 1
}

# refreshes COUNT
refreshes() {
	local i was

	for ((i = 0; i < $1; i++)); do
		was=$(head_line)
		wait_until "[ \"\$(head_line)\" != '$was' ]"
	done
}

# A screen that stands still but for its figures; each of 80 by 24 cells has two bytes,
# and a larger screen no more: for a slow link. is_frugal WHAT COLUMNS LINES
is_frugal() {
	local before after

	refreshes 2
	before=$(stat -c %s "$dir/bytes")
	refreshes 5
	after=$(stat -c %s "$dir/bytes")
	say "$1: $(((after - before) / 5)) bytes a refresh"
	[ "$after" -gt "$before" ] || fail "$1: nothing was written"
	[ $(((after - before) / 5)) -lt $((2 * $2 * $3)) ] || fail "$1: too much"
}

# picture NAME: of the screen, where a browser is.
picture() {
	[ -n "${TOP_PICTURES-}" ] || return 0
	terminal capture-pane -e -p -t top |
		python3 "$TOMBOLO_SRCDIR/tests/tools/terminal.py" "$(terminal display -p -t top '#{pane_width}')" \
			"$(terminal display -p -t top '#{pane_height}')" >"$dir/$1.html"
	python3 "$TOMBOLO_SRCDIR/tests/tools/browse.py" chromium "$dir/profile.$1" "file://$dir/$1.html" \
		'document.readyState === "complete"' "=fit" "=picture $TOP_PICTURES/top-$1.png" || fail "picture of $1"
}

# is_red: a colour was asked for.
is_red() {
	grep -qaF "$(printf '\033[31m')" "$dir/bytes"
}

# ---- not here ----

# A terminal that cannot move its cursor, and none at all.
script -qec "TERM=dumb '$sbin/tomboloctl' -s '$dir/run/peer.sock' top" /dev/null \
	>"$dir/dumb" </dev/null
[ $? = 2 ] || fail "dumb: $(cat "$dir/dumb")"
grep -q 'top needs a terminal that can move its cursor' "$dir/dumb" || fail "dumb: $(cat "$dir/dumb")"
! grep -qaF "$(printf '\033')" "$dir/dumb" || fail 'dumb: escapes were written'
"$sbin/tomboloctl" -s "$dir/run/peer.sock" top >"$dir/out" 2>"$dir/err"
[ $? = 2 ] || fail 'top wrote into a file'
[ ! -s "$dir/out" ] || fail "top wrote into a file: $(cat "$dir/out")"

# ---- all is well ----

market_start --channels 3 --count 2000000 --rate 1500
market=$market_pid
market_start --channels 1 --group 239.10.0.4 --port 30004 --count 2000000 --rate 200
wait_until 'captured_beyond 100'
top peer 80x24
wait_until "says '^ market3 +[1-9][0-9.k]*/s '"
wait_until "says '^colo-a: open for .*2 of 2 paths up'"
wait_until "says '^nothing lost'"
refreshes 12
is_frugal 'peer, 80x24' 80 24
picture healthy
# A larger window is used, and a smaller one is not overrun.
terminal resize-window -t top -x 120 -y 40
wait_until "line 40 'channels 1-4 of 4'"
terminal resize-window -t top -x 40 -y 8
wait_until "line 8 '^q quit'"
! line 8 '.{41}' || fail 'wider than its window'
terminal resize-window -t top -x 80 -y 24
wait_until "line 24 'channels 1-4 of 4'"

# ---- in trouble: a path down, the other lossy, a feed that stops ----

line_loss 5 1
line_cut 2
market_stop
wait_until "says '^! colo-a: open .*, 1 of 2 paths up, rtt .*, loss [0-9.]+ %$'"
wait_until "says '^[?]market3 +0/s'"
wait_until "says 'loss [1-9]'"
refreshes 3
picture trouble
is_red || fail 'no red where something is quiet'
says '^  requested [1-9][0-9]*, repaired [1-9]' || fail 'no repairs are told'
# The daemon goes: what was shown stays, with the reason; and it comes back.
stop peer KILL
wait_until "line 24 '^! '"
says '^.market3 ' || fail 'the rows are gone'
start_peer
wait_until "line 24 '^q quit'"
wait_until "says '^colo-a: open for '"
quit_top
line_mend 1
line_mend 2

# ---- without colours ----

for variables in 'TERM=vt100' 'TERM=xterm-256color NO_COLOR=1'; do
	stop peer KILL
	start_peer
	top relay 80x24 "$variables"
	wait_until "says '^vpc-a: open for '"
	refreshes 2
	! grep -qaE "$(printf '\033')\[[0-9;]*3[0-7][m;]" "$dir/bytes" || fail "$variables: colours"
	quit_top
done
kill "$market"

# ---- 500 channels: no more is written, and what is in trouble comes first ----

stop relay KILL
write_channels 500
start_relay
wait_until 'fetch relay /healthz'
market_start --channels 499 --count 2000000 --rate 3000
market=$market_pid
market_start --channels 1 --group 239.10.1.244 --port 30500 --count 2000000 --rate 200
wait_until "[ \"\$(metric relay tombolo_relay_captured_datagrams_total channel=market499)\" -gt 0 ]"
top relay 80x24
wait_until "says 'of 500'"
refreshes 12
is_frugal 'relay, 500 channels, 80x24' 80 24
market_stop
wait_until "says '^[?]market499 '"
terminal resize-window -t top -x 120 -y 40
wait_until "line 40 'of 500'"
is_frugal 'relay, 500 channels, 120x40' 120 40
# Some other one may be quiet by chance, with a datagram a second.
terminal capture-pane -p -t top |
	awk '/^.market[0-9]/ {
		if (/^[?]market499 /) first = !other
		if (!/^[?]/) other = 1
	} END { exit !first }' ||
	fail "what is quiet is not first: $(terminal capture-pane -p -t top | head -n 12)"
picture 500
terminal send-keys -t top End
wait_until "says 'channels [0-9]+-500 of 500'"
quit_top
kill "$market"
exit 0
