"""What changed between two sets of AWS's answers: components and their rules, one change each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netcheck.compare import words
from netcheck.compare.change import Act, Change, Place

Raw = Mapping[str, Any]
Documents = Mapping[str, Mapping[str, Any]]
"""AWS's answers by Region and file stem, as `netcheck.aws.ec2.snapshot.read_folder` gives them."""

IDS: Mapping[str, str] = {
    "Vpcs": "VpcId",
    "VpcAttributes": "VpcId",
    "Subnets": "SubnetId",
    "RouteTables": "RouteTableId",
    "NetworkAcls": "NetworkAclId",
    "SecurityGroups": "GroupId",
    "NetworkInterfaces": "NetworkInterfaceId",
    "NatGateways": "NatGatewayId",
    "InternetGateways": "InternetGatewayId",
    "EgressOnlyInternetGateways": "EgressOnlyInternetGatewayId",
    "Addresses": "AllocationId",
    "VpcEndpoints": "VpcEndpointId",
    "ManagedPrefixLists": "PrefixListId",
    "PrefixLists": "PrefixListId",
    "PrefixListEntries": "PrefixListId",
    "VpcPeeringConnections": "VpcPeeringConnectionId",
    "TransitGateways": "TransitGatewayId",
    "TransitGatewayAttachments": "TransitGatewayAttachmentId",
    "TransitGatewayVpcAttachments": "TransitGatewayAttachmentId",
    "TransitGatewayRouteTables": "TransitGatewayRouteTableId",
    "TransitGatewayRouteTableAssociations": "TransitGatewayRouteTableId",
    "TransitGatewayPropagations": "TransitGatewayRouteTableId",
    "TransitGatewayStaticRoutes": "TransitGatewayRouteTableId",
    "VpnGateways": "VpnGatewayId",
    "DhcpOptions": "DhcpOptionsId",
    "VpcBlockPublicAccessOptions": "",
    "VpcBlockPublicAccessExclusions": "ExclusionId",
    "Reservations": "InstanceId",
}
"""File stem → what names an item. An empty name: the document holds a single item."""
NOISE = frozenset(
    {
        *("Tags", "TagSet", "AvailableIpAddressCount", "ResponseMetadata", "LaunchTime", "Attachment"),
        *("CreateTime", "CreationTimestamp", "CreationTime", "LastUpdateTimestamp", "Description"),
        *("UsageOperationUpdateTime", "StateTransitionReason", "LastError", "Version"),
    }
)
"""What changes by itself, or means nothing to a packet."""
OF_AN_INSTANCE = ("InstanceId", "State", "VpcId", "SubnetId", "NetworkInterfaces", "SecurityGroups")
RULES = {"SecurityGroups": ("IpPermissions", "IpPermissionsEgress"), "NetworkAcls": ("Entries",)}
PARTS: Mapping[str, tuple[str, ...]] = {**RULES, "RouteTables": ("Routes",)}
"""The lists of an item whose members are told one by one."""
OF_SUBNETS = {"RouteTables": "route table", "NetworkAcls": "network ACL"}
"""Documents whose items say which subnets they are for: told as changes of the subnets."""
AWS_ID = re.compile(
    r"\b(?:sg|acl|rtb|nat|igw|eigw|eni|vpce|tgw|tgw-attach|tgw-rtb|pcx|pl|vgw|subnet|vpc|eipalloc)-[\w-]+"
)
LONGEST_TEXT = 160


@dataclass(frozen=True, slots=True)
class Member:
    """One rule, entry or route: how one names it, what it says, and AWS's own words for it."""

    name: str
    says: str
    raw: Raw


def component_changes(before: Documents, after: Documents) -> tuple[Change, ...]:
    """Everything that differs, in the order of the documents."""
    return tuple(
        change
        for region in sorted({*before, *after})
        for stem in IDS
        if stem in before.get(region, {}) and stem in after.get(region, {})
        for change in _of_document(region, stem, before[region], after[region])
    )


