# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# socat: multicast to a byte stream, over TCP or TLS, and back. The stream forgets
# where a datagram ends, so what comes out are datagrams joined and cut: the sink is
# told to put up with that, which no real subscriber would.

socat_needs() {
	echo socat
}

# socat_start tcp|tls
socat_start() {
	local from to tls="cafile=$dir/ca.crt,commonname="
	local stream=nodelay

	drain_ms=$drain_tcp_ms
	is_stream=yes
	if [ "$1" = tls ]; then
		from="OPENSSL-LISTEN:7000,reuseaddr,cert=$dir/vpc-a.crt,key=$dir/vpc-a.key,${tls}colo-a"
		to="OPENSSL:$PEER_LINE1:7000,cert=$dir/colo-a.crt,key=$dir/colo-a.key,${tls}vpc-a"
	else
		from=TCP4-LISTEN:7000,reuseaddr
		to=TCP4:$PEER_LINE1:7000
	fi
	background peer socat -u -b 1400 "$from,$stream" \
		"UDP4-DATAGRAM:$group:$port,ip-multicast-if=$PEER_OUT,ip-multicast-ttl=8"
	wait_until 'is_listening peer 7000'
	background relay socat -u -b 1400 \
		"UDP4-RECV:$port,bind=$group,ip-add-membership=$group:feed,rcvbuf=$socket_buffer" \
		"$to,$stream"
}
