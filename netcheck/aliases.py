"""Old spellings of public names: what saved files, scripts and plugins may still bring. Pure data."""

from __future__ import annotations

from collections.abc import Mapping

QUESTIONS: Mapping[str, str] = {
    "aws.knock": "probe.aws.knock",
    "clickhouse.look_up": "probe.clickhouse.look_up",
    "clickhouse.ping": "probe.clickhouse.ping",
    "clickhouse.ping_again": "probe.clickhouse.ping_again",
    "clock.read": "probe.clock.read",
    "cloud.services": "probe.cloud.services",
    "connectorfile.read": "aws.connectorfile.read",
    "dns.ask_servers": "probe.dns.ask_servers",
    "dns.resolve": "probe.dns.resolve",
    "hello.vary_hello": "probe.hello.vary_hello",
    "kafka.hello": "probe.kafka.hello",
    "kafka.metadata": "probe.kafka.metadata",
    "kafka.topics": "probe.kafka.topics",
    "logs.from_file": "aws.logs.from_file",
    "logs.recent": "aws.logs.recent",
    "lookup.look_up": "aws.lookup.look_up",
    "loss.count_lost": "probe.loss.count_lost",
    "names.listed": "aws.names.listed",
    "names.look_up": "aws.names.look_up",
    "names.records": "aws.names.records",
    "native.hello": "probe.native.hello",
    "neighbours.neighbours": "aws.neighbours.neighbours",
    "ports.ask_ports": "probe.ports.ask_ports",
    "roles.look": "aws.roles.look",
    "source.collected": "aws.source.collected",
    "source.saved": "aws.source.saved",
    "sourceports.sweep": "probe.sourceports.sweep",
    "tcp.connect": "probe.tcp.connect",
    "tls.handshake": "probe.tls.handshake",
    "vantage.identify": "probe.vantage.identify",
    "vantage.look": "probe.vantage.look",
    "whereami.function_network": "aws.whereami.function_network",
}
"""Questions as recordings of version 0.1 name them, by module and function, and their names now."""
