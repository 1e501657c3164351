"""ClickHouse Cloud's account of a service, from an API on loopback: read, with a key that stays secret."""

from __future__ import annotations

import base64
import json

import pytest

from checks.privatelink import LetsWorkersIn, ServiceRuns
from netcheck.core.codec import decode, encode
from netcheck.core.context import Deadline
from netcheck.core.credentials import CloudKey, Trust
from netcheck.core.model import Cause
from netcheck.core.secret import Secret
from netcheck.probe.clickhouse.cloud import CloudService, CloudServices, services
from netcheck.settings.config import Config, UsageError
from netcheck.settings.credentials_file import read_logins
from tests.checks.run import clickhouse, context, judge, told
from tests.checks.worlds import WORKERS, nat_per_zone
from tests.servers.metadata import SILENT, Page, Pages

CANARY = "4b1d-canary-8f2e"
KEY = CloudKey("key-1", Secret(CANARY))
PUBLIC = clickhouse("abc.eu-west-1.aws.clickhouse.cloud")
LIVE = {PUBLIC.host: ("63.32.1.11",)}
ORGANIZATIONS = ("GET", "/v1/organizations")
SERVICES = ("GET", "/v1/organizations/org-1/services")
ITEM = {
    "id": "11111111-2222",
    "name": "orders",
    "state": "idle",
    "region": "eu-west-1",
    "endpoints": [{"protocol": "https", "host": PUBLIC.host, "port": 8443}],
    "ipAccessList": [{"source": "198.51.100.8/32", "description": "nat"}],
    "privateEndpointIds": ["vpce-1"],
}
GOOD: dict[tuple[str, str], Page] = {
    ORGANIZATIONS: (200, json.dumps({"status": 200, "result": [{"id": "org-1", "name": "shop"}]})),
    SERVICES: (200, json.dumps({"status": 200, "result": [ITEM]})),
}
SERVICE = CloudService(
    "11111111-2222", "orders", "idle", "eu-west-1", (PUBLIC.host,), ("198.51.100.8/32",), ("vpce-1",)
)


def test_services_are_listed_by_two_gets_with_the_key_and_nothing_else() -> None:
    with Pages(GOOD) as pages:
        found = services(Deadline(5), KEY, pages.url, Trust())
    assert found == CloudServices((SERVICE,), None, "")
    assert [(method, path) for method, path, _ in pages.seen] == [ORGANIZATIONS, SERVICES]
    login = base64.b64encode(f"key-1:{CANARY}".encode()).decode()
    assert {headers["authorization"] for _, _, headers in pages.seen} == {f"Basic {login}"}
    assert decode(CloudServices, encode(found)) == found


@pytest.mark.parametrize(
    ("page", "cause", "detail"),
    [
        ((401, '{"error": "Unauthorized"}'), Cause.HTTP_ERROR, "HTTP 401"),
        ((200, "<html>sign in</html>"), Cause.HTTP_ERROR, "HTTP 200"),
        ((302, ""), Cause.HTTP_ERROR, "HTTP 302"),
        (SILENT, Cause.HTTP_SILENT, ""),
    ],
)
def test_an_api_that_does_not_tell_is_unknown(page: Page, cause: Cause, detail: str) -> None:
    with Pages({ORGANIZATIONS: page}) as pages:
        found = services(Deadline(1.2), KEY, pages.url, Trust())
    assert (found.services, found.cause) == ((), cause)
    assert detail in found.detail and CANARY not in found.detail
    ctx = context(
        nat_per_zone(), subnets=WORKERS, live=LIVE, config=Config(cloud_key=KEY), more={"services": found}
    )
    assert told(judge(ServiceRuns(), PUBLIC, ctx)) == [("unknown", "fact_unavailable", None)]
    # What needs no key is told all the same.
    assert told(judge(LetsWorkersIn(), PUBLIC, ctx)) == [("pass", None, None)]


