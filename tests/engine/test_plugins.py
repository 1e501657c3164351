"""Checks are found in our package, in installed ones and in a folder; what is broken is said, and the run goes on."""

# ruff: noqa: E501 - the table is easier to read unbroken

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netcheck.engine import plugins
from netcheck.settings.config import UsageError
from tests import needs
from tests.commandline import netcheck
from tests.servers import peers

ROOT = Path(__file__).parents[2]
GOOD = '''
from netcheck.core.check import Check
from netcheck.core.model import Finding, Status

class Good(Check):
    """It is good."""
    id, kinds = "zz.good", frozenset({"kafka"})
    def run(self, target, ctx):
        yield Finding(Status.PASS, "good")
'''


def written(folder: Path, **files: str) -> str:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return str(folder)


def test_our_own_checks_load_and_none_is_broken() -> None:
    found = plugins.find()
    assert found.broken == ()
    assert len(found.checks) >= 16
    assert [check.id for check in found.checks] == [check.id for check in plugins.find().checks]


def test_a_folder_adds_its_checks_after_ours(tmp_path: Path) -> None:
    ours = [check.id for check in plugins.find().checks]
    more = GOOD.replace("zz.good", "zz.more")
    found = plugins.find(written(tmp_path, b_good=GOOD, a_more=more))
    assert [check.id for check in found.checks] == [*ours, "zz.more", "zz.good"]
    assert found.broken == ()


def test_what_a_plugin_imports_is_not_its_own(tmp_path: Path) -> None:
    text = "from checks.tls import *\nfrom checks.tcp import Connects\n" + GOOD
    found = plugins.find(written(tmp_path, good=text))
    assert found.broken == ()
    assert [check.id for check in found.checks].count("tcp.connects") == 1


def test_only_python_files_of_the_folder_itself_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("raise SystemExit")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "x.py").write_text("raise SystemExit")
    assert plugins.find(str(tmp_path)).broken == ()


@pytest.mark.parametrize("name", ["x.py", "missing"])
def test_a_folder_that_is_none_is_wrong_usage(name: str, tmp_path: Path) -> None:
    (tmp_path / "x.py").touch()
    with pytest.raises(UsageError, match="not a folder"):
        plugins.find(str(tmp_path / name))


