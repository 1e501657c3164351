"""What the AWS endpoint knows: EC2 from a snapshot folder's documents, other services from plain dicts.

EC2's describe calls are answered from the documents by the rules the API documentation gives: filters (only
those botocore's model documents for that call, at most 200 values), ids (an unknown one is
`Invalid...NotFound`), MaxResults and NextToken. An account without a document
simply has none of those things: an empty list.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from operator import contains
from pathlib import Path
from typing import Any

import botocore.session
from botocore.exceptions import UnknownServiceError
from botocore.loaders import DataNotFoundError
from botocore.model import OperationModel, OperationNotFoundError
from botocore.validate import ParamValidator

from tests.servers.aws_wire import Call, Shape, model, operation

Output = Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]]
Services = Mapping[str, Mapping[str, Output]]
MOST_FILTER_VALUES = 200


class AwsError(Exception):
    """An error answer: AWS's code, its message and the HTTP status."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class FixtureError(Exception):
    """The test's own data is wrong: AWS cannot answer like that, or has no response configured."""


class World:
    """Answers calls. `documents` by top-level key; `services` = {"kafka": {"ListNodes": {...} or callable}}.

    A callable is given the parameters and returns the output or raises AwsError. Everything that is not
    callable is held against botocore's output shapes at once. Raises FixtureError.
    """

    def __init__(
        self, documents: Mapping[str, Any], services: Services | None = None, page_size: int | None = None
    ) -> None:
        self.documents = dict(documents)
        self.services: dict[str, dict[str, Output]] = {"sts": {"GetCallerIdentity": _IDENTITY}}
        for service, answers in (services or {}).items():
            self.services.setdefault(service, {}).update(answers)
        self.page_size = page_size
        self._check_fixtures()

    def answer(self, call: Call) -> Mapping[str, Any]:
        """The output of one call. Raises AwsError, FixtureError."""
        given = self.services.get(call.service, {}).get(call.operation)
        if given is not None:
            output = given(call.params) if callable(given) else self._paged(call, given)
        elif call.service == "ec2":
            output = self._ec2(call)
        else:
            raise FixtureError(f"this world has no answer for {call.service}:{call.operation}")
        hold_against_model(call.service, call.operation, output)
        return output

    def _check_fixtures(self) -> None:
        for service, answers in self.services.items():
            for name, output in answers.items():
                if not callable(output):
                    hold_against_model(service, name, output)
        for key, document in self.documents.items():
            if key in _WRAPPED:
                name, ours = _WRAPPED[key]
                outputs = [{k: v for k, v in item.items() if k not in ours} for item in document]
            elif key in _RENAMED:
                name, outputs = _RENAMED[key][0], [{_RENAMED[key][1]: document}]
            else:
                name, outputs = f"Describe{key}", [{key: document}]
            if key in ("Gaps",):
                continue
            if key == "Reservations":
                name = "DescribeInstances"
            for output in outputs:
                hold_against_model("ec2", name, output)

    # EC2

    def _ec2(self, call: Call) -> Mapping[str, Any]:
        special = {
            "DescribeVpcAttribute": self._vpc_attribute,
            "DescribeVpcBlockPublicAccessOptions": self._block_public_access,
            "GetManagedPrefixListEntries": self._prefix_list_entries,
            "GetTransitGatewayRouteTableAssociations": self._transit_gateway_table,
            "GetTransitGatewayRouteTablePropagations": self._transit_gateway_table,
            "SearchTransitGatewayRoutes": self._transit_gateway_routes,
        }.get(call.operation)
        return special(call) if special else self._described(call)

    def _described(self, call: Call) -> Mapping[str, Any]:
        op = operation(call)
        key = _list_member(op)
        items = self.documents.get(
            "ManagedPrefixLists" if call.operation == "DescribeManagedPrefixLists" else key, []
        )
        shape = _answer_shape(op).members[key].member
        return self._page(call, key, list(_selected(call, shape, _with_ids(call, items))))

    def _page(self, call: Call, key: str, items: Sequence[Any]) -> dict[str, Any]:
        members = _request_shape(operation(call)).members
        if "NextToken" not in members:
            return {key: list(items)}
        asked = call.params.get("MaxResults")
        longest = members["MaxResults"].metadata.get("max") or 1000
        if asked is not None and not 1 <= asked <= longest:
            raise AwsError("InvalidParameterValue", f"Value ( {asked} ) for parameter maxResults is invalid.")
        sizes = [size for size in (asked, self.page_size) if size is not None]
        start = _offset(call.params.get("NextToken"))
        end = start + min(sizes, default=len(items))
        token = {"NextToken": _token(end)} if end < len(items) else {}
        return {key: list(items[start:end]), **token}

    def _vpc_attribute(self, call: Call) -> Mapping[str, Any]:
        vpc, wire = call.params["VpcId"], call.params["Attribute"]
        if vpc not in {item["VpcId"] for item in self.documents.get("Vpcs", [])}:
            raise AwsError("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist")
        name = wire[0].upper() + wire[1:]
        known = {item["VpcId"]: item for item in self.documents.get("VpcAttributes", [])}
        default = {"Value": name == "EnableDnsSupport"}
        return {"VpcId": vpc, name: known.get(vpc, {}).get(name, default)}

    def _block_public_access(self, _: Call) -> Mapping[str, Any]:
        default = {
            "InternetGatewayBlockMode": "off",
            "State": "default-state",
            "AwsAccountId": "111122223333",
        }
        return {"VpcBlockPublicAccessOptions": self.documents.get("VpcBlockPublicAccessOptions", default)}

    def _prefix_list_entries(self, call: Call) -> Mapping[str, Any]:
        wanted = call.params["PrefixListId"]
        lists = self.documents.get("ManagedPrefixLists", []) + self.documents.get("PrefixLists", [])
        if wanted not in {item["PrefixListId"] for item in lists}:
            raise AwsError("InvalidPrefixListID.NotFound", f"The prefix list ID '{wanted}' does not exist")
        return self._page(call, "Entries", self._wrapped("PrefixListEntries", wanted).get("Entries", []))

    def _transit_gateway_table(self, call: Call) -> Mapping[str, Any]:
        key = _list_member(operation(call))
        document = next(k for k, (name, _) in _WRAPPED.items() if name == call.operation)
        table = self._wrapped(document, self._transit_gateway_table_id(call))
        shape = _answer_shape(operation(call)).members[key].member
        return self._page(call, key, list(_selected(call, shape, table.get(key, []))))

    def _transit_gateway_routes(self, call: Call) -> Mapping[str, Any]:
        if not call.params.get("Filters"):
            raise AwsError("MissingParameter", "The request must contain the parameter filters")
        table = self._wrapped("TransitGatewayStaticRoutes", self._transit_gateway_table_id(call))
        shape = _answer_shape(operation(call)).members["Routes"].member
        page = self._page(call, "Routes", list(_selected(call, shape, table.get("Routes", []))))
        more = "NextToken" in page or table.get("AdditionalRoutesAvailable", False)
        return {**page, "AdditionalRoutesAvailable": more}

    def _transit_gateway_table_id(self, call: Call) -> str:
        wanted = str(call.params["TransitGatewayRouteTableId"])
        tables = self.documents.get("TransitGatewayRouteTables", [])
        if wanted not in {item["TransitGatewayRouteTableId"] for item in tables}:
            message = f"Transit Gateway Route Table {wanted} was deleted or does not exist."
            raise AwsError("InvalidRouteTableID.NotFound", message)
        return wanted

    def _wrapped(self, document: str, wanted: str) -> Mapping[str, Any]:
        owner = _WRAPPED[document][1][0]
        return next((item for item in self.documents.get(document, []) if item[owner] == wanted), {})

    # Other services

    def _paged(self, call: Call, output: Mapping[str, Any]) -> Mapping[str, Any]:
        rules = _paginators(call.service).get(call.operation)
        key = rules and rules["result_key"]
        if not rules or not isinstance(key, str) or not isinstance(rules["input_token"], str) or "." in key:
            return output
        items = output.get(key, [])
        asked = call.params.get(rules.get("limit_key", ""))
        sizes = [int(size) for size in (asked, self.page_size) if size is not None]
        start = _offset(call.params.get(rules["input_token"]))
        end = start + min(sizes, default=len(items))
        token = {rules["output_token"]: _token(end)} if end < len(items) else {}
        return {**output, key: items[start:end], **token}


