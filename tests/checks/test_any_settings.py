"""Whatever stands in a configuration or a log, a check comes to a finding and none is a bug of ours."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from netcheck.core.model import Cause
from netcheck.pipeline import log_signatures
from netcheck.pipeline.clickhouse_sink import KNOWN
from netcheck.pipeline.redaction import public
from tests.checks.connector import CLUSTER, HEALTHY, SETTINGS, judge

NAMES = st.sampled_from([*sorted(KNOWN), "consumer.override.max.poll.records", "fix", "text", "ssl\u200b"])
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", " ", "true", "8443", "-1", "0", "9" * 40, "${a:b:c}", "${a", "***", "?a=b&c", "a=b,c", "["]
    ),
)


@settings(max_examples=60, deadline=None)
@example({"value.converter": "com.example.OwnConverter", "key.converter": ""}, "")
@given(st.dictionaries(NAMES, VALUES, max_size=8), st.text(max_size=40))
def test_no_settings_make_a_check_fall_over(changes: dict[str, str], bootstrap: str) -> None:
    subject = replace(HEALTHY, settings=public({**SETTINGS, **changes}), bootstrap=bootstrap)
    results = judge(subject, CLUSTER).results
    assert not [r.finding.summary for r in results if r.finding.cause is Cause.CHECK_BUG]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(st.text(max_size=60), st.sampled_from([one.terms[0] for one in log_signatures.SIGNATURES]))
    )
)
def test_no_log_makes_the_table_fall_over(pieces: list[str]) -> None:
    found = list(log_signatures.lines(" ".join(pieces)))
    assert sum(len(match.lines) for match in log_signatures.matches(found)) >= len(found)
