"""`netcheck run --aws-service`: endpoints that answer as AWS does, and what answers in their place."""

from __future__ import annotations

from email.utils import formatdate
from time import time

import pytest

from tests.e2e.command import run
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.peers import Peer

REFUSAL = b'{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}'


def aws_like(certificates: Certificates, *, behind_s: float = 0.0) -> Peer:
    """The refusal that an unsigned request gets from a regional endpoint."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "x-amzn-RequestId": "0ea76c8c-1111-4222-8333-444455556666",
        "Date": formatdate(time() - behind_s, usegmt=True),
    }
    return peers.http("400 Bad Request", REFUSAL, headers, certificates.good.server_context())


def ask(certificates: Certificates, peer: Peer, *arguments: str) -> tuple[str, ...]:
    return (
        "--aws-service",
        f"https://127.0.0.1:{peer.port}",
        "--ca",
        str(certificates.authority.certificate),
        *arguments,
    )


def test_an_aws_refusal_is_the_answer_hoped_for(certificates: Certificates) -> None:
    with aws_like(certificates) as peer:
        ran = run(*ask(certificates, peer))
    assert (ran.code, ran.causes, ran.statuses("aws-service.answers")) == (0, [], {"pass"})
    assert b"Authorization" not in peer.received


@pytest.mark.parametrize(
    ("behind_s", "status", "code"),
    [(1000.0, "fail", 1), (-1000.0, "fail", 1), (270.0, "warn", 0), (-270.0, "warn", 0)],
)
def test_a_clock_that_is_off_is_told(
    certificates: Certificates, behind_s: float, status: str, code: int
) -> None:
    with aws_like(certificates, behind_s=behind_s) as peer:
        ran = run(*ask(certificates, peer))
    [answer] = ran.results("aws-service.answers")
    assert (answer["status"], answer["cause"], ran.code) == (status, "clock_skew", code)
    assert ("ahead of" if behind_s > 0 else "behind") in answer["summary"]


def test_a_clock_that_is_off_is_one_thing_to_mend_whatever_was_asked(certificates: Certificates) -> None:
    with aws_like(certificates, behind_s=1000.0) as one, aws_like(certificates, behind_s=1000.0) as other:
        both = f"https://127.0.0.1:{one.port},https://127.0.0.1:{other.port}"
        ran = run("--aws-service", both, "--ca", str(certificates.authority.certificate))
    assert (ran.code, ran.causes) == (1, ["clock_skew"])


def test_what_answers_in_the_place_of_aws_is_told(certificates: Certificates) -> None:
    with peers.captive_portal(certificates.good.server_context()) as peer:
        ran = run(*ask(certificates, peer))
    assert (ran.code, ran.causes) == (1, ["aws_unexpected_answer"])


def test_several_endpoints_are_each_a_target(certificates: Certificates) -> None:
    with aws_like(certificates) as one, aws_like(certificates) as other:
        both = f"https://127.0.0.1:{one.port},https://127.0.0.1:{other.port}"
        ran = run("--aws-service", both, "--ca", str(certificates.authority.certificate))
    assert len(ran.results("aws-service.answers")) == 2
    assert ran.code == 0


def test_a_service_that_aws_has_not_is_wrong_usage() -> None:
    from tests.e2e.command import spoken

    said = spoken("run", "--aws-service", "secretmanager", "--region", "eu-west-1")
    assert said.returncode == 2
    assert "did you mean secretsmanager" in said.stderr
    assert said.stdout == ""
