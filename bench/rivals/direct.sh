# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# No tunnel: the two LANs are one, through the line. Nothing is encrypted, repaired or
# copied by a program; what the other rivals cost is over and above this.

direct_needs() {
	echo ip
}

# With netem the line is a router, which LANs do not go through.
direct_lacks() {
	[ -z "$netem" ] || echo 'not over a line that is a router'
}

direct_start() {
	join_bridge relay feed line1
	join_bridge peer out line1
}
