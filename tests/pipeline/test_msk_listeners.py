"""MSK's ports: one table, from which security protocol, SASL mechanism and neighbouring ports are derived."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import netcheck
from netcheck.core.model import Security
from netcheck.pipeline.msk_listeners import BY_PORT, VPC_PORTS, Listener, Login, ports_beside

PACKAGE = Path(netcheck.__file__).parent


@pytest.mark.parametrize(
    ("port", "security", "mechanism"),
    [
        (9092, Security.PLAINTEXT, None),
        (9094, Security.SSL, None),
        (9096, Security.SASL_SSL, "SCRAM-SHA-512"),
        (9098, Security.SASL_SSL, "AWS_MSK_IAM"),
        (9194, Security.SSL, None),
        (9196, Security.SASL_SSL, "SCRAM-SHA-512"),
        (9198, Security.SASL_SSL, "AWS_MSK_IAM"),
        (20092, Security.PLAINTEXT, None),
        (20094, Security.SSL, None),
        (20096, Security.SASL_SSL, "SCRAM-SHA-512"),
        (20098, Security.SASL_SSL, "AWS_MSK_IAM"),
    ],
)
def test_a_port_has_the_protocol_and_the_mechanism_of_the_developer_guide(
    port: int, security: Security, mechanism: str | None
) -> None:
    """https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html"""
    assert (BY_PORT[port].security, BY_PORT[port].mechanism) == (security, mechanism)


def test_a_sasl_listener_without_tls_is_sasl_plaintext() -> None:
    assert Listener(Login.SCRAM, tls=False).security is Security.SASL_PLAINTEXT


@pytest.mark.parametrize(
    ("port", "beside"),
    [
        (9098, (9092, 9094, 9096, 9098)),
        (9194, (9194, 9196, 9198)),
        (20092, (20092, 20094, 20096, 20098)),
        (19092, (9092, 9094, 9096, 9098)),
    ],
)
def test_the_ports_beside_one_have_its_reach_and_ip_version(port: int, beside: tuple[int, ...]) -> None:
    assert ports_beside(port) == beside


def test_the_ports_of_the_vpc_are_neither_public_nor_of_ipv6() -> None:
    assert {9092, 9094, 9096, 9098} == VPC_PORTS


def test_no_other_module_has_a_table_of_msk_ports() -> None:
    """A port that MSK adds is then one line."""
    holders = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in BY_PORT
    }
    assert holders == {"pipeline/msk_listeners.py"}
