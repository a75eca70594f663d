#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tomboloctl check against what stands for the metadata service and for the EC2 API
# (tests/cloud.py, which computes every signature anew): all well, in pages, with keys of
# the environment and of the instance's role; then one thing is wrong at a time.
set -u
# shellcheck source=lib.sh
. "${TOMBOLO_SRCDIR:-$(dirname "$0")/../..}/tests/netns/lib.sh"
# shellcheck source=findings.sh
. "$TOMBOLO_SRCDIR/tests/netns/findings.sh"
need python3
setup
make_certificates
unset "${!AWS_@}"
domain=tgw-mcast-domain-0c4905cef79d6e597 subnet=subnet-000de86e3b49c932a
eni=eni-0e246d32695012e81 account=$dir/aws
mkdir -p "$account/metadata"

# configure [EXTRA-KEYS-OF-EMIT]
configure() {
	EMIT="domain: $domain${1:+, $1}" write_peer_conf \
		'channels: [{name: a, group: 239.1.1.1}, {name: b, group: 239.1.1.2}]'
}

# ---- what there is, by the documentation of the API ----

reply() {
	printf '<?xml version="1.0" encoding="UTF-8"?>\n<%s xmlns="%s">\n%s\n%s\n</%s>\n' \
		"$1Response" 'http://ec2.amazonaws.com/doc/2016-11-15/' \
		'    <requestId>f9a3d9d1-0a54-4dea-9a94-example</requestId>' \
		"$(cat)" "$1Response"
}

# member GROUP INTERFACE MEMBER SOURCE TYPE
member() {
	printf '<item><groupIpAddress>%s</groupIpAddress><groupMember>%s</groupMember>' \
		"$1" "$3"
	printf '<groupSource>%s</groupSource><memberType>%s</memberType>' "$4" "$5"
	printf '<networkInterfaceId>%s</networkInterfaceId><resourceId>vpc-1</resourceId>' \
		"$2"
	printf '<resourceType>vpc</resourceType><subnetId>%s</subnetId></item>\n' "$subnet"
}

# domains STATE IGMP STATIC [ID]
domains() {
	{
		echo '<transitGatewayMulticastDomains><item>'
		echo "<transitGatewayMulticastDomainId>${4-$domain}</transitGatewayMulticastDomainId>"
		echo '<transitGatewayId>tgw-0d88d2d0d5EXAMPLE</transitGatewayId>'
		echo "<options><igmpv2Support>$2</igmpv2Support>"
		echo "<staticSourcesSupport>$3</staticSourcesSupport>"
		echo '<autoAcceptSharedAssociations>disable</autoAcceptSharedAssociations></options>'
		echo "<state>$1</state><tagSet/>"
		echo '</item></transitGatewayMulticastDomains>'
	} | reply DescribeTransitGatewayMulticastDomains \
		>"$account/DescribeTransitGatewayMulticastDomains.xml"
}

# associations STATE
associations() {
	{
		echo '<multicastDomainAssociations>'
		echo '<item><resourceType>vpc</resourceType><subnet><state>associated</state>'
		echo '<subnetId>subnet-0a</subnetId></subnet></item>'
		echo "<item><subnet><state>$1</state><subnetId>$subnet</subnetId></subnet></item>"
		echo '</multicastDomainAssociations>'
	} | reply GetTransitGatewayMulticastDomainAssociations \
		>"$account/GetTransitGatewayMulticastDomainAssociations.xml"
}

# interface CHECKED ADDRESS
interface() {
	{
		echo '<networkInterfaceSet><item>'
		echo "<networkInterfaceId>$eni</networkInterfaceId><subnetId>$subnet</subnetId>"
		echo "<sourceDestCheck>$1</sourceDestCheck><description>a &amp; b</description>"
		echo '<privateIpAddressesSet><item><privateIpAddress>10.20.0.99</privateIpAddress>'
		echo "</item><item><privateIpAddress>$2</privateIpAddress></item>"
		echo '</privateIpAddressesSet></item></networkInterfaceSet>'
	} | reply DescribeNetworkInterfaces >"$account/DescribeNetworkInterfaces.xml"
}

# members COUNT-OF-THE-SECOND-GROUP: on two pages.
members() {
	local i action=SearchTransitGatewayMulticastGroups

	{
		echo '<multicastGroups>'
		member 239.1.1.1 eni-03847706f6EXAMPLE true false igmp
		member 239.1.1.1 "$eni" false true static
		echo '</multicastGroups><nextToken>page2/+=</nextToken>'
	} | reply $action >"$account/$action.xml"
	{
		echo '<multicastGroups>'
		for ((i = 0; i < $1; i++)); do
			member 239.1.1.2 "eni-$i" true false igmp
		done
		echo '</multicastGroups>'
	} | reply $action >"$account/$action.2.xml"
}

