"""The JUnit report: valid, and read by a parser as what it is."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from xmlschema import XMLSchema

from netcheck.core.model import Status
from netcheck.report.junit import render
from tests.report.samples import BLOCKED, MARKUP, REPORTS, SILENT_BROKERS, UNKNOWN, WARNED

SCHEMA = XMLSchema(str(Path(__file__).with_name("junit.xsd")))


@pytest.mark.parametrize("name", REPORTS)
def test_it_is_valid_and_a_parser_counts_what_the_report_counts(name: str) -> None:
    report, text = REPORTS[name], render(REPORTS[name])
    SCHEMA.validate(text)
    read = JUnitXml.fromstring(text.encode())
    cases = [case for suite in read for case in suite]
    assert len(cases) == len(report.results) == read.tests
    outcomes = [type(outcome) for case in cases for outcome in case.result]
    assert outcomes.count(Failure) == report.count(Status.FAIL) == read.failures
    assert outcomes.count(Error) == report.count(Status.UNKNOWN) == read.errors
    assert outcomes.count(Skipped) == report.count(Status.SKIP) == sum(suite.skipped for suite in read)


def test_the_schema_refuses_what_is_wrong() -> None:
    text = render(SILENT_BROKERS)
    for right, wrong in (("failure", "fault"), (' tests="15"', ""), ('time="0.013"', 'time="soon"')):
        assert right in text
        assert not SCHEMA.is_valid(text.replace(right, wrong))


@pytest.mark.parametrize(
    ("sentence", "report", "check", "tag", "words"),
    [
        (
            "a failure names its root cause and the fix",
            BLOCKED,
            "security.groups",
            "failure",
            [
                "Root cause 1: ENI_SG_RULES_MISMATCH at sg-",
                "AWS CLI:\naws ec2 authorize",
                "verified on a copy",
            ],
        ),
        (
            "a consequence names what it follows from",
            BLOCKED,
            "tcp.connects",
            "failure",
            ["Follows from root cause 1: sg-0f9e8d7c6b5a40322 does not allow inbound TCP"],
        ),
        ("what was not asked is skipped", BLOCKED, "tls.handshake", "skipped", ["Follows from root cause 1"]),
        ("what could not be told is an error", UNKNOWN, "tcp.connects", "error", []),
        ("a warning passes and is told", WARNED, "tls.expiry", "system-out", ["warning: the certificate of"]),
        (
            "doubt is told",
            SILENT_BROKERS,
            "tcp.connects",
            "failure",
            ["Not certain: no answer arrives"],
        ),
    ],
)
def test_each_status_is_told_as_ci_systems_have_it(
    sentence: str, report: object, check: str, tag: str, words: list[str]
) -> None:
    root = ElementTree.fromstring(render(report))  # type: ignore[arg-type]
    found = next(e for c in root.iter("testcase") if c.get("name") == check for e in c)
    assert found.tag == tag, sentence
    for word in words:
        assert word in (found.text or ""), sentence


def test_what_a_peer_says_is_text() -> None:
    root = ElementTree.fromstring(render(REPORTS["markup"]))
    messages = [element.get("message", "") for element in root.iter() if "message" in element.attrib]
    assert any(MARKUP in message for message in messages)
    text = render(REPORTS["hostile"])
    assert "\\x1b[31mred" in text and "\x1b" not in text and "\x00" not in text
