"""MSK's listeners: what each port is for, which bootstrap string of a cluster a connector uses, and which it
could use. Pure: no network, no AWS.

Ports: https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html. MSK Connect authenticates with
NONE or IAM and encrypts with PLAINTEXT or TLS, nothing else (KafkaClusterClientAuthentication and
KafkaClusterEncryptionInTransit of its API): IAM always inside TLS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from netcheck.core.hostport import EndpointError, parse_endpoint
from netcheck.pipeline.model import Cluster


class Login(StrEnum):
    """What a listener wants of its clients before anything else."""

    NONE = "NONE"
    SCRAM = "SCRAM"
    IAM = "IAM"


class Reach(StrEnum):
    """From where a listener can be reached."""

    VPC = "vpc"
    PUBLIC = "public"
    VPC_CONNECTION = "vpc-connection"


@dataclass(frozen=True, slots=True)
class Listener:
    """One of MSK's listeners. On a `NONE` one with TLS the cluster may want a client certificate as well."""

    login: Login
    tls: bool
    reach: Reach = Reach.VPC
    ipv6: bool = False

    @property
    def encryption(self) -> str:
        """As MSK Connect's API says it."""
        return "TLS" if self.tls else "PLAINTEXT"

    @property
    def name(self) -> str:
        """As people say it."""
        words = {Login.NONE: "TLS" if self.tls else "plain-text", Login.SCRAM: "SASL/SCRAM", Login.IAM: "IAM"}
        return f"{'public ' if self.reach is Reach.PUBLIC else ''}{words[self.login]}"


BY_PORT = {
    9092: Listener(Login.NONE, tls=False),
    9094: Listener(Login.NONE, tls=True),
    9096: Listener(Login.SCRAM, tls=True),
    9098: Listener(Login.IAM, tls=True),
    9194: Listener(Login.NONE, tls=True, reach=Reach.PUBLIC),
    9196: Listener(Login.SCRAM, tls=True, reach=Reach.PUBLIC),
    9198: Listener(Login.IAM, tls=True, reach=Reach.PUBLIC),
    20092: Listener(Login.NONE, tls=False, ipv6=True),
    20094: Listener(Login.NONE, tls=True, ipv6=True),
    20096: Listener(Login.SCRAM, tls=True, ipv6=True),
    20098: Listener(Login.IAM, tls=True, ipv6=True),
}

MSK_NAME = re.compile(r"\.kafka(-serverless)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$")
"""How the names of all of MSK's brokers end, in lower case."""

_STRING = "BootstrapBrokerString"
BY_STRING = {
    _STRING: BY_PORT[9092],
    f"{_STRING}Tls": BY_PORT[9094],
    f"{_STRING}SaslScram": BY_PORT[9096],
    f"{_STRING}SaslIam": BY_PORT[9098],
    f"{_STRING}PublicTls": BY_PORT[9194],
    f"{_STRING}PublicSaslScram": BY_PORT[9196],
    f"{_STRING}PublicSaslIam": BY_PORT[9198],
    f"{_STRING}VpcConnectivityTls": Listener(Login.NONE, tls=True, reach=Reach.VPC_CONNECTION),
    f"{_STRING}VpcConnectivitySaslScram": Listener(Login.SCRAM, tls=True, reach=Reach.VPC_CONNECTION),
    f"{_STRING}VpcConnectivitySaslIam": Listener(Login.IAM, tls=True, reach=Reach.VPC_CONNECTION),
    f"{_STRING}Ipv6": BY_PORT[20092],
    f"{_STRING}TlsIpv6": BY_PORT[20094],
    f"{_STRING}SaslScramIpv6": BY_PORT[20096],
    f"{_STRING}SaslIamIpv6": BY_PORT[20098],
}
"""The strings of GetBootstrapBrokers, and the listener that each leads to."""

PREFERRED = (f"{_STRING}SaslIam", f"{_STRING}Tls", _STRING)
"""What a connector in the cluster's own VPC would best use, first choice first."""


@dataclass(frozen=True, slots=True)
class Use:
    """A way in which MSK Connect can use a cluster: the values of its three settings."""

    bootstrap: str
    authentication: str
    encryption: str

    def __str__(self) -> str:
        return (
            f"authenticationType={self.authentication}, encryptionType={self.encryption}, "
            f"bootstrapServers={self.bootstrap}"
        )


def endpoints(bootstrap: str) -> tuple[tuple[str, int], ...]:
    """The brokers of a bootstrap string, what is no host:port left out; names in lower case."""
    return tuple(_endpoints(bootstrap))


def _endpoints(bootstrap: str) -> Iterator[tuple[str, int]]:
    for part in bootstrap.split(","):
        try:
            host, port = parse_endpoint(part.strip())
        except EndpointError:
            continue
        yield host.lower().rstrip("."), port


def listener_for(cluster: Cluster | None, host: str, port: int) -> Listener | None:
    """The listener of a broker's port: as the cluster's own bootstrap strings have it, or by MSK's ports.

    None for a broker that is not known to be MSK's: elsewhere a port may speak anything.
    """
    if cluster is not None:
        for name, text in cluster.bootstrap.items():
            if (host, port) in endpoints(text) and name in BY_STRING:
                return BY_STRING[name]
    return BY_PORT.get(port) if cluster is not None or MSK_NAME.search(host) else None


def asks_for_certificates(cluster: Cluster) -> bool:
    """Whether the TLS listener without SASL admits nobody without a client certificate (mutual TLS)."""
    return "TLS" in cluster.authentication and "UNAUTHENTICATED" not in cluster.authentication


def uses(cluster: Cluster) -> tuple[Use, ...]:
    """Every way in which MSK Connect can use this cluster from inside a VPC, the best first."""
    found = []
    for name in PREFERRED:
        text, listener = cluster.bootstrap.get(name), BY_STRING[name]
        if text and not (listener.login is Login.NONE and listener.tls and asks_for_certificates(cluster)):
            found.append(Use(text, listener.login.value, listener.encryption))
    return tuple(found)
