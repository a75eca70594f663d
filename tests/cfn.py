# SPDX-License-Identifier: Apache-2.0
# Reads CloudFormation templates and says what is wrong with each, a line for each; for
# tests/cfn.sh. It knows the resource types that ours uses and no others, and holds ours
# to what doc/OPERATIONS.md promises of it. cfn-lint knows far more of CloudFormation,
# and nothing of that.
#
#   cfn.py TEMPLATE...
import re
import subprocess
import sys

import yaml

# type: (required properties, other properties, attributes of GetAtt, has tags)
TYPES = {
    "AWS::EC2::Instance": ("LaunchTemplate", "", "PrivateIp", False),
    "AWS::EC2::LaunchTemplate": (
        "LaunchTemplateData", "", "LatestVersionNumber", False),
    "AWS::EC2::NetworkInterface": (
        "SubnetId", "Description GroupSet SourceDestCheck Tags",
        "PrimaryPrivateIpAddress", True),
    "AWS::EC2::SecurityGroup": (
        "GroupDescription VpcId SecurityGroupEgress", "SecurityGroupIngress Tags",
        "GroupId", True),
    "AWS::EC2::TransitGateway": (
        "MulticastSupport", "Description Tags", "Id", True),
    "AWS::EC2::TransitGatewayAttachment": (
        "SubnetIds TransitGatewayId VpcId", "Tags", "Id", True),
    "AWS::EC2::TransitGatewayMulticastDomain": (
        "TransitGatewayId Options", "Tags", "TransitGatewayMulticastDomainId", True),
    "AWS::EC2::TransitGatewayMulticastDomainAssociation": (
        "SubnetId TransitGatewayAttachmentId TransitGatewayMulticastDomainId", "",
        "State", False),
    "AWS::IAM::InstanceProfile": ("Roles", "", "Arn", False),
    "AWS::IAM::Role": (
        "AssumeRolePolicyDocument", "ManagedPolicyArns Policies Tags", "Arn", True),
}
SECTIONS = {
    "AWSTemplateFormatVersion", "Description", "Transform", "Parameters", "Conditions",
    "Resources", "Outputs"}
RESOURCE_KEYS = {"Type", "Condition", "DependsOn", "Properties"}
PARAMETER_TYPES = {
    "String", "Number", "CommaDelimitedList", "AWS::EC2::VPC::Id",
    "AWS::EC2::Subnet::Id", "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"}
PSEUDO = {"AWS::" + name for name in (
    "AccountId NoValue Partition Region StackId StackName URLSuffix").split()}
FUNCTIONS = {"Ref", "Condition"} | {"Fn::" + name for name in (
    "Base64 Equals GetAtt If Not Select Split Sub").split()}
ACTIONS = {
    "sts:AssumeRole", "s3:GetObject", "ec2:SearchTransitGatewayMulticastGroups"}
NITRO = re.compile(r"(c|m|r)[5678][a-z]*\.[0-9]*(large|xlarge)")


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    pass


