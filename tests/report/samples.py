"""Reports for the tests of what is written: real results, made by hand, explained by the real rules."""

from __future__ import annotations

from dataclasses import replace

from checks import path_findings
from netcheck import diagnose
from netcheck.core.catalogue import Catalogue
from netcheck.core.components import Concern
from netcheck.core.evidence import Answered, ConnectionOutcome
from netcheck.core.model import (
    Cause,
    Finding,
    Fix,
    Json,
    Kind,
    Layer,
    Report,
    Result,
    Security,
    Status,
    Target,
)
from netcheck.engine import plugins
from netcheck.engine.check_docs import page
from netcheck.path.aggregate import Traced
from netcheck.path.query import ask
from tests.path.world import World, acl_line, permission, route

B1 = Target(Kind.KAFKA, "b-1.msk.example", 9096, Security.SASL_SSL)
B2 = Target(Kind.KAFKA, "b-2.msk.example", 9096, Security.SASL_SSL)
B3 = Target(Kind.KAFKA, "b-3.msk.example", 9096, Security.SASL_SSL)
CLICKHOUSE = Target(Kind.CLICKHOUSE_HTTPS, "ch.example", 8443)
LADDER = ("dns.resolves", "tcp.connects", "tls.handshake", "tls.certificate")
VANTAGE: dict[str, Json] = {"kind": "host", "host": "worker-1", "summary": "worker-1 (10.0.1.17)"}
CHECKS = {check.id: check for check in plugins.find().checks}
CATALOGUE = Catalogue.made_of(CHECKS.values())
TITLES = {id: page(check).title for id, check in CHECKS.items()}


def result(
    check: str, target: Target, status: Status, summary: str = "", cause: Cause | None = None
) -> Result:
    layer = {"dns": Layer.DNS, "tcp": Layer.TCP, "tls": Layer.TLS, "kafka": Layer.KAFKA}.get(
        check.split(".")[0]
    )
    silent = check == "tcp.connects" and cause is Cause.TIMED_OUT
    outcome = ConnectionOutcome(Answered.SILENT) if silent else None
    text = summary or f"{target.endpoint} is fine"
    finding = Finding(status, text, cause, layer or Layer.CLICKHOUSE, connection=outcome)
    return Result(f"{check}@{target}", check, target, finding, 0.0125)


def passed(target: Target, *checks: str) -> list[Result]:
    return [result(check, target, Status.PASS) for check in checks or LADDER]


def not_asked(target: Target, *checks: str, why: str = "no connection to talk over") -> list[Result]:
    return [result(check, target, Status.SKIP, why, Cause.NOT_ASKED) for check in checks]


def report(*results: Result) -> Report:
    """The report of these results, as `assess` makes it."""
    explained = diagnose.explain(results, CATALOGUE)
    targets = dict.fromkeys(str(result.target) for result in results)
    return Report(
        started="2026-03-01T12:00:00Z",
        seconds=1.94,
        vantage=VANTAGE,
        pipeline={"targets": list(targets)},
        results=explained,
        root_causes=diagnose.root_causes(explained, CATALOGUE),
    )


HEALTHY = report(
    *passed(B1), *passed(B2), *passed(CLICKHOUSE, *LADDER, "clickhouse.ping", "clickhouse.login")
)

WRONG_PASSWORD = report(
    *passed(B1),
    *passed(CLICKHOUSE, *LADDER, "clickhouse.ping"),
    result(
        "clickhouse.login",
        CLICKHOUSE,
        Status.FAIL,
        "ClickHouse at ch.example:8443 refuses user sink: Code: 516. DB::Exception: sink: "
        "Authentication failed",
        Cause.CLICKHOUSE_AUTH,
    ),
    *not_asked(CLICKHOUSE, "clickhouse.version", "clickhouse.tables", why="ClickHouse did not get as far"),
)

SILENT_BROKERS = report(
    *passed(B1),
    *(
        each
        for broker in (B2, B3)
        for each in (
            *passed(broker, "dns.resolves"),
            result(
                "tcp.connects",
                broker,
                Status.FAIL,
                f"{broker.endpoint} does not answer: nothing came back from 10.0.9.7 in 5.0 s",
                Cause.TIMED_OUT,
            ),
            *not_asked(broker, "tls.handshake", "tls.certificate", "kafka.protocol"),
        )
    ),
    result(
        "clickhouse.ping", CLICKHOUSE, Status.WARN, "the first answer took 23.1 s", Cause.CLICKHOUSE_SLOW_WAKE
    ),
)

