"""docs/faults.md is what the matrix says."""

from __future__ import annotations

import re

import pytest

from tests.lab.faults import said
from tests.lab.faults.judge import fits
from tests.lab.faults.rows import matrix
from tools import write_faults

KEPT = said.read()
ROWS = matrix()


def test_the_page_is_up_to_date() -> None:
    hint = "make docs; where rows are new: python -m tests.lab.faults ROW --write"
    assert write_faults.PAGE.read_text("utf-8") == write_faults.page(), hint


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.odd is None and not row.pair])
def test_what_is_kept_of_a_row_is_what_the_row_expects(name: str) -> None:
    roots = [root | {"fix": [{"text": ""}]} for root in KEPT[name]["roots"]]
    for wanted in ROWS[name].expect:
        without_fix = type(wanted)(wanted.code, wanted.component)
        assert any(fits(without_fix, root) for root in roots), wanted


def test_nothing_is_kept_of_rows_that_are_gone() -> None:
    assert set(KEPT) <= set(ROWS)


def test_every_message_is_on_the_page_as_people_see_it() -> None:
    text = write_faults.page()
    for row in ROWS.values():
        for message in row.says:
            assert re.search(rf"^{re.escape(message)}$", text, re.MULTILINE), message
