"""Results as the checks of a run give them, made by hand: what each layer says of a target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from netcheck.core.catalogue import Catalogue
from netcheck.core.check import Check, DerivedCheck
from netcheck.core.context import Context
from netcheck.core.evidence import AddressOutcome, Answered, ConnectionOutcome, Reachability, TracedPath
from netcheck.core.model import (
    PIPELINE,
    Cause,
    Confirms,
    Explains,
    Finding,
    Kind,
    Layer,
    Result,
    Security,
    Status,
    Target,
)
from netcheck.core.place import Place, Where
from netcheck.diagnose import Diagnosis, diagnose
from netcheck.engine import plugins

CHECKS = {check.id: check for check in plugins.find().checks}
CATALOGUE = Catalogue.made_of(CHECKS.values())
AFTER = CATALOGUE.depends_on()
DERIVED = tuple(check for check in CHECKS.values() if isinstance(check, DerivedCheck))

WORKERS = ("subnet-a", "subnet-b")
IN_A = Place(Where.SAME, ("subnet-a",), ("10.0.1.10",))
LAPTOP = Place(Where.ELSEWHERE, (), ("192.168.1.5",))

B1, B2, B3 = BROKERS = tuple(
    Target(Kind.KAFKA, f"b-{n}.orders.kafka.example", 9098, Security.SASL_SSL) for n in (1, 2, 3)
)
ADDRESS = {one.host: f"10.0.11.{number}" for number, one in enumerate(BROKERS, 1)}
CLOUD = Target(Kind.CLICKHOUSE_HTTPS, "abc.eu-west-1.aws.clickhouse.cloud", 8443)
NATIVE = Target(Kind.CLICKHOUSE_NATIVE, "abc.eu-west-1.aws.clickhouse.cloud", 9440)
STS = Target(Kind.AWS_SERVICE, "sts.amazonaws.com", 443)
SECRETS = Target(Kind.AWS_SERVICE, "secretsmanager.eu-west-1.amazonaws.com", 443)
GLUE = Target(Kind.AWS_SERVICE, "glue.eu-west-1.amazonaws.com", 443)
EVERY = (*BROKERS, CLOUD, SECRETS, GLUE)

LADDER = ("tls.handshake", "tls.certificate", "tls.expiry")
ABOVE = {
    Kind.KAFKA: (*LADDER, "kafka.protocol", "kafka.sasl", "kafka.login", "kafka.brokers"),
    Kind.CLICKHOUSE_HTTPS: (
        *LADDER, "clickhouse.ping", "clickhouse.login", "clickhouse.version", "clickhouse.tables",
    ),
    Kind.CLICKHOUSE_NATIVE: (*LADDER, "clickhouse.native"),
    Kind.AWS_SERVICE: (*LADDER, "aws-service.answers"),
}  # fmt: skip
_LAYERS = {
    "dns": Layer.DNS, "resolver": Layer.DNS, "tcp": Layer.TCP, "tls": Layer.TLS, "kafka": Layer.KAFKA,
    "clickhouse": Layer.CLICKHOUSE, "routes": Layer.ROUTE, "security": Layer.FILTER,
    "aws-service": Layer.ROUTE,
    "privatelink": Layer.DNS, "connector": Layer.CONFIG, "iam": Layer.IAM, "logs": Layer.CONFIG,
    "vantage": Layer.AGENT,
}  # fmt: skip


def told(
    check: str,
    target: Target,
    status: str,
    cause: str | None = None,
    text: str = "",
    *,
    code: str | None = None,
    component: str | None = None,
    connection: ConnectionOutcome | None = None,
    paths: Sequence[TracedPath] = (),
    explains: tuple[Explains, ...] | None = None,
    confirms: Sequence[str] = (),
    hosts: Sequence[str] = (),
) -> Result:
    """One result of a check, its key as the runner would make the first of its kind."""
    assert check in CHECKS, check
    summary = text or f"{check} of {target.host or 'the pipeline'}: {cause or 'fine'}"
    finding = Finding(
        Status(status),
        summary,
        Cause(cause) if cause else None,
        _LAYERS[check.partition(".")[0]],
        code=code,
        component=component,
        connection=connection,
        paths=tuple(paths),
        explains=explains,
        confirms=tuple(_confirms(one) for one in confirms),
        hosts=tuple(hosts),
        from_workers=check.startswith("logs."),
    )
    return Result(f"{check}@{target}", check, target, finding, 0.0)


def _confirms(text: str) -> Confirms:
    check, _, kind = text.partition("@")
    return Confirms(check, Kind(kind))


def failed(
    check: str,
    target: Target,
    cause: str,
    text: str = "",
    *,
    code: str | None = None,
    component: str | None = None,
    connection: ConnectionOutcome | None = None,
    paths: Sequence[TracedPath] = (),
    explains: tuple[Explains, ...] | None = None,
) -> Result:
    """One failure of a check."""
    return told(
        check,
        target,
        "fail",
        cause,
        text,
        code=code,
        component=component,
        connection=connection,
        paths=paths,
        explains=explains,
    )


def passed(target: Target, *checks: str) -> list[Result]:
    return [told(check, target, "pass") for check in checks]


def not_asked(target: Target, *checks: str) -> list[Result]:
    return [told(check, target, "skip", "not_asked") for check in checks]


def well(*targets: Target) -> list[Result]:
    """Everything that is observed of them works."""
    return [
        one
        for target in targets
        for one in passed(target, "dns.resolves", "dns.servers", "tcp.connects", *ABOVE[target.kind])
    ]


def up_to(check: str, target: Target, cause: str, text: str = "") -> list[Result]:
    """What is observed of a target that fails at this check: above it nothing is asked."""
    order = ("dns.resolves", "tcp.connects", *ABOVE[target.kind])
    place = order.index(check)
    above = [name for name in order[place + 1 :] if check in AFTER[name] or _stands_on(name, check)]
    return [
        *passed(target, *order[:place]),
        failed(check, target, cause, text),
        *not_asked(target, *above),
    ]


def _stands_on(name: str, below: str) -> bool:
    return any(below == one or _stands_on(one, below) for one in AFTER.get(name, ()))


def outcome(target: Target, cause: str | None, *, routed: bool = False) -> ConnectionOutcome:
    """What a connection to the target's one address came to."""
    match cause:
        case None:
            answered = Answered.CONNECTED
        case "connection_refused" | "connection_reset" | "connection_closed":
            answered = Answered.REFUSED
        case "timed_out":
            answered = Answered.SILENT
        case "host_unreachable" if not routed:
            answered = Answered.SILENT
        case _:
            answered = Answered.NOTHING
    address = ADDRESS.get(target.host, "203.0.113.9")
    return ConnectionOutcome(answered, (AddressOutcome(address, answered),))


