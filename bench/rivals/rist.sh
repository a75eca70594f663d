# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# RIST, main profile with AES-128, by ristsender and ristreceiver: every datagram is
# held for the buffer that is set. The defaults, made for longer ways, wait longer than
# so short a buffer lasts before they ask again, so they are set to this line.

rist_needs() {
	echo ristsender ristreceiver
}

# rist_start BUFFER-MS
rist_start() {
	local secret=(-p 1 -s of-the-benchmark -e 128 -b "$1")
	local tuned="buffer=$1&rtt-min=1&rtt-max=10&reorder-buffer=1"

	background peer ristreceiver "${secret[@]}" \
		-i "rist://@$PEER_LINE1:7000?$tuned" -o "udp://$group:$port?miface=out"
	wait_until 'is_bound peer 7000'
	background relay ristsender "${secret[@]}" \
		-i "udp://@$group:$port?miface=feed" -o "rist://$PEER_LINE1:7000?$tuned"
}