def test_the_key_is_not_sent_without_tls_but_to_this_host() -> None:
    found = services(Deadline(5), KEY, "http://api.example.com", Trust())
    assert found.cause is Cause.NOT_ASKED


def test_junk_inside_the_answer_does_no_harm() -> None:
    junk = [1, None, "x", {}, {"id": 7, "endpoints": "no", "ipAccessList": {}, "privateEndpointIds": [3]}]
    with Pages(GOOD | {SERVICES: (200, json.dumps({"result": junk}))}) as pages:
        found = services(Deadline(5), KEY, pages.url, Trust())
    assert [one.hosts for one in found.services] == [(), ()]


STATES = [
    ("running", "pass", None),
    ("degraded", "pass", None),
    ("idle", "warn", "clickhouse_idle"),
    ("awaking", "warn", "clickhouse_idle"),
    ("stopped", "fail", "clickhouse_stopped"),
    ("stopping", "fail", "clickhouse_stopped"),
    ("terminated", "fail", "clickhouse_stopped"),
]


@pytest.mark.parametrize(("state", "status", "cause"), STATES)
def test_idle_and_stopped_are_told_apart(state: str, status: str, cause: str | None) -> None:
    one = CloudService("id-1", "orders", state, "eu-west-1", (PUBLIC.host,), (), ())
    more = {"services": CloudServices((one,), None, "")}
    ctx = context(nat_per_zone(), config=Config(cloud_key=KEY), more=more)
    assert [(s, c) for s, c, _ in told(judge(ServiceRuns(), PUBLIC, ctx))] == [(status, cause)]


LISTS = [
    ("both", ("198.51.100.8/32", "198.51.100.9"), "pass"),
    ("a block", ("198.51.100.0/24",), "pass"),
    ("anywhere", ("0.0.0.0/0",), "pass"),
    ("one of two", ("198.51.100.8/32",), "fail"),
    ("none", (), "fail"),
    ("IPv6 and nonsense", ("::/0", "office"), "fail"),
]


@pytest.mark.parametrize(("what", "listed", "status"), LISTS, ids=[what for what, _, _ in LISTS])
def test_every_nat_address_of_every_zone_has_to_be_listed(
    what: str, listed: tuple[str, ...], status: str
) -> None:
    one = CloudService("id-1", "orders", "running", "eu-west-1", (PUBLIC.host,), listed, ())
    more = {"services": CloudServices((one,), None, "")}
    ctx = context(nat_per_zone(), subnets=WORKERS, live=LIVE, config=Config(cloud_key=KEY), more=more)
    (found,) = judge(LetsWorkersIn(), PUBLIC, ctx)
    assert str(found.status) == status, what
    assert found.evidence["cidrs"] == ["198.51.100.8/32", "198.51.100.9/32"]
    assert [*found.evidence["from"]] == ["198.51.100.8", "198.51.100.9"]  # type: ignore[misc]
    if what == "one of two":
        assert found.evidence["absent"] == ["198.51.100.9/32"]


def test_the_key_comes_from_the_environment_and_is_shown_nowhere() -> None:
    given = {"NETCHECK_CLICKHOUSE_CLOUD_KEY_ID": "key-1", "NETCHECK_CLICKHOUSE_CLOUD_KEY_SECRET": CANARY}
    config = read_logins(Config(), given)
    assert config.cloud_key == KEY
    assert CANARY not in repr(config) and CANARY not in json.dumps(encode(config))
    assert CANARY not in config.scrubber()(f"an echo of {CANARY}")


@pytest.mark.parametrize("name", ["NETCHECK_CLICKHOUSE_CLOUD_KEY_ID", "NETCHECK_CLICKHOUSE_CLOUD_KEY_SECRET"])
def test_half_a_key_is_wrong_usage(name: str) -> None:
    with pytest.raises(UsageError, match="only half of the ClickHouse Cloud API key is set") as refused:
        read_logins(Config(), {name: CANARY})
    assert CANARY not in str(refused.value)
