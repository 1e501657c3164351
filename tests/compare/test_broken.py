"""A corrupted report or snapshot gives a comparison or one line of error, never a traceback."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.commandline import netcheck
from tests.compare.test_configuration import account, saved
from tests.core.test_recording import mutated_tree

DEMO = Path(__file__).parents[2] / "netcheck" / "demo"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("reports")
    names = ("healthy", "wrong-password")
    for name in names:
        done = netcheck("run", "--replay", str(DEMO / f"{name}.json.gz"), "--format", "json")
        (folder / f"{name}.json").write_text(done.out)
    one, other = (folder / f"{name}.json" for name in names)
    return one, other


def exit_code(before: Path, after: Path, format: str) -> int:
    done = netcheck("diff", str(before), str(after), "--format", format)
    assert done.code in (0, 1, 2, 3)
    if done.code == 2:
        assert done.out == "" and done.err.startswith("netcheck: ") and done.err.count("\n") == 1
    else:
        assert done.err == "" and done.out
    return done.code


def test_a_corrupted_report(reports: tuple[Path, Path], tmp_path: Path) -> None:
    dice = random.Random(11)
    good, bad = reports
    broken, codes = tmp_path / "broken.json", set()
    for _ in range(120):
        broken.write_bytes(mutated_tree(dice, bad.read_bytes()))
        pair = (good, broken) if dice.random() < 0.5 else (broken, good)
        codes.add(exit_code(*pair, dice.choice(("text", "json", "markdown"))))
    assert codes >= {1, 2}, "some can be read, and some cannot"


def test_a_corrupted_snapshot(tmp_path: Path) -> None:
    dice, documents, codes = random.Random(12), account(), set()
    good, broken = (saved(tmp_path / name, documents) for name in ("good", "broken"))
    for _ in range(60):
        stem = dice.choice(sorted(documents))
        whole = json.dumps(documents[stem]).encode()
        (broken / f"{stem}.json").write_bytes(mutated_tree(dice, whole))
        pair = (good, broken) if dice.random() < 0.5 else (broken, good)
        codes.add(exit_code(*pair, dice.choice(("text", "json", "markdown"))))
        (broken / f"{stem}.json").write_bytes(whole)
    assert codes == {0, 2}
