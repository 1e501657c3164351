"""The vantage of this run: the host, its name servers and proxy variables, and its identity in AWS.

`look` sends nothing; `identify` calls only the metadata service of the machine that it runs on.
"""

from __future__ import annotations

import json
import os
import platform
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.http.client import FirstByteClock, exchange, host_field
from netcheck.probe.tls.stream import open_stream
from netcheck.probe.transport.failure import Failed

RESOLV_CONF = Path("/etc/resolv.conf")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
OUTSIDE_ADDRESSES = (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6))
"""Documentation addresses (RFC 5737, RFC 3849), to see which source address the kernel would choose."""

INSTANCE_METADATA = "http://169.254.169.254"
METADATA_SECONDS = 1.0
METADATA_LARGEST = 1 << 20
HYPERVISOR_FILES = tuple(
    Path("/sys", name)
    for name in (
        "hypervisor/uuid",
        "class/dmi/id/sys_vendor",
        "class/dmi/id/board_vendor",
        "class/dmi/id/product_uuid",
    )
)
"""Files by which Linux identifies the hypervisor."""


@dataclass(frozen=True, slots=True)
class Vantage:
    """This host. `addresses` are its source addresses towards the internet; `proxies` are variable names."""

    host: str
    addresses: tuple[str, ...]
    name_servers: tuple[str, ...]
    proxies: tuple[str, ...]
    system: str


def look(deadline: Deadline) -> Vantage:
    """Describe this host. Never waits: connecting a datagram socket sends nothing."""
    deadline.remaining()
    return Vantage(
        socket.gethostname(),
        tuple(found for address, family in OUTSIDE_ADDRESSES if (found := _source_address(address, family))),
        _name_servers(RESOLV_CONF),
        tuple(sorted({name for name in os.environ if name.lower() in PROXY_VARIABLES})),
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    )


def _source_address(address: str, family: socket.AddressFamily) -> str | None:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 53))
            source: str = probe.getsockname()[0]
            return source
    except OSError:
        return None


def _name_servers(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    words = [line.split() for line in lines]
    return tuple(line[1] for line in words if len(line) > 1 and line[0] == "nameserver")


@dataclass(frozen=True, slots=True)
class Identity:
    """This host's identity in AWS. `kind` is ec2, ecs, lambda, outside, or unknown where it is not
    determined.

    `security_groups` is None where they are unknown; `function` is the Lambda function's name; `addresses`
    are this host's private addresses in AWS. `detail` says why something is unknown.
    """

    kind: str
    interface: str | None = None
    subnets: tuple[str, ...] = ()
    vpc: str | None = None
    zone: str | None = None
    security_groups: tuple[str, ...] | None = None
    addresses: tuple[str, ...] = ()
    function: str | None = None
    detail: str = ""


def identify(deadline: Deadline) -> Identity:
    """Identify this host by Lambda's environment, or by the metadata service of ECS or EC2; outside AWS call
    none.
    """
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    task = os.environ.get("ECS_CONTAINER_METADATA_URI_V4")
    if function:
        return Identity("lambda", function=function)
    if task:
        return _of_task(deadline, task)
    if not _looks_like_ec2():
        return Identity("outside", detail="neither EC2, ECS nor Lambda")
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return Identity(
            "unknown", detail="AWS_EC2_METADATA_DISABLED is set: EC2's metadata service is not called"
        )
    return _of_instance(deadline, os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or INSTANCE_METADATA)


def _looks_like_ec2() -> bool:
    """Whether this is an EC2 instance, by the hypervisor's identification (EC2 user guide, Identify EC2
    instances), or because the endpoint of the metadata service is configured.
    """
    if os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT"):
        return True
    return any(
        text.lower().startswith(("ec2", "amazon ec2"))
        for name in HYPERVISOR_FILES
        if (text := _first_line(name))
    )


def _first_line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _of_instance(deadline: Deadline, endpoint: str) -> Identity:
    """IMDSv2: get a token, then the metadata of the primary interface (EC2 user guide, Instance metadata)."""
    lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    try:
        status, token = _request(deadline, endpoint, "PUT", "/latest/api/token", lifetime)
    except Failed as failure:
        return Identity("unknown", detail=_no_token(failure))
    if status != 200:
        return Identity("unknown", detail=f"EC2's metadata service refused a token: HTTP {status}")

    def metadata(path: str) -> str:
        headers = {"X-aws-ec2-metadata-token": token.strip()}
        status, body = _request(deadline, endpoint, "GET", path, headers)
        return body.strip() if status == 200 else ""

    try:
        mac = metadata("/latest/meta-data/mac")
        of = f"/latest/meta-data/network/interfaces/macs/{mac}"
        groups = metadata(f"{of}/security-group-ids")
        return Identity(
            "ec2",
            metadata(f"{of}/interface-id") or None,
            tuple(filter(None, [metadata(f"{of}/subnet-id")])),
            metadata(f"{of}/vpc-id") or None,
            metadata("/latest/meta-data/placement/availability-zone") or None,
            tuple(groups.split()) or None,
            tuple(metadata(f"{of}/local-ipv4s").split()),
        )
    except Failed as failure:
        return Identity("unknown", detail=f"EC2's metadata service failed: {failure.detail}")


def _no_token(failure: Failed) -> str:
    """Why there is no token. In a container with a hop limit of 1 the connection opens, as its packets have
    an ordinary TTL, but the response to PUT is dropped on its way.
    """
    if failure.cause is Cause.HTTP_SILENT:
        return (
            "EC2's metadata service accepts connections and does not answer: in a container the instance's "
            "hop limit must be 2 (aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2)"
        )
    return f"EC2's metadata service does not answer: {failure.detail}"


def _of_task(deadline: Deadline, uri: str) -> Identity:
    """ECS task metadata, version 4 (ECS developer guide): zone and addresses, but not the ids of subnet and
    security groups.
    """
    url = urlsplit(uri)
    try:
        status, body = _request(deadline, uri, "GET", f"{url.path.rstrip('/')}/task", {})
        document = json.loads(body)
    except Failed as failure:
        return Identity("unknown", detail=f"ECS's task metadata is unavailable: {failure.detail}")
    except (ValueError, RecursionError):
        document = None
    if status != 200 or not isinstance(document, dict):
        return Identity("unknown", detail=f"ECS's task metadata is unavailable: HTTP {status}")
    containers = document.get("Containers")
    networks = [
        network
        for container in (containers if isinstance(containers, list) else [])
        for network in (container.get("Networks") or [] if isinstance(container, dict) else [])
        if isinstance(network, dict) and network.get("NetworkMode") == "awsvpc"
    ]
    addresses = [str(a) for network in networks for a in network.get("IPv4Addresses") or []]
    zone = document.get("AvailabilityZone")
    detail = "" if networks else "this task uses its host's network: its interface is unknown"
    return Identity(
        "ecs",
        zone=zone if isinstance(zone, str) else None,
        addresses=tuple(dict.fromkeys(addresses)),
        detail=detail,
    )


def _request(
    deadline: Deadline, endpoint: str, method: str, path: str, headers: dict[str, str]
) -> tuple[int, str]:
    """One request to a metadata service: status and body. Raises Failed."""
    url = urlsplit(endpoint)
    host, port = url.hostname or "", url.port or 80
    with open_stream(deadline.step(METADATA_SECONDS), host, port) as stream:
        authority = host_field(host, port, None)
        reply = exchange(
            stream, method, authority, path, headers.items(), clock=FirstByteClock(), limit=METADATA_LARGEST
        )
    return reply.status, reply.body.decode("utf-8", "replace")
