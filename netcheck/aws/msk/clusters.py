"""MSK clusters: the API calls for them, and their descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netcheck.aws.api.calls import ApiCall
from netcheck.pipeline.model import BrokerNode, Cluster, VpcConnection

SERVICE = "kafka"
PROVISIONED = re.compile(
    r"b-\d+[a-z-]*\.(?:[a-z0-9-]+\.)*?(?P<name>[a-z0-9-]+)\.(?P<id>[a-z0-9]+)\.c\d+"
    r"\.kafka\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?",
)
"""A broker of a provisioned cluster: `b-1.NAME.ID.c2.kafka.REGION.amazonaws.com`, also `b-1-public.NAME...`
and `b-1.scram.NAME...`; in lower case whatever the cluster's name is."""
SERVERLESS = re.compile(
    r"(?:boot|b\d+)-(?P<id>[a-z0-9-]+)\.c\d+\.kafka-serverless\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?"
)


Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MskHost:
    """What a broker's host name reveals about its cluster. `name` is "" for a serverless cluster."""

    name: str
    id: str
    region: str


def msk_host(host: str) -> MskHost | None:
    """What a broker's host name reveals about its MSK cluster; None for a host that is not MSK's."""
    if found := PROVISIONED.fullmatch(host.lower()):
        return MskHost(found["name"], found["id"], found["region"])
    if found := SERVERLESS.fullmatch(host.lower()):
        return MskHost("", found["id"], found["region"])
    return None


def named(name: str) -> ApiCall:
    """The descriptions of the clusters whose names start with `name`."""
    return ApiCall("ListClustersV2", "ClusterInfoList", {"ClusterNameFilter": name}, SERVICE)


def serverless() -> ApiCall:
    return ApiCall("ListClustersV2", "ClusterInfoList", {"ClusterTypeFilter": "SERVERLESS"}, SERVICE)


def described(arn: str) -> ApiCall:
    return ApiCall("DescribeClusterV2", "ClusterInfo", {"ClusterArn": arn}, SERVICE)


def bootstrap(arn: str) -> ApiCall:
    return ApiCall("GetBootstrapBrokers", "", {"ClusterArn": arn}, SERVICE)


def nodes(arn: str) -> ApiCall:
    return ApiCall("ListNodes", "NodeInfoList", {"ClusterArn": arn}, SERVICE)


def secrets(arn: str) -> ApiCall:
    return ApiCall("ListScramSecrets", "SecretArnList", {"ClusterArn": arn}, SERVICE)


def vpc_connections() -> ApiCall:
    return ApiCall("ListVpcConnections", "VpcConnections", {}, SERVICE)


def is_serverless(raw: Raw) -> bool:
    return raw.get("ClusterType") == "SERVERLESS"


def uses_scram(raw: Raw) -> bool:
    return "SCRAM" in _authentication(raw.get("Provisioned", {}).get("ClientAuthentication", {}))


def cluster(
    raw: Raw,
    bootstrap: Raw,
    nodes: Iterable[Raw],
    secrets: Sequence[str] | None,
    connections: Iterable[Raw],
) -> Cluster:
    """A cluster from the response of ListClustersV2 or DescribeClusterV2, and from further calls."""
    kind = raw.get("ClusterType", "PROVISIONED")
    part = raw.get("Serverless" if kind == "SERVERLESS" else "Provisioned", {})
    brokers = part.get("BrokerNodeGroupInfo", {})
    connectivity = brokers.get("ConnectivityInfo", {}) or part.get("ConnectivityInfo", {})
    authentication = _authentication(part.get("ClientAuthentication", {}))
    client_broker = part.get("EncryptionInfo", {}).get("EncryptionInTransit", {}).get("ClientBroker")
    public = connectivity.get("PublicAccess", {}).get("Type", "DISABLED")
    configs = [(tuple(c.get("SubnetIds", ())), tuple(c.get("SecurityGroupIds", ()))) for c in _configs(part)]
    return Cluster(
        arn=raw["ClusterArn"],
        name=raw.get("ClusterName", ""),
        kind=kind,
        state=raw.get("State", ""),
        version=part.get("CurrentBrokerSoftwareInfo", {}).get("KafkaVersion"),
        instance_type=brokers.get("InstanceType"),
        bootstrap={key: value for key, value in bootstrap.items() if isinstance(value, str)},
        authentication=authentication,
        client_broker=client_broker or ("TLS" if kind == "SERVERLESS" else None),
        public_access=public != "DISABLED",
        network_type=connectivity.get("NetworkType"),
        subnets=tuple(brokers.get("ClientSubnets", ()))
        or tuple(s for subnets, _ in configs for s in subnets),
        security_groups=tuple(brokers.get("SecurityGroups", ())) or tuple(g for _, gs in configs for g in gs),
        vpc_configs=tuple(configs),
        nodes=tuple(_node(each["BrokerNodeInfo"]) for each in nodes if each.get("BrokerNodeInfo")),
        scram_secrets=None if secrets is None else tuple(secrets),
        multi_vpc=_authentication(connectivity.get("VpcConnectivity", {}).get("ClientAuthentication", {})),
        vpc_connections=tuple(
            _connection(c) for c in connections if c["TargetClusterArn"] == raw["ClusterArn"]
        ),
    )


def _configs(part: Raw) -> list[Any]:
    found: list[Any] = part.get("VpcConfigs", [])
    return found


def _authentication(raw: Raw) -> frozenset[str]:
    sasl = raw.get("Sasl", {})
    methods = {
        "IAM": sasl.get("Iam", {}),
        "SCRAM": sasl.get("Scram", {}),
        "TLS": raw.get("Tls", {}),
        "UNAUTHENTICATED": raw.get("Unauthenticated", {}),
    }
    return frozenset(name for name, method in methods.items() if method.get("Enabled"))


def _node(broker: Raw) -> BrokerNode:
    number = broker.get("BrokerId", 0)
    return BrokerNode(
        id=f"{number:g}",
        interface=broker.get("AttachedENIId"),
        address=broker.get("ClientVpcIpAddress"),
        subnet=broker.get("ClientSubnet"),
        names=tuple(str(name).lower() for name in broker.get("Endpoints", ())),
    )


def _connection(raw: Raw) -> VpcConnection:
    return VpcConnection(
        arn=raw["VpcConnectionArn"],
        cluster=raw["TargetClusterArn"],
        state=raw.get("State", ""),
        authentication=raw.get("Authentication", ""),
        vpc=raw.get("VpcId", ""),
    )