WARNED = report(
    *passed(B1),
    result(
        "tls.expiry",
        B1,
        Status.WARN,
        "the certificate of b-1.msk.example expires in 6 days",
        Cause.TLS_CERTIFICATE_EXPIRES_SOON,
    ),
)

UNKNOWN = report(
    *passed(B1, "dns.resolves"),
    result(
        "tcp.connects",
        B1,
        Status.UNKNOWN,
        "not finished: the run's time was over after 0.5 s; give it more with --deadline",
        Cause.DEADLINE,
    ),
    *not_asked(B1, "tls.handshake"),
    result("kafka.sasl", B1, Status.SKIP, "the listener is spoken to without SASL"),
)

HOSTILE_TEXT = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\r\nsecond line\x00\u202eright to left\u2028"
HOSTILE = report(
    result(
        "tcp.connects",
        Target(Kind.KAFKA, "b-\x1b[31m1", 9096),
        Status.FAIL,
        HOSTILE_TEXT,
        Cause.WRONG_PROTOCOL,
    ),
    *not_asked(Target(Kind.KAFKA, "b-\x1b[31m1", 9096), "tls.handshake", why=HOSTILE_TEXT),
    result("tls.expiry", Target(Kind.KAFKA, "b-\x1b[2J2", 9096), Status.WARN, HOSTILE_TEXT),
    result("kafka.sasl", Target(Kind.KAFKA, "b-3", 9096), Status.SKIP, HOSTILE_TEXT),
)

# --- a path through AWS that is blocked twice: at the brokers' security group, and on the way back ---------

WORKERS, BROKERS, NATS = "subnet-0a1b2c3d4e5f60711", "subnet-0a1b2c3d4e5f60722", "subnet-0a1b2c3d4e5f60733"
WORKER_GROUP, BROKER_GROUP = "sg-0f9e8d7c6b5a40311", "sg-0f9e8d7c6b5a40322"
WORKER_ACL = "acl-0123456789abcde11"
CLOUD = Target(Kind.CLICKHOUSE_HTTPS, "abc123.eu-west-1.aws.clickhouse.cloud", 8443)


def network() -> World:
    """Workers, brokers and a NAT gateway in subnets of their own; two things are wrong."""
    world = World()
    world.vpc("vpc-0aa11bb22cc33dd44", "10.0.0.0/16")
    local = route("10.0.0.0/16", "local")
    for number, subnet in enumerate((WORKERS, BROKERS, NATS), 1):
        world.subnet(subnet, "vpc-0aa11bb22cc33dd44", f"10.0.{number}.0/24")
    denied = [
        acl_line(90, "deny", "203.0.113.0/24", (1024, 65535), "tcp"),
        acl_line(100, "allow", "0.0.0.0/0"),
    ]
    world.acl(WORKER_ACL, "vpc-0aa11bb22cc33dd44", WORKERS, ingress=denied)
    world.acl("acl-0123456789abcde22", "vpc-0aa11bb22cc33dd44", BROKERS)
    world.acl("acl-0123456789abcde33", "vpc-0aa11bb22cc33dd44", NATS)
    world.igw("igw-0c0ffee0c0ffee011", "vpc-0aa11bb22cc33dd44")
    world.group(WORKER_GROUP, "vpc-0aa11bb22cc33dd44")
    world.group(BROKER_GROUP, "vpc-0aa11bb22cc33dd44", ingress=[permission("10.9.0.0/16", (9096, 9096))])
    world.nat("nat-0badcafe0badcafe1", NATS, "10.0.3.5")
    nat, igw = route("0.0.0.0/0", "nat-0badcafe0badcafe1"), route("0.0.0.0/0", "igw-0c0ffee0c0ffee011")
    world.table("rtb-0d1d2d3d4d5d6d711", "vpc-0aa11bb22cc33dd44", [local, nat], WORKERS)
    world.table("rtb-0d1d2d3d4d5d6d722", "vpc-0aa11bb22cc33dd44", [local], BROKERS)
    world.table("rtb-0d1d2d3d4d5d6d733", "vpc-0aa11bb22cc33dd44", [local, igw], NATS)
    for number in (1, 2, 3):
        world.eni(f"eni-0b20000000000000{number}", BROKERS, f"10.0.2.1{number}", groups=(BROKER_GROUP,))
    return world


def traced(address: str, port: int) -> list[Traced]:
    question = {"from": WORKERS, "security_groups": [WORKER_GROUP], "to": address, "port": port}
    return [Traced(WORKERS, address, ask(question, network().snapshot()))]


