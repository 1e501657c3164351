"""Documentation from the code: a check's docstring and declarations, for `netcheck explain`, `netcheck
checks`, docs/checks.md and docs/causes.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from netcheck.core.catalogue import Catalogue
from netcheck.core.check import Check
from netcheck.core.problem import Problem, Trait


@dataclass(frozen=True, slots=True)
class Page:
    """What a check's docstring says. `title` is a claim; `body` says when it fails; `fix` what to do then."""

    id: str
    title: str
    body: str
    fix: str
    kinds: tuple[str, ...]
    depends_on: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def anchor(self) -> str:
        return anchor(self.id)


def anchor(check_id: str) -> str:
    """The heading's anchor in docs/checks.md, as GitHub makes it: `tls.handshake` -> `tls-handshake`."""
    return check_id.replace(".", "-")


def page(check: Check) -> Page:
    """Read a check's docstring."""
    title, _, rest = inspect.cleandoc(type(check).__doc__ or "").partition("\n")
    body, _, fix = rest.strip().partition("Fix:")
    return Page(
        check.id,
        title.strip().removesuffix("."),
        body.strip(),
        fix.strip(),
        tuple(sorted(check.kinds)),
        tuple(sorted(check.explained_by())),
        tuple(check.problems),
    )


def markdown(checks: Iterable[Check]) -> str:
    """docs/checks.md: every check by id, one anchor each."""
    lines = [
        "# Checks",
        "",
        "Made from the checks' docstrings by `make docs`; a test keeps it true. See also `netcheck explain`.",
        "",
    ]
    for entry in sorted((page(check) for check in checks), key=lambda p: p.id):
        lines += [f'<a id="{entry.anchor}"></a>', "", f"## {entry.id}", "", f"**{entry.title}**", ""]
        lines += [entry.body, ""] if entry.body else []
        lines += [f"**Fix:** {entry.fix}", ""] if entry.fix else []
        lines += [_footer(entry), ""]
    return "\n".join(lines)


def causes(checks: Iterable[Check]) -> str:
    """docs/causes.md: every cause and code, what it means and what to do, as a report shows it."""
    every = tuple(checks)
    catalogue = Catalogue.made_of(every)
    lines = [
        "# Causes and codes",
        "",
        "Every reason that a result or a root cause can have. Made from the declarations of the checks by "
        "`make docs`; a test keeps it true. A root cause carries its code, or its cause in capitals "
        "where there is none. What blocks packets in AWS's configuration carries the code of the AWS VPC "
        "Reachability Analyzer ([the path engine](path-engine.md)).",
        "",
    ]
    named = [problem for problem in catalogue.problems.values() if problem.name.islower()]
    for heading, chosen in (
        ("Of the network and its peers", [one for one in named if not one.has(Trait.AGENT)]),
        ("Of netcheck itself", [one for one in named if one.has(Trait.AGENT)]),
    ):
        lines += [f"## {heading}", ""]
        for problem in chosen:
            lines += [f'<a id="{problem.name}"></a>', "", f"### {problem.name.upper()}", ""]
            lines += [f"**{_sentence(problem.title)}** {problem.advice}", ""]
    lines += ["## Codes", "", "| code | meaning | check |", "|---|---|---|"]
    for check in sorted(every, key=lambda one: one.id):
        lines += [
            f"| `{one.name}` | {one.title} | `{check.id}` |" for one in check.problems if one.name.isupper()
        ]
    return "\n".join([*lines, ""])


def _sentence(title: str) -> str:
    return f"{title[0].upper()}{title[1:]}."


def problem(declared: Problem, shown: str, checks: Iterable[Check]) -> str:
    """One cause or code for a terminal; `shown` is how it was asked for."""
    owners = [check.id for check in checks if declared in check.problems]
    explained = sorted({cause for rule in declared.explains for cause in rule.causes})
    parts = [
        f"{shown}: {declared.title}",
        declared.meaning,
        f"Fix: {declared.advice}" if declared.advice else "",
        f"It explains: {', '.join(explained)}." if explained else "",
        f"More: netcheck explain {owners[0]}" if owners else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _footer(entry: Page) -> str:
    """What it is asked of, what it depends on, and what it can report."""
    parts = [f"Runs on: {', '.join(entry.kinds)}."]
    if entry.depends_on:
        parts.append(f"Depends on: {', '.join(entry.depends_on)}.")
    if entry.problems:
        parts.append(f"Reports: {', '.join(one.name.upper() for one in entry.problems)}.")
    return " ".join(parts)


def plain(entry: Page) -> str:
    """One check's page for a terminal."""
    parts = [f"{entry.id}: {entry.title}", entry.body, f"Fix: {entry.fix}" if entry.fix else ""]
    parts.append(_footer(entry))
    return "\n\n".join(part for part in parts if part)


def listed(entries: Iterable[Page]) -> str:
    """Ids and claims by id, with an empty line between concerns."""
    pages = sorted(entries, key=lambda entry: entry.id)
    width = max((len(entry.id) for entry in pages), default=0)
    concerns = groupby(pages, key=lambda entry: entry.id.partition(".")[0])
    return "\n\n".join(
        "\n".join(f"{entry.id:<{width}}  {entry.title}" for entry in group) for _, group in concerns
    )
