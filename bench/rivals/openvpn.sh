# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# OpenVPN with TAP devices in two bridges, over UDP or TCP; AES-128-GCM, certificates
# as the others have them. Each frame goes through user space twice: that is what it
# is.

openvpn_needs() {
	echo openvpn
}

openvpn_lacks() {
	[ -w /dev/net/tun ] || echo '/dev/net/tun cannot be opened here'
}

# openvpn_half HOST CERTIFICATE OPTION...
openvpn_half() {
	local host=$1 certificate=$2

	shift 2
	background "$host" openvpn --dev tap0 --dev-type tap --ca "$dir/ca.crt" \
		--cert "$dir/$certificate.crt" --key "$dir/$certificate.key" \
		--data-ciphers AES-128-GCM --port 7000 --verb 3 --txqueuelen 10000 \
		--sndbuf "$socket_buffer" --rcvbuf "$socket_buffer" "$@"
}

openvpn_is_up() {
	grep -q 'Initialization Sequence Completed' "$dir/relay-openvpn.log" &&
		grep -q 'Initialization Sequence Completed' "$dir/peer-openvpn.log"
}

# openvpn_start udp|tcp
openvpn_start() {
	local server=udp4 client=udp4 more=--fast-io ready=is_bound

	if [ "$1" = tcp ]; then
		server=tcp4-server client=tcp4-client more='--socket-flags TCP_NODELAY'
		ready=is_listening
		drain_ms=$drain_tcp_ms
	fi
	# shellcheck disable=SC2086
	openvpn_half peer vpc-a --proto $server --local "$PEER_LINE1" \
		--tls-server --dh none $more
	wait_until "$ready peer 7000"
	# shellcheck disable=SC2086
	openvpn_half relay colo-a --proto $client --remote "$PEER_LINE1" --nobind \
		--tls-client --remote-cert-tls server $more
	wait_until openvpn_is_up
	on relay ip link set tap0 up
	on peer ip link set tap0 up
	join_bridge relay feed tap0
	join_bridge peer out tap0
}
