"""Topics: what a broker may say of them, what is made of it, and that none is created by asking."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from netcheck.core import codec
from netcheck.core.context import Deadline
from netcheck.core.credentials import KafkaLogin, Trust
from netcheck.core.model import Cause, Security
from netcheck.core.secret import Secret
from netcheck.probe.kafka import broker
from netcheck.probe.kafka.broker import KafkaTopics
from netcheck.probe.kafka.topics import TopicState, pattern_of
from tests.bounds import LONG, ends_within
from tests.commandline import netcheck
from tests.probe import scripted_kafka as scripted
from tests.servers.kafka import KafkaCluster
from tests.servers.peers import Peer

pytestmark = pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning")

VERSION_4 = scripted.api_versions(((18, 0, 2), (3, 1, 4), (17, 0, 1), (36, 0, 0)))
ALLOWED_TO_CREATE = 1


def topic(name: str, partitions: int = 1, error: int = 0, internal: bool = False) -> bytes:
    """One topic of a Metadata answer, version 4."""
    each = b"".join(struct.pack(">hiiii", 0, number, 1, 0, 0) for number in range(partitions))
    head = struct.pack(">h", error) + scripted.string(name) + bytes([internal])
    return head + struct.pack(">i", partitions) + each


class Describing:
    """Answers Metadata version 4 with these topics; keeps what it was asked for."""

    def __init__(self, port: int, *topics: bytes) -> None:
        self.asked: list[list[str] | None] = []
        self.may_create: list[int] = []
        self._port = port
        self._topics = topics

    def __call__(self, body: bytes) -> bytes:
        names, allowed = _names(body)
        self.asked.append(names)
        self.may_create.append(allowed)
        topics = () if names == [] else self._topics
        broker = struct.pack(">i", 1) + scripted.string("127.0.0.1") + struct.pack(">i", self._port)
        broker += scripted.string(None)
        rest = scripted.string("scripted") + struct.pack(">ii", 1, len(topics)) + b"".join(topics)
        return struct.pack(">ii", 0, 1) + broker + rest


def _names(body: bytes) -> tuple[list[str] | None, int]:
    (count,) = struct.unpack_from(">i", body)
    at, names = 4, []
    for _ in range(max(count, 0)):
        (length,) = struct.unpack_from(">h", body, at)
        names.append(body[at + 2 : at + 2 + length].decode())
        at += 2 + length
    return (None if count < 0 else names), body[at]


def topics(peer: Peer, *names: str, pattern: str = "") -> KafkaTopics:
    where = (peer.host, peer.port, "localhost", Security.PLAINTEXT, Trust())
    return broker.topics(Deadline(LONG), *where, None, names, pattern)


def described(seen: KafkaTopics) -> dict[str, tuple[str, int]]:
    return {one.name: (one.state.value, one.partitions) for one in seen.topics}


def test_each_topic_is_distinguished_and_none_may_be_created() -> None:
    describe = Describing(
        9094,
        topic("orders", 6),
        topic("returns", 0, error=3),
        topic("secret", 0, error=29),
        topic("b@d", 0, error=17),
        topic("young", 0, error=5),
        topic("nobody-asked", 9),
    )
    with scripted.broker(api=VERSION_4, describe=describe) as peer:
        seen = topics(peer, "orders", "returns", "secret", "b@d", "young", "left-out")
    assert described(seen) == {
        "orders": ("there", 6),
        "returns": ("missing", 0),
        "secret": ("denied", 0),
        "b@d": ("invalid", 0),
        "young": ("unknown", 0),
        "left-out": ("unknown", 0),
    }
    assert describe.asked == [["orders", "returns", "secret", "b@d", "young", "left-out"]]
    assert ALLOWED_TO_CREATE not in describe.may_create
    assert codec.decode(KafkaTopics, codec.encode(seen)) == seen


def test_a_pattern_takes_what_matches_whole_and_nothing_internal() -> None:
    listed = [topic("orders-eu", 2), topic("orders-us", 3), topic("old-orders-eu", 9), topic("other")]
    internal = topic("orders-offsets", 50, internal=True)
    describe = Describing(9094, *listed, internal)
    with scripted.broker(api=VERSION_4, describe=describe) as peer:
        seen = topics(peer, pattern="orders-.*")
    assert described(seen) == {"orders-eu": ("there", 2), "orders-us": ("there", 3)}
    assert (seen.told, describe.asked) == (5, [None])


def test_a_broker_that_cannot_be_kept_from_creating_is_not_asked_by_name() -> None:
    describe = Describing(9094)
    with scripted.broker(describe=describe) as peer:
        seen = topics(peer, "orders")
    assert seen.cause is Cause.KAFKA_UNSUPPORTED_VERSION
    assert describe.asked == []


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "a*a*a*a*b", "[", "x" * 300, "(ab){2,}", "a{99999999999999}"]
)
def test_a_pattern_that_may_take_for_ever_or_is_none_is_not_tried(pattern: str) -> None:
    with ends_within(LONG):
        assert pattern_of(pattern) is None


@pytest.mark.parametrize("pattern", ["orders", "orders-.*", "(orders|returns)-(eu|us)", r"shop\.[a-z]+\.v\d"])
def test_what_people_write_is_tried(pattern: str) -> None:
    assert pattern_of(pattern) is not None


# Real brokers, and what the check says.


def sink(tmp_path: Path, **more: str) -> str:
    settings = {
        "connector.class": "com.clickhouse.kafka.connect.ClickHouseSinkConnector",
        "hostname": "ch.invalid",
        "port": "8443",
        "ssl": "true",
        **{name.replace("_", "."): value for name, value in more.items()},
    }
    file = tmp_path / "sink.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    return str(file)


def judged(file: str, bootstrap: str, *more: str) -> list[dict[str, Any]]:
    """What broker.topics says, in a run of the command."""
    arguments = ("--connector-config", file, "--bootstrap", bootstrap, "--only", "kafka.topics", *more)
    done = netcheck("run", *arguments, "--timeout", "5", "--format", "json")
    found: list[dict[str, Any]] = json.loads(done.out)["results"]
    assert {one["check"] for one in found} == {"kafka.topics"}
    return found


@pytest.fixture(scope="module")
def topic_names(kafka_cluster: KafkaCluster) -> tuple[str, str]:
    for name in ("shop-orders", "shop-returns"):
        kafka_cluster.create_topic(name)
    return "shop-orders", "shop-returns"


ROWS = [
    (
        "there, with a partition for the task",
        {"topics": "shop-orders"},
        "pass",
        None,
        "1 partition for 1 task",
    ),
    (
        "more tasks than partitions",
        {"topics": "shop-orders,shop-returns", "tasks_max": "5"},
        "warn",
        "setting_risky",
        "tasks.max=5 and 2 partitions in shop-orders and shop-returns: 3 tasks have nothing to read",
    ),
    ("a topic that is not there", {"topics": "nowhere"}, "fail", "kafka_no_topic", "nowhere does not exist"),
    ("by pattern", {"topics_regex": "shop-.*", "tasks_max": "2"}, "pass", None, "2 partitions for 2 tasks"),
    (
        "by pattern, with idle tasks",
        {"topics_regex": "shop-o.*", "tasks_max": "2"},
        "warn",
        "setting_risky",
        "visible to this login: 1 task has nothing to read",
    ),
    (
        "a pattern that nothing fits",
        {"topics_regex": "cellar-.*"},
        "unknown",
        "fact_unavailable",
        "matches topics.regex=cellar-.*",
    ),
    ("a pattern that is not tried", {"topics_regex": "(a+)+"}, "skip", None, "is not evaluated here"),
    ("neither", {}, "skip", None, "see connector.topics"),
    ("filled in on the worker", {"topics": "${ssm::/topics:}"}, "skip", None, "a config provider"),
]


@pytest.mark.usefixtures("topic_names")
@pytest.mark.parametrize(("says", "settings", "status", "cause", "words"), ROWS, ids=[r[0] for r in ROWS])
def test_what_is_said_of_topics_on_a_real_cluster(
    kafka_cluster: KafkaCluster,
    tmp_path: Path,
    says: str,
    settings: dict[str, str],
    status: str,
    cause: str | None,
    words: str,
) -> None:
    before = kafka_cluster.topics()
    bootstrap = kafka_cluster.bootstrap("PLAINTEXT")
    (found,) = judged(sink(tmp_path, **settings), bootstrap, "--security-protocol", "PLAINTEXT")
    assert (found["status"], found["cause"]) == (status, cause), says
    assert words in found["summary"], says
    assert kafka_cluster.topics() == before, "this cluster creates topics for anybody who may"


def test_topics_are_reported_after_a_login(
    kafka_cluster: KafkaCluster, topic_names: tuple[str, str], certificates: Any
) -> None:
    port = kafka_cluster.addresses("SASL_SSL")[0][1]
    login = KafkaLogin("SCRAM-SHA-512", "connect", Secret("connect-secret"))
    trust = Trust(str(certificates.authority.certificate))
    where = ("127.0.0.1", port, "localhost", Security.SASL_SSL, trust, login)
    seen = broker.topics(Deadline(LONG), *where, topic_names, "")
    assert [one.state for one in seen.topics] == [TopicState.THERE] * 2
    assert seen.attempts == 1


def test_one_denied_and_one_missing_topic_are_two_findings(tmp_path: Path) -> None:
    with scripted.broker(api=VERSION_4) as peer:
        peer.script.answers[scripted.METADATA] = Describing(
            peer.port, topic("orders", 2), topic("hidden", 0, error=29), topic("gone", 0, error=3)
        )
        file = sink(tmp_path, topics="orders,hidden,gone", tasks_max="9")
        found = judged(file, f"127.0.0.1:{peer.port}", "--security-protocol", "PLAINTEXT")
    said = {one["status"]: one["summary"] for one in found}
    assert set(said) == {"fail", "unknown"}, "how many partitions there are is not known: no warning"
    assert "gone does not exist" in said["fail"]
    assert "hidden" in said["unknown"]
    assert "kafka-cluster:DescribeTopic" in said["unknown"]


def test_without_a_broker_the_question_is_not_put(tmp_path: Path) -> None:
    with scripted.broker() as peer:
        closed = f"127.0.0.1:{peer.port}"
    file = sink(tmp_path, topics="orders")
    (found,) = judged(file, closed, "--security-protocol", "PLAINTEXT")
    assert found["status"] == "skip"
    assert "no broker returned its topics" in found["summary"]
