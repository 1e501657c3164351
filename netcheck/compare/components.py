"""What changed between two AWS configurations: components and their rules, one change each."""

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
"""The AWS configuration by Region and file stem, as `netcheck.aws.ec2.snapshot.read_folder` returns it."""

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
"""File stem → the key of an item's id. Empty where the document holds a single item."""
NOISE = frozenset(
    {
        *("Tags", "TagSet", "AvailableIpAddressCount", "ResponseMetadata", "LaunchTime", "Attachment"),
        *("CreateTime", "CreationTimestamp", "CreationTime", "LastUpdateTimestamp", "Description"),
        *("UsageOperationUpdateTime", "StateTransitionReason", "LastError", "Version"),
    }
)
"""Members that change by themselves or have no effect on packets."""
INSTANCE_MEMBERS = ("InstanceId", "State", "VpcId", "SubnetId", "NetworkInterfaces", "SecurityGroups")
RULES = {"SecurityGroups": ("IpPermissions", "IpPermissionsEgress"), "NetworkAcls": ("Entries",)}
PARTS: Mapping[str, tuple[str, ...]] = {**RULES, "RouteTables": ("Routes",)}
"""The lists of an item whose members are compared one by one."""
ASSOCIATED = {"RouteTables": "route table", "NetworkAcls": "network ACL"}
"""Documents whose items list their subnets: a change of that is shown as a change of the subnet."""
AWS_ID = re.compile(
    r"\b(?:sg|acl|rtb|nat|igw|eigw|eni|vpce|tgw|tgw-attach|tgw-rtb|pcx|pl|vgw|subnet|vpc|eipalloc)-[\w-]+"
)
LONGEST_TEXT = 160


@dataclass(frozen=True, slots=True)
class Member:
    """One rule, entry or route: its name, its content in words, and the raw API value."""

    name: str
    text: str
    raw: Raw


def component_changes(before: Documents, after: Documents) -> tuple[Change, ...]:
    """Every difference, in the order of the documents."""
    return tuple(
        change
        for region in sorted({*before, *after})
        for stem in IDS
        if stem in before.get(region, {}) and stem in after.get(region, {})
        for change in _document_changes(region, stem, before[region], after[region])
    )


def not_compared(before: Documents, after: Documents) -> Iterator[str]:
    """What was collected on one side only, in words: changes there cannot be determined."""
    for region in sorted({*before, *after}):
        earlier, later = before.get(region, {}), after.get(region, {})
        stems = [stem for stem in IDS if (stem in earlier) != (stem in later)]
        where = f" of {region}" if region else ""
        for side, documents in (("before", earlier), ("after", later)):
            if missing := [stem for stem in stems if stem not in documents]:
                yield f"{', '.join(missing)}{where}: not collected {side}"
        was, now = _vpcs(earlier), _vpcs(later)
        for side, vpcs in (("before", now - was), ("after", was - now)):
            if "Vpcs" in earlier and "Vpcs" in later and vpcs:
                yield f"the contents of {', '.join(sorted(vpcs))}{where}: the VPC does not exist {side}"


def items(documents: Raw, stem: str) -> dict[str, Raw]:
    """The items of a document by their id."""
    found = documents.get(stem)
    listed = found.get(stem) if isinstance(found, Mapping) else None
    if isinstance(listed, Mapping):
        return {stem: listed}
    if stem == "Reservations":
        listed = [
            _instance(instance)
            for reservation in listed or ()
            for instance in reservation.get("Instances", ())
        ]
    return {str(item[IDS[stem]]): item for item in listed or () if IDS[stem] in item}


def _instance(instance: Raw) -> Raw:
    return {name: instance[name] for name in INSTANCE_MEMBERS if name in instance}


def _vpcs(documents: Raw) -> set[str]:
    return set(items(documents, "Vpcs"))


def _document_changes(region: str, stem: str, before: Raw, after: Raw) -> Iterator[Change]:
    earlier, later = items(before, stem), items(after, stem)
    left_out = _vpcs(before) ^ _vpcs(after) if "Vpcs" in before and "Vpcs" in after else set()
    for name in sorted({*earlier, *later}):
        was, now = earlier.get(name), later.get(name)
        if stem != "Vpcs" and (was or now or {}).get("VpcId") in left_out:
            continue
        if was is None or now is None:
            yield _item_change(Place(region, stem, name, "", ""), was, now)
        elif was != now:
            yield from _part_changes(region, stem, name, was, now)
    if stem in ASSOCIATED:
        yield from _association_changes(region, stem, earlier, later)


def _item_change(place: Place, was: Any, now: Any) -> Change:
    act = Act.ADDED if was is None else Act.REMOVED
    text = f"{_singular(place.stem)} {'added' if was is None else 'removed'}"
    return Change(act, place.item, text, was, now, _mentions(place.item, was, now), place)


def _singular(stem: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem).lower()
    irregular = {
        "reservations": "instance",
        "addresses": "elastic IP address",
        "dhcp options": "DHCP options",
    }
    return irregular.get(spaced, spaced.removesuffix("s"))