def read_folder(folder: Path) -> dict[str, Any]:
    """The documents of a flat snapshot folder, by top-level key."""
    documents: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        documents |= json.loads(path.read_text("utf-8"))
    return documents


def hold_against_model(service: str, name: str, output: Any) -> None:
    """Raise FixtureError unless the output has botocore's shape: no unknown member, no wrong type."""
    try:
        op = model(service).operation_model(name)
    except (UnknownServiceError, DataNotFoundError):
        raise FixtureError(f"botocore knows no service {service}") from None
    except OperationNotFoundError:
        raise FixtureError(f"botocore knows no operation {service}:{name}") from None
    if op.output_shape is None:
        wrong = "it answers with nothing" if output else ""
    else:
        wrong = ParamValidator().validate(output, op.output_shape).generate_report()
    if wrong:
        raise FixtureError(f"AWS cannot answer {service}:{name} like this: {wrong}")


_IDENTITY = {
    "UserId": "AIDACKCEVSQ6C2EXAMPLE",
    "Account": "111122223333",
    "Arn": "arn:aws:iam::111122223333:user/netcheck",
}

# Documents that hold the answers of several calls: the operation, and the members that say whose it is.
_WRAPPED = {
    "PrefixListEntries": ("GetManagedPrefixListEntries", ("PrefixListId",)),
    "TransitGatewayRouteTableAssociations": (
        "GetTransitGatewayRouteTableAssociations",
        ("TransitGatewayRouteTableId",),
    ),
    "TransitGatewayPropagations": (
        "GetTransitGatewayRouteTablePropagations",
        ("TransitGatewayRouteTableId",),
    ),
    "TransitGatewayStaticRoutes": ("SearchTransitGatewayRoutes", ("TransitGatewayRouteTableId",)),
    "VpcAttributes": ("DescribeVpcAttribute", ("VpcId",)),
}
_RENAMED = {"ManagedPrefixLists": ("DescribeManagedPrefixLists", "PrefixLists")}

