"""What explains a result without being a check that it stands on: another side, or another target. Pure.

A check's `after` says what its question stands on, on one target. Here stands the rest: silence follows from
what AWS is configured to stop; a name server that is not reached explains every name; a setting explains what
the listener makes of it; the log of the workers tells the same as a check does from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netcheck.core.model import Cause, Json, Kind, Layer, Result, Status, Target
from netcheck.diagnose.place import Place, Where
from netcheck.diagnose.sides import Configured, configured, in_question, is_silent, observed, ways_of

DELIVERED = "correlate.delivered"
"""The finding that AWS would deliver what is silent: netcheck.diagnose.join makes it."""

STOPS_PACKETS = frozenset(
    {
        Cause.PATH_NO_ROUTE,
        Cause.PATH_NO_INTERNET,
        Cause.PATH_SECURITY_GROUP,
        Cause.PATH_NETWORK_ACL,
        Cause.STS_GLOBAL_NAME,
        Cause.ENDPOINT_PRIVATE_DNS_OFF,
        Cause.ENDPOINT_NOT_AVAILABLE,
    }
)
"""What AWS's configuration can be to blame for where packets get no answer. An access list, a policy and a
private zone let packets pass."""

SYMPTOMS = frozenset({Cause.CONNECTOR_NOT_RUNNING, Cause.CONNECTOR_OPERATION_FAILED})
"""What MSK Connect says of a connector, and never says why."""

CLOSER = frozenset(
    {
        Cause.INTERMITTENT,
        Cause.PORT_SILENT,
        Cause.LISTENER_SILENT,
        Cause.HOST_SILENT,
        Cause.SOURCE_PORT_FILTERED,
        Cause.NO_INTERNET,
        Cause.PUBLIC_HOST_SILENT,
    }
)
"""What a closer look at silence comes to: more exact, and still silence."""

OF_THE_PLACE = CLOSER | frozenset(
    {
        Cause.TIMED_OUT,
        Cause.DNS_NXDOMAIN,
        Cause.DNS_NO_ADDRESS,
        Cause.DNS_SERVFAIL,
        Cause.DNS_REFUSED,
        Cause.DNS_TIMED_OUT,
        Cause.DNS_MALFORMED,
        Cause.DNS_RESOLVER_FAILED,
        Cause.DNS_LOSSY,
        Cause.DNS_NAME_SILENT,
        Cause.DNS_SERVER_DEAD,
        Cause.MTU_BLACK_HOLE,
        Cause.PACKET_LOSS,
        Cause.TLS_NAME_FILTERED,
        Cause.TLS_NAME_REFUSED,
        Cause.TLS_HELLO_FILTERED,
        Cause.HOST_UNREACHABLE,
        Cause.NETWORK_UNREACHABLE,
        Cause.PERMISSION_DENIED,
        Cause.CONNECTION_RESET,
        Cause.CONNECTION_CLOSED,
        Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
        Cause.TLS_RESET_AFTER_CLIENT_HELLO,
        Cause.TLS_SILENT_AFTER_CLIENT_HELLO,
        Cause.TLS_STALLED,
        Cause.TLS_INTERCEPTED,
        Cause.HTTP_REDIRECTED,
        Cause.KAFKA_NO_CREDENTIALS,
    }
)
"""What may be so here and not where the workers are: it is of this host's name servers, routes, address."""

BROKERS = frozenset({Kind.KAFKA})
CLICKHOUSE = frozenset({Kind.CLICKHOUSE_HTTPS, Kind.CLICKHOUSE_NATIVE})
HUNG_UP = frozenset(
    {
        Cause.CONNECTION_RESET,
        Cause.CONNECTION_CLOSED,
        Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
        Cause.TLS_RESET_AFTER_CLIENT_HELLO,
        Cause.TLS_NAME_REFUSED,
    }
)
WRONG_LISTENER = HUNG_UP | {
    Cause.CONNECTION_REFUSED,
    Cause.PLAINTEXT_ON_TLS_PORT,
    Cause.TLS_NOT_SUPPORTED,
    Cause.TLS_SILENT_AFTER_CLIENT_HELLO,
    Cause.WRONG_PROTOCOL,
}
"""What comes of the wrong port or protocol."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Results of these causes, about these kinds of target, follow from a failure of one of `grounds`.

    `same_target`: on the same target. `here`: only as far as this run looks from where the workers are.
    `named`: the failure's text has to name the target's host. `codes`: the failure's code ends in one.
    `need`: what of the execution role's needs the failure is about.
    """

    causes: frozenset[Cause]
    kinds: frozenset[Kind]
    grounds: tuple[str, ...]
    same_target: bool = False
    here: bool = False
    named: bool = False
    codes: tuple[str, ...] = ("",)
    need: Json = None