def stopped(check: str, target: Target, address: str, concern: Concern, cause: Cause, *fixes: Fix) -> Result:
    """What a check of the configured path finds, with fixes for it."""
    (found,) = path_findings.blocked(traced(address, target.port), target, {concern}, cause, Layer.FILTER)
    found = replace(found, fixes=fixes)
    return Result(f"{check}@{target}", check, target, found, 0.002)


LET_IN = (
    Fix(
        "awscli",
        f"aws ec2 authorize-security-group-ingress --group-id {BROKER_GROUP} --ip-permissions "
        f"IpProtocol=tcp,FromPort=9096,ToPort=9096,UserIdGroupPairs=[{{GroupId={WORKER_GROUP}}}]",
    ),
    Fix(
        "terraform",
        'resource "aws_vpc_security_group_ingress_rule" "kafka" {\n'
        f'  security_group_id            = "{BROKER_GROUP}"\n'
        f'  referenced_security_group_id = "{WORKER_GROUP}"\n'
        '  ip_protocol                  = "tcp"\n'
        "  from_port                    = 9096\n"
        "  to_port                      = 9096\n"
        "}",
    ),
)


def silent(target: Target, address: str) -> list[Result]:
    return [
        *passed(target, "dns.resolves"),
        result(
            "tcp.connects",
            target,
            Status.FAIL,
            f"{target.endpoint} does not answer: nothing came back from {address} in 5.0 s",
            Cause.TIMED_OUT,
        ),
        *not_asked(target, "tls.handshake", "tls.certificate"),
    ]


def blocked() -> Report:
    """Both sides of the same run: silence, and what AWS's configuration stops; one fix has been proved."""
    made = report(
        *(
            each
            for number, broker in enumerate((B1, B2, B3), 1)
            for each in (
                *silent(broker, f"10.0.2.1{number}"),
                stopped(
                    "security.groups",
                    broker,
                    f"10.0.2.1{number}",
                    Concern.SECURITY_GROUP,
                    Cause.PATH_SECURITY_GROUP,
                    *LET_IN,
                ),
            )
        ),
        *silent(CLOUD, "203.0.113.80"),
        stopped(
            "security.acls",
            CLOUD,
            "203.0.113.80",
            Concern.NETWORK_ACL,
            Cause.PATH_NETWORK_ACL,
        ),
    )
    proved = (replace(cause, fix_proved=cause.component == BROKER_GROUP) for cause in made.root_causes)
    return replace(made, root_causes=tuple(proved))


BLOCKED = blocked()

# --- names and texts that are markup somewhere ------------------------------------------------------------

MARKUP = (
    '</script><script>window.owned=1</script><img src=x onerror=\'window.owned=1\'>" onclick="owned" '
    "]]> <!-- --> & &lt; | `code` ``` ~~~ **bold** [link](javascript:alert(1)) @somebody #1 $x$ \\ "
    "::error title=owned::%0A"
)
EVIL = Target(Kind.KAFKA, "b-1.<b>evil</b>|`'\"&.example", 9094)
HOSTILE_MARKUP = replace(
    report(
        *passed(EVIL, "dns.resolves"),
        Result(
            f"tls.certificate@{EVIL}",
            "tls.certificate",
            EVIL,
            Finding(
                Status.FAIL,
                f"the certificate is for {MARKUP}",
                Cause.TLS_HOSTNAME_MISMATCH,
                Layer.TLS,
                {"subject": MARKUP},
                fixes=(Fix("text", MARKUP), Fix("properties", f"```\n{MARKUP}")),
            ),
            0.1,
        ),
        *not_asked(EVIL, "kafka.protocol", why=MARKUP),
        result("tls.expiry", EVIL, Status.WARN, MARKUP),
    ),
    vantage={"kind": "host", "host": MARKUP, "summary": MARKUP},
    pipeline={"targets": [str(EVIL)], "connector": {"name": MARKUP}, "values": {MARKUP: {"value": MARKUP}}},
)

NOTHING = report()
REPORTS = {
    "healthy": HEALTHY,
    "wrong-password": WRONG_PASSWORD,
    "silent-brokers": SILENT_BROKERS,
    "blocked": BLOCKED,
    "warned": WARNED,
    "unknown": UNKNOWN,
    "hostile": HOSTILE,
    "markup": HOSTILE_MARKUP,
    "nothing": NOTHING,
}