# Filters whose names do not lead to the member by spelling alone.
_FILTERED: dict[tuple[str, str], tuple[str, ...]] = {
    ("DescribeNetworkInterfaces", "group-id"): ("Groups", "GroupId"),
    ("DescribeNetworkInterfaces", "addresses.private-ip-address"): ("PrivateIpAddresses", "PrivateIpAddress"),
    ("DescribeNetworkInterfaces", "addresses.primary"): ("PrivateIpAddresses", "Primary"),
    ("DescribeNetworkInterfaces", "addresses.association.public-ip"): (
        "PrivateIpAddresses",
        "Association",
        "PublicIp",
    ),
    ("DescribeVpnGateways", "attachment.vpc-id"): ("VpcAttachments", "VpcId"),
    ("DescribeVpnGateways", "attachment.state"): ("VpcAttachments", "State"),
    ("DescribeVpcs", "cidr"): ("CidrBlock",),
    ("DescribeNetworkAcls", "default"): ("IsDefault",),
    ("DescribeInstances", "instance-state-name"): ("State", "Name"),
    ("DescribeInstances", "ip-address"): ("PublicIpAddress",),
    ("DescribeVpcPeeringConnections", "status-code"): ("Status", "Code"),
    ("DescribeVpcEndpoints", "vpc-endpoint-state"): ("State",),
    ("DescribeManagedPrefixLists", "prefix-list-name"): ("PrefixListName",),
    ("SearchTransitGatewayRoutes", "attachment.transit-gateway-attachment-id"): (
        "TransitGatewayAttachments",
        "TransitGatewayAttachmentId",
    ),
    ("SearchTransitGatewayRoutes", "attachment.resource-id"): ("TransitGatewayAttachments", "ResourceId"),
    ("SearchTransitGatewayRoutes", "attachment.resource-type"): ("TransitGatewayAttachments", "ResourceType"),
}

_NOT_FOUND = {
    "VpcIds": "InvalidVpcID.NotFound",
    "SubnetIds": "InvalidSubnetID.NotFound",
    "GroupIds": "InvalidGroup.NotFound",
    "NatGatewayIds": "NatGatewayNotFound",
    "VpcEndpointIds": "InvalidVpcEndpointId.NotFound",
    "DhcpOptionsIds": "InvalidDhcpOptionID.NotFound",
    "VpnGatewayIds": "InvalidVpnGatewayID.NotFound",
    "TransitGatewayRouteTableIds": "InvalidRouteTableID.NotFound",
}


@cache
def _paginators(service: str) -> Mapping[str, Any]:
    loader = botocore.session.Session().get_component("data_loader")
    try:
        rules: Mapping[str, Any] = loader.load_service_model(service, "paginators-1")["pagination"]
    except (UnknownServiceError, DataNotFoundError):
        return {}
    return rules


def _request_shape(op: OperationModel) -> Shape:
    return op.input_shape


def _answer_shape(op: OperationModel) -> Shape:
    return op.output_shape


def _list_member(op: OperationModel) -> str:
    lists = [name for name, shape in _answer_shape(op).members.items() if shape.type_name == "list"]
    if len(lists) != 1:
        raise FixtureError(f"ec2:{op.name} is not a plain describe call: give its answer in services")
    return str(lists[0])


