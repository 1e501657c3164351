"""What stops packets on a way that nobody would take, were it not for another mistake, follows from that."""

from __future__ import annotations

import pytest

from checks.connector_findings import WRONG_KAFKA_LISTENER
from checks.mskconnect import misdirected
from netcheck.core.model import PIPELINE, Result
from tests.diagnose.made import (
    B1,
    BROKERS,
    CLOUD,
    SECRETS,
    STS,
    closed_group,
    diagnosed,
    failed,
    not_asked,
    silent,
    stopped,
)

NO_ROUTE = ("routes.reaches", "path_no_route", "NO_ROUTE_TO_DESTINATION", "rtb-a")


def wrong_listener(port: int) -> Result:
    """The connector's login does not go with its port; this is the port to use."""
    servers = ",".join(f"{one.host}:{port}" for one in BROKERS)
    return failed(
        "connector.authentication", PIPELINE, "settings_contradict", code="MSK_CONNECT_AUTHENTICATION",
        component="orders-sink", explains=(WRONG_KAFKA_LISTENER, misdirected(servers)),
    )  # fmt: skip


NO_LOGIN = failed(
    "connector.cluster", PIPELINE, "cluster_not_usable", code="MSK_NO_USABLE_AUTHENTICATION", component="c-1"
)
PRIVATE_DNS_OFF = failed(
    "aws-service.path",
    SECRETS,
    "endpoint_private_dns_off",
    code="ENDPOINT_PRIVATE_DNS_OFF",
    component="vpce-1",
)
GLOBAL = failed(
    "aws-service.path", STS, "sts_global_name", code="STS_GLOBAL_NAME", component="sts.amazonaws.com"
)
DNS_OFF = failed("resolver.servers", PIPELINE, "vpc_dns_off", code="VPC_DNS_SUPPORT_OFF", component="vpc-1")

ROWS = {
    "a name that leads past its endpoint: no route where it leads": (
        [PRIVATE_DNS_OFF, *silent(SECRETS), *stopped(*NO_ROUTE, [SECRETS])],
        ["vpce-1"],
    ),
    "and that of another target stays": (
        [PRIVATE_DNS_OFF, *silent(CLOUD), *stopped(*NO_ROUTE, [CLOUD])],
        ["vpce-1", "rtb-a"],
    ),
    "the global name of STS: no route where it leads": (
        [GLOBAL, *silent(STS), *stopped(*NO_ROUTE, [STS])],
        ["sts.amazonaws.com"],
    ),
    "a listener that is not the connector's: the groups need not let it through": (
        [wrong_listener(9096), *silent(*BROKERS), *closed_group("sg-1", *BROKERS)],
        ["orders-sink"],
    ),
    "the right listener, spoken to wrongly: the groups have to": (
        [wrong_listener(9098), *silent(*BROKERS), *closed_group("sg-1", *BROKERS)],
        ["orders-sink", "sg-1"],
    ),
    "and ClickHouse has nothing to do with it": (
        [wrong_listener(9096), *silent(CLOUD), *closed_group("sg-1", CLOUD)],
        ["orders-sink", "sg-1"],
    ),
    "a cluster without a login for connectors: theirs cannot be right": (
        [NO_LOGIN, wrong_listener(9096)],
        ["c-1"],
    ),
    "nobody answers for names: what they lead to is not asked": (
        [
            DNS_OFF,
            *not_asked(B1, "resolver.zones"),
            *not_asked(SECRETS, "aws-service.path", "aws-service.policy"),
        ],
        ["vpc-1"],
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_one_mistake_is_one_root_cause(name: str) -> None:
    results, components = ROWS[name]
    found = diagnosed(results)
    assert sorted(one.component for one in found.root_causes) == sorted(components)
    assert [one.key for one in found.results if one.status == "unknown"] == []
