"""A fleet for people: what to fix first over all connectors, then the connectors, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from netcheck.core.model import Status
from netcheck.core.text import first_few
from netcheck.report.style import Style, printable

MOST_CAUSES = 10
MOST_NAMED = 5
WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.SKIP)


@dataclass(frozen=True, slots=True)
class Cause:
    """A root cause of one connector."""

    code: str
    component: str
    title: str
    certain: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One connector, as its line of the output has it."""

    account: str
    name: str
    arn: str
    vpc: str
    state: str
    status: Status
    counts: Mapping[str, int]
    causes: tuple[Cause, ...]
    text: str
    missing: tuple[str, ...]
    """IAM actions that something depends on and that AWS did not answer."""

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Row:
        """Raises KeyError, TypeError, ValueError, AttributeError for what is no line of a fleet."""
        report = line["report"] or {}
        causes = tuple(
            Cause(one["code"], one["component"], one["title"], one["certain"])
            for one in report.get("root_causes", ())
        )
        status = Status(line["status"])
        text = line["error"] or next((cause.title for cause in causes), "") or _first(report, status)
        return cls(
            line["account"],
            line["connector"],
            line["arn"],
            line["vpc"] or "",
            line["state"],
            status,
            report.get("summary", {}),
            causes,
            text,
            tuple(dict.fromkeys(_unanswered(report))),
        )


def _unanswered(report: Mapping[str, Any]) -> Iterator[str]:
    for one in report.get("results", ()):
        if one["status"] == Status.UNKNOWN and (action := one["evidence"].get("missing_permission")):
            yield str(action)


def _first(report: Mapping[str, Any], status: Status) -> str:
    """The first result of a status that somebody should look at."""
    if status in (Status.PASS, Status.SKIP):
        return ""
    return next((one["summary"] for one in report.get("results", ()) if one["status"] == status), "")


def render(rows: Sequence[Row], style: Style, calls: int) -> str:
    """The summary, ending in a newline."""
    worst_first = sorted(rows, key=lambda row: (WORST_FIRST.index(row.status), -len(row.causes), row.name))
    parts = [_verdict(rows, style), *_causes(rows, style), _table(worst_first, style), _missing(rows)]
    vpcs = len({row.vpc for row in rows if row.vpc})
    closing = (
        f"{len(rows)} {_connectors(len(rows))}, {vpcs} {'VPC' if vpcs == 1 else 'VPCs'}, {calls} calls to AWS"
    )
    return "\n\n".join([*(part for part in parts if part), style.dim(closing)]) + "\n"


def _verdict(rows: Sequence[Row], style: Style) -> str:
    if not rows:
        return f"{style.mark(Status.UNKNOWN)} {style.bold('No connectors found')}"
    broken = sum(row.status is Status.FAIL for row in rows)
    unknown = sum(row.status is Status.UNKNOWN for row in rows)
    if broken:
        text = f"{broken} of {len(rows)} connectors cannot work as configured"
        return f"{style.mark(Status.FAIL)} {style.bold(text)}"
    if unknown:
        text = f"No known problem; {unknown} of {len(rows)} connectors could not be judged completely"
        return f"{style.mark(Status.UNKNOWN)} {style.bold(text)}"
    if all(row.status is Status.SKIP for row in rows):
        return f"{style.mark(Status.UNKNOWN)} {style.bold('Nothing was checked: every check was skipped')}"
    text = f"{len(rows)} {_connectors(len(rows))}, and nothing wrong in the configuration"
    return f"{style.mark(Status.PASS)} {style.bold(text)}"


def _causes(rows: Iterable[Row], style: Style) -> list[str]:
    """What stops most connectors first: one security group may stop a dozen."""
    struck: dict[tuple[str, str], list[str]] = {}
    titles: dict[tuple[str, str], str] = {}
    for row in rows:
        for cause in row.causes:
            struck.setdefault((cause.code, cause.component), []).append(row.name)
            titles.setdefault((cause.code, cause.component), cause.title)
    most = sorted(struck, key=lambda key: (-len(set(struck[key])), key))
    lines = []
    for number, key in enumerate(most[:MOST_CAUSES], 1):
        names = list(dict.fromkeys(struck[key]))
        title = titles[key] if len(names) == 1 else f"{key[0]} at {key[1]}"
        lines.append(
            f"{number}. {style.bold(printable(title))}\n"
            f"   {len(names)} {_connectors(len(names))}: "
            f"{printable(first_few(names, MOST_NAMED))}"
        )
    if len(most) > MOST_CAUSES:
        lines.append(f"... and {len(most) - MOST_CAUSES} more root causes: --format jsonl has them all")
    return ["\n".join(lines)] if lines else []


def _missing(rows: Iterable[Row]) -> str:
    actions = Counter(action for row in rows for action in row.missing)
    text = (
        f"  {printable(action)}  ({count} {_connectors(count)})" for action, count in actions.most_common()
    )
    head = "AWS denied calls that answers depend on (netcheck policy prints the permissions to allow):"
    return "\n".join([head, *text]) if actions else ""


def _connectors(count: int) -> str:
    return "connector" if count == 1 else "connectors"


def _table(rows: Sequence[Row], style: Style) -> str:
    if not rows:
        return ""
    accounts = len({row.account for row in rows}) > 1
    room = max(30, style.width - 70)
    cells = [
        [
            style.mark(row.status),
            *([printable(row.account)] if accounts else []),
            printable(row.name)[:40],
            printable(row.state),
            printable(row.vpc),
            row.counts.get("fail", ""),
            row.counts.get("unknown", ""),
            row.counts.get("warn", ""),
            _short(printable(row.text), room),
        ]
        for row in rows
    ]
    heads = [
        "",
        *(["account"] if accounts else []),
        "connector",
        "state",
        "VPC",
        "fail",
        "?",
        "warn",
        "first",
    ]
    return tabulate(cells, heads, tablefmt="plain", disable_numparse=True)


def _short(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 3] + "..."
