"""Does to a pipeline's EC2 what a printed AWS CLI command does to an account.

    apply("aws ec2 modify-vpc-attribute --vpc-id vpc-1 --enable-dns-support Value=true", pipeline["ec2"])

The command is read as the AWS CLI reads it: options by botocore's model of the operation, values in shorthand
syntax, everything held against the operation's input shape. What it then does is what the EC2 API reference
says. Raises NotACommand for what the CLI or AWS would refuse.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from botocore import xform_name
from botocore.validate import ParamValidator

from tests.servers.aws_wire import model

# botocore's stubs give no shape the members that its type_name promises.
Shape = Any
Params = Mapping[str, Any]
Ec2 = dict[str, Any]
GLOBAL = ("--region", "--profile")
_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "VpcPeeringConnectionId",
    "TransitGatewayId",
    "EgressOnlyInternetGatewayId",
    "NetworkInterfaceId",
)


class NotACommand(Exception):
    """The AWS CLI, or AWS, would refuse it: why."""


def apply(command: str, ec2: Ec2) -> None:
    """Change the documents as the command would the account."""
    operation, params = parse(command)
    if operation not in _DOES:
        raise NotACommand(f"what {operation} does is not known here: {command}")
    _DOES[operation](params, ec2)


def parse(command: str) -> tuple[str, dict[str, Any]]:
    """The operation of an `aws ec2` command and its parameters, in botocore's names."""
    program, service, name, *words = shlex.split(command)
    if (program, service) != ("aws", "ec2"):
        raise NotACommand(f"not an aws ec2 command: {command}")
    operations = {xform_name(one, "-"): one for one in model("ec2").operation_names}
    if name not in operations:
        raise NotACommand(f"the AWS CLI has no command ec2 {name}")
    operation = operations[name]
    shape: Shape = model("ec2").operation_model(operation).input_shape
    options = {f"--{xform_name(member, '-')}": member for member in shape.members}
    params: dict[str, Any] = {}
    while words:
        option = words.pop(0)
        values = []
        while words and not words[0].startswith("--"):
            values.append(words.pop(0))
        if option in GLOBAL:
            continue
        if (option, name) in _FLAGS:
            params.update(_FLAGS[option, name])
        elif option in options:
            params[options[option]] = _value(shape.members[options[option]], values, option)
        elif option.startswith("--no-") and f"--{option[5:]}" in options:
            params[options[f"--{option[5:]}"]] = False
        else:
            raise NotACommand(f"ec2 {name} has no option {option}")
    wrong = ParamValidator().validate(params, shape).generate_report()
    if wrong:
        raise NotACommand(f"{command}: {wrong}")
    return operation, params


# The CLI's own way with these: a pair of flags in place of a true or false (AWS CLI reference).
_FLAGS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("--ingress", "create-network-acl-entry"): {"Egress": False},
    ("--egress", "create-network-acl-entry"): {"Egress": True},
    ("--ingress", "replace-network-acl-entry"): {"Egress": False},
    ("--egress", "replace-network-acl-entry"): {"Egress": True},
}


def _value(shape: Shape, values: list[str], option: str) -> Any:
    match shape.type_name, values:
        case "boolean", []:
            return True
        case "list", [_, *_]:
            if shape.member.type_name in ("structure", "list"):
                return [_shorthand(shape.member, text) for text in values]
            return [_scalar(shape.member, text) for text in values]
        case "structure", [text]:
            return _shorthand(shape, text)
        case _, [text]:
            return _scalar(shape, text)
    raise NotACommand(f"{option} {' '.join(values)}: so many values it does not take")


def _scalar(shape: Shape, text: str) -> Any:
    match shape.type_name:
        case "integer" | "long":
            return int(text)
        case "boolean":
            if text.lower() not in ("true", "false"):
                raise NotACommand(f"neither true nor false: {text}")
            return text.lower() == "true"
        case "string":
            return text
    raise NotACommand(f"{text} in place of a {shape.type_name}")


def _shorthand(shape: Shape, text: str) -> Any:
    value, rest = _members(shape, text, "")
    if rest:
        raise NotACommand(f"not the CLI's shorthand from here on: {rest}")
    return value


def _members(shape: Shape, text: str, end: str) -> tuple[dict[str, Any], str]:
    """key=value,key=value up to `end`, and what comes after that (AWS CLI user guide, shorthand syntax)."""
    found: dict[str, Any] = {}
    while True:
        named = re.match(r"(\w+)=", text)
        if named is None or named[1] not in shape.members:
            raise NotACommand(f"no member of {shape.name}: {text}")
        found[named[1]], text = _member(shape.members[named[1]], text[named.end() :])
        if text.startswith(","):
            text = text[1:]
        elif text.startswith(end):
            return found, text[len(end) :]
        else:
            raise NotACommand(f"not the CLI's shorthand from here on: {text}")


