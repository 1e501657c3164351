"""A resource's type by its id, and what an engineer looks at where it blocks a path."""

from __future__ import annotations

import pytest

from netcheck.core.components import ComponentType, Concern, component_type
from netcheck.path.codes import Code
from netcheck.path.verdict import Blocker, Leg


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("tgw-1", ComponentType.TRANSIT_GATEWAY),
        ("tgw-attach-1", ComponentType.TRANSIT_GATEWAY_ATTACHMENT),
        ("tgw-rtb-1", ComponentType.TRANSIT_GATEWAY_ROUTE_TABLE),
        ("i-1", ComponentType.INSTANCE),
        ("igw-1", ComponentType.INTERNET_GATEWAY),
        ("eigw-1", ComponentType.EGRESS_ONLY_INTERNET_GATEWAY),
        ("vpc-1", ComponentType.VPC),
        ("vpce-1", ComponentType.VPC_ENDPOINT),
        ("local", ComponentType.OTHER),
        ("10.0.1.7", ComponentType.OTHER),
        ("", ComponentType.OTHER),
    ],
)
def test_component_type(identifier: str, expected: ComponentType) -> None:
    assert component_type(identifier) is expected


@pytest.mark.parametrize(
    ("code", "component", "expected"),
    [
        (Code.SG_HAS_NO_RULES, "sg-1", Concern.SECURITY_GROUP),
        (Code.SUBNET_ACL_RESTRICTION, "acl-1", Concern.NETWORK_ACL),
        (Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS, "igw-1", Concern.INTERNET),
        (Code.BAD_STATE, "nat-1", Concern.INTERNET),
        (Code.BAD_STATE, "vpce-1", Concern.ENDPOINT),
        (Code.BAD_STATE, "pcx-1", Concern.ROUTE),
        (Code.NO_ROUTE_TO_DESTINATION, "rtb-1", Concern.ROUTE),
    ],
)
def test_a_blocker_belongs_to_one_concern(code: Code, component: str, expected: Concern) -> None:
    assert Blocker(code, Leg.FORWARD, component, None, None, "").concern is expected
