"""The pipeline as a drawing has it: what is at both ends of each connection, and how far up it gets.

A connection is a ladder of rungs, from the name up to the service; each rung is the worst of what was found
there on all targets of a kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.core.model import Cause, Kind, Layer, Report, Result, Status
from netcheck.report.words import counted, numbers, worst

_RUNGS = {
    "name": {Layer.DNS},
    "route": {Layer.ROUTE},
    "filter": {Layer.FILTER},
    "TCP": {Layer.TCP},
    "TLS": {Layer.TLS},
    "service": {Layer.KAFKA, Layer.HTTP, Layer.CLICKHOUSE, Layer.AWS, Layer.IAM},
}
_CONCERNS = {
    "dns": "name",
    "resolver": "name",
    "privatelink": "name",
    "routes": "route",
    "aws-service": "route",
    "security": "filter",
    "tcp": "TCP",
    "tls": "TLS",
    "kafka": "service",
    "clickhouse": "service",
}
"""Where a check that did not run belongs, as it named no layer: by its concern."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What was found at one height. `causes` are the numbers of the root causes that break it."""

    name: str
    status: Status
    failed: int
    targets: int
    causes: tuple[int, ...]
    component: str


@dataclass(frozen=True, slots=True)
class Node:
    """One end. `lines` stand below its name; `causes` are the root causes that are of the pipeline itself."""

    name: str
    lines: tuple[str, ...]
    status: Status
    causes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A connection from the workers to its far end."""

    node: Node
    rungs: tuple[Rung, ...]

    @property
    def breaks(self) -> Rung | None:
        """The rung where it breaks first, from the ground up: one that breaks of itself, if there is any."""
        broken = [rung for rung in self.rungs if rung.status is Status.FAIL]
        return next((rung for rung in broken if rung.causes), broken[0] if broken else None)


@dataclass(frozen=True, slots=True)
class Flow:
    """The whole: a link is None where the run had no such target."""

    workers: Node
    kafka: Link | None
    clickhouse: Link | None
    aws: Link | None

    @property
    def links(self) -> tuple[Link, ...]:
        return tuple(link for link in (self.kafka, self.clickhouse, self.aws) if link)


def of(report: Report) -> Flow:
    """The flow of a report."""
    return Flow(
        _workers(report),
        _link(report, "Kafka", "broker", {Kind.KAFKA}),
        _link(report, "ClickHouse", "interface", {Kind.CLICKHOUSE_HTTPS, Kind.CLICKHOUSE_NATIVE}),
        _link(report, "AWS services", "endpoint", {Kind.AWS_SERVICE}),
    )


def _workers(report: Report) -> Node:
    own = [result for result in report.results if result.target.kind is Kind.PIPELINE]
    connector = report.pipeline.get("connector")
    name = connector.get("name") if isinstance(connector, dict) else None
    summary = str(report.vantage.get("summary") or "")
    lines = [str(name)] if name else []
    lines += [f"seen from {summary}" if name else summary] if summary else []
    return Node(
        "Workers" if name else "Seen from",
        tuple(lines),
        worst([result for result in own if not _is_moot(result)]),
        _causes(report, own),
    )


def _link(report: Report, name: str, noun: str, kinds: set[Kind]) -> Link | None:
    results = [result for result in report.results if result.target.kind in kinds]
    targets = list(dict.fromkeys(result.target for result in results))
    if not targets:
        return None
    failed = {result.target for result in results if result.status is Status.FAIL}
    hosts = list(dict.fromkeys(target.endpoint for target in targets))
    lines = [hosts[0] if len(hosts) == 1 else counted(len(hosts), noun)]
    if len(hosts) > 1 and failed:
        lines.append(f"{len(failed)} of {len(targets)} with a failure")
    asked = [result for result in results if not _is_moot(result)]
    return Link(Node(name, tuple(lines), worst(asked)), tuple(_rungs(report, asked)))


def _rungs(report: Report, results: Sequence[Result]) -> Iterable[Rung]:
    for name in _RUNGS:
        here = [result for result in results if _rung(result) == name]
        if not here:
            continue
        failed = {result.target for result in here if result.status is Status.FAIL}
        causes = _causes(report, here)
        components = [report.root_causes[number - 1] for number in causes]
        yield Rung(
            name,
            _height_status(here),
            len(failed),
            len({result.target for result in here}),
            causes,
            next((c.component for c in components if "://" not in c.component), ""),
        )


def _height_status(results: Sequence[Result]) -> Status:
    """The worst of these. What some targets passed and others could not even be asked is no pass."""
    status = worst(results)
    unasked = any(result.status is Status.SKIP for result in results)
    return Status.SKIP if status is Status.PASS and unasked else status


def _rung(result: Result) -> str | None:
    for name, layers in _RUNGS.items():
        if result.finding.layer in layers:
            return name
    return _CONCERNS.get(result.check.partition(".")[0]) if result.finding.layer is None else None


def _causes(report: Report, results: Iterable[Result]) -> tuple[int, ...]:
    """The root causes that these results show, by number."""
    keys = {result.key for result in results if result.status is Status.FAIL and result.caused_by is None}
    known = numbers(report)
    return tuple(sorted({known[key] for key in keys if key in known}))


def _is_moot(result: Result) -> bool:
    """Whether the question was moot, rather than impossible to ask."""
    return result.status is Status.SKIP and result.finding.cause is not Cause.NOT_ASKED