def _member(shape: Shape, text: str) -> tuple[Any, str]:
    if text.startswith("["):
        if shape.type_name != "list":
            raise NotACommand(f"a list in place of a {shape.type_name}: {text}")
        items, text = [], text[1:]
        while not text.startswith("]"):
            item, text = _member(shape.member, text.removeprefix(","))
            items.append(item)
        return items, text[1:]
    if text.startswith("{"):
        return _members(shape, text[1:], "}")
    plain = re.match(r"[^,\[\]{}]*", text)
    assert plain is not None
    return _scalar(shape, plain[0]), text[plain.end() :]


# What the operations do


def _find(ec2: Ec2, kind: str, key: str, value: str) -> dict[str, Any]:
    for one in ec2.get(kind, ()):
        if one[key] == value:
            found: dict[str, Any] = one
            return found
    raise NotACommand(f"the account has no {key} {value}")


def _authorize(direction: str) -> Callable[[Params, Ec2], None]:
    def does(params: Params, ec2: Ec2) -> None:
        group = _find(ec2, "SecurityGroups", "GroupId", params["GroupId"])
        for rule in params["IpPermissions"]:
            if rule in group[direction]:
                raise NotACommand(f"InvalidPermission.Duplicate: {rule}")
            group[direction].append(dict(rule))

    return does


def _acl_entry(params: Params, ec2: Ec2) -> None:
    acl = _find(ec2, "NetworkAcls", "NetworkAclId", params["NetworkAclId"])
    entry = {key: value for key, value in params.items() if key != "NetworkAclId"}
    taken = {(one["RuleNumber"], one["Egress"]) for one in acl["Entries"]}
    if (entry["RuleNumber"], entry["Egress"]) in taken:
        raise NotACommand(f"NetworkAclEntryAlreadyExists: {entry['RuleNumber']}")
    acl["Entries"].append(entry)


def _route(replaces: bool) -> Callable[[Params, Ec2], None]:
    def does(params: Params, ec2: Ec2) -> None:
        table = _find(ec2, "RouteTables", "RouteTableId", params["RouteTableId"])
        where = next(key for key in params if key.startswith("Destination"))
        same = [one for one in table["Routes"] if one.get(where) == params[where]]
        if replaces != bool(same):
            raise NotACommand(f"a route for {params[where]} is {'not ' if replaces else ''}there")
        table["Routes"] = [one for one in table["Routes"] if one not in same]
        target = {key: params[key] for key in _TARGETS if key in params}
        table["Routes"].append({where: params[where], **target, "Origin": "CreateRoute", "State": "active"})

    return does


def _vpc_attribute(params: Params, ec2: Ec2) -> None:
    vpc = _find(ec2, "VpcAttributes", "VpcId", params["VpcId"])
    vpc.update({key: value for key, value in params.items() if key != "VpcId"})


def _vpc_endpoint(params: Params, ec2: Ec2) -> None:
    endpoint = _find(ec2, "VpcEndpoints", "VpcEndpointId", params["VpcEndpointId"])
    for key, value in params.items():
        match key:
            case "PrivateDnsEnabled" | "PolicyDocument":
                endpoint[key] = value
            case "AddRouteTableIds":
                endpoint["RouteTableIds"] = [*endpoint.get("RouteTableIds", ()), *value]
            case "VpcEndpointId":
                pass
            case _:
                raise NotACommand(f"what {key} of ModifyVpcEndpoint does is not known here")


def _accept_peering(params: Params, ec2: Ec2) -> None:
    key = "VpcPeeringConnectionId"
    _find(ec2, "VpcPeeringConnections", key, params[key])["Status"] = {"Code": "active"}


_DOES: Mapping[str, Callable[[Params, Ec2], None]] = {
    "AuthorizeSecurityGroupIngress": _authorize("IpPermissions"),
    "AuthorizeSecurityGroupEgress": _authorize("IpPermissionsEgress"),
    "CreateNetworkAclEntry": _acl_entry,
    "CreateRoute": _route(replaces=False),
    "ReplaceRoute": _route(replaces=True),
    "ModifyVpcAttribute": _vpc_attribute,
    "ModifyVpcEndpoint": _vpc_endpoint,
    "AcceptVpcPeeringConnection": _accept_peering,
}