RULES: tuple[Rule, ...] = (
    # A name server that the workers do not reach, or that is off, answers for no name at all.
    Rule(
        frozenset({Cause.DNS_TIMED_OUT, Cause.DNS_RESOLVER_FAILED}),
        frozenset(Kind),
        ("resolver.servers",),
        here=True,
    ),
    # ClickHouse Cloud's edge accepts the connection, reads the name in the ClientHello, and hangs up.
    Rule(HUNG_UP, CLICKHOUSE, ("clickhouse.access_list",), same_target=True),
    Rule(
        HUNG_UP | {Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_STALLED, Cause.HTTP_SILENT},
        CLICKHOUSE,
        ("clickhouse.service",),
        same_target=True,
    ),
    # A setting of the sink, and what the listener makes of it. The port before ssl: ssl depends on it.
    Rule(
        WRONG_LISTENER
        | {
            Cause.CLICKHOUSE_NATIVE_PORT,
            Cause.CLICKHOUSE_NOT_CLICKHOUSE,
            Cause.HTTP_MALFORMED,
            Cause.HTTP_ERROR,
            Cause.HTTP_SILENT,
        },
        frozenset({Kind.CLICKHOUSE_HTTPS}),
        ("connector.port", "connector.ssl", "connector.whitespace"),
        codes=("_NATIVE", "_INVALID", "_MISSING", "_ON_PLAIN_PORT", "INVISIBLE_SSL", "INVISIBLE_PORT"),
    ),
    Rule(
        frozenset({Cause.DNS_NXDOMAIN, Cause.DNS_NO_ADDRESS}),
        frozenset({Kind.CLICKHOUSE_HTTPS}),
        ("connector.hostname", "connector.whitespace"),
        codes=("_NOT_BARE", "INVISIBLE_HOSTNAME"),
    ),
    # Authentication, encryption and port of the connector, and what the listener makes of them.
    Rule(
        WRONG_LISTENER
        | {
            Cause.TLS_CLIENT_CERTIFICATE_WANTED,
            Cause.KAFKA_SASL_REQUIRED,
            Cause.KAFKA_SASL_NOT_ENABLED,
            Cause.KAFKA_SASL_MECHANISM,
            Cause.KAFKA_SILENT,
            Cause.KAFKA_MALFORMED,
        },
        BROKERS,
        ("connector.authentication", "connector.cluster"),
    ),
    Rule(
        frozenset({Cause.DNS_NXDOMAIN, Cause.DNS_NO_ADDRESS, Cause.TIMED_OUT, Cause.CONNECTION_REFUSED}),
        BROKERS,
        ("connector.bootstrap",),
        named=True,
        codes=("_UNKNOWN",),
    ),
    # Logins: what IAM's policies say, and what is wrong with a secret.
    Rule(frozenset({Cause.KAFKA_AUTH}), BROKERS, ("iam.scram",)),
    Rule(frozenset({Cause.KAFKA_ACCESS_DENIED}), BROKERS, ("iam.permissions",), need="Cluster"),
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What leads packets where they need not go: whatever stops them there is not to be mended.

    A failure of `check` with one of `causes`, about targets of `kinds`. `same_target`: on the same target;
    else what it proposes has to name other `bootstrapServers` than the target.
    """

    check: str
    causes: frozenset[Cause]
    kinds: frozenset[Kind]
    same_target: bool

    def leads(self, wrong: Result, target: Target) -> bool:
        """Whether it is for this failure that packets go to that target."""
        if wrong.check != self.check or wrong.finding.cause not in self.causes:
            return False
        if target.kind not in self.kinds:
            return False
        if self.same_target:
            return wrong.target == target
        instead = str(wrong.finding.evidence.get("fix", wrong.finding.summary))
        return "bootstrapServers=" in instead and target.endpoint not in instead


ELSEWHERE = (
    # A name that leads past the endpoint which serves it.
    Elsewhere(
        "aws-service.path",
        frozenset({Cause.ENDPOINT_PRIVATE_DNS_OFF, Cause.STS_GLOBAL_NAME}),
        frozenset({Kind.AWS_SERVICE}),
        same_target=True,
    ),
    # A name that leads to where the broker is not.
    Elsewhere("dns.brokers", frozenset({Cause.DNS_STALE}), BROKERS, same_target=True),
    # A listener that is not the connector's.
    *(
        Elsewhere(
            check, frozenset({Cause.SETTINGS_CONTRADICT, Cause.SETTING_WRONG}), BROKERS, same_target=False
        )
        for check in ("connector.authentication", "connector.bootstrap")
    ),
)

NOBODY_ANSWERS = frozenset({Cause.VPC_DNS_OFF})
"""Where nobody answers for names in the VPC, what they lead to cannot be asked."""
NAMES = ("resolver.", "aws-service.")
"""The checks that ask what names lead to in the workers' VPC."""


class Across:
    """What explains the results of one report from another side, or from another target."""

    def __init__(self, results: Sequence[Result], place: Place) -> None:
        self._place = place
        self._failed = [result for result in results if result.status is Status.FAIL]
        self._by_target: dict[Target, list[Result]] = {}
        for result in self._failed:
            self._by_target.setdefault(result.target, []).append(result)

    def cause_of(self, result: Result) -> str | None:
        """The key of the failure that explains this result, or None."""
        if result.finding.cause is Cause.NOT_ASKED:
            return self._nameless(result)
        if result.status not in (Status.FAIL, Status.WARN):
            return None
        if result.finding.code:
            return self._needless(result)
        silent = is_silent(result) or result.finding.cause in CLOSER
        found = self._stopped(result) if silent else None
        return found or self._ruled(result) or self._confirmed(result)

    def _needless(self, stop: Result) -> str | None:
        """What stops a way that nobody would take, were it not for another mistake; and a login that no
        connector could have.
        """
        if stop.check == "connector.authentication":
            clusters = (one.key for one in self._failed if one.check == "connector.cluster")
            return min(clusters, default=None)
        if stop.finding.cause not in STOPS_PACKETS:
            return None
        leads = (
            one.key
            for one in self._failed
            for rule in ELSEWHERE
            if one.key != stop.key and rule.leads(one, stop.target)
        )
        return min(leads, default=None)

    def _nameless(self, unasked: Result) -> str | None:
        """Why it could not be asked what a name leads to."""
        if not unasked.check.startswith(NAMES):
            return None
        silent = (one.key for one in self._failed if one.finding.cause in NOBODY_ANSWERS)
        return min(silent, default=None)

    def symptoms(self, links: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """What MSK Connect says of the connector follows from the first thing that is wrong, if something
        is.
        """
        open_ones = [one for one in self._failed if one.key not in links]
        wrong = [one for one in open_ones if one.finding.cause not in SYMPTOMS and self._is_of_workers(one)]
        for one in open_ones:
            if one.finding.cause is Cause.CONNECTOR_NOT_RUNNING and wrong:
                yield one.key, min(wrong, key=_height).key

    def _is_of_workers(self, result: Result) -> bool:
        """Whether the failure is one of the workers, and not only of this host."""
        of_the_log = result.check.startswith("logs.")
        elsewhere = self._place.where is not Where.SAME and result.finding.cause in OF_THE_PLACE
        return not of_the_log and not elsewhere

    def _stopped(self, silent: Result) -> str | None:
        """What AWS is configured to stop of it, what stops all first; else that AWS would deliver it."""
        on_target = self._by_target.get(silent.target, [])
        ranked = [(rank, one.key) for one in on_target if (rank := self._rank(one, silent)) is not None]
        if ranked:
            return min(ranked, key=lambda pair: pair[0])[1]
        return next((one.key for one in on_target if one.check == DELIVERED), None)

    def _rank(self, stop: Result, silent: Result) -> int | None:
        """0 where this stops all of what is silent, 1 where a part, None where it is of other flows."""
        if stop.finding.cause not in STOPS_PACKETS or not stop.finding.code:
            return None
        own = [way for way in ways_of(stop) if concerns(stop, way.blockers)]
        if not own:
            return 0
        chosen = in_question(own, self._place, observed([silent]).silent)
        match configured(chosen, self._place):
            case Configured.BLOCKED:
                return 0
            case Configured.PARTIAL:
                return 1
            case _:
                return None

    def _ruled(self, result: Result) -> str | None:
        for rule in RULES:
            if result.finding.cause in rule.causes and result.target.kind in rule.kinds:
                found = next(self._grounds(rule, result), None)
                if found:
                    return found
        return None

    def _grounds(self, rule: Rule, result: Result) -> Iterator[str]:
        if rule.here and self._place.where is Where.ELSEWHERE:
            return
        for check in rule.grounds:
            for one in self._failed:
                if (
                    one.check == check
                    and (one.target == result.target or not rule.same_target)
                    and (not rule.named or result.target.host in one.finding.summary)
                    and (one.finding.code or "").endswith(rule.codes)
                    and rule.need in (None, one.finding.evidence.get("need"))
                ):
                    yield one.key

    def _confirmed(self, result: Result) -> str | None:
        """The failure that says the same from another side: a symptom (a line of a log) names the checks that
        look at its cause, as check@kind of target, under `confirms`. Of targets whose host the lines name.
        """
        named = result.finding.evidence.get("confirms")
        if result.status is not Status.FAIL or not isinstance(named, list):
            return None
        lines = str(result.finding.evidence.get("lines", ""))
        others = [one for one in self._failed if one.key != result.key]
        hosts = {one.target.host for one in others if one.target.host and one.target.host in lines}
        fitting = [one for one in others if not hosts or one.target.host in ("", *hosts)]
        found = {f"{one.check}@{one.target.kind}": one.key for one in reversed(fitting)}
        return next((found[str(name)] for name in named if str(name) in found), None)


def concerns(stop: Result, blockers: frozenset[tuple[str, str]]) -> bool:
    """Whether a path is stopped by what this failure is about."""
    components = (stop.finding.component or "").split(", ")
    return any((stop.finding.code, one) in blockers for one in components)


def _height(result: Result) -> int:
    layer = result.finding.layer
    return list(Layer).index(layer) if layer else len(Layer)
