"""Whether what a check yielded is a finding that the rest can compute with; and secrets out of its fields.

A plugin may have been written without mypy, and a status that is not one would be counted as nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar, cast

from netcheck.core.catalogue import Catalogue
from netcheck.core.check import Check
from netcheck.core.evidence import ConnectionOutcome, TracedPath
from netcheck.core.model import Cause, Confirms, Explains, Finding, Fix, Kind, Layer, Security, Status, Target

T = TypeVar("T")


def problem_with(finding: object, check: Check, catalogue: Catalogue) -> str | None:
    """What is wrong with something that a check yielded, None where nothing is."""
    if not isinstance(finding, Finding):
        return f"{type(finding).__name__}, not a Finding"
    wrong = next((name for name, fits in _fits(finding).items() if not fits), None)
    if wrong:
        return f"a Finding whose {wrong} is {type(getattr(finding, wrong)).__name__}"
    return _undeclared(finding, check, catalogue)


def _fits(finding: Finding) -> dict[str, bool]:
    """For each field of a finding, whether its value has the field's type."""
    return {
        "status": isinstance(finding.status, Status),
        "summary": isinstance(finding.summary, str),
        "cause": finding.cause is None or isinstance(finding.cause, str),
        "layer": finding.layer is None or isinstance(finding.layer, Layer),
        "evidence": isinstance(finding.evidence, Mapping),
        "discovered": isinstance(finding.discovered, tuple) and all(map(_is_target, finding.discovered)),
        "code": finding.code is None or isinstance(finding.code, str),
        "component": finding.component is None or isinstance(finding.component, str),
        "components": _all(finding.components, str),
        "title": isinstance(finding.title, str),
        "fixes": _all(finding.fixes, Fix),
        "paths": _all(finding.paths, TracedPath),
        "connection": finding.connection is None or isinstance(finding.connection, ConnectionOutcome),
        "missing_permissions": _all(finding.missing_permissions, str),
        "assumptions": _all(finding.assumptions, str),
        "observed": isinstance(finding.observed, str),
        "hosts": _all(finding.hosts, str),
        "explains": finding.explains is None or _all(finding.explains, Explains),
        "confirms": _all(finding.confirms, Confirms),
        "from_workers": isinstance(finding.from_workers, bool),
        "subnets": _all(finding.subnets, str),
        "days_left": finding.days_left is None or isinstance(finding.days_left, (int, float)),
    }


def _all(values: object, kind: type) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, kind) for value in values)


def _undeclared(finding: Finding, check: Check, catalogue: Catalogue) -> str | None:
    """A cause or code that no check declares. A check that declares nothing may give any code."""
    known = finding.cause is None or isinstance(finding.cause, Cause)
    if not known and catalogue.problem(finding.cause) is None:
        return f"a Finding whose cause {finding.cause!r} no check declares"
    failed = finding.status in (Status.FAIL, Status.WARN)
    if failed and check.problems and finding.code and catalogue.problem(finding.code) is None:
        return f"a Finding whose code {finding.code!r} no check declares"
    return None


def _is_target(found: object) -> bool:
    """Whether it is a target that can be named, sorted and connected to."""
    return (
        isinstance(found, Target)
        and isinstance(found.kind, Kind)
        and isinstance(found.host, str)
        and type(found.port) is int
        and isinstance(found.security, Security)
    )


def scrubbed(value: T, scrub: Callable[[str], str]) -> T:
    """The same value with every text in it passed through `scrub`, enumerations excepted: those are ours."""
    clean: Any = value
    match value:
        case Enum():
            pass
        case str():
            clean = scrub(value)
        case tuple() | frozenset():
            clean = type(value)(scrubbed(one, scrub) for one in value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
            clean = dataclasses.replace(
                value, **{name: scrubbed(part, scrub) for name, part in fields.items() if part}
            )
    return cast(T, clean)