def not_compared(before: Documents, after: Documents) -> Iterator[str]:
    """What was collected on one side only, in words: nothing can be said of changes there."""
    for region in sorted({*before, *after}):
        one, other = before.get(region, {}), after.get(region, {})
        stems = [stem for stem in IDS if (stem in one) != (stem in other)]
        where = f" of {region}" if region else ""
        for side, absent in (("before", one), ("after", other)):
            if missing := [stem for stem in stems if stem not in absent]:
                yield f"{', '.join(missing)}{where}: not collected {side}"
        for side, vpcs in (("before", _vpcs(other) - _vpcs(one)), ("after", _vpcs(one) - _vpcs(other))):
            if "Vpcs" in one and "Vpcs" in other and vpcs:
                yield f"what is in {', '.join(sorted(vpcs))}{where}: the VPC is not there {side}"


def items(documents: Raw, stem: str) -> dict[str, Raw]:
    """The items of a document by their id."""
    found = documents.get(stem)
    listed = found.get(stem) if isinstance(found, Mapping) else None
    if isinstance(listed, Mapping):
        return {stem: listed}
    if stem == "Reservations":
        listed = [_of_instance(each) for one in listed or () for each in one.get("Instances", ())]
    return {str(item[IDS[stem]]): item for item in listed or () if IDS[stem] in item}


def _of_instance(instance: Raw) -> Raw:
    return {name: instance[name] for name in OF_AN_INSTANCE if name in instance}


def _vpcs(documents: Raw) -> set[str]:
    return set(items(documents, "Vpcs"))


def _of_document(region: str, stem: str, before: Raw, after: Raw) -> Iterator[Change]:
    one, other = items(before, stem), items(after, stem)
    left_out = _vpcs(before) ^ _vpcs(after) if "Vpcs" in before and "Vpcs" in after else set()
    for name in sorted({*one, *other}):
        was, now = one.get(name), other.get(name)
        if stem != "Vpcs" and (was or now or {}).get("VpcId") in left_out:
            continue
        if was is None or now is None:
            yield _whole(Place(region, stem, name, "", ""), was, now)
        elif was != now:
            yield from _of_item(region, stem, name, was, now)
    if stem in OF_SUBNETS:
        yield from _of_subnets(region, stem, one, other)


def _whole(place: Place, was: Any, now: Any) -> Change:
    act = Act.ADDED if was is None else Act.REMOVED
    text = f"{_singular(place.stem)} {'is new' if was is None else 'is gone'}"
    return Change(act, place.item, text, was, now, _mentions(place.item, was, now), place)


def _singular(stem: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem).lower()
    irregular = {
        "reservations": "instance",
        "addresses": "elastic IP address",
        "dhcp options": "DHCP options",
    }
    return irregular.get(spaced, spaced.removesuffix("s"))


def _of_item(region: str, stem: str, name: str, was: Raw, now: Raw) -> Iterator[Change]:
    for part in PARTS.get(stem, ()):
        one, other = members(stem, part, was), members(stem, part, now)
        for key in dict.fromkeys([*one, *other]):
            if change := _of_member(Place(region, stem, name, part, key), one.get(key), other.get(key)):
                yield change
    skipped = {*PARTS.get(stem, ()), *(("Associations",) if stem in OF_SUBNETS else ())}
    for field in sorted({*was, *now} - skipped - NOISE):
        if was.get(field) != now.get(field):
            yield _of_field(Place(region, stem, name, field, ""), was.get(field), now.get(field))


def _of_member(place: Place, was: Member | None, now: Member | None) -> Change | None:
    raw: tuple[Any, Any] = (was.raw if was else None, now.raw if now else None)
    mentions = _mentions(place.item, *raw)
    match was, now:
        case None, Member(name, says):
            act, text = Act.ADDED, f"{name} added: {says}"
        case Member(name, says), None:
            act, text = Act.REMOVED, f"{name} removed: {says}"
        case Member(name, says), Member(_, later) if says != later:
            act, text = Act.CHANGED, f"{name} changed: {says} → {later}"
        case _:
            return None
    return Change(act, place.item, text, raw[0], raw[1], mentions, place)


def members(stem: str, part: str, item: Raw) -> dict[str, Member]:
    """The rules, entries or routes of an item, by what makes each the same one on both sides."""
    read: Callable[[str, Raw], Iterator[tuple[str, Member]]] = {
        "SecurityGroups": _permissions,
        "NetworkAcls": _entries,
        "RouteTables": _routes,
    }[stem]
    return dict(pair for raw in item.get(part) or () for pair in read(part, raw))


