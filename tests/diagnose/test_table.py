"""Every cell of the decision table."""

from __future__ import annotations

from itertools import product

import pytest

from netcheck.core.model import Json
from netcheck.core.place import Place, Where
from netcheck.diagnose.decision_table import JointVerdict, decide
from netcheck.diagnose.sides import Configured, Observed
from netcheck.engine.place import place_of

R = JointVerdict
# what was observed, what is configured: what it means from the workers' place, elsewhere, and who knows where
CELLS: dict[tuple[str, str], tuple[JointVerdict, JointVerdict, JointVerdict]] = {
    ("silent", "reachable"): (R.PAST_AWS, R.LOCAL_PATH, R.MAY_BE_LOCAL),
    ("silent", "blocked"): (R.BLOCKED, R.MAY_BE_BLOCKED, R.MAY_BE_BLOCKED),
    ("silent", "partial"): (R.PARTLY_BLOCKED, R.MAY_BE_BLOCKED, R.MAY_BE_BLOCKED),
    ("silent", "unknown"): (R.CANNOT_TELL, R.CANNOT_TELL, R.CANNOT_TELL),
    ("silent", "absent"): (R.ONE_SIDED, R.ONE_SIDED, R.ONE_SIDED),
    ("answered badly", "reachable"): (R.LOOK_AT_SERVICE,) * 3,
    ("answered badly", "blocked"): (R.CONTRADICTION, R.WOULD_BE_BLOCKED, R.WOULD_BE_BLOCKED),
    ("answered badly", "partial"): (R.WOULD_BE_PARTLY_BLOCKED,) * 3,
    ("answered badly", "unknown"): (R.LOOK_AT_SERVICE,) * 3,
    ("answered badly", "absent"): (R.LOOK_AT_SERVICE,) * 3,
    ("answered well", "reachable"): (R.CONSISTENT,) * 3,
    ("answered well", "blocked"): (R.CONTRADICTION, R.WOULD_BE_BLOCKED, R.WOULD_BE_BLOCKED),
    ("answered well", "partial"): (R.WOULD_BE_PARTLY_BLOCKED,) * 3,
    ("answered well", "unknown"): (R.CONSISTENT,) * 3,
    ("answered well", "absent"): (R.CONSISTENT,) * 3,
    ("not probed", "reachable"): (R.PREDICTED,) * 3,
    ("not probed", "blocked"): (R.WOULD_BE_BLOCKED,) * 3,
    ("not probed", "partial"): (R.WOULD_BE_PARTLY_BLOCKED,) * 3,
    ("not probed", "unknown"): (R.NOT_KNOWN,) * 3,
    ("not probed", "absent"): (R.NOT_KNOWN,) * 3,
}


def test_the_table_has_no_hole() -> None:
    assert set(CELLS) == {(str(o), str(c)) for o, c in product(Observed, Configured)}
    assert {reading for row in CELLS.values() for reading in row} == set(JointVerdict)


@pytest.mark.parametrize("where", list(Where))
@pytest.mark.parametrize(("observed", "configured"), CELLS, ids=lambda value: str(value))
def test_each_cell(observed: str, configured: str, where: Where) -> None:
    expected = CELLS[observed, configured][list(Where).index(where)]
    assert decide(Observed(observed), Configured(configured), where) is expected


@pytest.mark.parametrize(
    ("vantage", "expected"),
    [
        ({}, Place()),
        ({"parity": "same", "subnets": ["subnet-a"], "addresses": ["10.0.1.9", "172.17.0.1"],
          "interface_addresses": ["10.0.1.9", "10.0.1.20"]},
         Place(Where.SAME, ("subnet-a",), ("10.0.1.9",))),
        ({"parity": "same", "subnets": ["subnet-a"], "addresses": ["172.17.0.3"],
          "interface_addresses": ["10.0.1.9"]}, Place(Where.SAME, ("subnet-a",))),
        ({"parity": "same", "subnets": ["subnet-a", "subnet-b"]},
         Place(Where.SAME, ("subnet-a", "subnet-b"))),
        ({"parity": "similar", "subnets": ["subnet-z"]}, Place(Where.ELSEWHERE, ("subnet-z",))),
        ({"parity": "different", "subnets": []}, Place(Where.ELSEWHERE)),
        ({"parity": "unknown"}, Place(Where.UNKNOWN)),
    ],
)  # fmt: skip
def test_the_place_is_read_from_the_reports_vantage(vantage: dict[str, Json], expected: Place) -> None:
    assert place_of(vantage) == expected
