#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tomboloctl check, on both halves: before the daemons run and while they do, all well;
# then one thing is spoiled at a time, and the check of that number says so, with the
# remedy, and no other does.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
# shellcheck source=findings.sh
. "$TOMBOLO_SRCDIR/tests/netns/findings.sh"
need python3
setup
mkdir "$dir/run"
unset "${!AWS_@}"
make_certificates

# configure: both halves, as they are when all is well.
configure() {
	CHANNELS='239.10.0.1:30001 239.10.0.2:30002@10.10.0.9' WIRES='1:dtls 2:tls' \
		write_relay_conf "control: {socket: $dir/run/relay.sock}"
	LISTEN='tls dtls' write_peer_conf "control: {socket: $dir/run/peer.sock}"
}

# link_is HOST INTERFACE STATE: of RFC 2863; a new one takes a moment.
link_is() {
	[ "$(on "$1" cat "/sys/class/net/$2/operstate")" = "$3" ]
}

# ---- before anything runs ----

wait_until 'link_is relay feed up && link_is peer out up'
configure
check 0 peer
found FAIL ''
found warn ''
found skip '02 14 22 23 24 30 31 32 33 34 35 36 43 50 51 52 53 54 55 56 57'
says '^01 ok    configuration: .*a peer called vpc-a$' \
	'^20 ok    listening: tls 0\.0\.0\.0:7443: free$' \
	'^41 ok    multicast route: leaves by out from 10\.20\.0\.1, '
check 1 relay
found FAIL '23'
says '^23 FAIL  reachability: vpc-a path 0 \(dtls 10\.2\.1\.1:7443\): refused$' \
	'^23 FAIL  reachability: vpc-a path 1 \(tls 10\.2\.2\.1:7443\): refused$' \
	'^         remedy: start the daemon there; '

# ---- while both run ----

start_bridge
well relay
found skip '14 20 32 40 41 42 43 50 51 52 53 54 55 56 57'
says '^02 ok    daemon: runs, version ' '^10 ok ' '^11 ok    validity: 8[0-9]* days left' \
	'^12 ok ' '^13 ok    name in certificate: colo-a$' \
	'^22 ok    route: vpc-a path 0 \(dtls 10\.2\.1\.1:7443\) leaves by 10\.1\.1\.1$' \
	'^23 ok    reachability: vpc-a path 0 \(dtls 10\.2\.1\.1:7443\): answered$' \
	'^23 ok    reachability: vpc-a path 1 \(tls 10\.2\.2\.1:7443\): connected$' \
	'^24 ok    path MTU: vpc-a path 0 .*: 1500 bytes get there$' \
	'^24 ok    path MTU: vpc-a path 1 .*: 1500 bytes get there$' \
	'^34 ok    memberships: 2, in sockets: 1' '^36 ok    joined: feed: all of 2$'
well peer
found skip '14 22 23 24 30 31 32 33 34 35 36 50 51 52 53 54 55 56 57'
says '^20 ok    listening: tls 0\.0\.0\.0:7443: listens$' \
	'^20 ok    listening: dtls 0\.0\.0\.0:7443: listens$' \
	'^42 ok    emission MTU: out: datagrams up to 1472 bytes, none was longer$' \
	'^43 ok    quota: 0 % used'
check 0 relay --json
python3 - "$dir/out" <<'END' || fail "JSON: $(cat "$dir/out")"
import json, sys
doc = json.load(open(sys.argv[1]))
assert doc["failed"] == 0
reach = [c for c in doc["checks"] if c["number"] == 23]
assert [c["result"] for c in reach] == ["ok", "ok"], reach
assert all(c["name"] and c["group"] and c["found"] for c in doc["checks"])
END
# The sessions took no notice.
for half in relay peer; do
	fetch "$half" /healthz >/dev/null || fail "a check has harmed the $half"
done
for half in relay peer; do
	! grep -E '<[0-3]>|error' "$dir/$half.log" || fail "$half complains"
done

# ---- one thing at a time ----

