# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# For scenarios in which a peer asks who its members are: what stands for EC2
# (tests/cloud.py) in the peer's namespace, and the keys it is asked with. Sourced behind
# setup.

unset "${!AWS_@}"
domain=tgw-mcast-domain-0c4905cef79d6e597
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_REGION=ap-northeast-2 \
	AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY

# members PEER CHANNEL...: the groups in which the domain of this peer has a member.
# There is a source in every one.
members() {
	local account=$dir/aws-$1 n
	local name=SearchTransitGatewayMulticastGroups

	shift
	{
		echo "<${name}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"
		echo '<requestId>f9a3d9d1</requestId><multicastGroups>'
		for n in 1 2 3 4; do
			echo "<item><groupIpAddress>239.10.0.$n</groupIpAddress>"
			echo '<groupMember>false</groupMember><groupSource>true</groupSource>'
			echo '<networkInterfaceId>eni-1</networkInterfaceId></item>'
		done
		for n; do
			echo "<item><groupIpAddress>239.10.0.$n</groupIpAddress>"
			echo '<groupMember>true</groupMember><groupSource>false</groupSource>'
			echo '<memberType>igmp</memberType>'
			echo "<networkInterfaceId>eni-2$n</networkInterfaceId></item>"
		done
		echo "</multicastGroups></${name}Response>"
	} >"$account/members.new"
	mv "$account/members.new" "$account/$name.xml"
}

# start_cloud PEER: its EC2; the address is in $address.
start_cloud() {
	mkdir "$dir/aws-$1"
	ip netns exec "$(netns peer)" python3 -B "$TOMBOLO_SRCDIR/tests/cloud.py" \
		"$dir/aws-$1" 2>"$dir/cloud-$1.log" &
	wait_until "[ -s '$dir/aws-$1/port' ]"
	address=http://127.0.0.1:$(cat "$dir/aws-$1/port")/
}
