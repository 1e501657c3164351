"""Documentation from the code: a check's docstring for `netcheck explain`, `netcheck checks`, docs/checks.md;
and every cause for docs/causes.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from netcheck.core.check import Check
from netcheck.core.model import AGENT_CAUSES, Cause
from netcheck.diagnose.advice import ADVICE


@dataclass(frozen=True, slots=True)
class Page:
    """What a check's docstring says. `title` is a claim; `body` says when it fails; `fix` what to do then."""

    id: str
    title: str
    body: str
    fix: str
    kinds: tuple[str, ...]
    after: tuple[str, ...]

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
        tuple(sorted(check.after)),
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
        lines += [f"Asked of: {', '.join(entry.kinds)}." + _after(entry), ""]
    return "\n".join(lines)


def causes() -> str:
    """docs/causes.md: every cause, what it means and what to do, under the code that a report shows."""
    lines = [
        "# Causes",
        "",
        "Every reason that a result or a root cause can have, as the code of a report. Made from "
        "`netcheck/diagnose/advice.py` by `make docs`; a test keeps it true. What stops packets in AWS's "
        "configuration carries the code of the AWS VPC Reachability Analyzer instead "
        "([the path engine](path-engine.md)).",
        "",
    ]
    for heading, chosen in (
        ("Of the network and its peers", [one for one in Cause if one not in AGENT_CAUSES]),
        ("Of netcheck itself", [one for one in Cause if one in AGENT_CAUSES]),
    ):
        lines += [f"## {heading}", ""]
        for cause in chosen:
            advice = ADVICE[cause]
            lines += [f'<a id="{cause}"></a>', "", f"### {cause.upper()}", ""]
            lines += [f"**{advice.title[0].upper()}{advice.title[1:]}.** {advice.mend}", ""]
    return "\n".join(lines)


def _after(entry: Page) -> str:
    return f" Explained by a failure of: {', '.join(entry.after)}." if entry.after else ""


def plain(entry: Page) -> str:
    """One check's page for a terminal."""
    parts = [f"{entry.id}: {entry.title}", entry.body, f"Fix: {entry.fix}" if entry.fix else ""]
    parts.append(f"Asked of: {', '.join(entry.kinds)}." + _after(entry))
    return "\n\n".join(part for part in parts if part)


def listed(entries: Iterable[Page]) -> str:
    """Ids and claims by id, with an empty line between concerns."""
    pages = sorted(entries, key=lambda entry: entry.id)
    width = max((len(entry.id) for entry in pages), default=0)
    concerns = groupby(pages, key=lambda entry: entry.id.partition(".")[0])
    return "\n\n".join(
        "\n".join(f"{entry.id:<{width}}  {entry.title}" for entry in group) for _, group in concerns
    )