def load_tag(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else "Fn::" + suffix
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "Fn::GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


def load_mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(
                None, None, f"{key} twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


Loader.add_multi_constructor("!", load_tag)
Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, load_mapping)


def as_list(value):
    return value if isinstance(value, list) else [value]


class Template:
    def __init__(self, text):
        self.faults = []
        self.root = yaml.load(text, Loader)
        self.parameters = self.root.get("Parameters", {})
        self.conditions = self.root.get("Conditions", {})
        self.outputs = self.root.get("Outputs", {})
        self.used = set()
        self.resources = {}
        self.scopes = {}  # of a resource: what its Fn::ForEach counts
        for name, body in self.root.get("Resources", {}).items():
            if name.startswith("Fn::ForEach::"):
                self.expand(name, body)
            else:
                self.resources[name] = body

    def fault(self, where, what):
        self.faults.append(f"{where}: {what}")

    def expand(self, name, body):
        identifier, collection, fragment = body
        if self.root.get("Transform") != "AWS::LanguageExtensions":
            self.fault(name, "without the transform AWS::LanguageExtensions")
        self.follow(name, collection, set(), {})
        parameter = self.parameters.get(collection.get("Ref"), {})
        if parameter.get("Type") != "CommaDelimitedList":
            self.fault(name, "over what is no CommaDelimitedList")
        for key, resource in fragment.items():
            # Its values have hyphens, which a name cannot have.
            if "&{" + identifier + "}" not in key:
                self.fault(name, f"{key} does not have &{{{identifier}}}")
            self.resources[key] = resource
            self.scopes[key] = {identifier: True}

    # ---- references ----

    def follow(self, where, node, known, scope):
        """known: the conditions that hold where node is; scope: names of its own"""
        if isinstance(node, list):
            for item in node:
                self.follow(where, item, known, scope)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key == "Ref":
                    self.refer(where, value, known, scope)
                elif key == "Fn::GetAtt":
                    self.get(where, value, known)
                elif key == "Fn::Sub":
                    self.substitute(where, value, known, scope)
                elif key == "Fn::If":
                    self.choose(where, value, known, scope)
                elif key.startswith("Fn::") and key not in FUNCTIONS:
                    self.fault(where, f"unknown function {key}")
                else:
                    self.follow(where, value, known, scope)

    def condition(self, where, name):
        self.used.add(name)
        if name not in self.conditions:
            self.fault(where, f"no condition {name}")

    def refer(self, where, name, known, scope):
        self.used.add(name)
        if name in self.resources:
            condition = self.resources[name].get("Condition")
            if condition and condition not in known:
                self.fault(where, f"{name} is there only if {condition}")
        elif name not in self.parameters and name not in PSEUDO and name not in scope:
            self.fault(where, f"nothing is called {name}")

    def get(self, where, value, known):
        name, attribute = value
        if name not in self.resources:
            self.fault(where, f"no resource {name}")
            return
        self.refer(where, name, known, {})
        kind = self.resources[name].get("Type")
        if kind in TYPES and attribute not in TYPES[kind][2].split():
            self.fault(where, f"{name} has no attribute {attribute}")

    def substitute(self, where, value, known, scope):
        text, own = value if isinstance(value, list) else (value, {})
        self.follow(where, own, known, scope)
        for name in re.findall(r"\$\{([^!}][^}]*)\}", text):
            if "." in name:
                self.get(where, name.split(".", 1), known)
            else:
                self.refer(where, name, known, {**scope, **own})
        for name in own:
            if "${" + name + "}" not in text:
                self.fault(where, f"{name} is not used in its text")

    def choose(self, where, value, known, scope):
        if len(value) != 3:
            self.fault(where, "Fn::If wants three")
            return
        self.condition(where, value[0])
        self.follow(where, value[1], known | {value[0]}, scope)
        self.follow(where, value[2], known, scope)

    # ---- what a template has to be ----

    def check_form(self):
        for name in set(self.root) - SECTIONS:
            self.fault(name, "unknown section")
        if self.root.get("AWSTemplateFormatVersion") != "2010-09-09":
            self.fault("AWSTemplateFormatVersion", "not 2010-09-09")
        for name, body in self.parameters.items():
            self.check_parameter(name, body)
        for name, body in self.conditions.items():
            self.follow(name, body, set(), {})
        for name, body in self.resources.items():
            self.check_resource(name, body)
        for name, body in self.outputs.items():
            known = set()
            if "Condition" in body:
                self.condition(name, body["Condition"])
                known = {body["Condition"]}
            self.follow(name, body.get("Value"), known, {})
            if not body.get("Value"):
                self.fault(name, "no value")
        for name in set(self.parameters) - self.used:
            self.fault(name, "parameter is not used")
        for name in set(self.conditions) - self.used:
            self.fault(name, "condition is not used")

    def check_parameter(self, name, body):
        if body.get("Type") not in PARAMETER_TYPES:
            self.fault(name, f"unknown type {body.get('Type')}")
        if not body.get("Description"):
            self.fault(name, "no description")
        if "Default" not in body:
            return
        default = body["Default"]
        if default not in body.get("AllowedValues", [default]):
            self.fault(name, "its default is not allowed")
        if not re.fullmatch(body.get("AllowedPattern", ".*"), str(default)):
            self.fault(name, "its default does not match")

    def check_resource(self, name, body):
        for key in set(body) - RESOURCE_KEYS:
            self.fault(name, f"unknown key {key}")
        if not re.fullmatch(r"[A-Za-z0-9]+(&\{[A-Za-z0-9]+\})?", name):
            self.fault(name, "name is not of letters and digits")
        known = set()
        if "Condition" in body:
            self.condition(name, body["Condition"])
            known = {body["Condition"]}
        for other in as_list(body.get("DependsOn", [])):
            if other not in self.resources:
                self.fault(name, f"depends on {other}, which is nothing")
        self.follow(name, body.get("Properties"), known, self.scopes.get(name, {}))
        if body.get("Type") not in TYPES:
            self.fault(name, f"unknown type {body.get('Type')}")
            return
        required, other, _, tagged = TYPES[body["Type"]]
        properties = set(body.get("Properties", {}))
        for missing in set(required.split()) - properties:
            self.fault(name, f"no {missing}")
        for extra in properties - set(required.split()) - set(other.split()):
            self.fault(name, f"unknown property {extra}")
        if tagged and "Tags" not in properties:
            self.fault(name, "no Tags")

    # ---- what ours promises ----

    def properties(self, name):
        return self.resources.get(name, {}).get("Properties", {})

    def of_type(self, kind):
        return {name: body.get("Properties", {})
                for name, body in self.resources.items()
                if body.get("Type") == "AWS::" + kind}

    def check_promises(self):
        self.check_multicast()
        self.check_rules()
        self.check_rights()
        self.check_instance()

    def check_multicast(self):
        for name, gateway in self.of_type("EC2::TransitGateway").items():
            if gateway.get("MulticastSupport") != "enable":
                self.fault(name, "no multicast")
        for name, domain in self.of_type("EC2::TransitGatewayMulticastDomain").items():
            options = domain.get("Options", {})
            if options.get("Igmpv2Support") != "enable":
                self.fault(name, "no IGMPv2")
            if options.get("StaticSourcesSupport") != "disable":
                self.fault(name, "static sources, which exclude IGMPv2")
        subnets = [association.get("SubnetId") for association in self.of_type(
            "EC2::TransitGatewayMulticastDomainAssociation").values()]
        if {"Ref": "PeerSubnetId"} not in subnets:
            self.fault("PeerSubnetId", "not associated with the domain")
        if len(subnets) < 2:
            self.fault("SubscriberSubnetIds", "not associated with the domain")

    def rules(self, group, direction):
        found = set()
        for rule in self.properties(group).get("SecurityGroup" + direction, []):
            ports = rule.get("FromPort"), rule.get("ToPort")
            cidr = rule.get("CidrIp")
            found.add((str(rule.get("IpProtocol")), str(ports), str(cidr)))
            if not rule.get("Description"):
                self.fault(group, "a rule without a description")
        return found

    def check_rules(self):
        tunnel = str((7443, 7443))
        colocation, groups = str({"Ref": "ColocationCidr"}), str({"Ref": "GroupCidr"})
        feed = str(({"Ref": "FirstPort"}, {"Ref": "LastPort"}))
        peer = str({"Fn::Sub": "${EmitInterface.PrimaryPrivateIpAddress}/32"})
        none = str((None, None))
        dial = {("tcp", tunnel, colocation), ("udp", tunnel, colocation)}
        promised = {
            "TunnelSecurityGroup": (
                dial, dial | {("tcp", str((443, 443)), "0.0.0.0/0")}),
            "EmitSecurityGroup": (set(), {("udp", feed, groups)}),
            "SubscriberSecurityGroup": (
                {("udp", feed, peer), ("2", none, "0.0.0.0/32")},
                {("2", none, "224.0.0.2/32"), ("2", none, groups)}),
        }
        for name in set(self.of_type("EC2::SecurityGroup")) ^ set(promised):
            self.fault(name, "a security group that is not as promised")
        for name, (ingress, egress) in promised.items():
            for rule in self.rules(name, "Ingress") ^ ingress:
                self.fault(name, f"in: not as promised: {rule}")
            for rule in self.rules(name, "Egress") ^ egress:
                self.fault(name, f"out: not as promised: {rule}")
        for interface, group in (("TunnelInterface", "TunnelSecurityGroup"),
                                 ("EmitInterface", "EmitSecurityGroup")):
            if self.properties(interface).get("GroupSet") != [{"Ref": group}]:
                self.fault(interface, f"not in {group} alone")

    def statements(self):
        for name, role in self.of_type("IAM::Role").items():
            yield from ((name, each) for each in
                        role.get("AssumeRolePolicyDocument", {}).get("Statement", []))
            for policy in role.get("Policies", []):
                if "Fn::If" in policy:
                    policy = policy["Fn::If"][1]
                if not isinstance(policy, dict):
                    self.fault(name, f"no policy: {policy}")
                    continue
                yield from ((name, each) for each in
                            policy.get("PolicyDocument", {}).get("Statement", []))

    def check_rights(self):
        for name, statement in self.statements():
            actions = as_list(statement.get("Action", []))
            if not actions:
                self.fault(name, "a statement without Action")
            for action in actions:
                describes = re.fullmatch(r"ec2:Describe[A-Za-z]*\*?", action)
                if action not in ACTIONS and not describes:
                    self.fault(name, f"may {action}")
                if statement.get("Resource") == "*" and not describes:
                    self.fault(name, f"may {action} on everything")
        for name, role in self.of_type("IAM::Role").items():
            for policy in role.get("ManagedPolicyArns", []):
                if not isinstance(policy, dict) or "Fn::If" not in policy:
                    self.fault(name, "a managed policy that nobody asked for")

    def check_instance(self):
        for value in self.parameters.get("InstanceType", {}).get("AllowedValues", [""]):
            if not NITRO.fullmatch(value):
                self.fault("InstanceType", f"not a Nitro type: {value}")
        for name, template in self.of_type("EC2::LaunchTemplate").items():
            data = template.get("LaunchTemplateData", {})
            if data.get("MetadataOptions", {}).get("HttpTokens") != "required":
                self.fault(name, "IMDSv1")
            for device in data.get("BlockDeviceMappings", [{}]):
                if device.get("Ebs", {}).get("Encrypted") is not True:
                    self.fault(name, "a volume is not encrypted")
            if len(data.get("NetworkInterfaces", [])) != 2:
                self.fault(name, "not two interfaces")
            self.check_script(name, data.get("UserData", {}))

    # What cloud-init runs is a script that a shell can read.
    def check_script(self, name, data):
        text = data.get("Fn::Base64", {}).get("Fn::Sub", "")
        script = re.sub(r"\$\{!", "${", re.sub(r"\$\{[A-Za-z][^}]*\}", "x", text))
        if not script.startswith("#!/bin/bash\n"):
            self.fault(name, "user data is no script")
        checked = subprocess.run(["bash", "-n"], input=script, text=True,
                                 capture_output=True, check=False)
        if checked.returncode != 0 or checked.stderr:
            self.fault(name, f"user data: {checked.stderr.strip()}")


def faults(path):
    with open(path, encoding="utf-8") as file:
        try:
            template = Template(file.read())
        except yaml.YAMLError as error:
            return [" ".join(str(error).split())]
    template.check_form()
    template.check_promises()
    return sorted(template.faults)


def main():
    found = [f"{path}: {line}" for path in sys.argv[1:] for line in faults(path)]
    for line in found:
        print(line)
    return 1 if found else 0


sys.exit(main())
