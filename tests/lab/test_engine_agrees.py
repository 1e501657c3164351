"""The path engine against the Linux kernel, on accounts nobody has seen before.

The seeds rotate daily, or are given by NETCHECK_LAB_SEED. A difference prints the command that shows it
again. The full run: ``python -m tests.lab --topologies 500``.
"""

from __future__ import annotations

import datetime
import os

import pytest

from tests import needs
from tests.lab import sandbox
from tests.lab.__main__ import run, run_sets

TOPOLOGIES = 50
SET_TOPOLOGIES = 12
ONCE_WRONG = (127, 242, 312, 353, 20267)
"""Seeds that once showed a difference: outbound references towards a transit gateway that leads nowhere, a
reply from the internet that a peering connection does not carry, a network ACL inside a loop of NAT gateways.
"""


def first_seed() -> int:
    given = os.environ.get("NETCHECK_LAB_SEED")
    return int(given) if given else datetime.datetime.now(datetime.UTC).date().toordinal() * 1000


def shown(differences: list[str]) -> str:
    return "\n".join([f"{len(differences)} differences, the first of them:", *differences[:10]])


@pytest.fixture(autouse=True)
def _possible() -> None:
    why = sandbox.missing()
    if why:
        needs.skip_or_fail(why)


def test_every_verdict_and_every_blame_is_the_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    tally = run(list(range(first_seed(), first_seed() + TOPOLOGIES)), workers=2)
    with capsys.disabled():
        print(f"\nkernel lab, seeds from {first_seed()}: {tally}")
    assert not tally.differences, shown([str(one) for one in tally.differences])
    assert tally.flows > 200 * TOPOLOGIES
    assert 0.15 < tally.kernel["connected"] / tally.flows < 0.7, "too easy, or too hard, to prove much"
    assert tally.skipped < tally.flows / 100


def test_what_was_wrong_once_is_not_again() -> None:
    tally = run(list(ONCE_WRONG), workers=1)
    assert not tally.differences, shown([str(one) for one in tally.differences])


def test_what_passes_of_a_subnet_ends_where_the_kernel_says(capsys: pytest.CaptureFixture[str]) -> None:
    tally = run_sets(list(range(first_seed(), first_seed() + SET_TOPOLOGIES)), workers=2)
    with capsys.disabled():
        print(f"\nkernel lab, seeds from {first_seed()}: {tally}")
    assert not tally.differences, shown(tally.differences)
    assert tally.partial > 0
    assert tally.skipped < tally.points / 50
