"""Sentences of the AWS documentation as nftables rules. Every drop is logged first, with who drops."""

from __future__ import annotations

from collections.abc import Iterable

from tests.lab.account import Account, Item
from tests.lab.flow import CROSSED, NEW, Drop
from tests.lab.plan import Pin

# Where every host listens; a flow may not have it as its source port.
LISTENER = 9
# RFC 1918 and RFC 6598: an internet gateway sends nothing there.
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
PROTOCOL_NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}
HAS_PORTS = {"6": "tcp", "17": "udp"}


def tag(drop: str, component: str, detail: str = "") -> str:
    return f"{drop}|{component}|{detail}"


def log_and_drop(label: str) -> str:
    return f'log prefix "{label}" group 1 drop'


def chain(name: str, lines: Iterable[str], hook: str = "") -> str:
    body = "".join(f"    {line}\n" for line in ([hook] if hook else []) + list(lines))
    return f"  chain {name} {{\n{body}  }}\n"


def held_groups(eni: Item) -> frozenset[str]:
    return frozenset(one["GroupId"] for one in eni["Groups"])


def by_family(addresses: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for address in addresses:
        found.setdefault(family(address), []).append(address)
    return found


def family(cidr: str) -> str:
    return "ip6" if ":" in cidr else "ip"


def answering_rules(others: Iterable[str] = (), refused: Iterable[str] = ()) -> str:
    """Whoever answers, answers on every port: one listener behind a redirect.

    ``others`` matches what is not for this host but passes through, ``refused`` drops what it does not serve.
    """
    redirect = f"meta l4proto {{ tcp, udp }} redirect to :{LISTENER}"
    return (
        "table inet lab {\n"
        + chain("refuse", refused, "type filter hook prerouting priority -160;")
        + chain(
            "everyport",
            [*(f"{match} return" for match in others), redirect],
            "type nat hook prerouting priority -100;",
        )
        + "}\n"
    )


def port_match(number: str, ports: tuple[int, int] | None) -> str:
    """An nft match for a protocol number and a port range; None or 0-65535 is every port."""
    if number == "-1":
        return ""
    if number not in HAS_PORTS or ports is None or ports in ((0, 65535), (-1, -1)):
        return f"meta l4proto {number}"
    return f"{HAS_PORTS[number]} dport {ports[0]}-{ports[1]}"


def acl_chain(acl: Item, *, egress: bool) -> list[str]:
    """A network ACL: ascending rule number, the first match decides, no state."""
    entries = [entry for entry in acl["Entries"] if entry["Egress"] is egress]
    direction = "egress" if egress else "ingress"
    lines = []
    for entry in sorted(entries, key=lambda one: int(one["RuleNumber"])):
        cidr = entry.get("CidrBlock") or entry["Ipv6CidrBlock"]
        ports = (entry["PortRange"]["From"], entry["PortRange"]["To"]) if "PortRange" in entry else None
        where = f"{family(cidr)} {'daddr' if egress else 'saddr'} {cidr}"
        label = tag(Drop.ACL, acl["NetworkAclId"], f"{direction}:{entry['RuleNumber']}")
        verdict = "return" if entry["RuleAction"] == "allow" else log_and_drop(label)
        lines.append(f"{where} {port_match(entry['Protocol'], ports)} {verdict}")
    lines.append(log_and_drop(tag(Drop.ACL, acl["NetworkAclId"], f"{direction}:none")))
    return lines


def group_chain(account: Account, held: frozenset[str], *, egress: bool) -> list[str]:
    """Some security groups together: any matching rule lets a new connection through, replies follow it."""
    side = "daddr" if egress else "saddr"
    lines = ["ct state established return"]
    for group in account.all("SecurityGroups"):
        if group["GroupId"] not in held:
            continue
        for rule in group["IpPermissionsEgress" if egress else "IpPermissions"]:
            number = PROTOCOL_NUMBERS.get(rule["IpProtocol"], rule["IpProtocol"])
            ports = (rule["FromPort"], rule["ToPort"]) if "FromPort" in rule else None
            match = port_match(number, ports)
            cidrs = [one["CidrIp"] for one in rule["IpRanges"]]
            cidrs += [one["CidrIpv6"] for one in rule["Ipv6Ranges"]]
            for one in rule["PrefixListIds"]:
                cidrs += account.prefix_list(one["PrefixListId"])
            lines += [f"{family(cidr)} {side} {cidr} {match} return" for cidr in cidrs]
            # A reference holds inside the VPC and across a peering. A transit gateway does not carry it
            # (SecurityGroupReferencingSupport is off), nor does the internet, though IPv6 addresses stay.
            far = "oifname" if egress else "iifname"
            inside = {"ip": f'{far} != "t*"', "ip6": f'{far} != "t*" {far} != "i*" {far} != "x*"'}
            for pair in rule["UserIdGroupPairs"]:
                for kind, members in by_family(account.members(pair["GroupId"])).items():
                    lines.append(f"{inside[kind]} {kind} {side} {{ {', '.join(members)} }} {match} return")
    return lines


def same_way_back(interfaces: list[tuple[str, int]]) -> str:
    """Answers leave by the interface that the question came in by: its number marks the connection."""
    restore = "ct direction reply meta mark set ct mark"
    marks = [
        f'iifname "{name}" meta nfproto ipv6 ct state new ct mark set {number}' for name, number in interfaces
    ]
    return (
        "table inet back {\n"
        + chain("asked", [*marks, restore], "type filter hook prerouting priority -150;")
        + chain("answered", [restore], "type route hook output priority -150;")
        + chain("crossing", [f'log prefix "{CROSSED}||" group 1'], "type filter hook forward priority 0;")
        + "}\n"
    )


def internet_gateway_rules(name: str, inside_out: dict[str, str]) -> str:
    private = ", ".join(PRIVATE)
    to_private = log_and_drop(tag(Drop.IGW_PRIVATE_DESTINATION, name))
    no_public = log_and_drop(tag(Drop.IGW_NO_PUBLIC_ADDRESS, name))
    nobody = log_and_drop(tag(Drop.IGW_NOBODY, name))
    lines = [
        f'iifname "inside" ip daddr {{ {private} }} {to_private}',
    ]
    if inside_out:
        out = ", ".join(f"{private} : {public}" for private, public in inside_out.items())
        back = ", ".join(f"{public} : {private}" for private, public in inside_out.items())
        lines += [
            f'iifname "inside" ip saddr != {{ {", ".join(inside_out)} }} {no_public}',
            f'iifname "outside" ip daddr != {{ {", ".join(inside_out.values())} }} {nobody}',
            f'iifname "inside" ip saddr set ip saddr map {{ {out} }}',
            f'iifname "outside" ip daddr set ip daddr map {{ {back} }}',
        ]
    else:
        lines += [
            f'iifname "inside" meta nfproto ipv4 {no_public}',
            f'iifname "outside" meta nfproto ipv4 {nobody}',
        ]
    return (
        "table inet lab {\n"
        + chain("translate", lines, "type filter hook prerouting priority -300;")
        + chain("quiet", ["drop"], "type filter hook output priority 0;")
        + "}\n"
    )


def nat_gateway_rules(name: str, state: str, address: str, pins: Iterable[Pin]) -> str:
    """Source becomes the gateway's address, port 1024-65535; what belongs to no connection is dropped."""
    elements = ", ".join(
        f"{pin.protocol} . {pin.address} . {pin.source_port} . {pin.destination} . {pin.port}"
        f" : {pin.nat_port}"
        for pin in pins
    )
    kind = "type inet_proto . ipv4_addr . inet_service . ipv4_addr . inet_service : inet_service;"
    key = "meta l4proto . ip saddr . th sport . ip daddr . th dport"
    rewrite = [
        f"meta l4proto {{ tcp, udp }} snat to {address} : {key} map @pins",
        f"meta l4proto {{ tcp, udp }} snat to {address}:1024-65535",
        f"meta l4proto icmp snat to {address}",
    ]
    forward = [
        f"ct state invalid {log_and_drop(tag(Drop.NAT_NO_FLOW, name))}",
        f'ct state new log prefix "{tag(NEW, name, Drop.NAT_NO_FLOW)}" group 1',
    ]
    if state != "available":
        forward = [log_and_drop(tag(Drop.NAT_STATE, name, state))]
    return (
        "table ip lab {\n"
        f"  map pins {{\n    {kind}\n    {f'elements = {{ {elements} }}' if elements else ''}\n  }}\n"
        + chain("rewrite", rewrite, "type nat hook postrouting priority 100;")
        + chain("forward", forward, "type filter hook forward priority 0;")
        + chain(
            "arriving",
            [log_and_drop(tag(Drop.NAT_NO_FLOW, name))],
            "type filter hook input priority 0;",
        )
        + chain("quiet", ["drop"], "type filter hook output priority 0;")
        + "}\n"
    )
