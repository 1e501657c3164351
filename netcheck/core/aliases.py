"""Old spellings of public names: what saved files, scripts and plugins may still bring. Pure data."""

from __future__ import annotations

from collections.abc import Mapping

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
