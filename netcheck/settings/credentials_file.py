"""Reads logins from a credentials file or the environment; never from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netcheck.core.credentials import ClickHouseLogin, CloudKey, KafkaLogin, Trust
from netcheck.core.secret import Secret
from netcheck.pipeline.msk_listeners import BY_PORT
from netcheck.settings.config import CLOUD_API, MECHANISMS, Config, UsageError, one_of
from netcheck.settings.history_location import TablePlace
from netcheck.settings.yaml_file import read_mapping

VARIABLES = {
    "kafka_username": "NETCHECK_KAFKA_USERNAME",
    "kafka_password": "NETCHECK_KAFKA_PASSWORD",
    "kafka_mechanism": "NETCHECK_KAFKA_MECHANISM",
    "clickhouse_user": "NETCHECK_CLICKHOUSE_USER",
    "clickhouse_password": "NETCHECK_CLICKHOUSE_PASSWORD",
    "ca_password": "NETCHECK_CA_PASSWORD",
    "clickhouse_cloud_key_id": "NETCHECK_CLICKHOUSE_CLOUD_KEY_ID",
    "clickhouse_cloud_key_secret": "NETCHECK_CLICKHOUSE_CLOUD_KEY_SECRET",
    "history_user": "NETCHECK_HISTORY_USER",
    "history_password": "NETCHECK_HISTORY_PASSWORD",
}
"""The keys of a credentials file, and the environment variable for each."""
CLOUD_API_VARIABLE = "NETCHECK_CLICKHOUSE_CLOUD_API"
"""Overrides the URL of ClickHouse Cloud's API, for tests."""


def read_logins(config: Config, environment: Mapping[str, str]) -> Config:
    """The configuration with its logins filled in. A credentials file wins over the environment.

    A replayed run keeps its recorded logins; only the history's is read, as the history is written now.

    Raises UsageError, with a message that holds no secret.
    """
    given = {key: environment[name] for key, name in VARIABLES.items() if environment.get(name) is not None}
    if config.credentials and not config.replay:
        given |= _read_file(config.credentials)
    if config.replay:
        given = {key: value for key, value in given.items() if key.startswith("history_")}
    _must_be_text(given)
    config = replace(config, history_login=_history_login(config, given))
    if config.replay:
        return config
    mechanism = config.sasl_mechanism or given.get("kafka_mechanism")
    if mechanism is not None:
        try:
            one_of(*MECHANISMS, what="SASL mechanism")(mechanism)
        except ValueError as error:
            raise UsageError(f"kafka_mechanism: {error}") from None
    return replace(
        config,
        sasl_mechanism=mechanism or _mechanism_by_port(config),
        trust=Trust(config.ca, _secret(given, "ca_password")),
        kafka_login=_kafka_login(config, given, mechanism or _mechanism_by_port(config)),
        clickhouse_login=_clickhouse_login(config, given),
        cloud_key=_cloud_key(given),
        cloud_api=environment.get(CLOUD_API_VARIABLE) or CLOUD_API,
    )


def _read_file(path: str) -> dict[str, str]:
    entries = read_mapping(path, allowed=tuple(VARIABLES))
    for key, entry in entries.items():
        if not isinstance(entry.value, str):  # YAML reads 0123 as 83 and 1_0 as 10: not the password
            raise UsageError(f"{path}:{entry.line}: {key}: must be a string; put it in quotes")
    return {key: str(entry.value) for key, entry in entries.items()}


def _must_be_text(given: Mapping[str, str]) -> None:
    """Raise UsageError for a login that is not UTF-8: every protocol sends it as UTF-8."""
    for key, value in given.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{key} ({VARIABLES[key]}): not UTF-8 text") from None


def _mechanism_by_port(config: Config) -> str | None:
    listeners = (BY_PORT.get(port) for _, port in config.bootstrap)
    return next((one.mechanism for one in listeners if one and one.mechanism), None)


def _secret(given: Mapping[str, str], key: str) -> Secret | None:
    return Secret(given[key]) if key in given else None


def _kafka_login(config: Config, given: Mapping[str, str], mechanism: str | None) -> KafkaLogin | None:
    password = _secret(given, "kafka_password")
    if mechanism == "AWS_MSK_IAM" or (mechanism == "OAUTHBEARER" and password is None):
        return KafkaLogin(mechanism, region=config.region)
    if password is None:
        return None
    if "kafka_username" not in given and mechanism != "OAUTHBEARER":
        raise UsageError("a Kafka password without a user name: set NETCHECK_KAFKA_USERNAME too")
    return KafkaLogin(mechanism or "SCRAM-SHA-512", given.get("kafka_username", ""), password, config.region)


def _clickhouse_login(config: Config, given: Mapping[str, str]) -> ClickHouseLogin | None:
    password = _secret(given, "clickhouse_password")
    if password is None:
        return None
    url = config.clickhouse
    user = (url and url.user) or given.get("clickhouse_user") or "default"
    if ":" in user:  # in HTTP Basic authentication the first colon ends the user name (RFC 7617 section 2)
        raise UsageError(
            "the ClickHouse user name contains a colon, which HTTP Basic authentication cannot send"
        )
    return ClickHouseLogin(user, password, (url and url.database) or "default")


def _history_login(config: Config, given: Mapping[str, str]) -> ClickHouseLogin | None:
    place = config.history
    if not isinstance(place, TablePlace):
        return None
    user = place.user or given.get("history_user") or "default"
    if ":" in user:  # in HTTP Basic authentication the first colon ends the user name (RFC 7617 section 2)
        raise UsageError(
            "the history's ClickHouse user name contains a colon, which HTTP Basic authentication cannot send"
        )
    return ClickHouseLogin(user, _secret(given, "history_password") or Secret(""), place.database)


def _cloud_key(given: Mapping[str, str]) -> CloudKey | None:
    name, secret = given.get("clickhouse_cloud_key_id"), _secret(given, "clickhouse_cloud_key_secret")
    if not name and secret is None:
        return None
    if not name or secret is None:
        both = " and ".join(VARIABLES[f"clickhouse_cloud_key_{part}"] for part in ("id", "secret"))
        raise UsageError(f"only half of the ClickHouse Cloud API key is set: set both {both}")
    return CloudKey(name, secret)
