# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# This project: the default settings, and one path or two.

tombolo_needs() {
	echo tombolo-relay
}

# tombolo_paths TRANSPORT WIRES, tombolo_listens TRANSPORT WIRES
tombolo_paths() {
	local wire

	for wire in $2; do
		printf '      - {connect: "10.2.%d.1:7443", bind: 10.1.%d.1, %s}\n' \
			"$wire" "$wire" "transport: $1, use: duplicate"
	done
}

tombolo_listens() {
	local wire

	for wire in $2; do
		printf '  - {address: "10.2.%d.1:7443", transport: %s}\n' "$wire" "$1"
	done
}

# tombolo_configure TRANSPORT WIRES [DELIVERY]
tombolo_configure() {
	{
		printf 'node: colo-a\ncapture: {interface: feed}\nchannels:\n'
		printf '  - {name: bench, group: %s, port: %d}\n' "$group" "$port"
		tls_line colo-a
		printf 'peers:\n  - name: vpc-a\n    paths:\n'
		tombolo_paths "$1" "$2"
		printf 'metrics: {listen: "%s"}\n' "$RELAY_METRICS"
	} >"$dir/relay.yaml"
	{
		printf 'node: vpc-a\nlisten:\n'
		tombolo_listens "$1" "$2"
		tls_line vpc-a
		printf 'relays: [{name: colo-a}]\nemit: {interface: out}\n'
		printf 'channels:\n  - {name: bench, group: %s, port: %d, delivery: %s}\n' \
			"$group" "$port" "${3:-ordered}"
		printf 'metrics: {listen: "%s"}\n' "$PEER_METRICS"
	} >"$dir/peer.yaml"
}

# What is not built is skipped: prints why.
# tombolo_lacks TRANSPORT WIRES [DELIVERY]
tombolo_lacks() {
	tombolo_configure "$@"
	"$sbin/tombolo-relay" -n -f "$dir/relay.yaml" 2>&1 >/dev/null |
		sed -n '1s/^[^ ]*: //p'
}

tombolo_start() {
	[ "$1" = dtls ] || drain_ms=$drain_tcp_ms
	tombolo_configure "$@"
	start_peer
	start_relay
	wait_until 'fetch relay /healthz && fetch peer /healthz'
}

# What both halves counted.
tombolo_figures() {
	local name

	printf '{"relay_repaired": %d' "$(metric relay tombolo_relay_repaired_datagrams_total)"
	for name in gaps requests requested repairs repairs_wasted repaired; do
		printf ', "%s": %d' "$name" "$(metric peer "tombolo_peer_${name}_total")"
	done
	printf ', "lost": %d}\n' "$(metric peer tombolo_peer_lost_datagrams_total)"
}
