"""ClickHouse Cloud's description of a service: its state, IP access list and private endpoints.

Read from the control plane's API (GET only), which does not wake an idle service, unlike any request to the
service itself (ClickHouse Cloud API reference, GET /v1/organizations/{id}/services). The key is sent only to
the API, in an Authorization header over verified TLS.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from netcheck.core.context import Deadline
from netcheck.core.credentials import CloudKey, Trust
from netcheck.core.model import Cause
from netcheck.core.secret import Secret
from netcheck.probe.dns.resolve import resolve
from netcheck.probe.http.client import FirstByteClock, Header, Reply, exchange, host_field, text
from netcheck.probe.tls.stream import Tls, open_stream
from netcheck.probe.transport.failure import Failed

LARGEST = 4 << 20
MOST_ORGANIZATIONS = 10


@dataclass(frozen=True, slots=True)
class CloudService:
    """One service. `state` is the API's: running, idle, awaking, stopped ...; `hosts` are its public names.

    `access_list` are addresses and CIDR blocks; `private_endpoints` ids of VPC endpoints.
    """

    id: str
    name: str
    state: str
    region: str
    hosts: tuple[str, ...]
    access_list: tuple[str, ...]
    private_endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CloudServices:
    """Every service that the key can see. `cause` and `detail` say why there is no list."""

    services: tuple[CloudService, ...]
    cause: Cause | None
    detail: str


class _Refused(Exception):
    """The API returned an error."""


def services(deadline: Deadline, key: CloudKey, api: str, trust: Trust) -> CloudServices:
    """The services of every organization of the key. `api` is the URL of the API, without TLS only on this
    host.
    """
    url = urlsplit(api)
    host, tls = url.hostname or "", url.scheme != "http"
    if not tls and not _is_this_host(host):
        return CloudServices((), Cause.NOT_ASKED, f"{api}: the key is not sent without TLS")
    try:
        address = _address(deadline, host)
        port = url.port or (443 if tls else 80)
        client = _Client(deadline, address, port, host, Tls(host, trust) if tls else None, key)
        organizations = [str(item.get("id", "")) for item in client.listed("/v1/organizations")]
        found = [
            _service(item)
            for name in organizations[:MOST_ORGANIZATIONS]
            for item in client.listed(f"/v1/organizations/{name}/services")
        ]
    except Failed as failure:
        return CloudServices((), failure.cause, failure.detail)
    except _Refused as refusal:
        return CloudServices((), Cause.HTTP_ERROR, str(refusal))
    return CloudServices(tuple(found), None, "")


@dataclass(frozen=True, slots=True)
class _Client:
    deadline: Deadline
    address: str
    port: int
    host: str
    tls: Tls | None
    key: CloudKey

    def listed(self, path: str) -> Iterator[Mapping[str, Any]]:
        """The items of `result`. Raises Failed, _Refused."""
        reply = self._get(path)
        try:
            document = json.loads(reply.body)
        except (ValueError, RecursionError):
            document = None
        if reply.status != 200 or not isinstance(document, dict):
            raise _Refused(f"HTTP {reply.status} {text(reply.reason)} from {self.host}{path}".strip())
        result = document.get("result")
        yield from (item for item in result if isinstance(item, dict)) if isinstance(result, list) else ()

    def _get(self, path: str) -> Reply:
        login = f"{self.key.id}:{self.key.secret.reveal()}".encode()
        header = Secret("Basic " + base64.b64encode(login).decode())
        with open_stream(self.deadline, self.address, self.port, tls=self.tls) as stream:
            authority = host_field(self.host, self.port, self.tls)
            headers: list[Header] = [("Authorization", header), ("Accept", "application/json")]
            return exchange(stream, "GET", authority, path, headers, clock=FirstByteClock(), limit=LARGEST)


def _is_this_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(deadline: Deadline, host: str) -> str:
    seen = resolve(deadline, host)
    if not seen.addresses:
        raise Failed(seen.cause or Cause.DNS_RESOLVER_FAILED, f"{host} does not resolve: {seen.detail}")
    return next((one.address for one in seen.addresses if one.family == 4), seen.addresses[0].address)


def _service(item: Mapping[str, Any]) -> CloudService:
    return CloudService(
        str(item.get("id", "")),
        str(item.get("name", "")),
        str(item.get("state", "")),
        str(item.get("region", "")),
        tuple(str(one.get("host", "")).lower() for one in _dicts(item.get("endpoints"))),
        tuple(str(one.get("source", "")) for one in _dicts(item.get("ipAccessList"))),
        tuple(one for one in _items(item.get("privateEndpointIds")) if isinstance(one, str)),
    )


def _dicts(given: object) -> list[Mapping[str, Any]]:
    return [item for item in _items(given) if isinstance(item, dict)]


def _items(given: object) -> list[Any]:
    return given if isinstance(given, list) else []
