"""One row's world: the pipeline's network in the kernel, a worker in it, and everything it talks to.

    with Site(pipeline, backends, zygote) as site:
        ended = site.run("--timeout", "3")

The VPC's routers, filters, NAT and internet gateways are tests/lab's, compiled from the same JSON that the
AWS endpoint serves. Beyond them all stands one namespace, "site": it has the addresses of the brokers, of VPC
endpoints and of the internet, and a door at each of their ports. netcheck runs in the worker's namespace; the
VPC's resolver, AWS's API and the task's metadata answer there too, as no filter of AWS's stands before those.
"""

from __future__ import annotations

import contextlib
import copy
import ipaddress
import itertools
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from tests.lab.cloud import FILES, Documents
from tests.lab.compile import compile_account
from tests.lab.faults.backends import NAME as BACKENDS
from tests.lab.faults.backends import Backends, way_back
from tests.lab.faults.doors import open_door
from tests.lab.faults.zygote import Ended, Zygote
from tests.lab.flow import INTERNET
from tests.lab.kernel import World
from tests.lab.plan import Namespace, Plan
from tests.scenarios.pipelines import world as aws_world
from tests.servers import dns
from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.dns import DnsServer, Entry
from tests.servers.metadata import Pages

SITE = "site"
WORKER = "eni-worker-1"
TASK = "/v4/0123456789"
SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt"
_TURN = itertools.count(1)


