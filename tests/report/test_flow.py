"""The pipeline as it is drawn: how far each connection gets, and what breaks it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from netcheck.core.model import PIPELINE, Cause, Finding, Kind, Layer, Report, Result, Status, Target
from netcheck.report import flow, svg
from tests.report.samples import (
    B1,
    B2,
    BLOCKED,
    BROKER_GROUP,
    CLICKHOUSE,
    HEALTHY,
    NOTHING,
    REPORTS,
    SILENT_BROKERS,
    WARNED,
    not_asked,
    passed,
    report,
    result,
)

STS = Target(Kind.AWS_SERVICE, "sts.eu-west-1.amazonaws.com", 443)
SETTING = Result(
    "connector.ssl@pipeline",
    "connector.ssl",
    PIPELINE,
    Finding(
        Status.FAIL,
        "ssl is missing",
        Cause.SETTING_MISSING,
        Layer.CONFIG,
        code="SSL_MISSING",
        component="orders",
    ),
    0.1,
)
WHOLE = replace(
    report(*passed(B1), *passed(CLICKHOUSE), *passed(STS), SETTING),
    pipeline={"targets": [], "connector": {"name": "orders"}},
)


def rungs(link: flow.Link | None) -> list[tuple[str, str]]:
    assert link is not None
    return [(rung.name, str(rung.status)) for rung in link.rungs]


@pytest.mark.parametrize(
    ("sentence", "made", "wanted"),
    [
        ("all is well", HEALTHY, [("name", "pass"), ("TCP", "pass"), ("TLS", "pass")]),
        (
            "one of several that fails makes the rung fail, and what is above is not known to work",
            SILENT_BROKERS,
            [("name", "pass"), ("TCP", "fail"), ("TLS", "skip"), ("service", "skip")],
        ),
        (
            "a filter that AWS has stands between name and TCP",
            BLOCKED,
            [("name", "pass"), ("filter", "fail"), ("TCP", "fail"), ("TLS", "skip")],
        ),
        ("a warning is told", WARNED, [("name", "pass"), ("TCP", "pass"), ("TLS", "warn")]),
        (
            "what was moot has no rung, what could not be asked has one",
            report(
                *passed(B1, "dns.resolves"),
                *not_asked(B1, "kafka.protocol"),
                result("routes.nat", B1, Status.SKIP),
            ),
            [("name", "pass"), ("service", "skip")],
        ),
    ],
)
def test_the_ladder_to_kafka(sentence: str, made: Report, wanted: list[tuple[str, str]]) -> None:
    assert rungs(flow.of(made).kafka) == wanted, sentence


def test_it_breaks_where_a_root_cause_is_and_not_at_what_follows() -> None:
    link = flow.of(BLOCKED).kafka
    assert link is not None and link.breaks is not None
    assert (link.breaks.name, link.breaks.causes, link.breaks.component) == ("filter", (1,), BROKER_GROUP)
    assert (link.breaks.failed, link.breaks.targets) == (3, 3)


def test_what_is_wrong_with_the_pipeline_itself_stands_at_the_workers() -> None:
    drawn = flow.of(WHOLE)
    assert (drawn.workers.name, drawn.workers.status, drawn.workers.causes) == ("Workers", Status.FAIL, (1,))
    assert drawn.workers.lines[0] == "orders"
    assert [link.breaks for link in drawn.links] == [None, None, None]


def test_a_connection_that_the_run_did_not_have_is_not_drawn() -> None:
    drawn = flow.of(report(*passed(B1), *passed(B2)))
    assert (drawn.clickhouse, drawn.aws) == (None, None) and drawn.kafka is not None
    assert flow.of(NOTHING).links == ()


@pytest.mark.parametrize("draw", [svg.broad, svg.tall])
@pytest.mark.parametrize("made", [*REPORTS.values(), WHOLE], ids=[*REPORTS, "whole"])
def test_the_drawing_is_well_formed_and_all_of_it_is_inside(draw: object, made: Report) -> None:
    text = draw(flow.of(made), "the label")  # type: ignore[operator]
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img" and root.get("aria-label") == "the label"
    left, top, width, height = map(float, str(root.get("viewBox")).split())
    for shape in root.iter("rect"):
        x, y, w, h = (float(str(shape.get(key))) for key in ("x", "y", "width", "height"))
        assert left <= x and x + w <= left + width and top <= y and y + h <= top + height
    for circle in root.iter("circle"):
        x, y, r = (float(str(circle.get(key))) for key in ("cx", "cy", "r"))
        assert left <= x - r and x + r <= left + width and top <= y - r and y + r <= top + height
    for words in root.iter("text"):
        assert top <= float(str(words.get("y"))) <= top + height


def test_each_rung_has_a_sign_and_not_only_a_colour() -> None:
    root = ElementTree.fromstring(svg.broad(flow.of(SILENT_BROKERS), ""))
    signs = {
        str(e.get("class")).split()[1]: e.text for e in root.iter("text") if "sign" in str(e.get("class"))
    }
    assert signs == {"pass": "✓", "fail": "✗", "skip": "–", "warn": "!"}
