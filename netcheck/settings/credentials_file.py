"""Where logins come from: a credentials file, or the environment; never the command line."""

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
"""What a credentials file may hold, and the environment variables that stand for it."""
CLOUD_API_VARIABLE = "NETCHECK_CLICKHOUSE_CLOUD_API"
"""Another URL than ClickHouse Cloud's for its API, to try netcheck out without it; not for daily use."""


def read_logins(config: Config, environment: Mapping[str, str]) -> Config:
    """The configuration with its logins filled in; a replayed run has those that were recorded, but for the
    history's: it is written to now.

    A credentials file wins over the environment.

    Raises UsageError, in words that never hold a secret.
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
            one_of(*MECHANISMS)(mechanism)
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
            raise UsageError(f"{path}:{entry.line}: {key}: a text is wanted, put it in quotes")
    return {key: str(entry.value) for key, entry in entries.items()}


def _must_be_text(given: Mapping[str, str]) -> None:
    """Every protocol sends a login as UTF-8; the environment may hold other bytes."""
    for key, value in given.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{key}, or {VARIABLES[key]}: not UTF-8 text") from None


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
        raise UsageError("there is a Kafka password but no user: set NETCHECK_KAFKA_USERNAME as well")
    return KafkaLogin(mechanism or "SCRAM-SHA-512", given.get("kafka_username", ""), password, config.region)


def _clickhouse_login(config: Config, given: Mapping[str, str]) -> ClickHouseLogin | None:
    password = _secret(given, "clickhouse_password")
    if password is None:
        return None
    url = config.clickhouse
    user = (url and url.user) or given.get("clickhouse_user") or "default"
    if ":" in user:  # HTTP's Basic login ends the name at the first (RFC 7617 section 2)
        raise UsageError("the ClickHouse user has a colon in its name, which HTTP cannot send")
    return ClickHouseLogin(user, password, (url and url.database) or "default")


def _history_login(config: Config, given: Mapping[str, str]) -> ClickHouseLogin | None:
    place = config.history
    if not isinstance(place, TablePlace):
        return None
    user = place.user or given.get("history_user") or "default"
    if ":" in user:  # HTTP's Basic login ends the name at the first (RFC 7617 section 2)
        raise UsageError("the history's ClickHouse user has a colon in its name, which HTTP cannot send")
    return ClickHouseLogin(user, _secret(given, "history_password") or Secret(""), place.database)


def _cloud_key(given: Mapping[str, str]) -> CloudKey | None:
    name, secret = given.get("clickhouse_cloud_key_id"), _secret(given, "clickhouse_cloud_key_secret")
    if not name and secret is None:
        return None
    if not name or secret is None:
        both = " and ".join(VARIABLES[f"clickhouse_cloud_key_{part}"] for part in ("id", "secret"))
        raise UsageError(f"half a ClickHouse Cloud API key was given: set both {both}")
    return CloudKey(name, secret)
