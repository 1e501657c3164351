"""The report as JUnit XML, in the shape that Jenkins and GitLab read: a suite a target, a case a check.

What failed is a failure, what could not be determined an error, what was not asked is skipped; a warning
passes, and its text is the case's output. Attributes and elements are those of the XML schema of Jenkins'
xUnit plugin (junit-10.xsd), which is what pytest and Maven's surefire write too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as xml

from netcheck.core.model import Report, Result, RootCause, Status
from netcheck.core.version import VERSION
from netcheck.report.style import printable
from netcheck.report.words import DONE, PROVED, counts, doubt, headline, numbers, place, placed, remedies

_ELEMENTS = {Status.FAIL: "failure", Status.UNKNOWN: "error", Status.SKIP: "skipped"}
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """The report as one XML document, ending in a newline."""
    suites: dict[str, list[Result]] = {}
    for result in report.results:
        suites.setdefault(str(result.target), []).append(result)
    about = {"name": "netcheck", "time": _seconds(report.seconds)}
    root = xml.Element("testsuites", about | _counts(report.results))
    for target, results in suites.items():
        root.append(_suite(report, target, results))
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _counts(results: Sequence[Result]) -> dict[str, str]:
    def count(status: Status) -> str:
        return str(sum(result.status is status for result in results))

    return {"tests": str(len(results)), "failures": count(Status.FAIL), "errors": count(Status.UNKNOWN)}


def _suite(report: Report, target: str, results: list[Result]) -> xml.Element:
    skipped = str(sum(result.status is Status.SKIP for result in results))
    about = {
        "name": _line(target),
        "timestamp": report.started,
        "hostname": _line(place(report) or "unknown"),
        "time": _seconds(sum(result.seconds for result in results)),
        "skipped": skipped,
    }
    suite = xml.Element("testsuite", about | _counts(results))
    properties = xml.SubElement(suite, "properties")
    line = headline(report)
    for name, value in (
        ("netcheck", VERSION),
        ("verdict", line.text + line.more),
        ("counts", counts(report)),
    ):
        xml.SubElement(properties, "property", name=name, value=_line(value))
    known = numbers(report)
    for result in results:
        suite.append(_case(report, result, known.get(result.key)))
    return suite


def _case(report: Report, result: Result, number: int | None) -> xml.Element:
    """One result. The same check may answer twice of a target: the second is named `tls.certificate#2`."""
    again = re.search(r"#[0-9]+$", result.key.removeprefix(f"{result.check}@{result.target}"))
    name = result.check + (again[0] if again else "")
    case = xml.Element(
        "testcase",
        classname=_line(str(result.target)),
        name=_line(name),
        time=_seconds(result.seconds),
    )
    summary = _line(result.finding.summary)
    tag = _ELEMENTS.get(result.status)
    if tag:
        kind = str(result.finding.cause or result.finding.code or DONE[result.status])
        child = xml.SubElement(case, tag, type=_line(kind), message=summary)
        child.text = "\n".join(_explained(report, result, number)) or None
    elif result.status is Status.WARN:
        xml.SubElement(case, "system-out").text = f"warning: {summary}"
    return case


def _explained(report: Report, result: Result, number: int | None) -> list[str]:
    if number is None:
        return []
    cause = report.root_causes[number - 1]
    if result.key not in cause.results:
        return [_line(f"Follows from root cause {number}: {cause.title}")]
    about = [f"Root cause {number}: {cause.code} at {placed(cause)}"]
    about += [str(one) for one in cause.evidence if result.finding.summary not in one.text]
    about += [f"Not certain: {unsure}"] if (unsure := doubt(cause)) else []
    return [*(_line(text) for text in about), *_fixed(cause)]


def _fixed(cause: RootCause) -> list[str]:
    lines = [f"The fix is {PROVED}."] if cause.fix and cause.fix_proved else []
    for remedy in remedies(cause):
        lines += [f"{remedy.title}:", *(_line(text) for text in remedy.lines)]
    return lines


def _seconds(number: float) -> str:
    return f"{max(number, 0):.3f}"


def _line(text: str) -> str:
    return _NOT_IN_XML.sub("?", printable(text))
