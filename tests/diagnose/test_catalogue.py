"""The failures that people meet: of all that a run shows, the one thing to mend is named, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from checks.connector_findings import BROKERS as BROKER_KIND
from checks.mskconnect import NOT_A_BROKER
from netcheck.core.model import PIPELINE, Explains, Result
from netcheck.core.place import Place
from tests.diagnose.made import (
    B1,
    B2,
    B3,
    BROKERS,
    CLOUD,
    EVERY,
    GLUE,
    IN_A,
    LAPTOP,
    NATIVE,
    SECRETS,
    STS,
    allowed,
    closed_group,
    diagnosed,
    failed,
    logged,
    not_asked,
    passed,
    path,
    setting,
    silent,
    state_failed,
    stopped,
    told,
    tried,
    unresolved,
    up_to,
    well,
)

OUT = (CLOUD, SECRETS, GLUE)
"""What is reached over the internet."""
TO_KAFKA = ("tcp.connects@kafka", "kafka.login@kafka")
TO_CLICKHOUSE = ("tcp.connects@clickhouse-https", "tls.handshake@clickhouse-https")


@dataclass(frozen=True)
class Row:
    """A failure, what a run shows of it, and the root causes in their order: code and where to mend it."""

    name: str
    shown: Sequence[Result]
    roots: tuple[tuple[str, str], ...]
    place: Place = IN_A
    certain: bool = True


def no_way_out(check: str, cause: str, code: str, component: str) -> list[Result]:
    return [
        *well(*BROKERS), *allowed(*BROKERS), *silent(*OUT), *stopped(check, cause, code, component, OUT),
    ]  # fmt: skip


ROWS = (
    Row("everything is well", [*well(*EVERY), *allowed(*EVERY)], ()),
    # names
    Row(
        "D01 a scheme in hostname",
        [
            *well(*BROKERS), setting("connector.hostname", "setting_wrong", "SINK_HOSTNAME_NOT_BARE"),
            *unresolved("dns_nxdomain", CLOUD), state_failed(),
        ],
        (("SINK_HOSTNAME_NOT_BARE", "orders-sink"),),
    ),
    Row(
        "D02 PrivateLink's name is not published",
        [
            *well(*BROKERS),
            failed(
                "privatelink.endpoint", CLOUD, "privatelink_no_record",
                code="PRIVATELINK_NO_RECORD", component="vpc-1",
            ),
            *unresolved("dns_nxdomain", CLOUD),
        ],
        (("PRIVATELINK_NO_RECORD", "vpc-1"),),
    ),
    Row(
        "D04 the VPC's DNS is off: no name at all",
        [
            failed(
                "resolver.servers", PIPELINE, "vpc_dns_off", code="VPC_DNS_SUPPORT_OFF", component="vpc-1"
            ),
            *unresolved("dns_timed_out", *EVERY),
            logged("dns_nxdomain", f"UnknownHostException: {SECRETS.host}", "dns.resolves@aws-service"),
            state_failed(),
        ],
        (("VPC_DNS_SUPPORT_OFF", "vpc-1"),),
    ),
    Row(
        "D06 a security group keeps the workers from their name servers",
        [
            failed(
                "resolver.servers", PIPELINE, "path_security_group",
                code="ENI_SG_RULES_MISMATCH", component="sg-dns",
            ),
            *unresolved("dns_resolver_failed", *EVERY),
        ],
        (("ENI_SG_RULES_MISMATCH", "sg-dns"),),
    ),
    Row(
        "D06 a name server that does not answer is one thing, whatever asks it",
        unresolved("dns_timed_out", *EVERY),
        (("DNS_TIMED_OUT", ", ".join(map(str, EVERY))),),
        certain=False,
    ),
    Row(
        "D06 from a laptop the workers' name servers are not ours",
        [
            failed(
                "resolver.servers", PIPELINE, "path_security_group",
                code="ENI_SG_RULES_MISMATCH", component="sg-dns",
            ),
            *unresolved("dns_timed_out", B1), *well(CLOUD),
        ],
        (("ENI_SG_RULES_MISMATCH", "sg-dns"), ("DNS_TIMED_OUT", str(B1))),
        LAPTOP,
    ),
    Row(
        "D05 only the Region's own name of STS is private",
        [
            *well(*BROKERS, CLOUD, SECRETS), *silent(STS),
            *stopped("aws-service.path", "sts_global_name", "NO_ROUTE_TO_DESTINATION", "rtb-1", [STS]),
            logged("timed_out", f"Connect to {STS.host} [52.119.198.216] failed",
                "aws-service.path@aws-service"),
        ],
        (("NO_ROUTE_TO_DESTINATION", "rtb-1"),),
    ),
    Row(
        "D07 the endpoint's private DNS does not work",
        [
            *well(*BROKERS, CLOUD), *silent(SECRETS),
            failed(
                "aws-service.path", SECRETS, "endpoint_private_dns_off",
                code="ENDPOINT_PRIVATE_DNS_OFF", component="vpce-sm",
            ),
        ],
        (("ENDPOINT_PRIVATE_DNS_OFF", "vpce-sm"),),
    ),
    Row(
        "D08 a private zone hides the name",
        [
            failed(
                "resolver.zones", CLOUD, "dns_shadowed",
                code="PRIVATE_ZONE_LACKS_RECORD", component="zone-1",
            ),
            *unresolved("dns_nxdomain", CLOUD), *well(*BROKERS),
        ],
        (("PRIVATE_ZONE_LACKS_RECORD", "zone-1"),),
    ),
    Row(
        "D13 an alias in place of the brokers' own names",
        [
            one for broker in BROKERS for one in up_to("tls.certificate", broker, "tls_hostname_mismatch")
        ],
        (("TLS_HOSTNAME_MISMATCH", ", ".join(map(str, BROKERS))),),
    ),
    # routing
    Row(
        "R01 no NAT: all that is public is silent",
        [
            *no_way_out("routes.reaches", "path_no_route", "NO_ROUTE_TO_DESTINATION", "rtb-w"),
            logged("worker_log_error", "Ping retry 2 out of 3", *TO_CLICKHOUSE),
            logged(
                "timed_out", f"Connect to {GLUE.host} [52.95.1.2] failed: connect timed out",
                "tcp.connects@aws-service", "aws-service.path@aws-service",
            ),
            state_failed(),
        ],
        (("NO_ROUTE_TO_DESTINATION", "rtb-w"),),
    ),
    Row(
        "R02 workers in a public subnet have no public address",
        no_way_out("routes.nat", "path_no_internet", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", "igw-1"),
        (("IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", "igw-1"),),
    ),
    Row(
        "R03 the NAT gateway is gone",
        no_way_out("routes.reaches", "path_no_route", "BAD_STATE_ROUTE", "rtb-w"),
        (("BAD_STATE_ROUTE", "rtb-w"),),
    ),
    Row(
        "R04 only one subnet has the route, and we are in the other",
        [
            *well(*EVERY), *allowed(*BROKERS),
            *stopped(
                "routes.reaches", "path_no_route", "NO_ROUTE_TO_DESTINATION", "rtb-b", OUT, ["subnet-b"]
            ),
        ],
        (("NO_ROUTE_TO_DESTINATION", "rtb-b"),),
    ),
    Row(
        "R05 the brokers' side has no route back",
        [
            *silent(*BROKERS), *well(CLOUD), *allowed(CLOUD),
            *stopped("routes.reaches", "path_no_route", "NO_ROUTE_TO_DESTINATION", "rtb-broker", BROKERS),
            logged("worker_log_error", "Timed out waiting for a node assignment", *TO_KAFKA),
            state_failed(),
        ],
        (("NO_ROUTE_TO_DESTINATION", "rtb-broker"),),
    ),
    Row(
        "R06 one broker's subnet is not routed",
        [
            *well(B1, B2), *allowed(B1, B2), *silent(B3),
            *stopped("routes.reaches", "path_no_route", "NO_ROUTE_TO_DESTINATION", "rtb-3", [B3]),
        ],
        (("NO_ROUTE_TO_DESTINATION", "rtb-3"),),
    ),
    # filters
    Row(
        "S01 the brokers' group does not let the workers in",
        [
            *silent(*BROKERS), *closed_group("sg-msk", *BROKERS), *well(CLOUD), *allowed(CLOUD),
            logged("worker_log_error", "Timed out waiting for a node assignment", *TO_KAFKA),
            state_failed(),
        ],
        (("ENI_SG_RULES_MISMATCH", "sg-msk"),),
    ),
    Row(
        "S02 the workers' group does not let them out, to whatever there is",
        [*silent(*EVERY), *closed_group("sg-w", *EVERY)],
        (("ENI_SG_RULES_MISMATCH", "sg-w"),),
    ),
    Row(
        "S03 a network ACL takes the replies",
        [
            *silent(*BROKERS),
            *stopped("security.acls", "path_network_acl", "SUBNET_ACL_RESTRICTION", "acl-1", BROKERS),
            *well(CLOUD), *allowed(CLOUD),
        ],
        (("SUBNET_ACL_RESTRICTION", "acl-1"),),
    ),
    Row(
        "S03 a network ACL takes a part of the replies, and this run was lucky",
        [
            *well(*BROKERS),
            *stopped(
                "security.acls", "path_network_acl", "SUBNET_ACL_RESTRICTION", "acl-1", BROKERS,
                verdict="partial",
            ),
        ],
        (("SUBNET_ACL_RESTRICTION", "acl-1"),),
    ),
    Row(
        "two groups on one way: both have to be mended",
        [*silent(*BROKERS), *closed_group("sg-w", *BROKERS), *closed_group("sg-msk", *BROKERS)],
        (("ENI_SG_RULES_MISMATCH", "sg-w"), ("ENI_SG_RULES_MISMATCH", "sg-msk")),
    ),
    Row(
        "S06 the endpoint's group",
        [
            *well(*BROKERS, CLOUD), *silent(SECRETS, GLUE),
            *stopped(
                "aws-service.path", "path_security_group", "ENI_SG_RULES_MISMATCH", "sg-vpce", [SECRETS, GLUE]
            ),
        ],
        (("ENI_SG_RULES_MISMATCH", "sg-vpce"),),
    ),
    Row(
        "S06 the same found by two checks is one root cause",
        [
            *silent(SECRETS), *closed_group("sg-vpce", SECRETS),
            *stopped("aws-service.path", "path_security_group", "ENI_SG_RULES_MISMATCH", "sg-vpce",
                [SECRETS]),
        ],
        (("ENI_SG_RULES_MISMATCH", "sg-vpce"),),
    ),
    Row(
        "S08 an endpoint's policy",
        [
            *well(*EVERY),
            failed("aws-service.policy", GLUE, "endpoint_policy", code="ENDPOINT_POLICY",
                component="vpce-glue"),
        ],
        (("ENDPOINT_POLICY", "vpce-glue"),),
    ),
    Row(
        "S07 a firewall hangs up on the name, and nothing of AWS says why",
        [*well(*BROKERS), *up_to("tls.handshake", CLOUD, "tls_reset_after_client_hello"), *allowed(*EVERY)],
        (("TLS_RESET_AFTER_CLIENT_HELLO", str(CLOUD)),),
    ),
    # transport
    Row(
        "T01 one broker restarts",
        [*well(B1, B3), *tried(B2, "connection_refused"), *allowed(*BROKERS)],
        (("CONNECTION_REFUSED", str(B2)),),
    ),
    Row(
        "T02 the cluster has no such listener",
        [
            setting("connector.authentication", "settings_contradict", "MSK_CONNECT_AUTHENTICATION"),
            *(one for broker in BROKERS for one in tried(broker, "connection_refused")), *well(CLOUD),
        ],
        (("MSK_CONNECT_AUTHENTICATION", "orders-sink"),),
    ),
    Row(
        "T03 private names from a laptop: the laptop's own way",
        [*silent(*BROKERS), *allowed(*BROKERS), *well(CLOUD)],
        (("TIMED_OUT", ", ".join(map(str, BROKERS))),),
        LAPTOP,
        certain=False,
    ),
    Row(
        "T06 a host's own firewall, past all that AWS filters",
        [*well(*BROKERS), *silent(CLOUD), *allowed(*EVERY)],
        (("SILENT_PAST_AWS", str(CLOUD)),),
    ),
    Row(
        "T10 an inspecting firewall says that it may not be",
        [*well(*BROKERS), *tried(CLOUD, "host_unreachable", routed=True), *allowed(*EVERY)],
        (("HOST_UNREACHABLE", str(CLOUD)),),
    ),
    Row(
        "T11 this host has no route at all",
        [one for target in EVERY for one in tried(target, "network_unreachable")],
        (("NETWORK_UNREACHABLE", ", ".join(map(str, EVERY))),),
    ),
    # silence, looked at more closely
    Row(
        "a closer look names the port: that explains the plain silence, and AWS would deliver it",
        [
            *silent(B1), failed("tcp.other-ports", B1, "port_silent"), *well(B2, B3, CLOUD),
            *allowed(*BROKERS),
        ],
        (("PORT_SILENT", str(B1)),),
    ),
    Row(
        "no internet, found once for each target, is one thing",
        [*silent(*OUT), *(failed("tcp.internet", target, "no_internet") for target in OUT), *well(*BROKERS)],
        (("NO_INTERNET", f"{CLOUD}, {SECRETS}, {GLUE}"),),
        certain=False,
    ),
    Row(
        "and of every kind of target: brokers of a public cluster, ClickHouse's two ports, AWS's services",
        [
            *silent(B1, CLOUD, NATIVE, GLUE), *well(B2),
            *(failed("tcp.internet", target, "no_internet") for target in (B1, CLOUD, NATIVE, GLUE)),
        ],
        (("NO_INTERNET", f"{B1}, {CLOUD}, {NATIVE}, {GLUE}"),),
        certain=False,
    ),
    Row(
        "T04 packets of full size are lost on the way out, whoever is there",
        [
            *well(*BROKERS), *allowed(*EVERY),
            *(
                one
                for target in OUT
                for one in (
                    *up_to("tls.handshake", target, "tls_silent_after_client_hello"),
                    failed("tls.path", target, "mtu_black_hole"),
                )
            ),
        ],
        (("MTU_BLACK_HOLE", f"{CLOUD}, {SECRETS}, {GLUE}"),),
    ),
    Row(
        "but the way to the brokers is another",
        [
            *(
                one
                for target in (B1, CLOUD)
                for one in (
                    *up_to("tls.handshake", target, "tls_silent_after_client_hello"),
                    failed("tls.path", target, "mtu_black_hole"),
                )
            ),
        ],
        (("MTU_BLACK_HOLE", str(B1)), ("MTU_BLACK_HOLE", str(CLOUD))),
    ),
    Row(
        "S03 answers depend on the source port: that follows from the network ACL, and makes it certain",
        [
            *silent(B1), failed("tcp.source-ports", B1, "source_port_filtered"),
            *stopped(
                "security.acls", "path_network_acl", "SUBNET_ACL_RESTRICTION", "acl-1", [B1],
                verdict="partial",
            ),
        ],
        (("SUBNET_ACL_RESTRICTION", "acl-1"),),
    ),
    Row(
        "S03 without a closer look it is likely",
        [
            *silent(B1),
            *stopped(
                "security.acls", "path_network_acl", "SUBNET_ACL_RESTRICTION", "acl-1", [B1],
                verdict="partial",
            ),
        ],
        (("SUBNET_ACL_RESTRICTION", "acl-1"),),
        certain=False,
    ),
    Row(
        "T04 packets of full size are lost",
        [
            *well(*BROKERS), *up_to("tls.handshake", CLOUD, "tls_silent_after_client_hello"),
            failed("tls.path", CLOUD, "mtu_black_hole"), *allowed(*EVERY),
        ],
        (("MTU_BLACK_HOLE", str(CLOUD)),),
    ),
    # TLS
    Row(
        "X01 a private authority: both interfaces of one server",
        [
            *well(*BROKERS), *up_to("tls.certificate", CLOUD, "tls_untrusted"),
            *up_to("tls.certificate", NATIVE, "tls_untrusted"),
            logged("tls_untrusted", "PKIX path building failed", "tls.certificate@clickhouse-https"),
        ],
        (("TLS_UNTRUSTED", f"{CLOUD}, {NATIVE}"),),
    ),
    Row(
        "X02 a proxy signs for everybody",
        [one for target in OUT for one in up_to("tls.certificate", target, "tls_intercepted")],
        (("TLS_INTERCEPTED", f"{CLOUD}, {SECRETS}, {GLUE}"),),
    ),
    Row(
        "X03 the access list lacks a NAT gateway's address",
        [
            *well(*BROKERS), *allowed(*EVERY),
            failed(
                "clickhouse.access_list", CLOUD, "clickhouse_access_list",
                code="CLICKHOUSE_ACCESS_LIST", component="service-1",
            ),
            *up_to("tls.handshake", CLOUD, "tls_reset_after_client_hello"),
        ],
        (("CLICKHOUSE_ACCESS_LIST", "service-1"),),
    ),
    Row(
        "an access list drops no packets: silence has another reason",
        [
            *well(*BROKERS),
            failed(
                "clickhouse.access_list", CLOUD, "clickhouse_access_list",
                code="CLICKHOUSE_ACCESS_LIST", component="service-1",
            ),
            *silent(CLOUD), *closed_group("sg-w", CLOUD),
        ],
        (("ENI_SG_RULES_MISMATCH", "sg-w"), ("CLICKHOUSE_ACCESS_LIST", "service-1")),
    ),
    Row(
        "X07 ssl is missing, and 8443 wants TLS",
        [
            *well(*BROKERS), setting("connector.ssl", "plaintext_on_tls_port", "SINK_SSL_MISSING"),
            *up_to("clickhouse.ping", CLOUD, "plaintext_on_tls_port"),
            logged(
                "plaintext_on_tls_port", "failed to respond, server ClickHouseNode", "connector.ssl@pipeline"
            ),
            state_failed(),
        ],
        (("SINK_SSL_MISSING", "orders-sink"),),
    ),
    Row(
        "X09 the listener wants a client certificate",
        [
            setting("connector.authentication", "settings_contradict", "MSK_CONNECT_AUTHENTICATION"),
            *(o for b in BROKERS for o in up_to("tls.handshake", b, "tls_client_certificate_wanted")),
        ],
        (("MSK_CONNECT_AUTHENTICATION", "orders-sink"),),
    ),
    Row(
        "X10 dates that are wrong where this host's clock is",
        [
            *up_to("tls.certificate", CLOUD, "tls_certificate_not_yet_valid"), *well(GLUE, *BROKERS),
            told("aws-service.answers", SECRETS, "warn", "clock_skew",
                "this host's clock is 290 s behind AWS's"),
        ],
        (("TLS_CERTIFICATE_NOT_YET_VALID", str(CLOUD)),),
        certain=False,
    ),
    Row(
        "every broker's certificate has expired",
        [o for b in BROKERS for o in up_to("tls.certificate", b, "tls_certificate_expired")],
        (("TLS_CERTIFICATE_EXPIRED", ", ".join(map(str, BROKERS))),),
    ),
    Row(
        "H06 the service is stopped",
        [
            *well(*BROKERS),
            failed("clickhouse.service", CLOUD, "clickhouse_stopped", component="service-1"),
            *up_to("tls.handshake", CLOUD, "tls_silent_after_client_hello"),
            failed("clickhouse.ping", CLOUD, "http_silent"),
        ],
        (("CLICKHOUSE_STOPPED", "service-1"),),
    ),
    Row(
        "H07 the native port",
        [
            *well(*BROKERS), setting("connector.port", "clickhouse_native_port", "SINK_PORT_NATIVE"),
            *up_to("clickhouse.ping", CLOUD, "clickhouse_native_port"),
        ],
        (("SINK_PORT_NATIVE", "orders-sink"),),
    ),
    # Kafka
    Row(
        "K01 plain text to the TLS listener",
        [
            setting("connector.authentication", "settings_contradict", "MSK_CONNECT_AUTHENTICATION"),
            *(o for b in BROKERS for o in up_to("kafka.protocol", b, "plaintext_on_tls_port")),
        ],
        (("MSK_CONNECT_AUTHENTICATION", "orders-sink"),),
    ),
    Row(
        "K03 the wrong mechanism, of brokers that nobody configured here",
        [o for b in BROKERS for o in up_to("kafka.sasl", b, "kafka_sasl_mechanism")],
        (("KAFKA_SASL_MECHANISM", ", ".join(map(str, BROKERS))),),
    ),
    Row(
        "K05 the role may not connect",
        [
            failed(
                "iam.permissions", PIPELINE, "iam_denied", code="IAM_PERMISSION_MISSING",
                component="role/sink",
            ),
            *(o for b in BROKERS for o in up_to("kafka.login", b, "kafka_access_denied")),
            logged("kafka_access_denied", "[...]: Access denied", "kafka.login@kafka",
                "iam.permissions@pipeline"),
            state_failed(),
        ],
        (("IAM_PERMISSION_MISSING", "role/sink"),),
    ),
    Row(
        "a login here that is denied does not follow from a secret that the role may not read",
        [
            failed(
                "iam.permissions", PIPELINE, "iam_denied", code="IAM_PERMISSION_MISSING",
                component="role/sink",
                explains=(),
            ),
            *up_to("kafka.login", B1, "kafka_access_denied"),
        ],
        (("KAFKA_ACCESS_DENIED", str(B1)), ("IAM_PERMISSION_MISSING", "role/sink")),
    ),
    Row(
        "K06 a SCRAM secret that MSK cannot use",
        [
            failed(
                "iam.scram", PIPELINE, "iam_scram_secret", code="MSK_SCRAM_SECRET_KEY", component="secret-1"
            ),
            *(o for b in BROKERS for o in up_to("kafka.login", b, "kafka_auth")),
            logged("kafka_auth", "invalid credentials with SASL mechanism", "iam.scram@pipeline"),
        ],
        (("MSK_SCRAM_SECRET_KEY", "secret-1"),),
    ),
    Row(
        "K10 one advertised broker is not reached",
        [*well(B1, B2), *silent(B3), *allowed(*BROKERS)],
        (("SILENT_PAST_AWS", str(B3)),),
    ),
    Row(
        "the brokers of a cluster that was created again",
        [
            failed(
                "connector.bootstrap", PIPELINE, "setting_wrong", f"{B1.host} is not a broker of orders",
                code="MSK_BOOTSTRAP_UNKNOWN", component="orders-sink",
                explains=(Explains(NOT_A_BROKER, BROKER_KIND, hosts=frozenset({B1.host})),),
            ),
            *unresolved("dns_nxdomain", B1), *well(CLOUD), state_failed(),
        ],
        (("MSK_BOOTSTRAP_UNKNOWN", "orders-sink"),),
    ),
    # MSK Connect, ClickHouse
    Row(
        "C01 the class is not in the plugin",
        [
            *well(*EVERY), setting("connector.class", "setting_wrong", "CONNECTOR_CLASS"), state_failed(),
            logged("setting_wrong", "Failed to find any class", "connector.class@pipeline"),
        ],
        (("CONNECTOR_CLASS", "orders-sink"),),
    ),
    Row(
        "C02 FAILED, and nobody knows why",
        [*well(*EVERY), *allowed(*EVERY), state_failed()],
        (("CONNECTOR_NOT_RUNNING", "orders-sink"),),
    ),
    Row(
        "C04 FAILED, and what this laptop does not reach says nothing of it",
        [*silent(*BROKERS), *allowed(*BROKERS), state_failed()],
        (("CONNECTOR_NOT_RUNNING", "orders-sink"), ("TIMED_OUT", ", ".join(map(str, BROKERS)))),
        LAPTOP,
        certain=True,
    ),
    Row(
        "S01 from a laptop, and the workers' log says the same: both sides speak of the workers",
        [
            *silent(*BROKERS), *closed_group("sg-msk", *BROKERS),
            logged("worker_log_error", "Timed out waiting for a node assignment", *TO_KAFKA),
        ],
        (("ENI_SG_RULES_MISMATCH", "sg-msk"),),
        LAPTOP,
        certain=True,
    ),
    Row(
        "H01 the wrong password, and what the log makes of it",
        [
            *well(*BROKERS), *up_to("clickhouse.login", CLOUD, "clickhouse_auth"),
            logged(
                "worker_log_error", "Unable to determine ClickHouse server version",
                "clickhouse.login@clickhouse-https",
            ),
            state_failed(),
        ],
        (("CLICKHOUSE_AUTH", str(CLOUD)),),
    ),
    Row(
        "H02 no tables",
        [
            *well(*BROKERS), *up_to("clickhouse.tables", CLOUD, "clickhouse_no_tables"),
            logged(
                "clickhouse_no_tables", "Did not find any tables in destination",
                "clickhouse.tables@clickhouse-https",
            ),
        ],
        (("CLICKHOUSE_NO_TABLES", str(CLOUD)),),
    ),
    # two at once
    Row(
        "S01 and H01: a layer lower first",
        [
            *up_to("clickhouse.login", CLOUD, "clickhouse_auth"), *silent(*BROKERS),
            *closed_group("sg-msk", *BROKERS), state_failed(),
        ],
        (("ENI_SG_RULES_MISMATCH", "sg-msk"), ("CLICKHOUSE_AUTH", str(CLOUD))),
    ),
    Row(
        "R01 and K05: what is silent and what is denied have their own causes",
        [
            *silent(*OUT),
            *stopped("routes.reaches", "path_no_route", "NO_ROUTE_TO_DESTINATION", "rtb-w", OUT),
            failed(
                "iam.permissions", PIPELINE, "iam_denied", code="IAM_PERMISSION_MISSING",
                component="role/sink",
            ),
            *(o for b in BROKERS for o in up_to("kafka.login", b, "kafka_access_denied")),
        ],
        (("NO_ROUTE_TO_DESTINATION", "rtb-w"), ("IAM_PERMISSION_MISSING", "role/sink")),
    ),
    Row(
        "X07 and S01",
        [
            setting("connector.ssl", "plaintext_on_tls_port", "SINK_SSL_MISSING"),
            *up_to("clickhouse.ping", CLOUD, "plaintext_on_tls_port"),
            *silent(*BROKERS), *closed_group("sg-msk", *BROKERS),
        ],
        (("SINK_SSL_MISSING", "orders-sink"), ("ENI_SG_RULES_MISMATCH", "sg-msk")),
    ),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_the_one_thing_to_mend_is_named_and_no_other(row: Row) -> None:
    found = diagnosed(row.shown, row.place)
    assert tuple((one.code, one.component) for one in found.root_causes) == row.roots
    assert all(one.certain for one in found.root_causes[:1]) == (row.certain or not row.roots)
    roots = {key for one in found.root_causes for key in one.results}
    for one in found.results:
        assert one.status != "fail" or one.key in roots or one.caused_by in roots, one.key


def test_a_line_of_the_log_is_of_the_target_that_it_names() -> None:
    found = diagnosed(
        [
            *silent(SECRETS, GLUE),
            *closed_group("sg-a", SECRETS),
            *closed_group("sg-b", GLUE),
            logged(
                "timed_out", f"Connect to {GLUE.host} [10.0.1.9] failed: connect timed out",
                "tcp.connects@aws-service",
            ),
        ]
    )  # fmt: skip
    line = next(one for one in found.results if one.check == "logs.errors")
    assert line.caused_by == f"security.groups@{GLUE}"


def test_a_symptom_comes_after_what_may_be_behind_it() -> None:
    line = logged("worker_log_error", "Ping retry 2 out of 3", *TO_CLICKHOUSE)
    found = diagnosed([line, *tried(B1, "connection_refused"), *well(CLOUD)])
    assert [one.code for one in found.root_causes] == ["CONNECTION_REFUSED", "WORKER_LOG_ERROR"]


def test_the_title_of_a_failing_name_server_counts_every_target() -> None:
    (one,) = diagnosed([*unresolved("dns_timed_out", B1, CLOUD), *well(GLUE)]).root_causes
    assert one.title == "the name server does not answer: 2 of 3 targets"


def test_the_title_of_a_blocker_counts_the_targets_of_every_kind_that_it_stops() -> None:
    (one,) = diagnosed([*silent(*EVERY), *closed_group("sg-w", *EVERY)]).root_causes
    assert one.title == "no security group rule allows it: 6 of 6 targets"
    (one,) = diagnosed([*silent(B1, B2), *closed_group("sg-w", B1, B2), *well(B3, CLOUD)]).root_causes
    assert one.title == "no security group rule allows it: 2 of 3 Kafka brokers"


def test_the_permission_that_would_tell_stands_in_the_doubt() -> None:
    gap = path("subnet-a", B1, "unknown", action="ec2:DescribeNetworkAcls")
    found = diagnosed(
        [
            *silent(B1),
            told(
                "security.acls", B1, "unknown", "path_unknown", "not known: the ACL",
                code="UNKNOWN_RESOURCE", component="acl", paths=[gap],
            ),
        ]
    )  # fmt: skip
    (one,) = found.root_causes
    assert "needs ec2:DescribeNetworkAcls" in one.doubt
    assert str(one.evidence[1]) == "configured: not known: the ACL"


@pytest.mark.parametrize("place", [IN_A, LAPTOP])
def test_what_belongs_to_a_place_is_certain_from_the_workers_only(place: Place) -> None:
    found = diagnosed([*unresolved("dns_nxdomain", CLOUD), *well(*BROKERS)], place)
    assert [one.certain for one in found.root_causes] == [place is IN_A]
    found = diagnosed(up_to("tls.certificate", CLOUD, "tls_certificate_expired"), place)
    assert [one.certain for one in found.root_causes] == [True]


DENIED = (
    ("resolver.zones", "dns_shadowed", "PRIVATE_ZONE_LACKS_RECORD", "dns.resolves"),
    ("resolver.firewall", "dns_firewall", "DNS_FIREWALL_BLOCKS", "dns.resolves"),
    ("privatelink.endpoint", "endpoint_not_available", "BAD_STATE", "tcp.connects"),
    ("clickhouse.access_list", "clickhouse_access_list", "CLICKHOUSE_ACCESS_LIST", "tls.handshake"),
    ("clickhouse.service", "clickhouse_stopped", None, "clickhouse.ping"),
)


@pytest.mark.parametrize(("check", "cause", "code", "passing"), DENIED, ids=[row[1] for row in DENIED])
def test_what_passes_here_all_the_same_is_a_doubt_unless_we_are_elsewhere(
    check: str, cause: str, code: str | None, passing: str
) -> None:
    said = failed(check, CLOUD, cause, code=code, component="thing-1")
    (one,) = diagnosed([said, *well(CLOUD)]).root_causes
    assert not one.certain and passing in one.doubt
    (one,) = diagnosed([said, *well(CLOUD)], LAPTOP).root_causes
    assert one.certain
    (one,) = diagnosed([said, *well(B1)]).root_causes
    assert one.certain


def test_no_alarm_of_what_is_moot() -> None:
    moot = [told(check, CLOUD, "skip") for check in ("routes.nat", "aws-service.path")]
    assert diagnosed([*well(CLOUD), *moot, *passed(CLOUD, "dns.servers"), *not_asked(B1)]).root_causes == ()
