"""What a connector needs of its role, setting by setting."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.core.codec import decode, encode
from netcheck.iam.needs import glob_of_regex, needs
from netcheck.iam.patterns import matches, names
from netcheck.iam.role_questions import role_questions
from netcheck.iam.role_snapshot import RoleQuestions
from netcheck.pipeline.model import Pipeline
from tests.iam.worlds import ACCOUNT, CLUSTER, ID, PROVIDERS, REGION, ROLE, pipeline

TOPICS = CLUSTER.replace(":cluster/", ":topic/")
GROUPS = CLUSTER.replace(":cluster/", ":group/")
AVRO = "com.amazonaws.services.schemaregistry.kafkaconnect.AWSKafkaAvroConverter"
OBJECTS = {
    "config.providers.s3.class": f"{PROVIDERS}.S3ImportConfigProvider",
    "jks": "${s3:eu-west-1:stores/a/b.jks}",
}
PARAMETERS = {
    "config.providers.ssm.class": f"{PROVIDERS}.SsmParamStoreConfigProvider",
    "u": "${ssm::/shop/user}",
}


CUSTENBORDER = {
    "config.providers.secretsManager.class": (
        "com.github.jcustenborder.kafka.config.aws.SecretsManagerConfigProvider"
    ),
    "config.providers.secretsManager.param.secret.prefix": "staging/",
}


def needed(of: Pipeline) -> dict[str, tuple[str, ...]]:
    return {need.name: need.resources for need in needs(of, {}).needs}


ROWS: list[tuple[str, Pipeline, str, tuple[str, ...]]] = [
    ("topics", pipeline(), "SinkTopics", (f"{TOPICS}/orders", f"{TOPICS}/refunds")),
    (
        "topics.regex",
        pipeline({"topics": "", "topics.regex": r"shop\.(a|b).*"}),
        "SinkTopics",
        (f"{TOPICS}/*",),
    ),
    (
        "topics.regex",
        pipeline({"topics": "", "topics.regex": r"shop\..*"}),
        "SinkTopics",
        (f"{TOPICS}/shop.*",),
    ),
    (
        "internal topics",
        pipeline(),
        "InternalTopics",
        tuple(
            f"{TOPICS}/__amazon_msk_connect_{kind}_orders-sink_{ID}"
            for kind in ("configs", "offsets", "status")
        ),
    ),
    ("no ARN", pipeline(connector={"arn": None}), "InternalTopics", (f"{TOPICS}/__amazon_msk_connect_*",)),
    ("own offsets", pipeline(worker={"offset.storage.topic": "mine"}), "OffsetTopic", (f"{TOPICS}/mine",)),
    (
        "dead letters",
        pipeline({"errors.deadletterqueue.topic.name": "dead"}),
        "DeadLetters",
        (f"{TOPICS}/dead",),
    ),
    ("group", pipeline(), "SinkGroup", (f"{GROUPS}/connect-orders-sink",)),
    ("own group", pipeline({"consumer.override.group.id": "mine"}), "SinkGroup", (f"{GROUPS}/mine",)),
    ("Glue", pipeline({"value.converter": AVRO}), "GlueSchemas", ("*",)),
    ("Glue of the worker", pipeline(worker={"key.converter": AVRO}), "GlueSchemas", ("*",)),
    (
        "secret",
        pipeline(),
        "Secret",
        (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/clickhouse-??????",),
    ),
    (
        "secret below a prefix",
        pipeline(CUSTENBORDER),
        "Secret",
        (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:staging/orders/clickhouse-??????",),
    ),
    (
        "secret of Amazon's provider, which knows no prefix",
        pipeline({"config.providers.secretsManager.param.secret.prefix": "staging"}),
        "Secret",
        (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/clickhouse-??????",),
    ),
    ("object", pipeline(OBJECTS), "Object", ("arn:aws:s3:::stores/a/b.jks",)),
    (
        "parameter",
        pipeline(PARAMETERS),
        "Parameter2",
        (f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/user",),
    ),
]


@pytest.mark.parametrize(("of", "name", "resources"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_setting_is_a_need(of: Pipeline, name: str, resources: tuple[str, ...]) -> None:
    assert needed(of)[name] == resources


@pytest.mark.parametrize("authentication", ["NONE", None])
def test_without_iam_nothing_of_kafka_is_needed(authentication: Any) -> None:
    found = needs(pipeline(connector={"authentication": authentication}), {})
    assert not [action for need in found.needs for action in need.actions if action.startswith("kafka")]
    assert bool(found.unsure) is (authentication is None)


def test_a_cluster_that_is_not_known_is_told() -> None:
    found = needs(pipeline(cluster=None), {})
    assert found.unsure == ("the cluster of the bootstrap servers is not known: give --cluster",)


def test_what_is_asked_can_be_recorded() -> None:
    question = role_questions(pipeline(), ROLE)
    assert decode(RoleQuestions, encode(question)) == question
    assert question.secrets == ("orders/clickhouse",)
    assert all("?" not in resource for tried in question.tried for resource in tried.resources)


def test_a_secret_is_looked_up_below_the_prefix_of_its_provider() -> None:
    assert role_questions(pipeline(CUSTENBORDER), ROLE).secrets == ("staging/orders/clickhouse",)


@given(
    st.lists(
        st.sampled_from(
            ["a", "b", r"\.", ".", ".*", ".+", "a*", "b+?", "(a|b)", "[ab]", "a?", "^", "$", "b{2}"]
        )
    )
    .map("".join)
    .filter(lambda text: _compiles(text)),
    st.text("ab.", max_size=5),
)
@settings(max_examples=400, deadline=None)
def test_the_pattern_of_a_regular_expression_leaves_no_topic_out(expression: str, topic: str) -> None:
    if re.fullmatch(expression, topic):
        assert matches(names(glob_of_regex(expression)), topic)


def _compiles(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True