BROKEN: list[tuple[str, str, str]] = [
    ("a missing import", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module' (bad.py:1)"),
    ("a syntax error", "class Bad(:\n", "SyntaxError: invalid syntax (bad.py, line 1)"),
    ("not UTF-8", "x = '\udcff'\n", "SyntaxError: "),
    ("an error of many lines", "raise ValueError('one\\ntwo')", "ValueError: one two (bad.py:1)"),
    ("an exit", "import sys\nsys.exit(0)", "SystemExit: 0 (bad.py:2)"),
    ("an error without words", "class E(Exception):\n  def __str__(self): raise E\nraise E", "E:  (bad.py:3)"),
    ("no id", GOOD.replace('id, kinds = "zz.good",', "kinds ="), "Good: the id must have the form concern.claim"),
    ("an id without a claim", GOOD.replace("zz.good", "good"), "Good: the id must have the form concern.claim"),
    ("an id with a space", GOOD.replace("zz.good", "zz. good"), "Good: the id must have the form concern.claim"),
    ("an id that is no text", GOOD.replace('"zz.good"', "1"), "Good: the id must have the form concern.claim"),
    ("no kinds", GOOD.replace('id, kinds = "zz.good", frozenset({"kafka"})', 'id = "zz.good"'), "zz.good: kinds must be a"),
    ("a list of kinds", GOOD.replace('frozenset({"kafka"})', '["kafka"]'), "zz.good: kinds must be a non-empty frozenset"),
    ("an empty set of kinds", GOOD.replace('frozenset({"kafka"})', "frozenset()"), "zz.good: kinds must be a non-empty frozenset"),
    ("an unknown kind", GOOD.replace('{"kafka"}', '{"kafak"}'), "zz.good: unknown target kind kafak; choose kafka,"),
    ("after is a text", GOOD.replace("def run", 'after = "tcp.connects"\n    def run'), "zz.good: after must be a frozenset"),
    ("after holds numbers", GOOD.replace("def run", "after = frozenset({1})\n    def run"), "zz.good: after must be a frozenset"),
    ("no docstring", GOOD.replace('"""It is good."""', "pass"), "zz.good: has no docstring"),
    ("an id of ours", GOOD.replace("zz.good", "tcp.connects"), "the id tcp.connects is already used by checks.tcp"),
    ("it wants to be made with an argument", GOOD.replace("def run", "def __init__(self, x): pass\n    def run"), "TypeError"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_plugin_is_an_unknown_result_and_the_run_goes_on(
    text: str, reason: str, tmp_path: Path
) -> None:
    ours = [check.id for check in plugins.find().checks]
    (tmp_path / "bad.py").write_bytes(text.encode(errors="surrogateescape"))
    (tmp_path / "fine.py").write_text(GOOD.replace("zz.good", "zz.fine"))
    found = plugins.find(str(tmp_path))
    assert [check.id for check in found.checks] == [*ours, "zz.fine"]
    (broken,) = found.broken
    assert broken.source == str(tmp_path / "bad.py")
    assert reason in broken.reason and "\n" not in broken.reason

    listed = netcheck("checks", "--plugins", str(tmp_path))
    assert (listed.code, listed.err.count("\n")) == (3, 1)
    assert "zz.fine" in listed.out and reason in listed.err

    done = netcheck(
        "run", "--bootstrap", "127.0.0.1:1", "--plugins", str(tmp_path), "--only", "zz.*", "--format", "json"
    )
    assert (done.code, done.err) == (3, "")
    results = json.loads(done.out)["results"]
    assert [(r["check"], r["status"], r["cause"]) for r in results] == [
        ("zz.fine", "pass", None),
        ("plugin", "unknown", "plugin_broken"),
    ]
    assert reason in results[1]["summary"]


def test_the_same_id_twice_in_one_file_keeps_the_first(tmp_path: Path) -> None:
    again = GOOD.replace("class Good", "class Again").replace('"good"', '"again"')
    found = plugins.find(written(tmp_path, both=GOOD + again))
    assert [b.reason for b in found.broken] == [f"the id zz.good is already used by {tmp_path / 'both.py'}"]
    assert [type(c).__name__ for c in found.checks if c.id == "zz.good"] == ["Good"]


def test_interrupting_a_plugins_import_interrupts(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        plugins.find(written(tmp_path, x="raise KeyboardInterrupt"))


# --- a package of its own, really installed -------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process in which the example plugin is installed."""
    builder = [entry.version for entry in importlib.metadata.distributions(name="setuptools")]
    if not builder or int(builder[0].split(".")[0]) < 77:
        needs.skip_or_fail(
            "building the example plugin without a network needs setuptools 77: pip install -U setuptools"
        )
    folder = tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source") / "plugin"
    subprocess.run(["cp", "-r", str(ROOT / "examples" / "netcheck-example-plugin"), str(source)], check=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
               "--disable-pip-version-check", "--target", str(folder), str(source)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def test_an_installed_plugin_is_found_by_its_entry_point(installed: dict[str, str]) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "netcheck", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=installed, timeout=60, cwd="/")

    page = run("explain", "latency.near")
    assert (page.returncode, page.stderr) == (0, "")
    assert page.stdout.startswith("latency.near: The target is less than 50 ms away\n")
    with peers.silent() as peer:
        broker = f"127.0.0.1:{peer.address[1]}"
        done = run("run", "--bootstrap", broker, "--only", "latency.*", "tcp.*", "--format", "json")
    results = {r["check"]: r for r in json.loads(done.stdout)["results"]}
    assert (done.returncode, done.stderr) == (0, "")
    assert results["latency.near"]["status"] == "pass"
    assert results["latency.near"]["summary"].startswith(f"{broker} is ")

    refused = run("run", "--bootstrap", "127.0.0.1:1", "--only", "latency.*", "tcp.*", "--format", "json")
    results = {r["check"]: r for r in json.loads(refused.stdout)["results"]}
    assert results["latency.near"]["caused_by"] == "tcp.connects@kafka://127.0.0.1:1"


def test_without_it_the_plugin_is_not_there() -> None:
    assert netcheck("explain", "latency.near").code == 2


# --- the page on writing one ----------------------------------------------------------------------------


def test_the_check_in_the_documentation_runs_as_it_stands(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "writing-a-check.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    (tmp_path / "acme.py").write_text(code)
    explained = netcheck("explain", "acme.two-addresses", "--plugins", str(tmp_path))
    assert explained.code == 0
    assert "Fix: list every broker in --bootstrap" in explained.out
    done = netcheck(
        "run",
        "--bootstrap",
        "localhost:1",
        "--plugins",
        str(tmp_path),
        "--only",
        "acme.*",
        "--format",
        "json",
    )
    assert done.err == ""
    (result,) = json.loads(done.out)["results"]
    assert result["check"] == "acme.two-addresses"
    assert result["status"] == ("pass" if len(result["evidence"]["addresses"]) > 1 else "warn")
    assert "127.0.0.1" in result["evidence"]["addresses"]
