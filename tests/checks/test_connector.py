"""What a connector's settings show before a packet is sent: setting -> finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from netcheck.core.model import Status
from netcheck.pipeline.model import Pipeline, WorkerConfiguration
from tests.checks.connector import CLUSTER, HEALTHY, SETTINGS, WORKER, judge, with_settings

F, W, U = "fail", "warn", "unknown"
GONE = None
SELF_HOSTED = {"hostname": "clickhouse.internal", "exactlyOnce": GONE}
ZERO_WIDTH, NO_BREAK = "\u200b", "\u00a0"
SINK = SETTINGS["connector.class"]

# row of the catalogue or reason, the change, the check, its status, its code, a part of the fix
ROWS: list[tuple[str, Mapping[str, str | None], str, str, str | None, str]] = [
    (
        "D01 scheme",
        {"hostname": "https://a.eu-west-1.aws.clickhouse.cloud"},
        "connector.hostname",
        F,
        "SINK_HOSTNAME_NOT_BARE",
        "hostname=a.eu-west-1.aws.clickhouse.cloud",
    ),
    (
        "D01 port",
        {"hostname": "a.clickhouse.cloud:8443"},
        "connector.hostname",
        F,
        "SINK_HOSTNAME_NOT_BARE",
        "hostname=a.clickhouse.cloud",
    ),
    (
        "D01 port moves to its own setting",
        {"hostname": "http://ch.internal:8124/", "port": GONE, "ssl": "false"},
        "connector.hostname",
        F,
        "SINK_HOSTNAME_NOT_BARE",
        "port=8124",
    ),
    (
        "D01 path",
        {"hostname": "a.clickhouse.cloud/shop"},
        "connector.hostname",
        F,
        "SINK_HOSTNAME_NOT_BARE",
        "hostname=a.clickhouse.cloud",
    ),
    (
        "D01 placeholder",
        {"hostname": "<hostname>"},
        "connector.hostname",
        F,
        "SINK_HOSTNAME_NOT_BARE",
        "hostname=",
    ),
    ("no hostname", {"hostname": GONE}, "connector.hostname", F, "SINK_HOSTNAME_MISSING", "hostname="),
    (
        "X05 endpoint name",
        {"hostname": "vpce-0a1.vpce-svc-1.eu-west-1.vpce.amazonaws.com", "exactlyOnce": GONE},
        "connector.hostname",
        W,
        "SINK_HOSTNAME_BORROWED",
        "",
    ),
    (
        "X05 address",
        {"hostname": "10.0.3.7", "exactlyOnce": GONE},
        "connector.hostname",
        W,
        "SINK_HOSTNAME_BORROWED",
        "",
    ),
    (
        "a provider's hostname",
        {"hostname": "${secretsManager:orders:host}"},
        "connector.hostname",
        U,
        None,
        "",
    ),
    ("X07 missing", {"ssl": GONE}, "connector.ssl", F, "SINK_SSL_MISSING", "ssl=true"),
    ("X07 false", {"ssl": "false"}, "connector.ssl", F, "SINK_SSL_MISSING", "ssl=true"),
    ("X07 443", {"ssl": GONE, "port": "443"}, "connector.ssl", F, "SINK_SSL_MISSING", "ssl=true"),
    ("X07 default port", {"ssl": GONE, "port": GONE}, "connector.ssl", F, "SINK_SSL_MISSING", "ssl=true"),
    ("X07 read as false", {"ssl": "true "}, "connector.whitespace", F, "SETTING_INVISIBLE_SSL", "ssl=true"),
    ("X08", {"port": "8123", **SELF_HOSTED}, "connector.ssl", F, "SINK_SSL_ON_PLAIN_PORT", "ssl=false"),
    ("X08 on Cloud", {"port": "80"}, "connector.ssl", F, "SINK_SSL_ON_PLAIN_PORT", "port=8443"),
    ("ssl is no truth value", {"ssl": "yes"}, "connector.ssl", F, "SINK_SSL_INVALID", "ssl=true"),
    (
        "the client may read its own ssl option",
        {"ssl": GONE, "jdbcConnectionProperties": "?ssl=true"},
        "connector.ssl",
        U,
        None,
        "",
    ),
    ("plain HTTP to Cloud", {"ssl": GONE, "port": "8123"}, "connector.ssl", W, "SINK_SSL_OFF", "port=8443"),
    ("H07 9440", {"port": "9440"}, "connector.port", F, "SINK_PORT_NATIVE", "port=8443"),
    (
        "H07 9000",
        {"port": "9000", "ssl": "false", **SELF_HOSTED},
        "connector.port",
        F,
        "SINK_PORT_NATIVE",
        "port=8123",
    ),
    ("port is no number", {"port": "https"}, "connector.port", F, "SINK_PORT_INVALID", "port=8443"),
    (
        "port with a blank",
        {"port": "8443 "},
        "connector.whitespace",
        F,
        "SETTING_INVISIBLE_PORT",
        "port=8443",
    ),
    ("port out of range", {"port": "84430"}, "connector.port", F, "SINK_PORT_INVALID", "port=8443"),
    ("a provider's port", {"port": "${ssm::/orders/port}"}, "connector.port", U, None, ""),
    (
        "C01 package",
        {"connector.class": "com.clickhouse.kafka.connect.sink"},
        "connector.class",
        F,
        "CONNECTOR_CLASS_NOT_FOUND",
        f"connector.class={SINK}",
    ),
    (
        "C01 blank",
        {"connector.class": SINK + " "},
        "connector.class",
        F,
        "CONNECTOR_CLASS_NOT_FOUND",
        f"connector.class={SINK}",
    ),
    (
        "C01 zero width",
        {"connector.class": ZERO_WIDTH + SINK},
        "connector.class",
        F,
        "CONNECTOR_CLASS_NOT_FOUND",
        f"connector.class={SINK}",
    ),
    (
        "C01 no-break space",
        {"connector.class": SINK + NO_BREAK},
        "connector.class",
        F,
        "CONNECTOR_CLASS_NOT_FOUND",
        f"connector.class={SINK}",
    ),
    (
        "no class",
        {"connector.class": GONE},
        "connector.class",
        F,
        "CONNECTOR_CLASS_MISSING",
        f"connector.class={SINK}",
    ),
    (
        "invisible in a truth value",
        {"exactlyOnce": "true" + ZERO_WIDTH},
        "connector.whitespace",
        F,
        "SETTING_INVISIBLE_EXACTLYONCE",
        "exactlyOnce=true",
    ),
    (
        "invisible in a name",
        {"database": "shop "},
        "connector.whitespace",
        W,
        "SETTING_INVISIBLE_DATABASE",
        "database=shop",
    ),
    ("invisible in a key", {"ssl ": "true"}, "connector.whitespace", W, "SETTING_INVISIBLE_SSL", "ssl=true"),
    (
        "X01 truststore",
        {"ssl.truststore.location": "/tmp/kafka.client.truststore.jks"},
        "connector.ignored",
        W,
        "SETTING_IGNORED_SSL_TRUSTSTORE_LOCATION",
        "",
    ),
    (
        "security.protocol",
        {"security.protocol": "SSL"},
        "connector.ignored",
        W,
        "SETTING_IGNORED_SECURITY_PROTOCOL",
        "",
    ),
    ("sasl", {"sasl.mechanism": "AWS_MSK_IAM"}, "connector.ignored", W, "SETTING_IGNORED_SASL_MECHANISM", ""),
    (
        "bare schemas.enable",
        {"schemas.enable": "false"},
        "connector.ignored",
        W,
        "SETTING_IGNORED_SCHEMAS_ENABLE",
        "",
    ),
    (
        "another case",
        {"exactlyonce": "true"},
        "connector.ignored",
        W,
        "SETTING_IGNORED_EXACTLYONCE",
        "exactlyOnce=true",
    ),
    (
        "another program's name",
        {"user": "sink"},
        "connector.ignored",
        W,
        "SETTING_IGNORED_USER",
        "username=sink",
    ),
    (
        "X01 a file nobody put there",
        {"jdbcConnectionProperties": "?sslmode=STRICT&sslrootcert=/tmp/ca.pem"},
        "connector.files",
        W,
        "FILE_NOT_ON_WORKER_JDBCCONNECTIONPROPERTIES_SSLROOTCERT",
        "",
    ),
    (
        "a truststore for the consumer",
        {"consumer.override.ssl.truststore.location": "/tmp/kafka.jks"},
        "connector.files",
        W,
        "FILE_NOT_ON_WORKER_CONSUMER_OVERRIDE_SSL_TRUSTSTORE_LOCATION",
        "",
    ),
    (
        "sni verifies nothing",
        {"ssl_socket_sni": "a.clickhouse.cloud", "exactlyOnce": GONE},
        "connector.verification",
        W,
        "SINK_SNI_UNVERIFIED",
        "hostname=a.clickhouse.cloud",
    ),
    (
        "sslmode none",
        {"jdbcConnectionProperties": "?sslmode=NONE"},
        "connector.verification",
        W,
        "SINK_SSLMODE_NONE",
        "sslmode=STRICT",
    ),
    (
        "a password in clear",
        {"password": "***"},
        "connector.secrets",
        W,
        "SECRET_IN_CLEAR_PASSWORD",
        "password=${secretsManager:<secret>:password}",
    ),
    (
        "provider not configured",
        {"username": "${ssm::/orders/user}"},
        "connector.providers",
        F,
        "CONFIG_PROVIDER_MISSING_SSM",
        "config.providers=ssm",
    ),
    (
        "JSON without schemas.enable",
        {"value.converter.schemas.enable": GONE},
        "connector.converters",
        W,
        "VALUE_CONVERTER_SCHEMAS_ENABLE",
        "value.converter.schemas.enable=false",
    ),
    (
        "JSON keys without schemas.enable",
        {"key.converter": SETTINGS["value.converter"]},
        "connector.converters",
        W,
        "KEY_CONVERTER_SCHEMAS_ENABLE",
        "key.converter.schemas.enable=false",
    ),
    (
        "Avro without a registry",
        {"value.converter": "io.confluent.connect.avro.AvroConverter"},
        "connector.converters",
        F,
        "VALUE_CONVERTER_REGISTRY_URL",
        "value.converter.schema.registry.url=",
    ),
    (
        "Protobuf without a registry",
        {"value.converter": "io.confluent.connect.protobuf.ProtobufConverter"},
        "connector.converters",
        F,
        "VALUE_CONVERTER_REGISTRY_URL",
        "value.converter.schema.registry.url=",
    ),
    (
        "C09 Glue without a region",
        {
            "value.converter": "com.amazonaws.services.schemaregistry.kafkaconnect.AWSKafkaAvroConverter",
            "value.converter.registry.name": "orders",
        },
        "connector.converters",
        F,
        "VALUE_CONVERTER_GLUE_REGION",
        "value.converter.region=",
    ),
    (
        "Glue without a registry",
        {
            "value.converter": "com.amazonaws.services.schemaregistry.kafkaconnect.AWSKafkaAvroConverter",
            "value.converter.region": "eu-west-1",
        },
        "connector.converters",
        W,
        "VALUE_CONVERTER_GLUE_REGISTRY",
        "value.converter.registry.name=",
    ),
    (
        "H03",
        {"hostname": "clickhouse.internal"},
        "connector.exactly-once",
        W,
        "CLICKHOUSE_KEEPER_MAP",
        "exactlyOnce=false",
    ),
    (
        "X06",
        {"ssl_socket_sni": "a.clickhouse.cloud"},
        "connector.exactly-once",
        F,
        "SINK_SNI_EXACTLY_ONCE",
        "exactlyOnce=false",
    ),
    ("zkPath", {"zkPath": "orders"}, "connector.exactly-once", F, "SINK_ZKPATH", "zkPath=/orders"),
    (
        "H11",
        {"errors.retry.timeout": "60"},
        "connector.errors",
        W,
        "ERRORS_RETRY_UNIT",
        "errors.retry.timeout=60000",
    ),
    (
        "errors dropped unseen",
        {"errors.tolerance": "all"},
        "connector.errors",
        W,
        "ERRORS_DROPPED_UNSEEN",
        "errors.log.enable=true",
    ),
    ("H10", {"client_version": "V2"}, "connector.client", W, "SINK_V2_RETRIES", "client_version=V1"),
    (
        "H13",
        {"client_version": "V2", "proxyType": "SOCKS", "proxyHost": "proxy", "proxyPort": "1080"},
        "connector.client",
        F,
        "SINK_V2_SOCKS",
        "client_version=V1",
    ),
    ("H13 no host", {"proxyType": "http"}, "connector.client", F, "SINK_PROXY_INCOMPLETE", "proxyHost="),
    (
        "H13 unknown type",
        {"proxyType": "https", "proxyHost": "proxy", "proxyPort": "3128"},
        "connector.client",
        W,
        "SINK_PROXY_TYPE",
        "proxyType=http",
    ),
    ("retryCount", {"retryCount": "0"}, "connector.timeouts", F, "SINK_RETRYCOUNT_RANGE", "retryCount=3"),
    (
        "timeoutSeconds",
        {"timeoutSeconds": "30000"},
        "connector.timeouts",
        F,
        "SINK_TIMEOUTSECONDS_RANGE",
        "timeoutSeconds=30",
    ),
    (
        "H12",
        {"consumer.override.max.poll.interval.ms": "60000"},
        "connector.timeouts",
        W,
        "CONSUMER_POLL_INTERVAL",
        "consumer.override.max.poll.interval.ms=300000",
    ),
    (
        "a bare consumer setting",
        {"max.poll.records": "5000"},
        "connector.overrides",
        W,
        "SETTING_IGNORED_MAX_POLL_RECORDS",
        "consumer.override.max.poll.records=5000",
    ),
    (
        "a worker's prefix",
        {"consumer.max.poll.records": "5000"},
        "connector.overrides",
        W,
        "SETTING_IGNORED_CONSUMER_MAX_POLL_RECORDS",
        "consumer.override.max.poll.records=5000",
    ),
    (
        "an override of MSK Connect's own",
        {"consumer.override.security.protocol": "SSL"},
        "connector.overrides",
        W,
        "CONSUMER_MANAGED_CONSUMER_OVERRIDE_SECURITY_PROTOCOL",
        "",
    ),
    (
        "more records, the same bytes",
        {"consumer.override.max.poll.records": "5000"},
        "connector.fetch",
        W,
        "CONSUMER_FETCH_SMALL",
        "consumer.override.max.partition.fetch.bytes=10485760",
    ),
    ("no topics", {"topics": GONE}, "connector.topics", F, "TOPICS_MISSING", "topics="),
    (
        "topics twice",
        {"topics.regex": "orders-.*"},
        "connector.topics",
        F,
        "TOPICS_TWICE",
        "topics=orders,returns",
    ),
    (
        "the dead letter topic is consumed",
        {"errors.deadletterqueue.topic.name": "returns"},
        "connector.topics",
        F,
        "TOPICS_DEAD_LETTER",
        "errors.deadletterqueue.topic.name=",
    ),
    (
        "a map of other topics",
        {"topic2TableMap": "orders=o, refunds=r"},
        "connector.topics",
        W,
        "TOPICS_MAP",
        "",
    ),
    ("tasks.max", {"tasks.max": "many"}, "connector.tasks", F, "TASKS_INVALID", "tasks.max=1"),
    ("no tasks", {"tasks.max": "0"}, "connector.tasks", F, "TASKS_INVALID", "tasks.max=1"),
]


@pytest.mark.parametrize(("why", "change", "check", "status", "code", "fix"), ROWS, ids=[r[0] for r in ROWS])
def test_a_setting_is_found_wrong(
    why: str, change: Mapping[str, str | None], check: str, status: str, code: str | None, fix: str
) -> None:
    findings = judge(with_settings(change)).of(check)
    found = next((one for one in findings if (one.status.value, one.code) == (status, code)), None)
    assert found is not None, f"{why}: {[(one.status, one.code, one.summary) for one in findings]}"
    assert fix in "".join(one.text for one in found.fixes)
    if status != U:
        assert found.component == "orders-sink"
        assert found.cause is not None


def test_a_healthy_connector_has_nothing_against_it() -> None:
    assert judge().open() == []


HEALTHY_CHANGES: list[tuple[str, Mapping[str, str | None]]] = [
    ("self-hosted, plain HTTP", {**SELF_HOSTED, "ssl": GONE, "port": "8123"}),
    ("self-hosted, TLS on a port of its own", {**SELF_HOSTED, "port": "18443"}),
    (
        "defaults for all that has one",
        {"port": GONE, "database": GONE, "tasks.max": GONE, "exactlyOnce": GONE},
    ),
    ("TRUE in capitals", {"ssl": "TRUE"}),
    ("PrivateLink", {"hostname": "abc123.eu-west-1.vpce.aws.clickhouse.cloud"}),
    ("retry for ever", {"errors.retry.timeout": "-1"}),
    ("no retries", {"errors.retry.timeout": "0"}),
    ("dead letters", {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead"}),
    ("topics by pattern", {"topics": GONE, "topics.regex": "orders-.*", "topic2TableMap": "orders-1=orders"}),
    ("an HTTP proxy", {"proxyType": "HTTP", "proxyHost": "proxy.internal", "proxyPort": "3128"}),
    (
        "fetch as large as the poll",
        {
            "consumer.override.max.poll.records": "5000",
            "consumer.override.max.partition.fetch.bytes": "10485760",
        },
    ),
    ("fewer records a poll", {"consumer.override.max.poll.records": "100"}),
    (
        "Avro",
        {
            "value.converter": "io.confluent.connect.avro.AvroConverter",
            "value.converter.schema.registry.url": "https://registry.internal",
        },
    ),
    (
        "Glue",
        {
            "value.converter": "com.amazonaws.services.schemaregistry.kafkaconnect.AWSKafkaAvroConverter",
            "value.converter.region": "eu-west-1",
            "value.converter.registry.name": "orders",
        },
    ),
    ("JSON with its schema", {"value.converter.schemas.enable": "true"}),
    ("the worker's converter", {"value.converter": GONE, "value.converter.schemas.enable": GONE}),
    (
        "a transform with settings of its own",
        {
            "transforms": "t",
            "transforms.t.type": "com.clickhouse.kafka.connect.transforms.KeyToValue",
            "transforms.t.host": "x",
        },
    ),
    ("a JAAS text on several lines", {"clickhouseSettings": "insert_quorum=2,\n wait_end_of_query=1"}),
    (
        "an imported authority",
        {"jdbcConnectionProperties": "?sslmode=STRICT&sslrootcert=${secretsManager:ca:path}"},
    ),
]


@pytest.mark.parametrize(("why", "change"), HEALTHY_CHANGES, ids=[row[0] for row in HEALTHY_CHANGES])
def test_no_false_alarm(why: str, change: Mapping[str, str | None]) -> None:
    assert judge(with_settings(change)).open() == [], why


GUIDE = {
    "connector.class": "com.clickhouse.kafka.connect.ClickHouseSinkConnector",
    "tasks.max": "1",
    "topics": "orders",
    "ssl": "true",
    "security.protocol": "SSL",
    "hostname": "abc123.eu-west-1.aws.clickhouse.cloud",
    "database": "shop",
    "password": "***",
    "ssl.truststore.location": "/tmp/kafka.client.truststore.jks",
    "port": "8443",
    "value.converter.schemas.enable": "false",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "exactlyOnce": "true",
    "username": "default",
    "schemas.enable": "false",
}


def test_the_guides_own_properties_get_the_warnings_they_deserve_and_no_other() -> None:
    """Three settings that nobody reads, and a password that everybody reads."""
    assert sorted(judge(replace(HEALTHY, settings=GUIDE)).open()) == [
        ("connector.ignored", "warn", "SETTING_IGNORED_SCHEMAS_ENABLE"),
        ("connector.ignored", "warn", "SETTING_IGNORED_SECURITY_PROTOCOL"),
        ("connector.ignored", "warn", "SETTING_IGNORED_SSL_TRUSTSTORE_LOCATION"),
        ("connector.secrets", "warn", "SECRET_IN_CLEAR_PASSWORD"),
    ]


@pytest.mark.parametrize(
    ("name", "least", "most"), [("timeoutSeconds", 0, 600), ("retryCount", 3, 10)], ids=["timeout", "retries"]
)
def test_timeouts_and_retries_have_limits_that_kafka_connect_holds_them_to(
    name: str, least: int, most: int
) -> None:
    for value in (least, most):
        (found,) = judge(with_settings({name: str(value)})).of("connector.timeouts")
        assert found.status is Status.PASS, found.summary
    for value in (least - 1, most + 1):
        (found,) = judge(with_settings({name: str(value)})).of("connector.timeouts")
        assert (found.status, f"{least} to {most}" in found.summary) == (Status.FAIL, True), found.summary


@pytest.mark.parametrize("name", ["timeoutSeconds", "retryCount"])
def test_a_timeout_that_only_the_worker_fills_in_is_unknown(name: str) -> None:
    (found,) = judge(with_settings({name: "${secretsManager:orders/clickhouse:value}"})).of(
        "connector.timeouts"
    )
    assert found.status is Status.UNKNOWN


ADVICE_ON_IGNORED = [
    ("schemas.enable", "false", "value.converter.schemas.enable=false"),
    ("security.protocol", "SSL", "ssl=true"),
    ("ssl.truststore.location", "/tmp/a.jks", "sslrootcert"),
    ("sasl.mechanism", "AWS_MSK_IAM", "MSK Connect"),
]


@pytest.mark.parametrize(("name", "value", "advice"), ADVICE_ON_IGNORED)
def test_a_setting_that_nobody_reads_is_answered_with_the_one_that_is(
    name: str, value: str, advice: str
) -> None:
    (found,) = judge(with_settings({name: value})).of("connector.ignored")
    others = {other for key, _, other in ADVICE_ON_IGNORED if key != name} - {"MSK Connect"}
    assert advice in found.summary
    assert not [other for other in others if other in found.summary]


def test_overrides_need_the_workers_consent_in_kafka_connect_2() -> None:
    subject = with_settings({"consumer.override.max.poll.records": "100"})
    old = replace(subject, kafka_connect_version="2.7.1")
    (refused,) = judge(old).of("connector.overrides")
    assert (refused.status, refused.code) == (Status.FAIL, "OVERRIDE_POLICY")
    asked = {**WORKER.properties, "connector.client.config.override.policy": "All"}
    consenting = replace(old, worker_configuration=WorkerConfiguration("arn", 1, asked))
    assert judge(consenting).of("connector.overrides")[0].status is Status.PASS
    (unsure,) = judge(replace(subject, kafka_connect_version=None)).of("connector.overrides")
    assert unsure.status is Status.UNKNOWN


def test_one_slip_is_one_root_cause() -> None:
    """A blank behind a value is told once, not once by every check that reads it."""
    for change in ({"ssl": "true "}, {"port": "8443 "}, {"connector.class": SINK + " "}):
        failed = [check for check, status, _ in judge(with_settings(change)).open() if status == F]
        assert len(failed) == 1, failed


def test_a_workers_consumer_settings_count() -> None:
    worker = WorkerConfiguration("arn", 1, {**WORKER.properties, "consumer.max.poll.records": "5000"})
    (found,) = judge(replace(HEALTHY, worker_configuration=worker)).of("connector.fetch")
    assert found.code == "CONSUMER_FETCH_SMALL"


def test_a_worker_configuration_does_not_read_overrides() -> None:
    worker = WorkerConfiguration("arn", 1, {**WORKER.properties, "consumer.override.max.poll.records": "5"})
    (found,) = judge(replace(HEALTHY, worker_configuration=worker)).of("connector.overrides")
    assert found.status is Status.WARN
    assert "consumer.max.poll.records=5" in found.summary


def test_the_default_worker_configuration_has_no_provider() -> None:
    (found,) = judge(replace(HEALTHY, worker_configuration=None)).of("connector.providers")
    assert (found.status, found.code) == (Status.FAIL, "CONFIG_PROVIDER_MISSING_SECRETSMANAGER")
    assert "default worker configuration" in found.summary


def test_a_file_tells_nothing_of_the_worker_configuration() -> None:
    subject = replace(HEALTHY, arn=None, worker_configuration=None)
    judged = judge(subject)
    assert judged.of("connector.providers")[0].status is Status.UNKNOWN
    without = judge(with_settings({"value.converter": GONE}, subject))
    assert Status.UNKNOWN in [one.status for one in without.of("connector.converters")]


def test_config_providers_in_the_connectors_settings_are_told_to_be_in_the_wrong_place() -> None:
    subject = replace(with_settings({"config.providers": "secretsManager"}), worker_configuration=None)
    assert "is not read" in judge(subject).of("connector.providers")[0].summary


@pytest.mark.parametrize("check", ["connector.hostname", "connector.ssl", "connector.exactly-once"])
def test_another_connectors_settings_are_not_judged(check: str) -> None:
    subject = with_settings({"connector.class": "io.confluent.connect.s3.S3SinkConnector"})
    (found,) = judge(subject).of(check)
    assert found.status is Status.SKIP
    assert "ClickHouse sink" in found.summary


def test_without_a_connector_every_question_is_moot() -> None:
    results = judge(pipeline=Pipeline(cluster=CLUSTER)).results
    assert {result.status for result in results if result.check != "connector.cluster"} == {Status.SKIP}
    assert "give --connector" in results[0].finding.summary


def test_every_sentence_that_complains_says_what_to_write() -> None:
    for _, change, check, status, _, _ in ROWS:
        for found in judge(with_settings(change), prefix=check).of(check):
            if found.status.value == status != U:
                words = ("rite ", "remove", "leave", "correct")
                assert any(word in found.summary for word in words), found.summary
