"""Is it AWS that answers at this endpoint?"""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate

import pytest

from netcheck.core import codec
from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause
from netcheck.probe.http import aws_service
from netcheck.probe.http.aws_service import AwsAnswer
from tests.bounds import LONG, STEP, ends_within
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.peers import Peer


def knock(peer: Peer) -> AwsAnswer:
    return aws_service.knock(Deadline(STEP), peer.host, peer.port, "localhost", False, Trust())


def page(status: str, body: bytes = b"", **headers: str) -> Callable[[], Peer]:
    return lambda: peers.http(
        status, body, {name.replace("_", "-"): value for name, value in headers.items()}
    )


JSON = b'{"__type":"MissingAuthenticationTokenException"}'
QUERY = b'<ErrorResponse xmlns="https://sts.amazonaws.com/"><Error><Code>X</Code></Error>'
EC2 = b'<?xml version="1.0"?>\n<Response><Errors><Error><Code>MissingAction</Code></Error></Errors>'
S3 = b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'

IS_AWS = [
    ("a JSON service", page("403 Forbidden", JSON, x_amzn_RequestId="7d1c")),
    ("a JSON service whose proxy eats headers", page("403 Forbidden", JSON)),
    ("a query service", page("400 Bad Request", QUERY)),
    ("STS, which sends a browser to a page", page("302 Found", x_amzn_RequestId="7d", Location="https://x")),
    ("EC2", page("400 Bad Request", EC2)),
    ("S3", page("403 Forbidden", S3, Server="AmazonS3")),
    ("S3 by its request id", page("307 Temporary Redirect", b"", x_amz_request_id="4B7")),
    ("a service that knows no such operation", page("404 Not Found", b"<Unknown/>", x_amzn_RequestId="7d")),
]


@pytest.mark.parametrize("sentence, make", IS_AWS, ids=[row[0] for row in IS_AWS])
def test_this_is_aws(sentence: str, make: Callable[[], Peer]) -> None:
    with make() as peer:
        answer = knock(peer)
        assert peer.received.startswith(b"GET / HTTP/1.1\r\n")
        assert b"Authorization" not in peer.received
    assert answer.cause is None, (sentence, answer)
    assert codec.decode(AwsAnswer, codec.encode(answer)) == answer


IS_NOT: list[tuple[str, Callable[[], Peer], Cause]] = [
    ("a captive portal", peers.captive_portal, Cause.AWS_UNEXPECTED_ANSWER),
    ("a web server", peers.http, Cause.AWS_UNEXPECTED_ANSWER),
    (
        "a proxy's refusal",
        page("403 Forbidden", b"<html>Blocked by policy</html>"),
        Cause.AWS_UNEXPECTED_ANSWER,
    ),
    ("a balancer", peers.load_balancer_503, Cause.AWS_UNEXPECTED_ANSWER),
    ("a page that quotes AWS", page("200 OK", JSON), Cause.AWS_UNEXPECTED_ANSWER),
    ("silence", peers.silent, Cause.HTTP_SILENT),
    ("a hang-up", peers.closes_after_first_bytes, Cause.CONNECTION_CLOSED),
    ("a reset", peers.resets_after_first_bytes, Cause.CONNECTION_RESET),
    ("an SSH server", peers.ssh_banner, Cause.WRONG_PROTOCOL),
    ("a drip", peers.drips_http_header, Cause.HTTP_SILENT),
    ("nothing listens", peers.refused, Cause.CONNECTION_REFUSED),
    ("nothing answers the SYN", peers.syn_drop, Cause.TIMED_OUT),
]


@pytest.mark.parametrize("sentence, make, cause", IS_NOT, ids=[row[0] for row in IS_NOT])
def test_this_is_not_aws(sentence: str, make: Callable[[], Peer], cause: Cause) -> None:
    with make() as peer, ends_within(STEP):
        answer = knock(peer)
    assert answer.cause is cause, (sentence, answer)
    assert answer.detail


def test_an_intercepted_endpoint_is_a_matter_of_its_certificate(certificates: Certificates) -> None:
    trust = Trust(str(certificates.authority.certificate))
    with peers.http(tls=certificates.intercepted.server_context()) as peer:
        answer = aws_service.knock(Deadline(STEP), peer.host, peer.port, "localhost", True, trust)
    assert str(answer.cause).startswith("tls_")


@pytest.mark.parametrize("seconds_ahead", [0, 400, -3600])
def test_the_clock_is_compared_with_the_endpoints(seconds_ahead: int) -> None:
    date = formatdate(time.time() + seconds_ahead, usegmt=True)
    with page("403 Forbidden", JSON, x_amzn_RequestId="7d1c", Date=date)() as peer:
        answer = knock(peer)
    assert answer.clock_skew == pytest.approx(seconds_ahead, abs=LONG)
    assert answer.request_id == "7d1c"


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Mon, 99 Foo 2026 99:99:99 GMT", "Mon, 01 Jan 99999 00:00:00 GMT"]
)
def test_a_date_that_cannot_be_read_says_nothing(date: str) -> None:
    with page("403 Forbidden", JSON, Date=date)() as peer:
        assert knock(peer).clock_skew is None