# value PATH TEXT: of the metadata.
value() {
	printf '%s' "$2" >"$account/metadata/${1//\//_}"
}

all_well() {
	local mac

	configure
	rm -f "$account"/*.refuse
	domains available enable disable
	associations associated
	interface true 10.20.0.1
	members 1
	mac=$(on peer cat /sys/class/net/out/address)
	value instance-id i-1234567890abcdef0
	value instance-type c6i.large
	value placement/region ap-northeast-2
	value "network/interfaces/macs/$mac/interface-id" "$eni"
	value "network/interfaces/macs/$mac/subnet-id" "$subnet"
	value iam/security-credentials tombolo-peer
	value iam/security-credentials/tombolo-peer '{"Code": "Success",
		"Type": "AWS-HMAC", "AccessKeyId": "AKIDEXAMPLE",
		"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		"Token": "IQoJb3JpZ2luX2VjEXAMPLE//////////+/==",
		"Expiration": "2099-01-01T00:00:00Z"}'
}

# refuse ACTION STATUS TIMES CODE
refuse() {
	{
		echo "$2 $3"
		echo "<Response><Errors><Error><Code>$4</Code><Message>told so</Message>"
		echo '</Error></Errors><RequestID>x</RequestID></Response>'
	} >"$account/$1.refuse"
}

asked() {
	grep -c -- "$1" "$account/log"
}

# ---- all well ----

ip netns exec "$(netns peer)" python3 -B "$TOMBOLO_SRCDIR/tests/cloud.py" "$account" \
	2>"$dir/cloud.log" &
wait_until "[ -s '$account/port' ] && [ \"\$(on peer cat /sys/class/net/out/operstate)\" = up ]"
address=http://127.0.0.1:$(cat "$account/port")
export AWS_EC2_METADATA_SERVICE_ENDPOINT=$address AWS_ENDPOINT_URL_EC2=$address/
all_well
well peer
says '^51 ok    instance metadata: i-1234567890abcdef0, c6i\.large in ap-northeast-2; out is '"$eni"'$' \
	'^52 ok    EC2 API: answers in ap-northeast-2, by the keys of the instance.s role tombolo-peer$' \
	"^53 ok    multicast domain: $domain: available, IGMPv2 on, static sources off\$" \
	"^54 ok    association: $subnet, and 1 more subnets\$" \
	"^55 ok    source check: $eni: on, and it sends from its own address\$" \
	'^56 ok    members: in each of 2 groups, 1 at most$' \
	'^57 ok    sources: any interface of the domain may send$'
[ "$(asked 'NextToken=page2%2F%2B%3D')" = 1 ] || fail "no second page: $(cat "$account/log")"
! grep -vE '^(GET|PUT|POST Action=(Describe|Get|Search))' "$account/log" ||
	fail 'it has asked for more than to look'

# A relay asks for no more than who it is.
write_relay_conf
: >"$account/log"
check 1 relay
says '^51 warn  instance metadata: '
grep -q . "$account/log" && fail 'another host was asked'

# By keys of the environment, without a token; metadata out of the way.
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE \
	AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
well peer
says '^52 ok    EC2 API: .*by the keys of the environment$'
AWS_EC2_METADATA_DISABLED=true AWS_REGION=ap-northeast-2 well peer
says '^51 skip ' '^52 ok ' '^53 ok ' '^54 skip ' '^55 skip ' '^56 ok ' '^57 ok '
AWS_EC2_METADATA_DISABLED=true well peer
says '^52 skip  EC2 API: the region is not known: AWS_REGION$' '^53 skip ' '^57 skip '
AWS_SECRET_ACCESS_KEY=wrong fails peer 52 'look at the clock'
says '^52 FAIL  EC2 API: SignatureDoesNotMatch: ' '^53 skip ' '^57 skip '
AWS_SESSION_TOKEN=wrong fails peer 52 'look at the clock'
says '^52 FAIL  EC2 API: InvalidClientTokenId: '
AWS_REGION=eu-west-1 fails peer 52 'look at the clock'
AWS_ENDPOINT_URL_EC2=http://127.0.0.1:9/ fails peer 52 'a VPC endpoint for ec2'
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

# ---- no domain in the configuration: by the subnet ----

write_peer_conf 'channels: [{name: a, group: 239.1.1.1}, {name: b, group: 239.1.1.2}]'
well peer
says "^53 ok    multicast domain: $domain: available"
associations disassociated
sed -i "s/<subnetId>$subnet/<subnetId>subnet-other/" \
	"$account/GetTransitGatewayMulticastDomainAssociations.xml"
fails peer 53 'aws ec2 associate-transit-gateway-multicast-domain'
all_well

# ---- one thing at a time ----

rm "$account/metadata/instance-id"
warns peer 51 'modify-instance-metadata-options'
all_well
rm "$account"/metadata/*interface-id
warns peer 51 'emit on the network interface'
all_well
rm "$account/metadata/iam_security-credentials"
well peer
says '^52 skip  EC2 API: no access keys' '^57 skip '
all_well
value iam/security-credentials/tombolo-peer '{"AccessKeyId": "a\r\nb"}'
well peer
says '^52 skip  EC2 API: no access keys'
all_well

domains pending enable disable
fails peer 53 'wait until it is available'
refuse DescribeTransitGatewayMulticastDomains 400 1 InvalidTransitGatewayMulticastDomainId.NotFound
fails peer 53 'describe-transit-gateway-multicast-domains'
all_well
associations disassociating
fails peer 54 "associate-transit-gateway-multicast-domain .*$domain --subnet-ids $subnet"
all_well
interface true 10.20.0.2
fails peer 55 '--no-source-dest-check'
interface false 10.20.0.2
well peer
all_well
members 0
warns peer 56 'force_igmp_version=2'
says '^56 warn  members: nobody is in 1 of 2 groups, first 239\.1\.1\.2$'
members 10
warns peer 56 'flow_pps: 15000'
configure 'quota: {flow_pps: 15000}'
well peer
all_well
domains available disable enable
fails peer 57 "register-transit-gateway-multicast-group-sources .*239\.1\.1\.2 .*$eni"
says '^57 FAIL  sources: .* is no source of 1 of 2 groups'
all_well

# What a role may not see is no fault.
for action in DescribeTransitGatewayMulticastDomains DescribeNetworkInterfaces \
	GetTransitGatewayMulticastDomainAssociations; do
	rm "$account/$action.xml"
done
well peer
says '^52 ok ' '^53 skip ' '^         remedy: .*ec2:DescribeTransitGatewayMulticastDomains' \
	'^54 skip ' '^55 skip ' '^56 ok ' '^57 skip '
all_well

# ---- an API in trouble ----

# Told to slow down, it asks again; not for ever.
: >"$account/log"
refuse DescribeTransitGatewayMulticastDomains 503 2 RequestLimitExceeded
well peer
[ "$(asked Action=DescribeTransitGatewayMulticastDomains)" = 3 ] || fail 'not asked again'
: >"$account/log"
refuse DescribeTransitGatewayMulticastDomains 503 9 RequestLimitExceeded
warns peer 52 'check again in a minute'
[ "$(asked Action=DescribeTransitGatewayMulticastDomains)" = 3 ] || fail 'asked for ever'
all_well
printf '500 9\n<html>oops' >"$account/DescribeTransitGatewayMulticastDomains.refuse"
warns peer 52 'check again in a minute'
says '^52 warn  EC2 API: EC2 answers with status 500$'
all_well

# Pages without an end, and answers that make no sense.
cp "$account/SearchTransitGatewayMulticastGroups.xml" \
	"$account/SearchTransitGatewayMulticastGroups.2.xml"
well peer
says '^56 skip  members: EC2 has no last page$'
for hostile in '' '<' '<a></b>' '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>' \
	'<SearchTransitGatewayMulticastGroupsResponse><multicastGroups><item>'; do
	printf '%s' "$hostile" >"$account/SearchTransitGatewayMulticastGroups.xml"
	well peer
	says '^56 skip  members: the answer of EC2: makes no sense$'
done
head -c 9000000 /dev/zero >"$account/SearchTransitGatewayMulticastGroups.xml"
well peer
says '^56 skip  members: .*: the answer is too long$'
all_well
well peer

# ---- the key in the configuration ----

configure
sed -i "s/$domain/tgw-mcast-domain-0G/" "$dir/peer.yaml"
check 1 peer
found FAIL 01
says 'emit\.domain: .*allowed: tgw-mcast-domain- and hexadecimal digits'
exit 0
