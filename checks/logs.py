"""What do the workers themselves say?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from checks.log_confirmations import CONFIRMED_BY
from netcheck.core.check import Check, Survey
from netcheck.core.context import Context, FactUnavailable, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Finding, Json, Kind, Layer, Status, Target
from netcheck.core.problem import Problem
from netcheck.engine import facts
from netcheck.pipeline.clickhouse_sink import read
from netcheck.pipeline.model import Pipeline
from netcheck.probe.dns.resolve import Resolution

if TYPE_CHECKING:
    from netcheck.aws.cloudwatch.worker_logs import WorkerLog
    from netcheck.pipeline.log_signatures import Line, Match

PIPELINES = frozenset({Kind.PIPELINE})
MINUTES = 180
"""How far back: a connector that failed retries for long, and older lines are of another story."""
ASKING_SECONDS = 15.0
MOST_SHOWN = 5
HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?|[0-9a-f:]{3,39}")
"""What may be a host's name or address in a line."""

ERRORS_PROBLEMS = (
    Problem(
        Cause.WORKER_LOG_ERROR,
        "the worker log shows a known failure",
        "The finding says what the lines mean, and which check looks at the same thing from here.",
    ),
)

ADDRESSES_PROBLEMS = (
    Problem(
        Cause.WORKER_LOG_DIFFERS,
        "the workers see something else than netcheck does from here",
        "Trust the workers' view, and run netcheck from one of their subnets with their resolver.",
    ),
)


def worker_log(ctx: Context) -> WorkerLog:
    """The lines of the workers that a signature knows. Raises Skip where there is no log to read, and
    FactUnavailable where it could not be read.
    """

    from netcheck.aws.cloudwatch.worker_logs import from_file, recent

    known: Pipeline = ctx.get(facts.pipeline)
    subject, config = known.connector, ctx.config
    if config.worker_log:
        seen = ctx.observe_for(ASKING_SECONDS, from_file, config.worker_log)
    else:
        groups = [one.name for one in subject.logs if one.kind == "cloudwatch"] if subject else []
        if not groups:
            raise Skip("no log group of the workers is known: give --worker-log FILE, a log that was saved")
        where = (known.region or config.region, config.profile)
        seen = ctx.observe_for(ASKING_SECONDS, recent, *where, groups[0], MINUTES)
    if seen.error:
        raise FactUnavailable(f"the worker log could not be read: {seen.error}", seen.action or None)
    return seen


def ours(ctx: Context) -> tuple[Line, ...]:
    """The lines of this run's connector: several may write to one group."""
    known: Pipeline = ctx.get(facts.pipeline)
    name = known.connector.name if known.connector and known.connector.arn else ""
    every = ctx.get(worker_log).lines
    return tuple(line for line in every if not name or line.connector in ("", name))


class NothingKnown(Check):
    """Recent worker logs show no known failure.

    The last three hours of the connector's log group, or a file, are compared with the lines that known
    failures leave. Times count: pings that follow each other after the whole time-out were answered by
    nobody (a route, a security group, an access list that drops), those that follow at once by a refusal, a
    reset, DNS or TLS. It fails for each such line, and is folded under the check that fails for the same
    reason; it warns where a later ping succeeded. Of a line only what matched is kept.

    Fix: what the check that is named with the line says; netcheck explain <check>.
    """

    id = "logs.errors"
    kinds = PIPELINES
    survey = Survey.LIVE
    needs_only = "worker_log"
    problems = ERRORS_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        from netcheck.pipeline import log_signatures
        from netcheck.pipeline.log_signatures import OF_PING, Shows

        found, log = ctx.get(ours), ctx.get(worker_log)
        every = log_signatures.matches(found)
        told = [match for match in every if match.signature.shows is not Shows.HEALTHY]
        alive = max((match.last or 0.0 for match in every if match.signature.name == "ping-ok"), default=0.0)
        for match in told:
            past = match.signature.name in OF_PING and match.last is not None and alive > match.last
            yield _finding(match, past, _timing(match, found, ctx))
        if told:
            return
        if not every and not log.read:
            raise Skip(f"the log has no line of the sink's in the last {MINUTES} minutes")
        whole = "" if log.whole else " (of its newest lines)"
        yield Finding(Status.PASS, f"the worker log shows no known failure{whole}", None, Layer.CONFIG)


