"""The Prometheus text: read by Prometheus' own parser, few series whatever is checked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from netcheck.core.model import Kind, Report, RootCause, Status, Target
from netcheck.core.version import VERSION
from netcheck.report.prometheus import CODES, render
from tests.report.samples import B1, BLOCKED, HEALTHY, REPORTS, passed, report

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(made: Report) -> Samples:
    """Every sample by its name and labels. Each series may be there once."""
    found: Samples = {}
    for family in text_string_to_metric_families(render(made)):
        assert family.type == "gauge" and family.documentation
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found
            assert sample.timestamp is None, "the textfile collector refuses timestamps"
            found[key] = sample.value
    return found


@pytest.mark.parametrize("name", REPORTS)
def test_the_parser_reads_what_the_report_says(name: str) -> None:
    made, found = REPORTS[name], samples(REPORTS[name])
    for status in Status:
        assert found["netcheck_results", (("status", str(status)),)] == made.count(status)
    assert found["netcheck_root_causes", ()] == len(made.root_causes)
    assert found["netcheck_run_duration_seconds", ()] == pytest.approx(made.seconds)
    assert found["netcheck_run_timestamp_seconds", ()] == pytest.approx(1772366400 + made.seconds)
    assert found["netcheck_info", (("version", VERSION),)] == 1
    by_check = [value for (series, _), value in found.items() if series == "netcheck_check_status"]
    assert sum(by_check) == len(made.results)


def test_a_check_by_kind_and_status() -> None:
    labels = (("check", "security.groups"), ("kind", "kafka"), ("status", "fail"))
    assert samples(BLOCKED)["netcheck_check_status", labels] == 3
    labels = (("check", "security.groups"), ("kind", "kafka"), ("status", "pass"))
    assert samples(BLOCKED)["netcheck_check_status", labels] == 0
    sure = (("certain", "true"), ("code", "ENI_SG_RULES_MISMATCH"))
    assert ("netcheck_root_cause", sure) in samples(BLOCKED)


def test_more_targets_make_no_more_series() -> None:
    many = [each for n in range(300) for each in passed(Target(Kind.KAFKA, f"b-{n}.example", 9096))]
    assert len(samples(report(*many))) == len(samples(report(*passed(B1))))


def test_codes_that_a_plugin_makes_up_are_bounded() -> None:
    keys = (HEALTHY.results[0].key,)
    causes = tuple(RootCause(f"CODE_{n}", ("c",), "t", True, keys) for n in range(CODES * 3))
    found = samples(replace(HEALTHY, root_causes=causes))
    codes = [value for (series, _), value in found.items() if series == "netcheck_root_cause"]
    assert (len(codes), sum(codes)) == (CODES + 1, CODES * 3)


@pytest.mark.parametrize(
    ("sentence", "lefts", "days"),
    [
        ("the first to expire counts", [90.0, 12.5], 12.5),
        ("one that has expired is below zero", [-1.0, 30.0], -1.0),
        ("no date, no series", [None], None),
    ],
)
def test_days_until_a_certificate_expires(
    sentence: str, lefts: list[float | None], days: float | None
) -> None:
    shown = [
        replace(
            result,
            key=f"{result.key}#{number}",
            finding=replace(result.finding, days_left=left),
        )
        for number, left in enumerate(lefts)
        for result in passed(B1, "tls.certificate")
    ]
    found = samples(report(*shown))
    assert found.get(("netcheck_certificate_expiry_days", (("kind", "kafka"),))) == days, sentence
