#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Members drive the joins: with join: demand a channel without a member in the cloud is
# neither joined nor captured, one that gains a member is within 10 s, and one that loses
# its last is left; while EC2 (tests/cloud.py stands for it) does not answer all stays; of
# two peers either may want a channel. The channels that are wanted all along lose nothing
# of that.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
: "${RATE:=2000}"
need python3
setup
"$TOMBOLO_SRCDIR/tools/certs" -d "$dir" colo-a vpc-a vpc-b >/dev/null ||
	fail 'no certificates'
mkdir "$dir/control" || fail 'no directory'
# shellcheck source=members.sh
. "$TOMBOLO_SRCDIR/tests/netns/members.sh"

joined() {
	on relay grep -q "$(printf '%02X000AEF' "$1")" /proc/net/igmp
}

# joins CHANNEL...: these are joined, and the other ones of four are not.
joins() {
	local n

	for n in 1 2 3 4; do
		case " $* " in
		*" $n "*) joined "$n" || return 1 ;;
		*) ! joined "$n" || return 1 ;;
		esac
	done
}

# captured CHANNEL, emitted CHANNEL: how many datagrams.
captured() {
	metric relay tombolo_relay_captured_datagrams_total "channel=market$(($1 - 1))"
}

emitted() {
	metric peer tombolo_peer_emitted_datagrams_total "channel=market$(($1 - 1))"
}

say_to() {
	on exchange bash -c "printf said >/dev/udp/239.10.0.$1/$((30000 + $1))"
}

# One more each time, until one has come out.
comes_out() {
	say_to "$1"
	[ "$(emitted "$1")" -gt "$2" ]
}

# gains CHANNEL MEMBERS...: and its datagrams come out within 10 s.
gains() {
	local before began took

	before=$(emitted "$1")
	began=$(date +%s%N)
	members a "${@:2}"
	wait_until "comes_out $1 $before"
	took=$((($(date +%s%N) - began) / 1000000))
	say "channel $1 had a member, and its datagrams came out $took ms later"
	[ "$took" -lt 10000 ] || fail "channel $1 took $took ms"
}

# ---- one peer ----

start_cloud a
export AWS_ENDPOINT_URL_EC2=$address
CAPTURE='interface: feed, join: demand' \
	write_relay_conf "control: {socket: $dir/control/relay.sock}"
EMIT="domain: $domain, members: ec2" write_peer_conf
members a 1 2
start_bridge
wait_until 'joins 1 2'
fetch relay /status >"$dir/status.json"
grep -q '"state": *"not wanted"' "$dir/status.json" || fail 'the status does not say so'
[ "$(metric relay tombolo_relay_channel_idle)" = 2 ] || fail 'not two are idle'
[ "$(metric relay tombolo_relay_channel_withdrawn)" = 0 ] || fail 'one was withdrawn'
[ "$(metric peer tombolo_members_known)" = 1 ] || fail 'the members are not known'
before=$(captured 3)
say_to 3
subscriber_capture_start
market_start --channels 2 --rate "$RATE" --duration 200
wait_until 'captured_beyond 1000'
[ "$(captured 3)" = "$before" ] || fail 'what nobody wants was captured'

gains 3 1 2 3
joins 1 2 3 || fail 'others were joined, too'
members a 1 2
wait_until 'joins 1 2'
before=$(captured 3)
say_to 3
gains 4 1 2 4
[ "$(captured 3)" = "$before" ] || fail 'what was left was captured'

# A reload brings nothing back that nobody wants.
sed -i 's/^metrics:/log: {level: debug}\n&/' "$dir/relay.yaml"
"$sbin/tomboloctl" -s "$dir/control/relay.sock" reload >"$dir/said.log" 2>&1 ||
	fail "$(cat "$dir/said.log")"
joins 1 2 4 || fail 'the reload has changed what is joined'
[ "$(metric relay tombolo_relay_channel_idle)" = 1 ] || fail 'and what is idle'

# EC2 refuses: what is known stands, and is said once.
mv "$dir/aws-a/SearchTransitGatewayMulticastGroups.xml" "$dir/aws-a/away"
wait_until "log_says peer 'is not known, so that what was known stands'"
[ "$(metric peer tombolo_members_known)" = 0 ] || fail 'it says that it knows'
joins 1 2 4 || fail 'all was to stay'
members a 1 2 3
wait_until 'joins 1 2 3'
[ "$(metric peer tombolo_members_known)" = 1 ] || fail 'it does not say that it knows'
[ "$(grep -c 'is not known' "$dir/peer.log")" = 1 ] || fail 'said more than once'

# The peer is started again: nothing is joined for that.
market_stop
wait_until is_at_rest
subscriber_capture_stop
"$tools/latency" --sent "$sent" --json "$dir/received.pcap" >"$dir/latency.json"
[ "$(figure lost)" = 0 ] || fail "the others lost: $(cat "$dir/latency.json")"
say "untouched: $(cat "$dir/latency.json")"
stop peer
start_peer
# shellcheck disable=SC2016
wait_until 'fetch peer /healthz && [ "$(metric peer tombolo_members_known)" = 1 ]'
joins 1 2 3 || fail 'the start of the peer has changed what is joined'

# Nobody is there at all, and then somebody.
members a
wait_until 'joins'
say_to 1
gains 1 1
joins 1 || fail 'others were joined, too'
stop relay
stop peer
[ "$status" = 0 ] || fail "the peer ended with $status"

# ---- two peers ----

sed -i '/^log:/d' "$dir/relay.yaml"
start_cloud b
members a 1 2
members b 2 4
sed -e 's/vpc-a/vpc-b/g' -e 's/7443/7444/' -e 's/9465/9466/' "$dir/peer.yaml" \
	>"$dir/peer-b.yaml"
sed -i 's/^metrics:/  - {name: vpc-b, paths: [{connect: "10.2.1.1:7444", bind: 10.1.1.1, transport: tls}]}\n&/' \
	"$dir/relay.yaml"
start_peer
AWS_ENDPOINT_URL_EC2=$address start peerb peer "$sbin/tombolo-peer" -f "$dir/peer-b.yaml"
start_relay
wait_until 'joins 1 2 4'
members a 1
members b 2
wait_until 'joins 1 2'
members b
wait_until 'joins 1'
# What a peer wanted stands while it is away.
stop peerb
wait_until 'log_says relay "remote=vpc-b open -> down"'
members a 3
wait_until 'joins 3'
exit 0