sysctl_on() {
	on "$1" sh -c "echo $3 >/proc/sys/net/ipv4/$2"
}

# The line.
on line ip link set p1 mtu 1400
warns relay 24 'mtu: 1400 '
on line ip link set p1 mtu 1500
on relay ip route flush cache
line_clip 1420
fails relay 24 'set mtu: 1420 for this path'
says '^24 FAIL  path MTU: vpc-a path 0 .*: 1420 bytes get there, longer packets vanish'
line_mend
line_clip 1420 2
fails relay 24 'let that ICMP pass, or: ip route add 10\.2\.2\.1'
line_mend 2
well relay
line_cut 2
fails relay 23 'let TCP to port 7443 pass'
says '^23 FAIL  reachability: vpc-a path 1 .*: no answer$' '^24 skip  path MTU: vpc-a path 1 '
line_mend 2
line_cut 1
fails relay 23 'let UDP to port 7443 pass'
line_mend 1
on relay ip route del 10.2.2.0/24
fails relay 22 'add the route'
on relay ip route add 10.2.2.0/24 via 10.1.2.254
sed -i 's/bind: 10.1.2.1/bind: 10.1.2.77/' "$dir/relay.yaml"
fails relay 22 'give bind an address of this host'
configure

# The capture.
on relay ip link set feed down
check 1 relay
found FAIL 30
says '^30 FAIL  capture interface: feed: down$' 'remedy: ip link set feed up'
on relay ip link set feed up
# The kernel has forgotten the source, and is told again.
wait_until "on relay grep -q 0xef0a0002 /proc/net/mcfilter"
on exchange ip link set feed down
wait_until 'link_is relay feed lowerlayerdown || link_is relay feed down'
check 1 relay
found FAIL 30
says '^30 FAIL  capture interface: feed: no carrier$'
on exchange ip link set feed up
wait_until 'link_is relay feed up'
sed -i 's/interface: feed/interface: fede/' "$dir/relay.yaml"
fails relay 30 'correct the name'
says 'cause: .*there are: .*feed'
configure
on relay ethtool -K feed gro on rx-udp-gro-forwarding on >/dev/null 2>&1 &&
	fails relay 31 'ethtool -K feed rx-gro-list off rx-udp-gro-forwarding off'
on relay ethtool -K feed rx-udp-gro-forwarding off >/dev/null 2>&1
sysctl_on relay conf/feed/rp_filter 1
fails relay 33 'sysctl -w net\.ipv4\.conf\.feed\.rp_filter=2'
sysctl_on relay conf/feed/rp_filter 2
well relay
sysctl_on relay conf/feed/rp_filter 0
sysctl_on relay igmp_max_memberships 1
warns relay 34 'igmp_max_memberships=20'
sysctl_on relay igmp_max_memberships 0
fails relay 34 'igmp_max_memberships=20'
sysctl_on relay igmp_max_memberships 20
sysctl_on relay conf/all/force_igmp_version 2
fails relay 35 'net\.ipv4\.conf\.all\.force_igmp_version=0'
sysctl_on relay conf/all/force_igmp_version 0
wait_until "! grep -q V2 /proc/net/igmp || on relay grep -q 'feed.*V3' /proc/net/igmp"
CHANNELS='239.10.0.1:30001 239.10.0.3:30003' WIRES='1:dtls 2:tls' \
	write_relay_conf "control: {socket: $dir/run/relay.sock}"
fails relay 36 'tomboloctl reload'
says 'first 239\.10\.0\.3'
configure
well relay

# Who we are.
# spoil FILE: moved away for the while.
for file in ca.crt colo-a.crt colo-a.key; do
	cp -p "$dir/$file" "$dir/$file.kept"