class Site:
    """Built on entering the block; nothing of it is left after it."""

    def __init__(self, pipeline: Mapping[str, Any], backends: Backends, zygote: Zygote) -> None:
        self._pipeline = pipeline
        self._live: Mapping[str, Any] = pipeline["live"]
        self._backends = backends
        self._zygote = zygote
        self._turn = next(_TURN)
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as started:
            self._world = World()
            started.callback(self._world.close)
            plan, site, worker = self._plan()
            self._world.build(plan, v6=False, beside={BACKENDS: self._backends.namespace})
            address = self._own_address()
            back = "\n".join(way_back(address, f"b{self._turn}")) + "\n"
            self._world.run_all("ip -batch -", {BACKENDS: back})
            with self._world.inside(SITE):
                self._start_name_servers(started, site)
                doors = self._open_doors(started)
            self._world.run_all("nft -f -", {SITE: doors})
            with self._world.inside(WORKER):
                self._start_name_servers(started, worker)
                self._aws = started.enter_context(AwsEndpoint(aws_world(self._pipeline)))
                for action in self._pipeline["deny"]:
                    self._aws.deny(*action.split(":"))
                pages = Pages({("GET", f"{TASK}/task"): (200, json.dumps(self._task()))})
                self._metadata = started.enter_context(pages)
            self._cleanup = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A fixture that AWS's endpoint could not answer from is told, unless something else is wrong already.
        self._cleanup.__exit__(kind, error, trace)

    def run(self, *more: str, command: bool = False) -> Ended:
        """`netcheck run` as this pipeline's owner types it, and what was asked for besides."""
        arguments = ["run", *self._pipeline["arguments"], "--format", "json", *more]
        namespace = self._world.namespaces[WORKER]
        return self._zygote.run(namespace, arguments, self._environment(), self._files(), command=command)

    # What netcheck finds around it

    def _environment(self) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
        return (
            {name: os.environ[name] for name in kept if name in os.environ}
            | {name: value for name, value in self._aws.environment().items() if name != "NO_PROXY"}
            | {"ECS_CONTAINER_METADATA_URI_V4": f"{self._metadata.url}{TASK}"}
            | {"NETCHECK_CLICKHOUSE_PASSWORD": self._backends.clickhouse.users["sink"]}
            | dict(self._live.get("environment", {}))
        )

    def _files(self) -> dict[str, str]:
        """The resolver's settings, and public roots with the lab's authority as the only one."""
        import certifi

        servers = "".join(f"nameserver {address}\n" for address in self._live["resolvers"])
        roots = self._backends.certificates.authority.certificate.read_text()
        return {"/etc/resolv.conf": servers, SYSTEM_ROOTS: roots, certifi.where(): roots}

    def _task(self) -> dict[str, Any]:
        interface = self._interface(WORKER)
        networks = [{"NetworkMode": "awsvpc", "IPv4Addresses": [interface["PrivateIpAddress"]]}]
        return {
            "Family": "netcheck",
            "AvailabilityZone": interface["AvailabilityZone"],
            "Containers": [{"Networks": networks}],
        }

    def _interface(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = next(
            one for one in self._pipeline["ec2"]["NetworkInterfaces"] if one["NetworkInterfaceId"] == name
        )
        return found

    # The network

    def _plan(self) -> tuple[Plan, frozenset[str], frozenset[str]]:
        """What to build, and which addresses are the site's and which the worker's own."""
        plan = compile_account(documents(self._pipeline["ec2"]))
        worker = plan.namespaces[WORKER]
        worker.ruleset = ""
        own = frozenset(self._live.get("at_the_worker", ()))
        worker.commands += [f"addr add {address}/32 dev lo" for address in own]
        merged = {
            name for name, one in plan.namespaces.items() if one.listens and name not in (WORKER, INTERNET)
        }
        site = Namespace(SITE, forwards=True)
        links = list(_links_of_the_site(plan, {*merged, INTERNET}))
        addresses = {
            one["PrivateIpAddress"]
            for eni in self._pipeline["ec2"]["NetworkInterfaces"]
            if eni["NetworkInterfaceId"] in merged
            for one in eni["PrivateIpAddresses"]
        }
        addresses |= {where.rpartition(":")[0] for where in self._live["doors"]}
        addresses |= set(self._live["name_servers"]) - own
        site.commands += [f"addr add {address}/32 dev lo" for address in sorted(addresses)]
        for number, link in enumerate(links, 1):
            site.commands.append(f"rule add pref 5 fwmark {number} lookup {100 + number}")
            site.route("", "default", f"dev {link} table {100 + number}")
        site.links.append(("b0", BACKENDS, f"b{self._turn}"))
        site.commands += [
            f"addr add {self._own_address()}/32 dev b0",
            "route add 10.255.0.0/16 dev b0",
            # Whoever is not here does not answer; and an answer is routed by its mark, once it has a way.
            "route add default dev b0 metric 9000",
        ]
        self._site_links = links
        for name in {*merged, INTERNET}:
            del plan.namespaces[name]
        for name, commands in self._live.get("links", {}).items():
            plan.namespaces[name].commands += commands
        plan.namespaces[SITE] = site
        return plan, frozenset(addresses), own

    def _own_address(self) -> str:
        """The site's address among the backends; runs end long before these do."""
        return str(ipaddress.ip_address("10.255.1.0") + self._turn)

    # What stands where

    def _open_doors(self, started: contextlib.ExitStack) -> str:
        """Open every door; returns the rules that lead to them."""
        elements = []
        for where, door in self._live["doors"].items():
            address, _, port = where.rpartition(":")
            to, peer = open_door(door, address, self._backends)
            if peer is not None:
                started.enter_context(peer)
            if to is not None:
                elements.append(f"{address} . {port} : {to[0]} . {to[1]}")
        return _rules(self._site_links, elements, self._live.get("drops", ()))

    def _start_name_servers(self, started: contextlib.ExitStack, here: frozenset[str]) -> None:
        for address, zone in self._live["name_servers"].items():
            if address not in here or zone == "closed":
                continue
            if zone == "silent":
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    deaf = started.enter_context(socket.socket(socket.AF_INET, kind))
                    deaf.bind((address, 53))
                continue
            started.enter_context(DnsServer(self._zone(zone), address, 53))

    def _zone(self, name: str) -> dict[str, Entry]:
        names: Mapping[str, Any] = {**self._pipeline["dns"], **private_names(self._pipeline["ec2"])}
        if name in ("SERVFAIL", "REFUSED"):
            return dict.fromkeys(names, dns.Fault[name])
        more = self._live.get("zones", {}).get(name, {})
        return {host: _entry(value) for host, value in {**names, **more}.items() if value is not None}


def _entry(value: Any) -> Entry:
    if isinstance(value, str):
        return dns.Fault[value]
    return [one if " " in one else f"60 {'AAAA' if ':' in one else 'A'} {one}" for one in value]


def _links_of_the_site(plan: Plan, merged: set[str]) -> Iterator[str]:
    """Lead every link to a merged namespace to the site instead; yields the names of its ends there."""
    number = itertools.count(1)
    for namespace in plan.namespaces.values():
        for place, (own, other, _) in enumerate(namespace.links):
            if other in merged:
                name = f"s{next(number)}"
                namespace.links[place] = (own, SITE, name)
                yield name


def _rules(links: Sequence[str], elements: Sequence[str], drops: Sequence[str]) -> str:
    """Doors, and answers that leave by the link that the question came in by."""
    marks = "".join(
        f'    iifname "{name}" ct state new ct mark set {number}\n' for number, name in enumerate(links, 1)
    )
    filled = f"    elements = {{ {', '.join(elements)} }}\n" if elements else ""
    dropped = "".join(f"    {match} drop\n" for match in drops)
    return f"""table ip doors {{
  map to {{
    type ipv4_addr . inet_service : ipv4_addr . inet_service
{filled}  }}
  chain asked {{
    type filter hook prerouting priority -150;
{marks}    iifname "b0" meta mark set ct mark
  }}
  chain dropped {{
    type filter hook prerouting priority -140;
{dropped}  }}
  chain door {{
    type nat hook prerouting priority -100;
    dnat ip to ip daddr . tcp dport map @to
  }}
  chain answered {{
    type route hook output priority -150;
    ct direction reply meta mark set ct mark
  }}
  chain behind {{
    type nat hook postrouting priority 100;
    oifname "b0" masquerade
  }}
  chain quiet {{
    type filter hook output priority 0;
    icmp type destination-unreachable drop
  }}
}}
"""


def private_names(ec2: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names that VPC endpoints take over in the VPC's own resolver, and the addresses they then have.

    "Private DNS names for VPC endpoint services": both DNS attributes of the VPC have to be on.
    """
    attributes = {one["VpcId"]: one for one in ec2.get("VpcAttributes", ())}
    held = {one["NetworkInterfaceId"]: one["PrivateIpAddress"] for one in ec2["NetworkInterfaces"]}
    found: dict[str, Any] = {}
    for endpoint in ec2["VpcEndpoints"]:
        vpc = attributes[endpoint["VpcId"]]
        on = all(vpc[name]["Value"] for name in ("EnableDnsSupport", "EnableDnsHostnames"))
        if on and endpoint.get("PrivateDnsEnabled"):
            addresses = [held[one] for one in endpoint["NetworkInterfaceIds"]]
            names = [one["DnsName"] for one in endpoint["DnsEntries"]]
            found |= {name: addresses for name in names if not name.startswith("vpce-")}
    return found


def documents(ec2: Mapping[str, Any]) -> Documents:
    """A scenario's EC2 as the lab's compiler reads it: every file, and what AWS prints though it is empty."""
    given = copy.deepcopy(dict(ec2))
    found: Documents = {name: {name: given.get(name, [])} for name in FILES}
    for subnet in found["Subnets"]["Subnets"]:
        subnet.setdefault("Ipv6CidrBlockAssociationSet", [])
    for vpc in found["Vpcs"]["Vpcs"]:
        vpc.setdefault("Ipv6CidrBlockAssociationSet", [])
    for group in found["SecurityGroups"]["SecurityGroups"]:
        for rule in [*group.setdefault("IpPermissions", []), *group.setdefault("IpPermissionsEgress", [])]:
            for peers in ("UserIdGroupPairs", "IpRanges", "Ipv6Ranges", "PrefixListIds"):
                rule.setdefault(peers, [])
    for interface in found["NetworkInterfaces"]["NetworkInterfaces"]:
        interface.setdefault("Ipv6Addresses", [])
    return found
