"""What is said of several addresses, said once."""

from __future__ import annotations

import pytest

from netcheck.core.text import merge_sentences


def rule(address: str) -> str:
    return f"sg-1 has no rule for {address} today."


@pytest.mark.parametrize(
    ("sentences", "told"),
    [
        ([], ""),
        ([rule("10.0.1.7")], rule("10.0.1.7")),
        ([rule("10.0.1.7")] * 2, rule("10.0.1.7")),
        ([rule("10.0.1.7"), rule("10.0.1.8")], rule("10.0.1.7 and 10.0.1.8")),
        (
            [rule(f"10.0.{n}.4-10.0.{n}.254") for n in (1, 2)],
            rule("10.0.1.4-10.0.1.254 and 10.0.2.4-10.0.2.254"),
        ),
        ([rule("10.0.1.4, 10.0.1.9"), rule("10.0.2.4")], rule("10.0.1.4, 10.0.1.9 and 10.0.2.4")),
        ([rule("2001:db8::1"), rule("fd00::/8")], rule("2001:db8::1 and fd00::/8")),
        ([rule(f"10.0.1.{n}") for n in range(1, 6)], rule("10.0.1.1, 10.0.1.2, 10.0.1.3 and 2 more")),
        (
            [rule("10.0.13.23"), rule("10.0.9.30"), rule("10.0.9.4")],
            rule("10.0.9.4, 10.0.9.30 and 10.0.13.23"),
        ),
        (["no way to 10.0.1.7", "no way to 10.0.1.8"], "no way to 10.0.1.7 and 10.0.1.8"),
        (["no way to 10.0.1.7.", "no way to 10.0.1.8."], "no way to 10.0.1.7 and 10.0.1.8."),
        (["no way to nat-1.", "no way to nat-2."], "no way to nat-1. no way to nat-2."),
        (["no way to 10.0.1.7.", "no way."], "no way to 10.0.1.7. no way."),
        (["sg-1 has none.", "sg-2 has none."], "sg-1 has none. sg-2 has none."),
        (["10.0.1.7 is nobody's.", "10.0.1.8 is nobody's."], "10.0.1.7 is nobody's. 10.0.1.8 is nobody's."),
        (
            ["rule 1 denies 10.0.1.7", "rule 2 denies 10.0.1.8"],
            "rule 1 denies 10.0.1.7 rule 2 denies 10.0.1.8",
        ),
    ],
)
def test_sentences_that_differ_in_addresses_are_one(sentences: list[str], told: str) -> None:
    assert merge_sentences(sentences) == told
