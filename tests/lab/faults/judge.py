"""What a report has to say of a row, and what speaks against that it does. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.e2e import contract
from tests.lab.faults.rows import Expected, Row

Report = Mapping[str, Any]


def against(row: Row, code: int, report: Report) -> list[str]:
    """Everything that is not as the row has it; nothing where all is well."""
    try:
        contract.hold(dict(report), code)
    except AssertionError as broken:
        return [f"the report breaks its contract: {broken}"]
    return list(_odd(row, code, report) if row.odd is not None else _fault(row, code, report))


def against_health(code: int, report: Report) -> list[str]:
    """The same of a pipeline with nothing wrong in it: no failure, no warning, nothing unknown."""
    told = [_shown(one) for one in report["results"] if one["status"] not in ("pass", "skip")]
    return [*told, *([f"exit code {code}"] if code else [])]


def against_cure(code: int, report: Report) -> list[str]:
    """The same after a fault was mended: failures, and what cannot be told. Warnings have other reasons."""
    left = [_shown(one) for one in report["results"] if one["status"] in ("fail", "unknown")]
    return [*left, *([f"exit code {code}"] if code else [])]


def _fault(row: Row, code: int, report: Report) -> Iterator[str]:
    roots = report["root_causes"]
    if code != 1:
        yield f"exit code {code}"
    if not roots:
        yield "no root cause"
        return
    if not fits(row.expect[0], roots[0]) and not (row.pair and _any(row.expect, roots[0])):
        yield f"the first root cause is not {row.expect[0]}"
    yield from (f"not expected: {root_line(one)}" for one in roots if not _any(row.expect, one))
    for wanted in row.expect:
        if not any(fits(wanted, one) for one in roots):
            yield f"missing: {wanted}"
    yield from _left_open(report)
    if row.proved and not all(one["fix_proved"] for one in roots):
        yield "a fix is not proved"


def _left_open(report: Report) -> Iterator[str]:
    """What failed or could not be told, and follows from nothing."""
    shown = {key for one in report["root_causes"] for key in one["shown_by"]}
    for one in report["results"]:
        open_ = one["status"] in ("fail", "unknown") and not one["caused_by"]
        if open_ and one["key"] not in shown:
            yield f"left open: {_shown(one)}"


def _odd(row: Row, code: int, report: Report) -> Iterator[str]:
    assert row.odd is not None
    if code:
        yield f"exit code {code}"
    for one in report["results"]:
        if one["status"] in ("pass", "skip") or (one["status"] == "warn" and one["cause"] in row.odd):
            continue
        yield f"a false alarm: {_shown(one)}"


def _any(expected: tuple[Expected, ...], root: Mapping[str, Any]) -> bool:
    return any(fits(one, root) for one in expected)


def fits(wanted: Expected, root: Mapping[str, Any]) -> bool:
    """Whether a root cause is the one that is wanted."""
    fixes = "\n".join(one["text"] for one in root["fix"])
    return bool(
        re.fullmatch(wanted.code, root["code"])
        and (not wanted.component or re.fullmatch(wanted.component, root["component"]))
        and re.search(wanted.title, root["title"])
        and re.search(wanted.fix, fixes)
    )


def root_line(root: Mapping[str, Any]) -> str:
    return f"{root['code']} {root['component']}: {root['title']}"


def _shown(result: Mapping[str, Any]) -> str:
    return f"{result['status']} {result['key']} {result['cause']}: {result['summary']}"
