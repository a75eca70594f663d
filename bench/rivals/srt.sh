# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# SRT by srt-live-transmit, AES-128: every datagram is held for the latency that is
# set, and what is not repaired by then is given up.

srt_needs() {
	echo srt-live-transmit
}

# srt_start LATENCY-MS
srt_start() {
	local way="latency=$1&passphrase=of-the-benchmark&pbkeylen=16"
	local buffers="rcvbuf=$socket_buffer&sndbuf=$socket_buffer"

	background peer srt-live-transmit -quiet -chunk:1456 \
		"srt://$PEER_LINE1:7000?mode=listener&$way" \
		"udp://$group:$port?adapter=$PEER_OUT&ttl=8&$buffers"
	wait_until 'is_bound peer 7000'
	background relay srt-live-transmit -quiet -chunk:1456 \
		"udp://$group:$port?adapter=$RELAY_FEED&$buffers" \
		"srt://$PEER_LINE1:7000?mode=caller&$way"
}
