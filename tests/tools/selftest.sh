#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The judges are judged: pcapcompare must see each kind of damage, and only that,
# and put together again what VLAN tags and fragments took apart.
set -u
tools=$TOMBOLO_BUILDDIR/tests/tools
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 129' HUP INT TERM

fail() {
	printf 'FAILED: %s\n' "$*" >&2
	exit 1
}

generate() {
	"$tools/marketgen" --count 5000 --pairs 0 "$@" >/dev/null || fail "marketgen $*"
}

# expect STATUS TOTAL [OPTION...]: of source against received.
expect() {
	local status=$1 total=$2 rc=0

	shift 2
	"$tools/pcapcompare" --json "$@" "$dir/source.pcap" "$dir/received.pcap" \
		>"$dir/out" || rc=$?
	[ "$rc" = "$status" ] || fail "status $rc, not $status, of pcapcompare $*"
	grep -Fq "\"total\", $total," "$dir/out" || fail "not $total: $(cat "$dir/out")"
}

totals() {
	printf '"source": 5000, "received": %s, "lost": %s, "duplicate": %s, "extra": %s, "reordered": %s}' "$@"
}

generate -w "$dir/source.pcap"
expect_damage() {
	generate -w "$dir/received.pcap" --fault "$1"
	shift
	expect 1 "$(totals "$@")"
}

cp "$dir/source.pcap" "$dir/received.pcap"
expect 0 "$(totals 5000 0 0 0 0)"
expect_damage omit:100 4950 50 0 0 0
expect 0 "$(totals 4950 50 0 0 0)" --subset
expect_damage repeat:100 5050 0 50 0 0
expect 1 "$(totals 5050 0 50 0 0)" --subset
expect_damage flip:100 5000 50 0 50 0
# The very last has no successor to be swapped with.
expect_damage swap:100 5000 0 0 0 49
expect 1 "$(totals 5000 0 0 0 49)" --subset

# What the source says twice must arrive twice.
generate -w "$dir/source.pcap" --pairs 500
cp "$dir/source.pcap" "$dir/received.pcap"
expect 0 "$(totals 5000 0 0 0 0)"
generate -w "$dir/received.pcap" --pairs 500 --fault omit:50
expect 1 "$(totals 4900 100 0 0 0)"

generate -w "$dir/source.pcap" --max 9000 --vlan 100 --vlan 7 --mtu 576
generate -w "$dir/received.pcap" --max 9000
expect 0 "$(totals 5000 0 0 0 0)"

generate -w "$dir/source.pcap" --channels 1
generate -w "$dir/received.pcap" --channels 1 --group 239.20.0.1 --port 40001
expect 1 "$(totals 5000 5000 0 5000 0)"
expect 0 "$(totals 5000 0 0 0 0)" --map 239.10.0.1:30001=239.20.0.1:40001

"$tools/pcapcompare" --only 239.9.9.9:1 "$dir/source.pcap" "$dir/received.pcap" \
	>"$dir/out" 2>&1
[ $? = 2 ] || fail 'a comparison of nothing passes'
"$tools/latency" "$dir/source.pcap" --json >"$dir/out" || fail latency
grep -q '"sent": 5000, "received": 5000, "lost": 0, "in_order": 5000, "duplicates": 0' \
	"$dir/out" || fail "latency: $(cat "$dir/out")"

# notifyrun: states, signals and exit status.
# shellcheck disable=SC2016
"$tools/notifyrun" "$dir/states" "$dir/pid" bash -c '
	trap "exit 7" HUP
	printf "READY=1\nSTATUS=up" | socat -u - "ABSTRACT-SENDTO:${NOTIFY_SOCKET#@}"
	while :; do sleep 0.05; done' &
runner=$!
tries=0
until grep -qsx READY=1 "$dir/states"; do
	[ $((tries += 1)) -lt 200 ] || fail 'notifyrun: READY=1 is not written down'
	sleep 0.05
done
grep -qx STATUS=up "$dir/states" || fail 'notifyrun: the second line is lost'
[ -d "/proc/$(cat "$dir/pid")" ] || fail 'notifyrun: wrong process id'
kill -HUP "$runner"
wait "$runner"
[ $? = 7 ] || fail 'notifyrun: exit status'
"$tools/notifyrun" "$dir/states" "$dir/pid" sh -c 'kill -KILL $$'
[ $? = 137 ] || fail 'notifyrun: death by signal'
exit 0
