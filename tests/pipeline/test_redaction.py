"""What of a connector's settings is shown, and what is stars."""

from __future__ import annotations

import pytest

from netcheck.pipeline.redaction import is_reference, public, redactor, references

CANARY = "Kanarie-7f3a9"
HIDING = {
    "a password": ("password", CANARY),
    "of the truststore": ("ssl.truststore.password", CANARY),
    "of the consumer's truststore": ("consumer.override.ssl.keystore.password", CANARY),
    "a key in PEM": ("ssl.keystore.key", f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"),
    "a key in PEM, in a setting that says nothing": ("ssl.pem", f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}"),
    "JAAS": ("sasl.jaas.config", f'ScramLoginModule required username="u" password="{CANARY}";'),
    "the consumer's JAAS": ("consumer.override.sasl.jaas.config", f"x password='{CANARY}';"),
    "the producer's JAAS": ("producer.sasl.jaas.config", CANARY),
    "of the dead letter queue": ("errors.deadletterqueue.producer.sasl.jaas.config", CANARY),
    "JAAS in a setting that says nothing": ("client.extra", f'required password="{CANARY}";'),
    "a token": ("auth.token", CANARY),
    "an access token": ("accessToken", CANARY),
    "a secret": ("aws.secret.access.key", CANARY),
    "an API key": ("apiKey", CANARY),
    "credentials": ("service.credentials", CANARY),
    "a registry's user and password": ("value.converter.basic.auth.user.info", f"user:{CANARY}"),
    "a proxy's password": ("proxyPassword", CANARY),
    "options of the JDBC URL": ("jdbcConnectionProperties", f"?ssl=true&password={CANARY}&sslmode=STRICT"),
    "an option of another name": ("jdbcConnectionProperties", f"?access_token={CANARY}"),
    "settings of ClickHouse": ("clickhouseSettings", f"async_insert=1,s3_secret_access_key={CANARY}"),
    "a URL": ("value.converter.schema.registry.url", f"https://user:{CANARY}@registry.example"),
    "JSON": ("extra", f'{{"user": "a", "password": "{CANARY}"}}'),
    "a header": ("http.headers", f"Authorization: Bearer {CANARY}"),
    "a name like a host's, and no port": ("extra", f"db.password.value:{CANARY}"),
    "after a host": ("extra", f"secrets.example.com:8443,db.password:{CANARY}"),
    "half a reference": ("password", f"${{secretsManager:a:b}}{CANARY}"),
    "behind a reference": ("jdbcConnectionProperties", f"?user=${{sm:a:b}}&password={CANARY}"),
    "a reference and more": ("jdbcConnectionProperties", f"?password=${{sm:a:b}}{CANARY}"),
}


@pytest.mark.parametrize("case", HIDING)
def test_it_is_hidden(case: str) -> None:
    key, value = HIDING[case]
    shown = public({key: value})
    assert CANARY not in str(shown)
    assert "***" in shown[key]


KEPT = [
    ("password", "${secretsManager:shop/clickhouse:password}"),
    ("sasl.jaas.config", "${ssm::/kafka/jaas}"),
    ("jdbcConnectionProperties", "?ssl=true&sslmode=STRICT&password=${sm:a:b}"),
    ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
    ("key.converter.schemas.enable", "false"),
    ("config.providers", "secretsManager,ssm"),
    (
        "config.providers.secretsManager.class",
        "com.amazonaws.kafka.config.providers.SecretsManagerConfigProvider",
    ),
    ("config.providers.secretsManager.param.region", "eu-west-1"),
    ("config.providers.secretsManager.param.secret.prefix", "staging"),
    ("transforms.dropToken.type", "org.apache.kafka.connect.transforms.ReplaceField$Value"),
    ("topics", "user-tokens,passwords"),
    ("topic2TableMap", "user-tokens=tokens"),
    ("hostname", "https://demo.eu-west-1.aws.clickhouse.cloud"),
    ("value.converter.schema.registry.url", "https://registry.example:8081"),
    ("connector.class", "com.clickhouse.kafka.connect.ClickHouseSinkConnector "),
    ("proxyHost", "secretsmanager.eu-west-1.amazonaws.com:443"),
    ("hostname", "secret-store.example.com:8443"),
    ("registry.urls", "https://secrets-1.example.com:8081,https://secrets-2.example.com:8082/api"),
    ("bootstrap", "token-1.example.com:9098, token-2.example.com:9098"),
    ("ssl", "true"),
    ("password", ""),
]


@pytest.mark.parametrize(("key", "value"), KEPT)
def test_it_is_kept_as_it_is(key: str, value: str) -> None:
    assert public({key: value}) == {key: value}


def test_the_rest_of_a_value_is_shown() -> None:
    given = {"jdbcConnectionProperties": f"?ssl=true&password={CANARY}&custom=${{sm:a:b}}"}
    assert public(given) == {"jdbcConnectionProperties": "?ssl=true&password=***&custom=${sm:a:b}"}


@pytest.mark.parametrize("case", HIDING)
def test_a_message_that_quotes_the_secret_has_stars(case: str) -> None:
    key, value = HIDING[case]
    message = redactor({key: value})
    assert CANARY not in message(f"Invalid value {value} for configuration {key}")
    assert CANARY not in message(f"it was {CANARY}")


def test_a_users_name_and_number_are_no_host() -> None:
    given = {"registry.url": "https://me.secret.example:4433@host.example:8443/a"}
    assert public(given) == {"registry.url": "https://***@host.example:8443/a"}


def test_a_password_may_look_like_a_url() -> None:
    given = {"jdbcConnectionProperties": "?password=http://tweety.example:443&ssl=true"}
    assert public(given) == {"jdbcConnectionProperties": "?password=***&ssl=true"}
    assert "tweety" not in redactor(given)("Invalid value http://tweety.example:443")


def test_what_stands_for_something_else_cannot_be_forged() -> None:
    assert public({"a": "\ufdd07\ufdd1"}) == {"a": "7\ufdd1"}


def test_references() -> None:
    assert references({"a": "${sm:x:y}", "b": "u=${ssm:z:w}&${s3:b:k}", "c": "$x"}) == {"sm", "ssm", "s3"}
    assert is_reference("${sm:a:b}")
    assert not is_reference("${sm:a:b}x")