class AddressesAgree(Check):
    """The workers get the same addresses for a name as netcheck does.

    Errors in the worker log name the addresses that the workers tried. It fails when a name leads them to
    addresses that it does not have here: a private answer here and a public one there is a resolver or a
    private zone that the workers do not use (connectors made before their VPC had private DNS keep the old
    one), and an old address is one that was cached or pinned. Public addresses that change by themselves are
    compared by their kind only.

    Fix: recreate the connector, so that it takes the VPC's resolver; enable private DNS on the endpoint.
    """

    id = "logs.addresses"
    kinds = PIPELINES
    survey = Survey.LIVE
    needs_only = "worker_log"
    depends_on = frozenset({"logs.errors"})
    problems = ADDRESSES_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        from netcheck.pipeline import log_signatures

        told = log_signatures.resolved(ctx.get(ours))
        if not told:
            raise Skip("the worker log names no addresses")
        for host, theirs in told.items():
            seen: Resolution = ctx.get(facts.resolution, host)
            here = tuple(address.address for address in seen.addresses)
            if not here:
                raise PrerequisiteFailed(f"{host} has no address here to compare with")
            yield _compared(host, theirs, here)


def _finding(match: Match, past: bool, timing: str) -> Finding:
    from netcheck.pipeline.log_signatures import Shows, clock

    signature = match.signature
    when = f", last at {clock(match.last)}" if match.last is not None else ""
    text = f"worker log: {signature.meaning}{timing} ({len(match.lines)} x{when})"
    if past:
        text += "; a later ping succeeded"
    shown = [_shown(line) for line in match.lines[-MOST_SHOWN:]]
    doubt = past or signature.shows is Shows.DOUBT
    return Finding(
        Status.WARN if doubt else Status.FAIL,
        text,
        signature.cause or Cause.WORKER_LOG_ERROR,
        Layer.CONFIG,
        {"signature": signature.name, "count": len(match.lines), "lines": [*shown]},
        from_workers=True,
        confirms=CONFIRMED_BY.get(signature.topic, ()),
        hosts=tuple(dict.fromkeys(host for line in shown for host in HOST.findall(line))),
    )


def _shown(line: Line) -> str:
    from netcheck.pipeline.log_signatures import clock

    return f"{clock(line.time)} {line.text}" if line.time is not None else line.text


def _timing(match: Match, found: Sequence[Line], ctx: Context) -> str:
    """What the time between pings says of them."""

    from netcheck.pipeline import log_signatures

    if match.signature.name not in ("ping-retry", "ping-failed"):
        return ""
    known: Pipeline = ctx.get(facts.pipeline)
    timeout = read(known.connector.settings).timeout_seconds if known.connector else None
    measured = log_signatures.pause(found, timeout)
    match measured:
        case (float(gap), True):
            return f"; {gap:.0f} s between pings: nobody answers (route, security group, ACL, idle service)"
        case (float(gap), False):
            return f"; {gap:.1f} s between pings: something answers (refusal, reset, DNS, TLS)"
    return ""


def _compared(host: str, theirs: tuple[str, ...], here: tuple[str, ...]) -> Finding:
    """The finding for one name. Addresses of load balancers change: public against public says nothing."""
    evidence: dict[str, Json] = {"workers": list(theirs), "here": list(here)}
    said = f"{host}: the workers tried {', '.join(theirs)}, and it is {', '.join(here)} here"
    if set(theirs) & set(here):
        return Finding(
            Status.PASS, f"{host} has the same addresses there and here", None, Layer.DNS, evidence
        )
    kinds = ({_is_private(address) for address in theirs}, {_is_private(address) for address in here})
    if kinds == ({False}, {False}):
        return Finding(Status.PASS, f"{said}: both public", None, Layer.DNS, evidence)
    if kinds == ({True}, {True}):
        text = f"{said}: an old address, or another view of the name"
        return Finding(Status.FAIL, text, Cause.WORKER_LOG_DIFFERS, Layer.DNS, evidence, from_workers=True)
    text = (
        f"{said}: the one is private and the other public, so the workers ask another resolver than netcheck"
    )
    return Finding(Status.FAIL, text, Cause.WORKER_LOG_DIFFERS, Layer.DNS, evidence, from_workers=True)


def _is_private(address: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False