def _permissions(part: str, raw: Raw) -> Iterator[tuple[str, Member]]:
    """One for each peer: AWS joins rules that differ only in that."""
    egress = part == "IpPermissionsEgress"
    name = f"{'outbound' if egress else 'inbound'} rule"
    base = {key: raw[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in raw}
    for kind in ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds"):
        for peer in raw.get(kind) or ():
            single = {**base, kind: [{key: value for key, value in peer.items() if key != "Description"}]}
            says = words.permission(single, egress)
            yield f"{part} {says}", Member(name, says, single)


def _entries(_: str, raw: Raw) -> Iterator[tuple[str, Member]]:
    way = "outbound" if raw.get("Egress") else "inbound"
    number = raw.get("RuleNumber")
    name = f"{way} entry {'*' if number in (32767, 32768) else number}"
    yield f"{way} {number}", Member(name, words.entry(raw), raw)


def _routes(_: str, raw: Raw) -> Iterator[tuple[str, Member]]:
    destination = words.destination(raw)
    yield destination, Member(f"route {destination}", words.route(raw), raw)


def _of_field(place: Place, was: Any, now: Any) -> Change:
    mentions = _mentions(place.item, was, now)
    act = Act.CHANGED
    if isinstance(was, list) and isinstance(now, list):
        less = [_short(each) for each in was if each not in now]
        more = [_short(each) for each in now if each not in was]
        told = [*(f"without {each}" for each in less), *(f"with {each}" for each in more)]
        text = f"{place.part}: {', '.join(told) or 'in another order'}"
    elif isinstance(was, Mapping) and isinstance(now, Mapping):
        names = [name for name in sorted({*was, *now}) if was.get(name) != now.get(name)]
        told = [f"{place.part}.{name}: {_short(was.get(name))} → {_short(now.get(name))}" for name in names]
        text = "; ".join(told)
    else:
        text = f"{place.part}: {_short(was)} → {_short(now)}"
    if len(text) > LONGEST_TEXT:
        text = text[: LONGEST_TEXT - 3] + "..."
    return Change(act, place.item, text, was, now, mentions, place)


def _short(value: Any) -> str:
    """A value as one says it: what stands for itself, and the id of what has one."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "on" if value else "off"
        case Mapping():
            named = [f"{v}" for k, v in value.items() if k.endswith("Id") and k != "OwnerId"]
            if "Value" in value and len(value) == 1:
                return _short(value["Value"])
            if set(value) <= {"Code", "Name", "State", "Message"} and value:
                return str(value.get("Name", value.get("Code", value.get("State", ""))))
            return named[0] if named else json.dumps(value, sort_keys=True)
        case list():
            return "[" + ", ".join(map(_short, value)) + "]"
        case _:
            return str(value)


def _of_subnets(
    region: str, stem: str, before: Mapping[str, Raw], after: Mapping[str, Raw]
) -> Iterator[Change]:
    """Which table or ACL each subnet goes by, where it is said of the subnet itself."""
    one, other = associations(before), associations(after)
    for name in sorted({*one, *other}):
        was, now = one.get(name), other.get(name)
        if was == now:
            continue
        act = Act.CHANGED if was and now else Act.ADDED if now else Act.REMOVED
        main = "the VPC's main one" if stem == "RouteTables" else "none"
        text = f"{OF_SUBNETS[stem]}: {was or main} → {now or main}"
        mentions = frozenset({name, *filter(None, (was, now))})
        place = Place(region, stem, name, "Associations", name)
        yield Change(act, name, text, was, now, mentions, place)


def associations(tables: Mapping[str, Raw]) -> dict[str, str]:
    """For each subnet, gateway, or VPC (whose main table it is), the table or ACL it goes by."""
    return {
        name: table
        for table, item in tables.items()
        for raw in item.get("Associations") or ()
        if (name := associated(raw, item))
    }


def associated(raw: Raw, item: Raw) -> str | None:
    """What an association is for."""
    if raw.get("Main"):
        return f"main of {item.get('VpcId')}"
    name = raw.get("SubnetId") or raw.get("GatewayId")
    return str(name) if name else None


def _mentions(name: str, *raws: object) -> frozenset[str]:
    return frozenset({name, *AWS_ID.findall(json.dumps(raws, default=str))})
