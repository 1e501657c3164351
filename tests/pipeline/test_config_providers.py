"""Config providers: one pattern for references, one table of classes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import netcheck
from netcheck.pipeline.config_providers import REFERENCE, Store, store_of, usual_class

PACKAGE = Path(netcheck.__file__).parent


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("${sm:orders/clickhouse:password}", ("sm", "orders/clickhouse", "password")),
        ("${env:HOST}", ("env", "", "HOST")),
        ("${ssm::/orders/password}", ("ssm", "", "/orders/password")),
        ("${s3:eu-west-1:bucket/ca.pem}", ("s3", "eu-west-1", "bucket/ca.pem")),
        ("${sm:arn%3Aaws%3Asecretsmanager:password}", ("sm", "arn%3Aaws%3Asecretsmanager", "password")),
        ("${sm:secret:}", ("sm", "secret", "")),
        ("${sm:a:b:c}", ("sm", "a", "b:c")),
    ],
)
def test_a_reference_is_read_as_kafka_reads_it(text: str, groups: tuple[str, str, str]) -> None:
    assert REFERENCE.findall(text) == [groups]
    assert REFERENCE.fullmatch(text)


@pytest.mark.parametrize(
    "text", ["${:path:key}", "${sm:}", "${sm}", "$sm:path:key", "${my secret:key}", "${a"]
)
def test_what_names_no_provider_or_nothing_of_it_is_no_reference(text: str) -> None:
    """So that it is redacted like any other value of a secret setting."""
    assert not REFERENCE.search(text)


@pytest.mark.parametrize(
    ("java_class", "store"),
    [
        ("com.amazonaws.kafka.config.providers.SecretsManagerConfigProvider", Store.SECRETS),
        ("com.github.jcustenborder.kafka.config.aws.SecretsManagerConfigProvider", Store.SECRETS),
        ("com.amazonaws.kafka.config.providers.SsmParamStoreConfigProvider ", Store.PARAMETERS),
        ("com.amazonaws.kafka.config.providers.S3ImportConfigProvider", Store.OBJECTS),
        ("org.apache.kafka.common.config.provider.EnvVarConfigProvider", None),
        ("", None),
    ],
)
def test_a_class_reads_from_one_service(java_class: str, store: Store | None) -> None:
    assert store_of(java_class) is store


def test_the_usual_class_of_an_alias_reads_from_its_service() -> None:
    assert store_of(usual_class("secretsManager") or "") is Store.SECRETS
    assert usual_class("env") == "org.apache.kafka.common.config.provider.EnvVarConfigProvider"
    assert usual_class("vault") is None


def test_no_other_module_names_the_classes() -> None:
    holders = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.endswith("ConfigProvider")
    }
    assert holders == {"pipeline/config_providers.py"}
