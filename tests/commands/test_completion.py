"""`netcheck completion`: real shells complete exactly what the parsers accept."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netcheck.commands.demo import DEMOS
from netcheck.commands.main import COMMANDS
from netcheck.settings.config import FORMATS, MECHANISMS, OPTIONS
from tests import needs
from tests.commandline import netcheck

LONGEST = 60.0
SETTINGS = (
    "PS1='ready> '; zstyle ':completion:*' menu no",
    'autoload -U compinit; compinit -u -D; eval "$(<{})"',
    'netcheck() {{ print -r -- "<""<netcheck ${{(q)@}}>"">"; }}',
)
"""At last netcheck shows how it was called; what is typed is echoed, and must not look like what it shows."""
ASK_BASH = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_netcheck
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(tmp_path: Path, shell: str) -> Path:
    done = netcheck("completion", shell)
    assert (done.code, done.err) == (0, "")
    path = tmp_path / f"netcheck.{shell}"
    path.write_text(done.out)
    return path


def spoken(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, cwd=folder, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def by_bash(path: Path, *words: str) -> set[str]:
    command = ["bash", "--norc", "-c", ASK_BASH, "bash", str(path), *words]
    return set(spoken(command, path.parent).splitlines()) - {""}


def by_fish(path: Path, *words: str) -> set[str]:
    line = " ".join(words)
    printed = spoken(["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"], path.parent)
    return {each.partition("\t")[0] for each in printed.splitlines()}


def flags_of(command: str) -> set[str]:
    """Every option in a command's help."""
    usage = netcheck(command, "--help").out.partition("\n\n")[0]
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", usage))


TYPED = [
    (("netcheck", ""), set(COMMANDS)),
    (("netcheck", "r"), {"run"}),
    (("netcheck", "demo", ""), set(DEMOS)),
    (("netcheck", "run", "--format", ""), set(FORMATS)),
    (("netcheck", "run", "--sasl-mechanism", "SCRAM"), {m for m in MECHANISMS if m.startswith("SCRAM")}),
    (("netcheck", "completion", ""), {"bash", "zsh", "fish"}),
    (("netcheck", "run", "--bootst"), {"--bootstrap"}),
    (("netcheck", "run", "--strict", "--watc"), {"--watch"}),
    (("netcheck", "explain", "tls.hand"), {"tls.handshake"}),
    (("netcheck", "explain", "dns_nx"), {"dns_nxdomain"}),
    (("netcheck", "run", "--only", "tls.hand"), {"tls.handshake"}),
    (("netcheck", "fleet", "--name", "tls.hand"), set()),
    (("netcheck", "diff", "a name"), {"a name.json"}),
    (("netcheck", "run", "--replay", "a name"), {"a name.json"}),
    (("netcheck", "run", "--region", ""), set()),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a name.json").touch()
    return tmp_path


def test_bash_completes_a_prefix(folder: Path) -> None:
    needs.program("bash", "bash")
    path = script(folder, "bash")
    for words, wanted in TYPED:
        found = by_bash(path, *words)
        assert found == wanted, words
    assert by_bash(path, "netcheck", "run", "--format", "=", "js") == {"json"}
    assert by_bash(path, "netcheck", "run", "--format", "=") == set(FORMATS)


def test_bash_offers_every_option_of_every_command(folder: Path) -> None:
    needs.program("bash", "bash")
    path = script(folder, "bash")
    for command in COMMANDS:
        assert by_bash(path, "netcheck", command, "-") == flags_of(command) | {"--help"}, command


def test_fish_completes_a_prefix(folder: Path) -> None:
    needs.program("fish", "fish")
    path = script(folder, "fish")
    for words, wanted in TYPED:
        spelled = tuple(word.replace(" ", r"\\ ") for word in words)
        found = {each.replace("\\ ", " ") for each in by_fish(path, *spelled)}
        assert found == wanted, words


def test_fish_offers_every_option_of_run(folder: Path) -> None:
    needs.program("fish", "fish")
    found = by_fish(script(folder, "fish"), "netcheck", "run", "--")
    assert found == {*(option.flag for option in OPTIONS), "--config", "--help"}


def test_zsh_completes_a_prefix(folder: Path) -> None:
    """zsh completes only on a terminal."""
    needs.program("zsh", "zsh")
    path = script(folder, "zsh")
    spoken(["zsh", "-f", "-n", str(path)], folder)
    with_tab = typed_in_zsh(
        path, ["netcheck ru\t", "netcheck run --bootst\t", "netcheck demo heal\t", "netcheck run --ca a\t"]
    )
    assert [line.split("netcheck ", 1)[-1].strip() for line in with_tab] == [
        "run",
        "run --bootstrap",
        "demo healthy",
        r"run --ca a\ name.json",
    ]


def typed_in_zsh(path: Path, lines: list[str]) -> list[str]:
    """What each line has become when Enter is pressed: zsh is asked to show it in place of running it."""
    terminal, its = pty.openpty()
    environment = {"TERM": "dumb", "PATH": os.environ["PATH"], "HOME": str(path.parent)}
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"],
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=path.parent,
        env=environment,
        start_new_session=True,
    )
    os.close(its)
    try:
        for setting in SETTINGS:
            os.write(terminal, f"{setting.format(path)}; echo do''ne\n".encode())
            until(terminal, rb"done.*ready> ")
        return [answered(terminal, line) for line in lines]
    finally:
        shell.kill()
        shell.wait(LONGEST)
        os.close(terminal)


def answered(terminal: int, line: str) -> str:
    """Tab and Enter wait in the terminal until zsh has taken what came before them."""
    os.write(terminal, f"{line}\n".encode())
    seen = until(terminal, rb"<<.*>>.*ready> ")
    return str(re.findall(r"<<(.*?)>>", seen)[-1])


def until(terminal: int, wanted: bytes) -> str:
    seen, end = b"", time.monotonic() + LONGEST
    while not re.search(wanted, seen, re.DOTALL):
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert ready, seen
        seen += os.read(terminal, 65536)
    return seen.decode(errors="replace")


def test_it_completes_after_other_arguments(folder: Path) -> None:
    """Options in between, an option with several values, a command's name as a value."""
    needs.program("bash", "bash")
    needs.program("fish", "fish")
    lines = [
        (("run", "--strict", "--region", "eu-west-1", "--form"), {"--format"}),
        (("run", "--region", "demo", "--format", "js"), {"json"}),
        (("diff", "--no-color", "one.json", "a"), {"a name.json"}),
    ]
    paths = {shell: script(folder, shell) for shell in ("bash", "fish")}
    for words, wanted in lines:
        assert by_bash(paths["bash"], "netcheck", *words) == wanted, words
        assert by_fish(paths["fish"], "netcheck", *words) == wanted, words
    assert by_bash(paths["bash"], "netcheck", "run", "--only", "tcp.connects", "tls.hand") == {
        "tls.handshake"
    }


def test_without_shtab_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    done = netcheck("completion", "bash")
    assert (done.code, done.out) == (2, "")
    assert done.err == "netcheck: completion needs the package shtab: pip install shtab\n"


def test_another_shell_is_one_line() -> None:
    done = netcheck("completion", "csh")
    assert done.code == 2 and done.err.count("\n") == 1 and "bash" in done.err
