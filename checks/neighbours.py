"""Do the account's other connectors leave this one alone?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from checks.connector_findings import doubtful, fine, given, listed, shown, sink, wrong
from netcheck.core.check import Check
from netcheck.core.context import Context, Skip
from netcheck.core.model import Cause, Finding, Kind, Layer, Status, Target
from netcheck.core.problem import Problem
from netcheck.core.text import first_few
from netcheck.engine import facts
from netcheck.pipeline.clickhouse_sink import KEEPER_PATH, is_reference, is_sink, read
from netcheck.pipeline.model import Connector

if TYPE_CHECKING:
    from netcheck.aws.msk.neighbours import Neighbour, Neighbours

MOST_NAMED = 4


class StateIsItsOwn(Check):
    """No other connector keeps its state in the same place.

    With exactlyOnce=true the sink keeps offsets in a KeeperMap table, under `<topic>-<partition>`. Tables
    with one zkPath on one ClickHouse are the same table, whatever zkDatabase they are called by. Asked of the
    account's other connectors in this Region, when this one keeps state. It fails when another has the same
    ClickHouse, the same zkPath and one of the topics ("State mismatch for topic", records lost or written
    twice), and warns when that depends on a pattern of topics.

    Fix: give one of them a zkPath of its own; it then begins with no state.
    """

    id = "connector.state-store"
    kinds = frozenset({Kind.PIPELINE})
    depends_on = frozenset({"connector.class", "connector.whitespace"})
    problems = (
        Problem("STATE_SHARED", "two connectors keep their state in one place"),
        Problem("STATE_PERHAPS_SHARED", "two connectors may keep their state in one place"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, task = sink(ctx)
        if not task.exactly_once:
            raise Skip("exactlyOnce is off: no state is kept")
        if subject.arn is None:
            raise Skip(
                "a configuration file has no account to look for other connectors in: give --connector"
            )
        if ctx.config.snapshot:
            raise Skip("a snapshot has no connectors: other connectors are asked for without --snapshot")
        seen = ctx.get(facts.neighbours, subject.arn)
        near = [one for one in seen.described if _keeps_state(one)]
        found = [finding for one in near for finding in _compared(subject, one)]
        yield from found
        unknown = list(_unknown(seen))
        yield from unknown
        if not found and not unknown:
            others = len(seen.described)
            where = _place(subject.settings)
            text = f"none of {others} other connectors keeps state of these topics in {where}"
            yield fine(text, given(subject, "hostname", "zkPath", "zkDatabase", "topics", "topics.regex"))


def _keeps_state(one: Neighbour) -> bool:
    return is_sink(one.settings) and read(one.settings).exactly_once


def _place(settings: Mapping[str, str]) -> str:
    return f"{settings.get('zkPath', KEEPER_PATH)} of {shown(settings.get('hostname', '?'))}"


def _compared(subject: Connector, one: Neighbour) -> Iterator[Finding]:
    mine, theirs = subject.settings, one.settings
    alike = _same_server(mine, theirs), _same(_path(mine), _path(theirs))
    if False in alike:
        return
    common = _common_topic(mine, theirs)
    if common is False:
        return
    line = f"zkPath={KEEPER_PATH}-{subject.name}"
    told = given(subject, "hostname", "zkPath", "zkDatabase", "topics", "topics.regex")
    where = f"{one.name} ({one.state}) also keeps its state in {_place(mine)}"
    fix = f"Write {line}, or another zkPath in {one.name}: the state starts from scratch there"
    if None not in alike and isinstance(common, str):
        text = f"{where}, and reads {shown(common)} too: offsets of the one are taken for the other's. {fix}"
        yield wrong(subject, "STATE_SHARED", Cause.SETTING_WRONG, text, line, told)
    else:
        text = f"{where.replace('also keeps', 'may keep')}, and may read the same topics. {fix}"
        yield doubtful(subject, "STATE_PERHAPS_SHARED", Cause.SETTING_RISKY, text, line, told)


def _path(settings: Mapping[str, str]) -> str:
    return settings.get("zkPath", KEEPER_PATH).rstrip("/")


def _same_server(mine: Mapping[str, str], theirs: Mapping[str, str]) -> bool | None:
    return _same(_server(mine), _server(theirs))


def _server(settings: Mapping[str, str]) -> str:
    """The ClickHouse service: by PrivateLink it has another name (ClickHouse documentation, PrivateLink)."""
    host = settings.get("hostname", "").strip().lower().rstrip(".")
    return host.replace(facts.CLICKHOUSE_PRIVATE, ".aws.clickhouse.cloud")


def _same(one: str, other: str) -> bool | None:
    """None where a config provider fills one of them in; the same reference has the same value."""
    return True if one == other else None if is_reference(one) or is_reference(other) else False


def _common_topic(mine: Mapping[str, str], theirs: Mapping[str, str]) -> str | bool | None:
    """A topic that both read; False where there is none, None where that is not known."""

    from netcheck.probe.kafka.topics import pattern_of

    names, others = _names(mine), _names(theirs)
    if any(is_reference(name) for name in (*names, *others)):
        return None
    for listed_ones, settings in ((names, theirs), (others, mine)):
        if text := settings.get("topics.regex", "").strip():
            pattern = pattern_of(text)
            if pattern is None or not listed_ones:
                return None
            return next((name for name in listed_ones if pattern.fullmatch(name)), False)
    return next((name for name in names if name in others), False)


def _names(settings: Mapping[str, str]) -> list[str]:
    return [name for part in settings.get("topics", "").split(",") if (name := part.strip())]


def _unknown(seen: Neighbours) -> Iterator[Finding]:
    for one in seen.missing[:1]:
        every = listed([each.what for each in seen.missing[:MOST_NAMED]])
        more = f" and {len(seen.missing) - MOST_NAMED} more" if len(seen.missing) > MOST_NAMED else ""
        text = f"whether {every}{more} keep state in the same place is not known: {one.reason}"
        if one.action and one.action not in text:
            text += f" (needs {one.action})"
        needed = (one.action,) if one.action else ()
        yield Finding(Status.UNKNOWN, text, Cause.FACT_UNAVAILABLE, Layer.AWS, missing_permissions=needed)
    if seen.unseen:
        text = (
            f"{len(seen.unseen)} connectors were not looked at, as {len(seen.described)} others were: "
            f"{first_few(seen.unseen, MOST_NAMED)}"
        )
        yield Finding(Status.UNKNOWN, text, Cause.FACT_UNAVAILABLE, Layer.AWS, {"unseen": list(seen.unseen)})
