#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several paths of one session, over two wires. Two that each lose two packets in a
# hundred lose nothing together, and each of them is first at times; one of the two
# goes dark and comes back, and costs nothing; a standby carries data only while the
# other path is dead; TLS and DTLS go together.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
setup
make_certificates
times='session: {heartbeat: 100ms, path_timeout: 1s}'
dead_within=6 # seconds: path_timeout, and what a busy machine may add
LISTEN='tls dtls' write_peer_conf "$times"

captured() {
	metric relay tombolo_relay_captured_datagrams_total
}

# On the relay's side a path has the number of its wire, less 1.
sent_bytes() {
	metric relay tombolo_path_sent_bytes_total "path=$(($1 - 1))"
}

paths_up() {
	[ "$(metric relay tombolo_path_up)" = "$1" ] &&
		[ "$(metric peer tombolo_path_up)" = "$1" ]
}

# open_paths WIRE:TRANSPORT[:USE]...: both daemons, anew, and a path over each wire.
open_paths() {
	WIRES=$* write_relay_conf "$times"
	start_bridge
	wait_until "paths_up $#"
	subscriber_capture_start
	market_start --rate 5000 --duration 120
}

until_said() {
	wait_until "captured_beyond $(($(captured) + $1))"
}

# close_paths CASE: all that was said arrived once, in order, in one session.
close_paths() {
	local daemon

	market_stop
	wait_until "is_at_rest $sent"
	subscriber_capture_stop
	received_market "$sent" || fail "$1: not all arrived in order"
	[ "$(metric peer tombolo_peer_lost_datagrams_total)" = 0 ] ||
		fail "$1: the peer counts losses"
	wait_until 'is_balanced relay && is_balanced peer'
	for daemon in relay peer; do
		stop $daemon
		[ "$status" = 0 ] || fail "$1: the $daemon ended with $status"
		books_are_closed $daemon || fail "$1: the books of the $daemon do not add up"
		mv "$dir/$daemon.log" "$dir/$daemon-$1.log"
	done
}

# told NAME TEXT: how many lines of its log have it.
told() {
	grep -cF -- "$2" "$dir/$1.log"
}

# ---- two that lose ----

line_loss 2 1
line_loss 2 2
open_paths 1:dtls 2:dtls
until_said 15000
for slot in 0 1; do
	[ "$(metric peer tombolo_path_first_datagrams_total path=$slot)" -gt 0 ] ||
		fail "nothing came first on path $slot"
done
{ [ "$(metric relay tombolo_relay_copied_datagrams_total)" -gt 10000 ] &&
	[ "$(metric peer tombolo_peer_duplicate_datagrams_total)" -gt 10000 ]; } ||
	fail 'the paths do not carry the same'
line_mend 1
line_mend 2

# ---- one goes dark and comes back ----

until_said 2500
line_cut 2
wait_until "log_says relay 'path down remote=vpc-a slot=1 '" $dead_within
wait_until "[ \$(grep -c 'path down remote=colo-a' '$dir/peer.log') = 1 ]" $dead_within
until_said 5000
{ fetch relay /healthz && fetch peer /healthz; } >/dev/null || fail 'one dark path ends it all'
wait_until 'paths_up 1'
line_mend 2
wait_until 'paths_up 2'
[ "$(told relay 'path up after ')" = 3 ] || fail 'the path is back, and the relay does not say so'
[ "$(told relay 'path down ')" = 1 ] || fail 'the relay does not say once that a path is dead'
[ "$(told peer 'path down ')" = 1 ] || fail 'the peer does not say once that a path is dead'
before=$(sent_bytes 2)
until_said 5000
[ $(($(sent_bytes 2) - before)) -gt 250000 ] || fail 'the path is back and carries nothing'
[ "$(metric peer tombolo_peer_sessions_opened_total)" = 1 ] || fail 'another session'
close_paths two

# ---- standby ----

# While the last 1,000 were said the first path carried them and the other next to nothing.
is_alone_again() {
	local first standby said

	said=$(captured)
	[ "$said" -ge $((looked + 1000)) ] || return 1
	looked=$said
	first=$(($(sent_bytes 1) - first_before))
	standby=$(($(sent_bytes 2) - standby_before))
	first_before=$((first_before + first))
	standby_before=$((standby_before + standby))
	[ "$first" -gt 50000 ] && [ $((10 * standby)) -lt "$first" ]
}

open_paths 1:dtls:duplicate 2:tls:standby
until_said 7500
[ "$(metric relay tombolo_relay_copied_datagrams_total)" = 0 ] ||
	fail 'data on the standby path, too'
[ $((20 * $(sent_bytes 2))) -lt "$(sent_bytes 1)" ] ||
	fail "$(sent_bytes 2) bytes on the standby path, $(sent_bytes 1) on the other"
line_cut 1
wait_until "log_says relay 'path down remote=vpc-a slot=0 '" $dead_within
before=$(sent_bytes 2)
until_said 5000
[ $(($(sent_bytes 2) - before)) -gt 250000 ] || fail 'the standby path does not take over'
line_mend 1
wait_until 'paths_up 2'
looked=$(captured)
first_before=$(sent_bytes 1) standby_before=$(sent_bytes 2)
wait_until is_alone_again
close_paths standby

# ---- TLS beside DTLS ----

line_loss 2 1
line_loss 2 2
open_paths 1:tls 2:dtls
until_said 10000
[ "$(metric relay tombolo_relay_copied_datagrams_total)" -gt 5000 ] ||
	fail 'the paths do not carry the same'
close_paths mixed
exit 0
