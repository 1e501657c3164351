"""Worker logs: what their lines mean, what they confirm, and that no secret gets through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from checks.log_confirmations import CONFIRMED_BY
from netcheck.aws.cloudwatch.worker_logs import ACTION, from_file, recent
from netcheck.core.context import Deadline
from netcheck.core.model import Cause, Finding, Kind, Result, Status, Target
from netcheck.diagnose import explain
from netcheck.engine import plugins
from netcheck.pipeline import log_signatures
from netcheck.pipeline.model import Pipeline
from netcheck.settings.config import Config
from tests.checks.connector import HEALTHY, judge, with_settings
from tests.diagnose.made import CATALOGUE
from tests.servers.aws_endpoint import AwsEndpoint, Fault
from tests.servers.aws_world import World

F, W = "fail", "warn"
HEAD = "[Worker-0a1b2c] [2024-03-13 06:43:56,822] ERROR [orders-sink|task-0] "
UUID = "[1f2e3d4c-0a1b-2c3d-4e5f-0123456789ab]"
HOST = "abc123.eu-west-1.aws.clickhouse.cloud"

# the line, the signature that knows it, its status, its cause, one of the checks it confirms
ROWS: list[tuple[str, str, str, Cause, str]] = [
    (
        f"ClickHouse URL: http://{HOST}:8443/shop",
        "plain-to-tls",
        F,
        Cause.PLAINTEXT_ON_TLS_PORT,
        "connector.ssl@pipeline",
    ),
    (
        f"The target server failed to respond, server ClickHouseNode [uri=http://{HOST}:8443/shop]",
        "no-response",
        F,
        Cause.PLAINTEXT_ON_TLS_PORT,
        "connector.ssl@pipeline",
    ),
    (
        "javax.net.ssl.SSLException: Unsupported or unrecognized SSL message",
        "tls-to-plain",
        F,
        Cause.TLS_NOT_SUPPORTED,
        "connector.ssl@pipeline",
    ),
    ("Ping retry 1 out of 3", "ping-retry", F, Cause.WORKER_LOG_ERROR, "tcp.connects@clickhouse-https"),
    (
        "Unable to ping ClickHouse instance.",
        "ping-failed",
        F,
        Cause.WORKER_LOG_ERROR,
        "tls.handshake@clickhouse-https",
    ),
    (
        "Unable to ping Clickhouse server.",
        "state-ping-failed",
        F,
        Cause.WORKER_LOG_ERROR,
        "connector.exactly-once@pipeline",
    ),
    (
        "Unable to determine ClickHouse server version.",
        "no-version",
        F,
        Cause.WORKER_LOG_ERROR,
        "clickhouse.login@clickhouse-https",
    ),
    (
        "Did not find any tables in destination Please create before running.",
        "no-tables",
        F,
        Cause.CLICKHOUSE_NO_TABLES,
        "clickhouse.tables@clickhouse-https",
    ),
    (
        f"Connect to https://{HOST}:8443 [{HOST}/3.1.2.3, {HOST}/3.1.2.4] failed: connect timed out",
        "connect",
        F,
        Cause.TIMED_OUT,
        "routes.nat@clickhouse-https",
    ),
    (
        f"Connect to http://{HOST}:8123 [{HOST}/10.0.3.7] failed: Connection refused (Connection refused)",
        "connect",
        F,
        Cause.CONNECTION_REFUSED,
        "tcp.connects@clickhouse-https",
    ),
    (
        "Connect to sts.amazonaws.com:443 [sts.amazonaws.com/52.119.198.216] failed: connect timed out",
        "aws-connect",
        F,
        Cause.TIMED_OUT,
        "aws-service.path@aws-service",
    ),
    (
        "Connect to secretsmanager.eu-west-1.amazonaws.com:443 "
        "[secretsmanager.eu-west-1.amazonaws.com/52.1.1.1] failed: connect timed out",
        "aws-connect",
        F,
        Cause.TIMED_OUT,
        "tcp.connects@aws-service",
    ),
    (
        "java.net.UnknownHostException: secretsmanager.us-west-2.amazonaws.com",
        "unknown-host",
        F,
        Cause.DNS_NXDOMAIN,
        "dns.resolves@aws-service",
    ),
    (
        "sun.security.validator.ValidatorException: PKIX path building failed",
        "untrusted",
        F,
        Cause.TLS_UNTRUSTED,
        "tls.certificate@clickhouse-https",
    ),
    (
        "Code: 36. DB::Exception: KeeperMap is disabled because keeper_map_path_prefix is not defined.",
        "keeper-map",
        F,
        Cause.SETTING_RISKY,
        "connector.exactly-once@pipeline",
    ),
    (
        f"SaslAuthenticationException: {UUID}: Access denied",
        "iam-denied",
        F,
        Cause.KAFKA_ACCESS_DENIED,
        "kafka.login@kafka",
    ),
    (
        f"SaslAuthenticationException: {UUID}: Too many connects",
        "too-many-connects",
        F,
        Cause.KAFKA_TOO_MANY_CONNECTS,
        "connector.iam-connection-rate@pipeline",
    ),
    (
        "client mechanism SCRAM-SHA-512, enabled mechanisms are [OAUTHBEARER, AWS_MSK_IAM]",
        "mechanisms",
        F,
        Cause.KAFKA_SASL_MECHANISM,
        "kafka.sasl@kafka",
    ),
    (
        "Authentication failed due to invalid credentials with SASL mechanism SCRAM-SHA-512",
        "scram-refused",
        F,
        Cause.KAFKA_AUTH,
        "kafka.login@kafka",
    ),
    (
        "TimeoutException: Timed out waiting for a node assignment. Call: listNodes",
        "node-assignment",
        F,
        Cause.WORKER_LOG_ERROR,
        "security.groups@kafka",
    ),
    (
        "Failed to connect to and describe Kafka cluster. Check worker's broker connection",
        "describe-cluster",
        F,
        Cause.WORKER_LOG_ERROR,
        "connector.authentication@pipeline",
    ),
    (
        "TopicAuthorizationException: Not authorized to access topics: [__amazon_msk_connect_status_1]",
        "unauthorized",
        F,
        Cause.KAFKA_ACCESS_DENIED,
        "iam.permissions@pipeline",
    ),
    (
        "java.lang.OutOfMemoryError: Java heap space",
        "heap",
        W,
        Cause.WORKER_LOG_ERROR,
        "connector.authentication@pipeline",
    ),
    (
        "Failed to find AWS IAM Credentials [Caused by com.amazonaws.SdkClientException]",
        "no-credentials",
        F,
        Cause.WORKER_LOG_ERROR,
        "aws-service.answers@aws-service",
    ),
    (
        "SdkClientException: Unable to load region from any of the providers in the chain",
        "no-region",
        F,
        Cause.SETTING_MISSING,
        "connector.converters@pipeline",
    ),
    (
        "Failed to find any class that implements Connector and which name matches com.clickhouse",
        "no-class",
        F,
        Cause.SETTING_WRONG,
        "connector.class@pipeline",
    ),
    (
        "java.lang.NoClassDefFoundError: com/clickhouse/client/ClickHouseNode",
        "no-library",
        F,
        Cause.PLUGIN_UNUSABLE,
        "connector.plugin@pipeline",
    ),
    (
        "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
        "load-balancer",
        F,
        Cause.HTTP_LOAD_BALANCER,
        "clickhouse.ping@clickhouse-https",
    ),
    (
        "State mismatch for topic orders partition 3",
        "state-mismatch",
        F,
        Cause.SETTING_RISKY,
        "connector.exactly-once@pipeline",
    ),
    (
        "errors.retry.timeout is too low (60). Value should be in 'ms'",
        "retry-unit",
        W,
        Cause.SETTING_RISKY,
        "connector.errors@pipeline",
    ),
    (
        "Code: 516. DB::Exception: sink: Authentication failed",
        "exception",
        F,
        Cause.CLICKHOUSE_AUTH,
        "clickhouse.login@clickhouse-https",
    ),
    (
        "Code: 81. DB::Exception: Database shop does not exist.",
        "exception",
        F,
        Cause.CLICKHOUSE_NO_DATABASE,
        "clickhouse.tables@clickhouse-https",
    ),
    (
        "Code: 999. DB::Exception: Keeper error",
        "exception",
        F,
        Cause.CLICKHOUSE_EXCEPTION,
        "clickhouse.login@clickhouse-https",
    ),
]


def findings(tmp_path: Path, text: str, check: str = "logs.errors") -> list[Finding]:
    """What the check says of a saved log."""
    path = tmp_path / "worker.log"
    path.write_text(text, encoding="utf-8")
    return judge(prefix="logs.", config=Config(worker_log=str(path))).of(check)


@pytest.mark.parametrize(
    ("line", "signature", "status", "cause", "confirms"),
    ROWS,
    ids=[f"{r[1]}-{n}" for n, r in enumerate(ROWS)],
)
def test_a_line_is_known(
    tmp_path: Path, line: str, signature: str, status: str, cause: Cause, confirms: str
) -> None:
    found = [f for f in findings(tmp_path, HEAD + line + "\n") if f.evidence.get("signature") == signature]
    assert len(found) == 1
    assert (found[0].status.value, found[0].cause) == (status, cause)
    named = [f"{one.check}@{one.kind}" for one in found[0].confirms]
    assert isinstance(named, list)
    assert confirms in named
    assert "2024-03-13 06:43:56Z" in found[0].summary


def test_every_signature_is_shown_by_a_line() -> None:
    quiet = {"started", "ping-ok", "stale-connection"}
    assert {one.name for one in log_signatures.SIGNATURES} - quiet == {row[1] for row in ROWS}


def test_every_check_that_a_line_confirms_exists_and_is_of_such_targets() -> None:
    """As plugin discovery finds them: a check that is renamed is renamed here too."""
    there = {(check.id, str(kind)) for check in plugins.find().checks for kind in check.kinds}
    named = {(one.check, str(one.kind)) for each in CONFIRMED_BY.values() for one in each}
    assert named - there == set()


def test_every_topic_that_names_checks_is_one_of_a_signature() -> None:
    topics = {one.topic for one in log_signatures.SIGNATURES}
    topics |= {topic for _, _, topic in log_signatures.CODES.values()}
    assert CONFIRMED_BY.keys() <= topics


def test_every_signature_asks_for_its_own_lines() -> None:
    """What CloudWatch is asked for by words finds every line that the pattern knows."""
    for line, name, *_ in ROWS:
        (signature,) = [one for one in log_signatures.SIGNATURES if one.name == name]
        assert any(term in line for term in signature.terms), name
    assert len(log_signatures.filter_pattern()) <= 1024, "the longest filter that CloudWatch Logs takes"


ORDINARY = [
    "ClickHouse URL: https://abc.clickhouse.cloud:8443/shop",
    "Ping was successful.",
    "[Consumer clientId=connector-consumer-orders-sink-0] Resetting the last seen epoch",
    "WorkerSinkTask{id=orders-sink-0} Sink task finished initialization and start",
    "Attempting to read 500 records from Kafka",
]


def test_an_ordinary_log_shows_nothing(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "".join(HEAD.replace("ERROR", "INFO") + line + "\n" for line in ORDINARY))
    assert found.status is Status.PASS


def test_an_empty_log_shows_neither_good_nor_bad(tmp_path: Path) -> None:
    assert findings(tmp_path, "")[0].status is Status.SKIP


def pings(*seconds: float) -> str:
    """Ping retries of one task, so many seconds apart."""
    at, text = 0.0, ""
    for number, gap in enumerate((0.0, *seconds), 1):
        at += gap
        minute, second = divmod(at, 60)
        stamp = f"2024-03-13 06:{int(minute):02d}:{int(second):02d},{int(at % 1 * 1000):03d}"
        text += f"[Worker-0a1b2c] [{stamp}] WARN [orders-sink|task-0] Ping retry {number} out of 3\n"
    return text


@pytest.mark.parametrize(
    ("gaps", "timeout", "said"),
    [
        ((30.03, 30.03), None, "30 s between pings: nobody answers"),
        ((0.2, 0.3), None, "something answers"),
        ((60.0, 60.1), "60", "60 s between pings: nobody answers"),
        ((10.0, 10.0), "10", "10 s between pings: nobody answers"),
        ((30.0, 30.0), "${secretsManager:orders/clickhouse:timeout}", "30 s between pings: nobody answers"),
        ((30.0, 30.0), "soon", "30 s between pings: nobody answers"),
    ],
)
def test_the_time_between_pings_tells_silence_from_an_answer(
    tmp_path: Path, gaps: tuple[float, ...], timeout: str | None, said: str
) -> None:
    path = tmp_path / "worker.log"
    path.write_text(pings(*gaps), encoding="utf-8")
    subject = with_settings({"timeoutSeconds": timeout})
    (found,) = judge(subject, prefix="logs.", config=Config(worker_log=str(path))).of("logs.errors")
    assert said in found.summary


@pytest.mark.parametrize("gaps", [(8.0, 9.0), ()])
def test_time_that_fits_neither_says_nothing(tmp_path: Path, gaps: tuple[float, ...]) -> None:
    (found,) = findings(tmp_path, pings(*gaps))
    assert "between pings" not in found.summary


def test_pings_of_two_tasks_are_not_mixed(tmp_path: Path) -> None:
    """Two tasks that both wait 30 s write two lines at once."""
    text = pings(30.0, 30.0) + pings(30.0, 30.0).replace("task-0", "task-1")
    ordered = "".join(sorted(text.splitlines(keepends=True), key=lambda line: line[16:40]))
    (found,) = findings(tmp_path, ordered)
    assert "30 s between pings: nobody answers" in found.summary


def test_what_a_later_ping_mended_is_a_warning(tmp_path: Path) -> None:
    later = "[Worker-0a1b2c] [2024-03-13 07:00:00,000] INFO [orders-sink|task-0] Ping was successful.\n"
    (found,) = findings(tmp_path, pings(30.0) + later)
    assert found.status is Status.WARN
    (found,) = findings(tmp_path, later.replace("07:00", "05:00") + pings(30.0))
    assert found.status is Status.FAIL


def test_lines_of_another_connector_in_the_same_group_are_not_ours(tmp_path: Path) -> None:
    text = pings(30.0, 30.0).replace("orders-sink", "returns-sink")
    assert [one.status for one in findings(tmp_path, text)] == [Status.PASS]


CANARY = "hunter2-canary"


@pytest.mark.parametrize(
    "line",
    [
        f"props: {{password={CANARY}, hostname=a}} Ping retry 1 out of 3",
        f"ClickHouse URL: http://a.clickhouse.cloud:8443/shop?password={CANARY}&ssl=false",
        f"ClickHouse URL: https://default:{CANARY}@a:8443/ Code: 516. DB::Exception: password={CANARY}",
        f'TopicAuthorizationException sasl.jaas.config=x required username="u" password="{CANARY}";',
        f"Failed to find AWS IAM Credentials token: {CANARY}",
        f"Connect to https://a.clickhouse.cloud:8443?password={CANARY} [a/1.2.3.4] failed: connect timed out",
    ],
)
def test_secrets_in_a_log_do_not_pass_the_door(tmp_path: Path, line: str) -> None:
    path = tmp_path / "worker.log"
    path.write_text(HEAD + line + "\n", encoding="utf-8")
    assert CANARY not in repr(from_file(Deadline(5.0), str(path)))


def test_of_a_line_only_what_matched_is_kept() -> None:
    (line,) = log_signatures.lines(
        f"{HEAD}customer Mustermann, Code: 62. DB::Exception: row (7, 'Mustermann')"
    )
    assert line.text == "Code: 62. DB::Exception"


def test_a_stack_trace_has_the_time_and_the_task_of_its_first_line() -> None:
    trace = f"{HEAD}Task failed\njava.lang.RuntimeException\nCaused by: java.net.UnknownHostException: a.b"
    (line,) = log_signatures.lines(trace)
    assert (line.connector, line.worker) == ("orders-sink", "0a1b2c|0")
    assert line.time == 1710312236.822


def result(check: str, kind: Kind, status: Status) -> Result:
    target = Target(kind, "", 0) if kind is Kind.PIPELINE else Target(kind, "a", 8443)
    return Result(f"{check}@{target}", check, target, Finding(status, check, Cause.TIMED_OUT), 0.0)


@pytest.mark.parametrize(
    ("other", "folded"),
    [
        (result("tcp.connects", Kind.CLICKHOUSE_HTTPS, Status.FAIL), True),
        (result("tcp.connects", Kind.CLICKHOUSE_HTTPS, Status.PASS), False),
        (result("tcp.connects", Kind.KAFKA, Status.FAIL), False),
        (result("connector.topics", Kind.PIPELINE, Status.FAIL), False),
    ],
)
def test_a_line_is_folded_under_the_check_that_sees_the_same(
    tmp_path: Path, other: Result, folded: bool
) -> None:
    (found,) = findings(tmp_path, pings(30.0, 30.0))
    pipeline = Target(Kind.PIPELINE, "", 0)
    line = Result("logs.errors@pipeline", "logs.errors", pipeline, found, 0.0)
    by_key = {r.key: r.caused_by for r in explain((line, other), CATALOGUE)}
    assert by_key[line.key] == (other.key if folded else None)
    assert by_key[other.key] is None


@pytest.mark.parametrize(
    ("theirs", "host", "status"),
    [
        ("127.0.0.1", "localhost", Status.PASS),
        ("52.95.121.1", "localhost", Status.FAIL),
        ("10.0.0.9", "localhost", Status.FAIL),
    ],
)
def test_the_workers_addresses_are_compared_with_ours(
    tmp_path: Path, theirs: str, host: str, status: Status
) -> None:
    text = f"{HEAD}Connect to https://{host}:8443 [{host}/{theirs}] failed: connect timed out\n"
    (found,) = findings(tmp_path, text, "logs.addresses")
    assert found.status is status
    assert found.evidence["workers"] == [theirs]


# --- from CloudWatch Logs ---------------------------------------------------------------------------------


def page(*messages: str, more: str = "") -> dict[str, object]:
    events = [
        {"timestamp": 1710312236822 + n, "message": m, "eventId": str(n)} for n, m in enumerate(messages)
    ]
    return {"events": events, **({"nextToken": more} if more else {})}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
    yield monkeypatch


def lead_to(aws: AwsEndpoint, environment: pytest.MonkeyPatch) -> None:
    for name, value in aws.environment().items():
        environment.setenv(name, value)


def test_recent_lines_are_asked_for_in_one_call(environment: pytest.MonkeyPatch) -> None:
    answers = {"logs": {"FilterLogEvents": lambda _: page(HEAD + "Ping retry 1 out of 3")}}
    with AwsEndpoint(World({}, answers)) as aws:
        lead_to(aws, environment)
        seen = recent(Deadline(10.0), "eu-west-1", None, "/msk/orders-sink", 180)
    assert [line.text for line in seen.lines] == ["Ping retry 1 out of 3"]
    (call,) = aws.calls
    assert call.params["logGroupName"] == "/msk/orders-sink"
    assert call.params["startFromHead"] is False


def test_a_busy_group_is_asked_twice_and_no_more(environment: pytest.MonkeyPatch) -> None:
    answers = {"logs": {"FilterLogEvents": lambda _: page("Ping was successful", more="next")}}
    with AwsEndpoint(World({}, answers)) as aws:
        lead_to(aws, environment)
        seen = recent(Deadline(10.0), "eu-west-1", None, "/msk/orders-sink", 180)
    assert len(aws.calls) == 2
    assert not seen.whole


def test_a_denied_call_is_unknown_and_names_the_action(environment: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(World({}, {"logs": {"FilterLogEvents": page()}})) as aws:
        aws.fail("logs", "FilterLogEvents", Fault(denied=True))
        lead_to(aws, environment)
        judged = judge(prefix="logs.", pipeline=Pipeline(connector=HEALTHY, region="eu-west-1"))
    told = [r.finding for r in judged.results if r.finding.status is Status.UNKNOWN]
    assert [one.missing_permissions for one in told] == [(ACTION,)]


def test_the_connectors_own_group_is_read(environment: pytest.MonkeyPatch) -> None:
    answers = {"logs": {"FilterLogEvents": lambda _: page(HEAD + "Did not find any tables in destination")}}
    with AwsEndpoint(World({}, answers)) as aws:
        lead_to(aws, environment)
        judged = judge(prefix="logs.", pipeline=Pipeline(connector=HEALTHY, region="eu-west-1"))
    assert [one.cause for one in judged.of("logs.errors")] == [Cause.CLICKHOUSE_NO_TABLES]
    assert len(aws.calls) == 1, "both checks read the log once"


def test_a_quiet_group_is_neither_good_nor_bad(environment: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(World({}, {"logs": {"FilterLogEvents": page()}})) as aws:
        lead_to(aws, environment)
        judged = judge(prefix="logs.", pipeline=Pipeline(connector=HEALTHY, region="eu-west-1"))
    assert judged.of("logs.errors")[0].status is Status.SKIP


def test_without_a_log_there_is_nothing_to_read() -> None:
    judged = judge(replace(HEALTHY, logs=()), prefix="logs.")
    assert {one.finding.status for one in judged.results} == {Status.SKIP}


def test_a_file_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    judged = judge(prefix="logs.", config=Config(worker_log=str(tmp_path)))
    assert judged.of("logs.errors")[0].status is Status.UNKNOWN
