"""What several targets say of one component is the title: what is read at three in the morning."""

from __future__ import annotations

import pytest

from netcheck.core.model import Cause, Finding, Kind, Layer, Result, Status, Target
from netcheck.diagnose.roots import root_causes
from tests.diagnose.made import CATALOGUE


def titled(*briefs: str) -> str:
    """The title of the root cause that these make, one of each broker."""
    found = []
    for number, brief in enumerate(briefs, 1):
        target = Target(Kind.KAFKA, f"b-{number}", 9098)
        finding = Finding(
            Status.FAIL, "the summary", Cause.PATH_SECURITY_GROUP, Layer.FILTER,
            code="ENI_SG_RULES_MISMATCH", components=("sg-b",), title=brief,
        )  # fmt: skip
        found.append(Result(f"security.groups@{target}", "security.groups", target, finding, 0.0))
    (cause,) = root_causes(found, CATALOGUE)
    return cause.title


INBOUND = "sg-b does not allow inbound TCP 9098 from the workers"
OUTBOUND = "sg-w does not allow outbound TCP 9098 to 10.0.1.{}"
GENERAL = "no security group rule allows it"


@pytest.mark.parametrize(
    ("briefs", "title"),
    [
        ([INBOUND] * 3, f"{INBOUND}: 3 of 3 Kafka brokers"),
        (
            [OUTBOUND.format(7), OUTBOUND.format(8)],
            f"{OUTBOUND.format(7)} and 10.0.1.8: 2 of 2 Kafka brokers",
        ),
        ([INBOUND, "sg-b has no inbound rules"], f"{GENERAL}: 2 of 2 Kafka brokers"),
        ([INBOUND, ""], f"{GENERAL}: 2 of 2 Kafka brokers"),
        ([OUTBOUND.format(7), OUTBOUND.format(8), ""], f"{GENERAL}: 3 of 3 Kafka brokers"),
        (["so long that nobody reads it " * 9] * 2, f"{GENERAL}: 2 of 2 Kafka brokers"),
        ([INBOUND], "the summary"),
    ],
)
def test_a_title_says_what_all_say_of_the_component(briefs: list[str], title: str) -> None:
    assert titled(*briefs) == title
