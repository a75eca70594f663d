# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The kernel's VXLAN between two bridges: the yardstick V. Not encrypted, nothing
# repaired; the kernel does it in whichever process is running, so there is no CPU
# figure for its halves.

vxlan_needs() {
	echo ip
}

vxlan_start() {
	on relay ip link add vx0 type vxlan id 7 \
		local "$RELAY_LINE1" remote "$PEER_LINE1" dstport 4789
	on peer ip link add vx0 type vxlan id 7 \
		local "$PEER_LINE1" remote "$RELAY_LINE1" dstport 4789
	join_bridge relay feed vx0
	join_bridge peer out vx0
}
