"""The README's report, policy and check are real."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netcheck.aws.iam.permissions import policy
from netcheck.engine import plugins

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The README's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_the_report_shown_is_what_the_command_above_it_prints() -> None:
    command, _, report = next(block for block in blocks("") if block.startswith("$ netcheck demo")).partition(
        "\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", *command.removeprefix("$ ").split()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    shown, cut, rest = report.partition("...\n")
    assert (cut, rest) == ("...\n", ""), "the checklist is left to the command"
    assert done.stdout.startswith(shown)


def test_the_policy_shown_is_what_netcheck_policy_prints() -> None:
    assert json.loads(blocks("json")[0]) == policy()


def test_every_statement_of_the_policy_has_its_use_told() -> None:
    told = re.findall(r"^\| `(\w+)` \|", README, flags=re.MULTILINE)
    assert told == [statement["Sid"] for statement in json.loads(blocks("json")[0])["Statement"]]


def test_every_check_that_the_coverage_of_the_guide_names_exists() -> None:
    text = (ROOT / "docs" / "guide-coverage.md").read_text(encoding="utf-8")
    ids = {check.id for check in plugins.find().checks}
    rows = [line for line in text.splitlines() if line.startswith("|")]
    named = {name for row in rows for name in re.findall(r"`([a-z]+\.[a-z_-]+)`", row)}
    settings = {"security.protocol", "topics.regex", "value.converter"}
    assert named - ids - settings == set()
    assert len(named & ids) > 30


def test_every_key_of_the_json_report_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netcheck", "demo", "expired-certificate", "--format", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    report = json.loads(done.stdout)
    told = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    for keys in (report, report["root_causes"][0], report["results"][0]):
        assert [key for key in keys if f"`{key}`" not in told] == []


def test_the_check_shown_loads_and_is_short(tmp_path: Path) -> None:
    code = blocks("python")[0]
    (tmp_path / "fast.py").write_text(code, encoding="utf-8")
    found = plugins.find(str(tmp_path))
    assert not found.broken
    assert "tcp.fast" in {check.id for check in found.checks}
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 15


def test_the_check_shown_passes_nothing_that_it_could_not_measure(tmp_path: Path) -> None:
    (tmp_path / "fast.py").write_text(blocks("python")[0], encoding="utf-8")
    refused = ["--bootstrap", "127.0.0.1:1", "--plugins", str(tmp_path), "--only", "tcp.fast", "tcp.connects"]
    done = subprocess.run(
        [sys.executable, "-m", "netcheck", "run", *refused, "--format", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    found = {result["check"]: result for result in json.loads(done.stdout)["results"]}
    assert found["tcp.fast"]["status"] == "skip"
    assert found["tcp.fast"]["caused_by"] == "tcp.connects@kafka://127.0.0.1:1"


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README))
def test_every_link_leads_to_a_file(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_network_written_by_hand_is_read_and_mended(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "path-engine.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```json\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        (tmp_path / f"{next(iter(json.loads(block)))}.json").write_text(block, encoding="utf-8")
    command = re.search(r"^netcheck (path --snapshot mine .*)$", text, flags=re.MULTILINE)
    assert command is not None
    done = subprocess.run(
        [sys.executable, "-m", "netcheck", *command[1].replace("mine", str(tmp_path)).split()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "sg-0d4 does not allow inbound TCP 9094" in done.stdout
    assert "fix  verified" in done.stdout
