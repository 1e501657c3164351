"""Metrics in CloudWatch's embedded metric format, validated against its specification."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from netcheck.awslambda.metrics import LONGEST_DIMENSION, Detail, documents, undelivered
from tests.awslambda.reports import cause, report

NAME = {"type": "string", "minLength": 1, "maxLength": 1024}
UNITS = ("Seconds", "Milliseconds", "Bytes", "Percent", "Count", "None")
"""The units of CloudWatch that make sense here."""
SPECIFICATION: dict[str, Any] = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 1_700_000_000_000},
                "CloudWatchMetrics": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {**NAME, "pattern": r"^[0-9A-Za-z.\-_/#: ]+$"},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "minItems": 1,
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": NAME,
                                        "Unit": {"enum": list(UNITS)},
                                        "StorageResolution": {"enum": [1, 60]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
"""Written after "Specification: Embedded metric format", its limits included (CloudWatch user guide)."""


def hold(document: dict[str, Any]) -> dict[str, Any]:
    """Raise unless CloudWatch would accept this document and its other members."""
    jsonschema.validate(document, SPECIFICATION)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            for name in dimensions:
                value = document[name]
                assert isinstance(value, str) and 1 <= len(value) <= LONGEST_DIMENSION and value.isascii()
                assert value.strip() == value and value.isprintable() and not value.startswith(":")
        for metric in directive["Metrics"]:
            assert isinstance(document[metric["Name"]], (int, float)), "a metric's value is a number"
    return document


RESULTS = {
    "tcp.connect@a": "pass",
    "tcp.connect@b": "fail",
    "tcp.connect@c": "fail",
    "dns.resolves@a": "pass",
    "tls.handshake@a": "skip",
    "iam.role@x": "unknown",
}


def test_the_pipeline_has_one_metric_for_each_status() -> None:
    first, *_ = documents(report(RESULTS, [cause("b")]), "orders-sink", Detail.ALL)
    assert hold(first)["Pipeline"] == "orders-sink"
    counts = {
        name: first[name] for name in ("Pass", "Warn", "Fail", "Unknown", "Skip", "RootCauses", "Seconds")
    }
    assert list(counts.values()) == [2, 0, 2, 1, 1, 1, 1.5]


def test_each_check_with_a_determined_result_has_one_metric() -> None:
    _, *rest = documents(report(RESULTS), "orders-sink", Detail.ALL)
    assert {hold(one)["Check"]: one["Failed"] for one in rest} == {"dns.resolves": 0, "tcp.connect": 2}


@pytest.mark.parametrize(("detail", "count"), [(Detail.NONE, 0), (Detail.SUMMARY, 1), (Detail.ALL, 3)])
def test_the_number_of_metrics_is_configurable(detail: Detail, count: int) -> None:
    assert len(list(documents(report(RESULTS), "orders-sink", detail))) == count


def test_targets_and_addresses_are_not_dimensions() -> None:
    many = {f"tcp.connect@b-{number}:9096": "fail" for number in range(500)}
    made: list[Any] = list(documents(report(many), "orders-sink", Detail.ALL))
    assert len(made) == 2
    assert {name for one in made for name in one["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]} == {
        "Pipeline",
        "Check",
    }


@pytest.mark.parametrize("name", ["é" * 2000, " ", "a\nb", "x" * 5000])
def test_every_name_becomes_a_valid_dimension(name: str) -> None:
    for document in documents(report(RESULTS), name, Detail.ALL):
        hold(document)


def test_failed_deliveries_are_a_metric() -> None:
    assert hold(undelivered("orders-sink", 2))["Undelivered"] == 2