def _part_changes(region: str, stem: str, name: str, was: Raw, now: Raw) -> Iterator[Change]:
    for part in PARTS.get(stem, ()):
        earlier, later = members(stem, part, was), members(stem, part, now)
        for key in dict.fromkeys([*earlier, *later]):
            place = Place(region, stem, name, part, key)
            if change := _member_change(place, earlier.get(key), later.get(key)):
                yield change
    skipped = {*PARTS.get(stem, ()), *(("Associations",) if stem in ASSOCIATED else ())}
    for field in sorted({*was, *now} - skipped - NOISE):
        if was.get(field) != now.get(field):
            yield _field_change(Place(region, stem, name, field, ""), was.get(field), now.get(field))


def _member_change(place: Place, was: Member | None, now: Member | None) -> Change | None:
    raw: tuple[Any, Any] = (was.raw if was else None, now.raw if now else None)
    mentions = _mentions(place.item, *raw)
    match was, now:
        case None, Member(name, later):
            act, text = Act.ADDED, f"{name} added: {later}"
        case Member(name, earlier), None:
            act, text = Act.REMOVED, f"{name} removed: {earlier}"
        case Member(name, earlier), Member(_, later) if earlier != later:
            act, text = Act.CHANGED, f"{name} changed: {earlier} → {later}"
        case _:
            return None
    return Change(act, place.item, text, raw[0], raw[1], mentions, place)


def members(stem: str, part: str, item: Raw) -> dict[str, Member]:
    """The rules, entries or routes of an item, by what identifies each on both sides."""
    read: Callable[[str, Raw], Iterator[tuple[str, Member]]] = {
        "SecurityGroups": _permissions,
        "NetworkAcls": _entries,
        "RouteTables": _routes,
    }[stem]
    return dict(pair for raw in item.get(part) or () for pair in read(part, raw))


def _permissions(part: str, raw: Raw) -> Iterator[tuple[str, Member]]:
    """One for each peer: AWS merges rules that differ only in the peer."""
    egress = part == "IpPermissionsEgress"
    name = f"{'outbound' if egress else 'inbound'} rule"
    base = {key: raw[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in raw}
    for kind in ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds"):
        for peer in raw.get(kind) or ():
            single = {**base, kind: [{key: value for key, value in peer.items() if key != "Description"}]}
            text = words.permission(single, egress)
            yield f"{part} {text}", Member(name, text, single)


def _entries(_: str, raw: Raw) -> Iterator[tuple[str, Member]]:
    direction = "outbound" if raw.get("Egress") else "inbound"
    number = raw.get("RuleNumber")
    name = f"{direction} entry {'*' if number in (32767, 32768) else number}"
    yield f"{direction} {number}", Member(name, words.entry(raw), raw)


def _routes(_: str, raw: Raw) -> Iterator[tuple[str, Member]]:
    destination = words.destination(raw)
    yield destination, Member(f"route {destination}", words.route(raw), raw)


def _field_change(place: Place, was: Any, now: Any) -> Change:
    mentions = _mentions(place.item, was, now)
    act = Act.CHANGED
    if isinstance(was, list) and isinstance(now, list):
        removed = [f"{_short(value)} removed" for value in was if value not in now]
        added = [f"{_short(value)} added" for value in now if value not in was]
        text = f"{place.part}: {', '.join([*removed, *added]) or 'in another order'}"
    elif isinstance(was, Mapping) and isinstance(now, Mapping):
        names = [name for name in sorted({*was, *now}) if was.get(name) != now.get(name)]
        text = "; ".join(
            f"{place.part}.{name}: {_short(was.get(name))} → {_short(now.get(name))}" for name in names
        )
    else:
        text = f"{place.part}: {_short(was)} → {_short(now)}"
    if len(text) > LONGEST_TEXT:
        text = text[: LONGEST_TEXT - 3] + "..."
    return Change(act, place.item, text, was, now, mentions, place)


def _short(value: Any) -> str:
    """A value in short: its id or state where it has one."""
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


def _association_changes(
    region: str, stem: str, before: Mapping[str, Raw], after: Mapping[str, Raw]
) -> Iterator[Change]:
    """Changes of the route table or network ACL that a subnet is associated with explicitly."""
    earlier, later = associations(before), associations(after)
    for name in sorted({*earlier, *later}):
        was, now = earlier.get(name), later.get(name)
        if was == now:
            continue
        act = Act.CHANGED if was and now else Act.ADDED if now else Act.REMOVED
        main = "the VPC's main route table" if stem == "RouteTables" else "none"
        text = f"{ASSOCIATED[stem]}: {was or main} → {now or main}"
        mentions = frozenset({name, *filter(None, (was, now))})
        place = Place(region, stem, name, "Associations", name)
        yield Change(act, name, text, was, now, mentions, place)


def associations(tables: Mapping[str, Raw]) -> dict[str, str]:
    """The table or ACL that each subnet, gateway or VPC (for its main table) is associated with."""
    return {
        name: table
        for table, item in tables.items()
        for raw in item.get("Associations") or ()
        if (name := associated(raw, item))
    }


def associated(raw: Raw, item: Raw) -> str | None:
    """The subnet, gateway or VPC of an association."""
    if raw.get("Main"):
        return f"main of {item.get('VpcId')}"
    name = raw.get("SubnetId") or raw.get("GatewayId")
    return str(name) if name else None


def _mentions(name: str, *raws: object) -> frozenset[str]:
    return frozenset({name, *AWS_ID.findall(json.dumps(raws, default=str))})
