"""Old spellings of public names, which saved files, scripts and plugins may still use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

CHECKS: Mapping[str, str] = {
    "connector.addresses": "connector.subnet-capacity",
    "connector.logins": "connector.iam-connection-rate",
    "connector.state-of-its-own": "connector.state-store",
    "egress.answers": "aws-service.answers",
    "egress.path": "aws-service.path",
    "egress.policy": "aws-service.policy",
    "iam.allows": "iam.permissions",
    "iam.least": "iam.least-privilege",
    "join.agrees": "correlate.agrees",
    "join.delivered": "correlate.delivered",
    "logs.known": "logs.errors",
    "routes.alike": "routes.consistent",
    "tcp.ports": "tcp.other-ports",
}
"""Ids of checks up to version 0.1, and their ids now."""

CAUSES: Mapping[str, str] = {
    "aws_named_thing_missing": "aws_resource_not_found",
    "data_lost": "packet_loss",
    "iam_too_wide": "iam_overly_permissive",
    "sides_contradict": "config_observation_mismatch",
    "spoke_plaintext_to_tls": "plaintext_on_tls_port",
    "tls_not_spoken": "tls_not_supported",
}
"""Causes and codes up to version 0.1, in lower case, and their names now."""

QUESTIONS: Mapping[str, str] = {
    "aws.knock": "probe.http.aws_service.knock",
    "clickhouse.look_up": "probe.clickhouse.https.look_up",
    "clickhouse.ping": "probe.clickhouse.https.ping",
    "clickhouse.ping_again": "probe.clickhouse.https.ping_again",
    "clock.read": "probe.host.clock.read",
    "cloud.services": "probe.clickhouse.cloud.services",
    "connectorfile.read": "aws.msk.connector_file.read",
    "dns.ask_servers": "probe.dns.resolve.ask_servers",
    "dns.resolve": "probe.dns.resolve.resolve",
    "hello.vary_hello": "probe.tls.hello.vary_hello",
    "kafka.hello": "probe.kafka.broker.hello",
    "kafka.metadata": "probe.kafka.broker.metadata",
    "kafka.topics": "probe.kafka.broker.topics",
    "logs.from_file": "aws.cloudwatch.worker_logs.from_file",
    "logs.recent": "aws.cloudwatch.worker_logs.recent",
    "lookup.look_up": "aws.msk.lookup.look_up",
    "loss.count_lost": "probe.dns.loss.count_lost",
    "names.listed": "aws.route53.zones.listed",
    "names.look_up": "aws.route53.zones.look_up",
    "names.records": "aws.route53.zones.records",
    "native.hello": "probe.clickhouse.native.hello",
    "neighbours.neighbours": "aws.msk.neighbours.neighbours",
    "ports.ask_ports": "probe.transport.ports.ask_ports",
    "roles.look": "aws.iam.roles.look",
    "source.collected": "aws.ec2.source.collected",
    "source.saved": "aws.ec2.source.saved",
    "sourceports.sweep": "probe.transport.source_ports.sweep",
    "tcp.connect": "probe.transport.tcp.connect",
    "tls.handshake": "probe.tls.handshake.handshake",
    "vantage.identify": "probe.host.vantage.identify",
    "vantage.look": "probe.host.vantage.look",
    "whereami.function_network": "aws.awslambda.function_network.function_network",
}
"""Questions as recordings of version 0.1 name them, by module and function, and their names now."""


def current_check(check: str) -> str:
    """Today's id of a check."""
    return CHECKS.get(check, check)


def current_concern(concern: str) -> str:
    """Today's first part of the ids of checks that were named `concern`, as in `egress.path`."""
    moved = {old.partition(".")[0]: new.partition(".")[0] for old, new in CHECKS.items()}
    return moved.get(concern, concern)


def current_cause(cause: str) -> str:
    """Today's name of a cause (lower case) or a code (upper case)."""
    found = CAUSES.get(cause.lower(), cause)
    return found.upper() if cause.isupper() else found


def current_key(key: str) -> str:
    """Today's key of a result, `CHECK@TARGET` or `CHECK@TARGET#2`."""
    check, at, rest = key.partition("@")
    return f"{current_check(check)}{at}{rest}"


def matches(check: str, glob: str) -> bool:
    """Whether a glob of `--only` or `--skip` selects a check, by its id or by an old one."""
    spellings = (check, *(old for old, new in CHECKS.items() if new == check))
    return any(fnmatchcase(spelling, glob) for spelling in spellings)


def current_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """A saved report (`netcheck.report/1`) under today's names. Raises KeyError or TypeError where a result
    or a root cause lacks a member.
    """
    return {
        **report,
        "results": [_current_result(result) for result in report["results"]],
        "root_causes": [_current_root_cause(cause) for cause in report["root_causes"]],
    }


def _current_result(result: Mapping[str, Any]) -> dict[str, Any]:
    cause, caused_by = result["cause"], result["caused_by"]
    return {
        **result,
        "key": current_key(result["key"]),
        "check": current_check(result["check"]),
        "cause": cause and current_cause(cause),
        "caused_by": caused_by and current_key(caused_by),
    }


def _current_root_cause(cause: Mapping[str, Any]) -> dict[str, Any]:
    keys = {
        name: [current_key(key) for key in cause[name]] for name in ("explains", "shown_by") if name in cause
    }
    return {**cause, "code": current_cause(cause["code"]), **keys}
