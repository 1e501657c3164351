"""docs/compare.md documents every value in the JSON."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from netcheck.compare.change import CauseTransition, Diff, Transition
from netcheck.compare.render import document
from netcheck.watch.events import SCHEMA
from netcheck.watch.tally import Count, Tally

PAGE = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")
WORDS = [
    *map(str, Transition),
    *map(str, CauseTransition),
    *document(Diff("a", "b")),
    *("first", "root_cause", "configuration", "result", "target", "late", "failed", "ended", SCHEMA),
    *(
        field.name
        for kind in (Count, Tally)
        for field in fields(kind)
        if field.name not in ("counts", "was_good")
    ),
]


@pytest.mark.parametrize("word", sorted({*WORDS} - {"schema", "counts", "was_good"}))
def test_the_page_has_the_word(word: str) -> None:
    assert f"`{word}`" in PAGE