done
restore() {
	for file in ca.crt colo-a.crt colo-a.key; do
		cp -p "$dir/$file.kept" "$dir/$file"
	done
}
certs() {
	"$TOMBOLO_SRCDIR/tools/certs" -d "$dir" "$@" >/dev/null || fail "certs $*"
}
certs -f -b -10 -t 5 colo-a
fails relay 11 'renew it, install it as '
certs -f -b 10 colo-a
fails relay 11 "set this host's clock"
certs -f -t 20 colo-a
warns relay 11 'renew it'
restore
certs somebody-else
cp "$dir/somebody-else.crt" "$dir/colo-a.crt"
cp "$dir/somebody-else.key" "$dir/colo-a.key"
fails relay 13 'have it issued with DNS:colo-a'
restore
cp "$dir/somebody-else.key" "$dir/colo-a.key"
fails relay 10 'install the certificate and the key'
restore
chmod o+r "$dir/colo-a.key"
warns relay 10 'chmod o-rwx '
restore
mkdir "$dir/other"
"$TOMBOLO_SRCDIR/tools/certs" -d "$dir/other" colo-a >/dev/null || fail 'another CA'
cp "$dir/other/ca.crt" "$dir/ca.crt"
fails relay 12 'install the CA that signs both halves'
restore
certs -r -t 1
sed -i "s|^tls: {|&crl: $dir/ca.crl, |" "$dir/relay.yaml"
check 0 relay
found FAIL ''
found warn 14
certs -r
well relay
says '^14 ok    revocation list: 1, current$'
certs -r colo-a
fails relay 14 'fetch the newest list'
configure
well relay

# The emission.
on peer ip link set out down
check 1 peer
says '^40 FAIL  emission interface: out: down$'
on peer ip link set out up
wait_until 'link_is peer out up'
on peer ip route add 224.0.0.0/4 dev out
sed -i 's/emit: {interface: out/emit: {interface: tuo/' "$dir/peer.yaml"
fails peer 40 'correct the name'
configure
# Emission names its interface: it wants an address there, and no route.
on peer ip route del 224.0.0.0/4
well peer
on peer ip route add unreachable 224.0.0.0/4
well peer
on peer ip route del unreachable 224.0.0.0/4
on peer ip route add 224.0.0.0/4 dev out
on peer ip addr del 10.20.0.1/24 dev out
fails peer 41 'ip addr add ADDRESS/BITS dev out'
on peer ip addr add 10.20.0.1/24 dev out
on peer ip route replace 224.0.0.0/4 dev out
well peer
sed -i 's/interface: out/&, fragment: true/' "$dir/peer.yaml"
warns peer 42 'fragment: false'
configure
sed -i 's/0.0.0.0:7443/10.20.0.77:7443/' "$dir/peer.yaml"
fails peer 20 'one of ip -4 addr'
configure
sed -i 's/0.0.0.0:7443/0.0.0.0:7444/' "$dir/peer.yaml"
fails peer 20 'restart it'
configure

# Too long for the interface, and above the quota: seen by the daemon.
EMIT='quota: {flow_pps: 50}' LISTEN='tls dtls' \
	write_peer_conf "control: {socket: $dir/run/peer.sock}"
stop peer
start_peer
wait_until 'fetch relay /healthz && fetch peer /healthz'
market --channels 1 --count 500 --rate 1000 >/dev/null || fail marketgen
wait_until 'is_at_rest 500'
fails peer 43 'emit\.over_quota: pace'
configure

# ---- what is called wrongly ----

ctl() {
	local wanted=$1 got=0

	shift
	"$sbin/tomboloctl" "$@" >"$dir/out" 2>"$dir/err" || got=$?
	[ "$got" = "$wanted" ] || fail "tomboloctl $*: $got: $(cat "$dir/out" "$dir/err")"
}
echo 'node: {' >"$dir/bad.yaml"
ctl 1 check --peer -f "$dir/bad.yaml"
says '^01 FAIL  configuration: .*bad\.yaml:[0-9]+:[0-9]+: '
ctl 1 check --peer -f "$dir/nothing.yaml"
says '^01 FAIL  configuration: .*cannot be read'
ctl 2 check -f "$dir/bad.yaml"
grep -q 'say which it is' "$dir/err" || fail "$(cat "$dir/err")"
ctl 2 -f "$dir/relay.yaml" status
ctl 2 check too many
exit 0
