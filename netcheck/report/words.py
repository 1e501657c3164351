"""Words that every format shares: the verdict, the counts, how certain a cause is, what a fix is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netcheck.core.model import Fix, Report, Result, RootCause, Status
from netcheck.core.text import first_few

DONE = {
    Status.PASS: "passed",
    Status.WARN: "warned",
    Status.FAIL: "failed",
    Status.UNKNOWN: "unknown",
    Status.SKIP: "skipped",
}
"""The outcome of a check, by status."""
WORST_FIRST = (Status.FAIL, Status.WARN, Status.UNKNOWN, Status.PASS, Status.SKIP)
UNCERTAIN = "no answer arrives; where packets are lost is uncertain"
PROVED = "verified on a copy of the configuration: this change opens the path"
_KINDS = {
    "text": "What to do",
    "awscli": "AWS CLI",
    "terraform": "Terraform",
    "properties": "Connector or worker properties",
    "iam": "IAM policy statement",
    "iam-trust": "IAM trust policy",
    "undo": "To undo (AWS CLI)",
}
_NOTE = "To know"
"""The title of text that comes after a change."""
MOST_PLACES = 12
"""At most so many places of a root cause are named, so that its fix stays in view. JSON has them all."""


@dataclass(frozen=True, slots=True)
class Headline:
    """A report in one line: `text`, and `more` appended to it."""

    status: Status
    text: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Remedy:
    """The fixes of one kind, one after the other. `code`: to be copied as it is, not to be read as prose."""

    kind: str
    title: str
    text: str
    code: bool

    @property
    def lines(self) -> list[str]:
        """The text split at line feeds only: other separators come from a peer and are escaped."""
        return self.text.split("\n")


def headline(report: Report) -> Headline:
    """The verdict in one line."""
    causes, unknown, warned = len(report.root_causes), report.count(Status.UNKNOWN), report.count(Status.WARN)
    if causes:
        return Headline(Status.FAIL, counted(causes, "root cause"), _following(report))
    if failed := report.count(Status.FAIL):
        return Headline(Status.FAIL, f"{counted(failed, 'check')} failed")
    if unknown:
        text = f"Nothing failed, but {counted(unknown, 'question')} could not be answered"
        return Headline(Status.UNKNOWN, text)
    if warned:
        return Headline(Status.WARN, "Nothing failed", f", {counted(warned, 'warning')}")
    if not report.count(Status.PASS):
        return Headline(Status.UNKNOWN, "Nothing was checked")
    return Headline(Status.PASS, "All checks passed from here")


def _following(report: Report) -> str:
    folded = sum(len(cause.explains) for cause in report.root_causes)
    if not folded:
        return ""
    verb = "is a consequence" if folded == 1 else "are consequences"
    return f" ({counted(folded, 'other result')} {verb})"


def counts(report: Report) -> str:
    """`6 passed, 2 failed`: statuses without results are left out, except passed."""
    kinds = (status for status in Status if report.count(status) or status is Status.PASS)
    return ", ".join(f"{report.count(status)} {DONE[status]}" for status in kinds)


def place(report: Report) -> str:
    """Where the run looked from, or nothing."""
    return str(report.vantage.get("summary") or "")


def remedies(cause: RootCause) -> tuple[Remedy, ...]:
    """The fixes of the same kind together, in the order in which the kinds came."""
    kinds: dict[str, list[Fix]] = {}
    for fix in cause.fix:
        kinds.setdefault(fix.kind, []).append(fix)
    return tuple(
        Remedy(
            kind,
            _NOTE if kind == "text" and kind != next(iter(kinds)) else _KINDS.get(kind, kind),
            "\n".join(dict.fromkeys(fix.text.strip("\n") for fix in fixes)),
            kind != "text",
        )
        for kind, fixes in kinds.items()
    )


def doubt(cause: RootCause) -> str:
    """Why it is not certain, and what would make it so; empty where it is."""
    return "" if cause.certain else cause.doubt or UNCERTAIN


def seen(cause: RootCause, results: Mapping[str, Result]) -> tuple[tuple[str, str], ...]:
    """Its evidence: what each side says, then what else shows it. The title is not repeated."""
    said: dict[str, str] = {}
    for statement in cause.evidence:
        said.setdefault(statement.text, statement.side)
    if len(cause.results) > 1:
        for key in cause.results:
            said.setdefault(results[key].finding.summary, "seen")
    said.pop(cause.title, None)
    return tuple((label, text) for text, label in said.items())


def places(cause: RootCause) -> tuple[tuple[str, ...], int]:
    """Where it is: the first of its places, and how many there are besides."""
    found = cause.components
    return found[:MOST_PLACES], max(0, len(found) - MOST_PLACES)


def placed(cause: RootCause) -> str:
    """Where it is, in one line."""
    return first_few(cause.components, MOST_PLACES)


def by_key(report: Report) -> dict[str, Result]:
    return {result.key: result for result in report.results}


def numbers(report: Report) -> dict[str, int]:
    """For each result that shows or follows from a root cause, that cause's number."""
    return {
        key: number
        for number, cause in enumerate(report.root_causes, 1)
        for key in (*cause.explains, *cause.results)
    }


def where(result: Result) -> str:
    """The target of a result as one types it."""
    return result.target.endpoint if result.target.host else "pipeline"


def worst(results: Sequence[Result]) -> Status:
    """The worst of these, `skip` where there are none."""
    found = {result.status for result in results}
    return next((status for status in WORST_FIRST if status in found), Status.SKIP)


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
