"""MSK's listeners: the port of each, the bootstrap string of a cluster that leads to it, and those that MSK
Connect can use. Pure: no network, no AWS.

Ports: https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html. MSK Connect authenticates with
NONE or IAM and encrypts with PLAINTEXT or TLS, nothing else (KafkaClusterClientAuthentication and
KafkaClusterEncryptionInTransit of its API): IAM always inside TLS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from netcheck.core.hostport import EndpointError, parse_endpoint
from netcheck.core.model import Security
from netcheck.pipeline.model import Cluster


class Login(StrEnum):
    """The SASL authentication of a listener."""

    NONE = "NONE"
    SCRAM = "SCRAM"
    IAM = "IAM"


class Reach(StrEnum):
    """Where a listener can be reached from."""

    VPC = "vpc"
    PUBLIC = "public"
    VPC_CONNECTION = "vpc-connection"


@dataclass(frozen=True, slots=True)
class Listener:
    """One of MSK's listeners. With TLS and login `NONE` the cluster may also require a client certificate."""

    login: Login
    tls: bool
    reach: Reach = Reach.VPC
    ipv6: bool = False

    @property
    def encryption(self) -> str:
        """The encryptionType in MSK Connect's API."""
        return "TLS" if self.tls else "PLAINTEXT"

    @property
    def security(self) -> Security:
        """The security protocol that clients of this listener set."""
        if self.login is Login.NONE:
            return Security.SSL if self.tls else Security.PLAINTEXT
        return Security.SASL_SSL if self.tls else Security.SASL_PLAINTEXT

    @property
    def mechanism(self) -> str | None:
        """The SASL mechanism that clients of this listener set; None where there is no login."""
        return {Login.SCRAM: "SCRAM-SHA-512", Login.IAM: "AWS_MSK_IAM"}.get(self.login)

    @property
    def name(self) -> str:
        """The name to show, as in `public SASL/SCRAM`."""
        words = {Login.NONE: "TLS" if self.tls else "plain-text", Login.SCRAM: "SASL/SCRAM", Login.IAM: "IAM"}
        return f"{'public ' if self.reach is Reach.PUBLIC else ''}{words[self.login]}"


BY_PORT: Mapping[int, Listener] = {
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

VPC_PORTS = frozenset(p for p, one in BY_PORT.items() if one.reach is Reach.VPC and not one.ipv6)
"""The listeners inside the VPC over IPv4: every broker has them at the names that ListNodes returns."""

MULTI_VPC_PORTS = range(14001, 14101)
"""Ports of listeners for managed VPC connections
(https://docs.aws.amazon.com/msk/latest/developerguide/aws-access-mult-vpc.html)."""

MSK_NAME = re.compile(r"\.kafka(-serverless)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$")
"""The end of every MSK broker's host name, in lower case."""

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
"""The strings of GetBootstrapBrokers, and the listener of each."""

PREFERRED = (f"{_STRING}SaslIam", f"{_STRING}Tls", _STRING)
"""The strings for a connector in the cluster's VPC, best first."""


@dataclass(frozen=True, slots=True)
class Use:
    """One combination of the three settings with which MSK Connect can use a cluster."""

    bootstrap: str
    authentication: str
    encryption: str

    def __str__(self) -> str:
        return (
            f"authenticationType={self.authentication}, encryptionType={self.encryption}, "
            f"bootstrapServers={self.bootstrap}"
        )


def ports_beside(port: int) -> tuple[int, ...]:
    """MSK's ports with the same reach and IP version as this one, itself included; for a port that is not
    MSK's, those inside the VPC.
    """
    like = BY_PORT.get(port, BY_PORT[9092])
    return tuple(p for p, one in BY_PORT.items() if (one.reach, one.ipv6) == (like.reach, like.ipv6))


def endpoints(bootstrap: str) -> tuple[tuple[str, int], ...]:
    """The brokers of a bootstrap string, names in lower case. Parts that are not host:port are skipped."""
    return tuple(_endpoints(bootstrap))


def _endpoints(bootstrap: str) -> Iterator[tuple[str, int]]:
    for part in bootstrap.split(","):
        try:
            host, port = parse_endpoint(part.strip())
        except EndpointError:
            continue
        yield host.lower().rstrip("."), port


def listener_for(cluster: Cluster | None, host: str, port: int) -> Listener | None:
    """The listener of a broker's port: by the cluster's bootstrap strings, else by MSK's ports.

    None for a broker that is not known to be MSK's: another server may use these ports for anything.
    """
    if cluster is not None:
        for name, text in cluster.bootstrap.items():
            if (host, port) in endpoints(text) and name in BY_STRING:
                return BY_STRING[name]
    return BY_PORT.get(port) if cluster is not None or MSK_NAME.search(host) else None


def asks_for_certificates(cluster: Cluster) -> bool:
    """Whether the TLS listener without SASL requires a client certificate (mutual TLS)."""
    return "TLS" in cluster.authentication and "UNAUTHENTICATED" not in cluster.authentication


def uses(cluster: Cluster) -> tuple[Use, ...]:
    """Every combination with which MSK Connect can use this cluster from inside a VPC, best first."""
    found = []
    for name in PREFERRED:
        text, listener = cluster.bootstrap.get(name), BY_STRING[name]
        if text and not (listener.login is Login.NONE and listener.tls and asks_for_certificates(cluster)):
            found.append(Use(text, listener.login.value, listener.encryption))
    return tuple(found)