def _token(offset: int) -> str:
    return base64.b64encode(f"from {offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("from "))
    except (binascii.Error, ValueError):
        raise AwsError("InvalidParameterValue", f"Invalid value '{token}' for nextToken.") from None


def _matches(patterns: Sequence[re.Pattern[str]], value: Any) -> bool:
    return any(pattern.fullmatch(_text(value)) for pattern in patterns)


def _with_ids(call: Call, items: Sequence[Any]) -> Sequence[Any]:
    for param, wanted in call.params.items():
        if not param.endswith(("Ids", "PublicIps")) or not isinstance(wanted, list):
            continue
        if "MaxResults" in call.params:
            message = f"The parameter {param} cannot be used with the parameter MaxResults"
            raise AwsError("InvalidParameterCombination", message)
        member = param[:-1]
        there = {
            value
            for item in items
            for value in _at(item, ("Instances", member) if "Instances" in item else (member,))
        }
        for missing in sorted(set(wanted) - there):
            code = _NOT_FOUND.get(param, f"Invalid{param[:-3]}ID.NotFound")
            raise AwsError(code, f"The ID '{missing}' does not exist")
        items = list(_keep(items, (member,), partial(contains, wanted)))
    return items


def _selected(call: Call, shape: Shape, items: Sequence[Any]) -> Iterator[Any]:
    filters = call.params.get("Filters") or call.params.get("Filter") or []
    if sum(len(f["Values"]) for f in filters) > MOST_FILTER_VALUES:
        raise AwsError(
            "FilterLimitExceeded", "The maximum number of filter values specified on a single call is 200"
        )
    for given in filters:
        patterns = [_pattern(value) for value in given["Values"]]
        items = list(
            _keep(
                items,
                _filter_path(call, shape, given["Name"]),
                partial(_matches, patterns),
                tag=given["Name"].partition(":")[2] if given["Name"].startswith("tag:") else None,
            )
        )
    yield from items


def _keep(
    items: Sequence[Any], path: tuple[str, ...], fits: Callable[[Any], bool], tag: str | None = None
) -> Iterator[Any]:
    for item in items:
        if "Instances" in item:  # a reservation is shown with those of its instances that fit
            instances = list(_keep(item["Instances"], path, fits, tag))
            if instances:
                yield {**item, "Instances": instances}
        elif any(fits(value) for value in _values(item, path, tag)):
            yield item


def _values(item: Any, path: tuple[str, ...], tag: str | None) -> Iterator[Any]:
    if tag is None:
        yield from _at(item, path)
    else:
        yield from (pair["Value"] for pair in item.get(path[0], []) if pair["Key"] == tag)


def _at(item: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(item, list):
        for each in item:
            yield from _at(each, path)
    elif not path:
        yield item
    elif isinstance(item, dict) and path[0] in item:
        yield from _at(item[path[0]], path[1:])


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pattern(value: str) -> re.Pattern[str]:
    return re.compile(re.escape(value).replace(r"\*", ".*").replace(r"\?", "."))


def _filter_path(call: Call, shape: Shape, name: str) -> tuple[str, ...]:
    if name.startswith("tag:"):
        return (_tags_of(shape),)
    members = _request_shape(operation(call)).members
    documented = re.findall(
        r"<li> *<p> *<code>([^<]+)</code>", (members.get("Filters") or members["Filter"]).documentation
    )
    if name not in documented:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    if name == "tag-key":
        return (_tags_of(shape), "Key")
    path = _FILTERED.get((call.operation, name)) or _spelled(shape, name.split("."))
    if path is None:
        raise FixtureError(f"ec2:{call.operation}: which member the filter {name} looks at is not known here")
    return path


def _tags_of(shape: Shape) -> str:
    """The member with the tags: a network interface has them in TagSet."""
    return "TagSet" if "TagSet" in getattr(shape, "members", {}) else "Tags"


def _spelled(shape: Shape, segments: list[str]) -> tuple[str, ...] | None:
    if shape.type_name == "list":
        return _spelled(shape.member, segments)
    if not segments:
        return ()
    if shape.type_name != "structure":
        return None
    if shape.name == "Reservation" and segments != ["reservation-id"]:
        shape = shape.members["Instances"].member
    wanted = segments[0].replace("-", "")
    spellings = (wanted, wanted + "s", wanted[:-1] + "ies")
    for name, member in shape.members.items():
        if name.lower() in spellings:
            rest = _spelled(member, segments[1:])
            if rest is not None:
                return (name, *rest)
    return None