def tried(target: Target, cause: str | None, *, routed: bool = False) -> list[Result]:
    """A connection to the target's one address, and nothing above it where it failed. `routed`: a router said
    so.
    """
    address = ADDRESS.get(target.host, "203.0.113.9")
    text = f"{target.endpoint}: {cause or 'connected'} ({address})"
    status = "fail" if cause else "pass"
    above = not_asked(target, *ABOVE[target.kind]) if cause else passed(target, *ABOVE[target.kind])
    seen = outcome(target, cause, routed=routed)
    return [
        *passed(target, "dns.resolves"),
        told("tcp.connects", target, status, cause, text, connection=seen),
        *above,
    ]


def silent(*targets: Target) -> list[Result]:
    return [one for target in targets for one in tried(target, "timed_out")]


def unresolved(cause: str, *targets: Target) -> list[Result]:
    return [
        one
        for target in targets
        for one in (
            failed("dns.resolves", target, cause),
            *not_asked(target, "dns.servers", "tcp.connects", *ABOVE[target.kind]),
        )
    ]


def path(
    source: str, target: Target, verdict: str, code: str = "", component: str = "", action: str = ""
) -> TracedPath:
    """A traced path to the target's one address; of several components any one stops it."""
    return TracedPath(
        source,
        ADDRESS.get(target.host, "203.0.113.9"),
        Reachability(verdict),
        port=target.port,
        blockers=tuple((code, one) for one in component.split(", ")) if code else (),
        permissions=(action,) if action else (),
    )


def allowed(*targets: Target) -> list[Result]:
    """AWS's configuration lets every worker subnet reach them."""
    return [
        told(check, target, "pass", paths=[path(one, target, "reachable") for one in WORKERS])
        for target in targets
        for check in ("routes.reaches", "security.groups", "security.acls", "routes.consistent")
    ]


def stopped(
    check: str,
    cause: str,
    code: str,
    component: str,
    targets: Sequence[Target],
    sources: Sequence[str] = WORKERS,
    verdict: str = "blocked",
) -> list[Result]:
    """AWS's configuration stops the way from these subnets, and lets the others pass."""
    results = []
    for target in targets:
        stops = [path(one, target, verdict, code, component) for one in sources]
        others = [path(one, target, "reachable") for one in WORKERS if one not in sources]
        text = f"from {', '.join(sources)} to {target.endpoint}: {component} stops it"
        results.append(failed(check, target, cause, text, code=code, component=component, paths=stops))
        if others:
            results.append(failed("routes.consistent", target, "path_partial", paths=[*stops, *others]))
        else:
            results += not_asked(target, "routes.consistent")
    return results


def closed_group(component: str, *targets: Target) -> list[Result]:
    return stopped("security.groups", "path_security_group", "ENI_SG_RULES_MISMATCH", component, targets)


def setting(check: str, cause: str, code: str, text: str = "") -> Result:
    return failed(check, PIPELINE, cause, text, code=code, component="orders-sink")


def logged(cause: str, line: str, *confirms: str) -> Result:
    """A line of the worker log, and the live checks that look at the same."""
    hosts = tuple(one.host for one in EVERY if one.host in line) + ((STS.host,) if STS.host in line else ())
    text = f"worker log: {line}"
    return told("logs.errors", PIPELINE, "fail", cause, text, confirms=confirms, hosts=hosts)


def state_failed() -> Result:
    return failed("connector.state", PIPELINE, "connector_not_running", component="orders-sink")


def diagnosed(results: Iterable[Result], place: Place = IN_A) -> Diagnosis:
    """The diagnosis of a run with these results; several of one check of one target get numbers."""
    counts: dict[str, int] = {}
    stamped = []
    for one in results:
        number = counts[one.key] = counts.get(one.key, 0) + 1
        key = one.key if number == 1 else f"{one.key}#{number}"
        stamped.append(Result(key, one.check, one.target, one.finding, 0.0, one.caused_by))
    return diagnose(stamped, CATALOGUE, place, DERIVED)


class Made(Check):
    """A check that is only declared."""

    kinds = frozenset(Kind)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        raise NotImplementedError


def catalogue(depends_on: Mapping[str, frozenset[str]]) -> Catalogue:
    """The catalogue of our own checks, with these dependencies in place of theirs."""
    declared: dict[str, Check] = {}
    for id, needed in depends_on.items():
        own = CHECKS.get(id)
        fields = {"id": id, "depends_on": needed, "explains": own.explains if own else ()}
        declared[id] = type("Made", (Made,), fields)()
    return replace(CATALOGUE, checks=declared)
