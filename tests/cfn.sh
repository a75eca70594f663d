#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The CloudFormation template is whole and keeps what it promises (tests/cfn.py), and
# so says cfn-lint, where it is installed. And what checks it can fail: each copy below
# has one thing spoiled, which has to be found.
set -u
top=${TOMBOLO_SRCDIR:-$(cd "$(dirname "$0")/.." && pwd)}
template=$top/etc/aws/tombolo.cfn.yaml

fail() {
	echo "cfn.sh: FAILED: $*" >&2
	exit 1
}

python3 -c 'import yaml' 2>/dev/null || {
	echo 'cfn.sh: skipped: python3 has no yaml (python3-yaml)' >&2
	exit 77
}
dir=$(mktemp -d "${TMPDIR:-/tmp}/tmb-$$-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT

said=$(python3 -B "$top/tests/cfn.py" "$template") || fail "$said"
if command -v cfn-lint >/dev/null; then
	said=$(cfn-lint "$template" 2>&1) || fail "cfn-lint: $said"
fi

# What sed(1) makes of it, and what is then said of it.
spoiled() {
	cat <<'END'
s/!Ref VpcId$/!Ref VpcID/ | nothing is called VpcID
s/^  MakeGateway: .*/  MakeGate: !Equals [!Ref TransitGatewayId, ""]/ | no condition MakeGateway
s/Condition: RunPeer/Condition: RunPear/ | no condition RunPear
s/\${AWS::StackName}-tunnel/${AWS::Stack}-tunnel/ | nothing is called AWS::Stack
s/\${PackageUrl}/${PackageURL}/ | nothing is called PackageURL
s/!GetAtt TunnelInterface\.Primary/!GetAtt TunnelNic.Primary/ | no resource TunnelNic
s/!GetAtt PeerProfile\.Arn/!GetAtt PeerProfile.ARN/ | no attribute ARN
s/\${EmitInterface\.PrimaryPrivateIpAddress}/${EmitInterface.Address}/ | no attribute Address
s/!If \[MakeGateway, !Ref Gateway, .*/!Ref Gateway/ | Gateway is there only if MakeGateway
/Value: !Sub "aws ssm/s/\${Peer}/${Gateway}/ | Gateway is there only if MakeGateway
s/!If \[HasImage, !Ref ImageId, /!If [HasImage, / | Fn::If wants three
s/^    Type: AWS::EC2::Instance$/&\n    DependsOn: Policy/ | depends on Policy
s/!Equals \[!Ref PeerInstance/!Equal [!Ref PeerInstance/ | unknown function Fn::Equal
s/^  RunPeer: .*/&\n  NotUsed: !Equals [!Ref PeerInstance, run]/ | condition is not used
s/^Conditions:/  Unused: {Type: String, Description: None}\n\n&/ | parameter is not used
s/Type: AWS::EC2::VPC::Id/Type: AWS::EC2::VPC/ | unknown type AWS::EC2::VPC
s/Default: run/Default: ran/ | its default is not allowed
s/AllowedPattern: (ami-.*/AllowedPattern: ami-[0-9a-f]+/ | its default does not match
s/Type: AWS::EC2::NetworkInterface$/Type: AWS::EC2::Interface/ | unknown type AWS::EC2::Interface
/GroupDescription: Tombolo tunnel/d | no GroupDescription
s/SourceDestCheck:/SourceDestinationCheck:/ | unknown property SourceDestinationCheck
s/^    Type: AWS::EC2::Instance$/&\n    DependOn: Gateway/ | unknown key DependOn
s/^Outputs:/Output:/ | unknown section
s/^Transform: .*// | without the transform
s/Subscriber&{Subnet}:/Subscriber:/ | does not have &{Subnet}
/^  SubscriberSubnetIds:/,/Type:/s/Type: .*/Type: AWS::EC2::Subnet::Id/ | no CommaDelimitedList
s/^  EmitInterface:/  TunnelInterface:/ | TunnelInterface twice
s/^  EmitInterface:/  Emit-Interface:/ | not of letters and digits
s/MulticastSupport: enable/MulticastSupport: disable/ | no multicast
s/Igmpv2Support: enable/Igmpv2Support: disable/ | no IGMPv2
s/StaticSourcesSupport: disable/StaticSourcesSupport: enable/ | static sources
s/SubnetId: !Ref Subnet$/SubnetId: !Ref VpcId/;s/SubnetId: !Ref PeerSubnetId/SubnetId: !Ref VpcId/ | PeerSubnetId: not associated
s/FromPort: 7443/FromPort: 7442/ | in: not as promised
s/CidrIp: !Ref ColocationCidr/CidrIp: 0.0.0.0\/0/ | TunnelSecurityGroup: in: not as promised
s/CidrIp: 0.0.0.0\/32/CidrIp: 0.0.0.0\/0/ | SubscriberSecurityGroup: in: not as promised
s/CidrIp: 224.0.0.2\/32/CidrIp: 224.0.0.1\/32/ | SubscriberSecurityGroup: out: not as promised
/Tombolo emission, to/,/Tags/s/SecurityGroupEgress:/SecurityGroupIngress:/ | EmitSecurityGroup: in: not as promised
/Description: IGMP leave/d | a rule without a description
s/GroupSet: \[!Ref EmitSec.*/GroupSet: [!Ref TunnelSecurityGroup]/ | not in EmitSecurityGroup alone
s/Action: s3:GetObject/Action: s3:*/ | may s3:*
s/Action: s3:GetObject/NotAction: s3:PutObject/ | a statement without Action
s/- ec2:DescribeNetworkInterfaces/- "*"/ | may *
s/- ec2:DescribeNetworkInterfaces/- ec2:SearchTransitGatewayMulticastGroups/ | on everything
s/^        - !If$/        - arn:aws:iam::aws:policy\/AdministratorAccess\n&/ | nobody asked for
s/- c6i.large/- t2.large/ | not a Nitro type: t2.large
s/HttpTokens: required/HttpTokens: optional/ | IMDSv1
s/Encrypted: true/Encrypted: false/ | a volume is not encrypted
/- DeviceIndex: 1/,/NetworkInterfaceId/d | not two interfaces
s/#!\/bin\/bash/#!\/bin\/csh/ | user data is no script
s/^ *esac$// | user data: bash
END
}

count=0
: >"$dir/expected"
while IFS= read -r line; do
	count=$((count + 1))
	sed "${line% | *}" "$template" >"$dir/$count.yaml"
	! cmp -s "$template" "$dir/$count.yaml" || fail "spoils nothing: ${line% | *}"
	printf '%s\t%s\n' "$dir/$count.yaml" "${line##* | }" >>"$dir/expected"
done < <(spoiled)
[ "$count" -ge 50 ] || fail "only $count spoiled"
python3 -B "$top/tests/cfn.py" "$dir"/*.yaml >"$dir/said"
while IFS=$'\t' read -r file expected; do
	grep -F "$file: " "$dir/said" | grep -qF -- "$expected" && continue
	echo "not found: $expected; but: $(grep -F "$file: " "$dir/said")"
	diff "$template" "$file"
done <"$dir/expected" >"$dir/missed"
[ ! -s "$dir/missed" ] || fail "$(cat "$dir/missed")"
exit 0
