"""`netcheck checks`."""

from __future__ import annotations

from pathlib import Path

from netcheck.engine import plugins
from netcheck.engine.check_docs import page
from tests.commandline import netcheck

LOOSE = '''
from netcheck.core.check import Check
from netcheck.core.model import Finding, Status

class Loose(Check):
    """It is loose."""
    id, kinds = "aa.loose", frozenset({"kafka"})
    def run(self, target, ctx):
        yield Finding(Status.PASS, "fine")
'''


def test_every_check_is_listed_with_its_title_in_order() -> None:
    done = netcheck("checks")
    assert (done.code, done.err) == (0, "")
    concerns = [block.splitlines() for block in done.out.strip().split("\n\n")]
    assert all(len({line.partition(".")[0] for line in block}) == 1 for block in concerns)
    lines = [line for block in concerns for line in block]
    assert [line.split()[0] for line in lines] == sorted(check.id for check in plugins.find().checks)
    for check in plugins.find().checks:
        assert any(line.startswith(check.id) and line.endswith(page(check).title) for line in lines)


def test_checks_of_a_folder_are_listed_too(tmp_path: Path) -> None:
    (tmp_path / "loose.py").write_text(LOOSE)
    done = netcheck("checks", "--plugins", str(tmp_path))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0].split(maxsplit=1) == ["aa.loose", "It is loose"]


def test_a_broken_plugin_is_named_and_sets_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    done = netcheck("checks", "--plugins", str(tmp_path))
    assert done.code == 3
    assert done.out == netcheck("checks").out
    assert done.err.startswith(f"netcheck: {tmp_path / 'broken.py'}: no checks loaded: ModuleNotFoundError")


def test_a_missing_folder() -> None:
    done = netcheck("checks", "--plugins", "/no/such/folder")
    assert (done.code, done.out) == (2, "")
    assert done.err == "netcheck: --plugins /no/such/folder: not a folder\n"
