"""The Dockerfile, without Docker: its steps are run in a folder, and what comes out as another user."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from netcheck.commands.demo import DEMOS
from netcheck.version import VERSION
from tests import needs
from tests.commandline import netcheck
from tests.timeless import timeless

ROOT = Path(__file__).resolve().parents[1]
INSTALLED = "/opt/netcheck"
NOBODY = 65532
PATIENCE_S = 100
LARGEST_BYTES = 120_000_000
READ_ONLY = f"""
mount --make-rprivate / && mount -o remount,bind,ro / && ! touch /written 2>/dev/null &&
exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$0" "$@"
"""
BUILD_TOOLS = ("pip", "setuptools", "wheel", "build", "hatchling")


@dataclass(frozen=True)
class Instruction:
    """One line of the Dockerfile, continuation lines joined: `RUN`, and what is run."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)


def stages(path: Path = ROOT / "Dockerfile") -> list[list[Instruction]]:
    """The instructions of each stage, FROM first."""
    text = path.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[list[Instruction]] = []
    for line in lines:
        name, _, rest = line.partition(" ")
        if name.upper() == "FROM":
            found.append([])
        found[-1].append(Instruction(name.upper(), rest.strip()))
    return found


def given(stage: list[Instruction], name: str) -> list[str]:
    return [one.text for one in stage if one.name == name]


def test_the_final_stage_is_slim_runs_nothing_and_is_not_root() -> None:
    build, final = stages()
    assert all(given(stage, "FROM")[0].split()[0].endswith("-slim") for stage in (build, final))
    assert given(final, "FROM")[0].split()[0] == given(build, "FROM")[0].split()[0], "the same Python in both"
    assert given(final, "RUN") == [], "whatever is run there stays there"
    assert given(final, "COPY") == [f"--from=build {INSTALLED} {INSTALLED}"]
    [user] = given(final, "USER")
    assert user.split(":")[0] not in ("root", "0") and all(part.isdigit() for part in user.split(":"))
    assert given(final, "ENTRYPOINT") == ['["netcheck"]']


def test_what_the_build_copies_is_there_and_let_through_by_dockerignore() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for copied in given(stages()[0], "COPY"):
        *sources, _ = copied.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source in allowed, f"{source} is kept from the build by .dockerignore"


def everybody_can_run(program: Path) -> bool:
    real = program.resolve()
    return real.exists() and all(parent.stat().st_mode & stat.S_IXOTH for parent in (real, *real.parents))


def python() -> Path:
    """An interpreter that another user can run too, where there is one: root's own home is closed."""
    names = [sys.executable, *(f"/usr/bin/python3.{minor}" for minor in range(11, 16))]
    return next((path for name in names if everybody_can_run(path := Path(name))), Path(sys.executable))


@dataclass(frozen=True)
class Image:
    """What the build left, in a folder instead of at the root of an image."""

    root: Path
    python: Path

    def here(self, text: str) -> str:
        return text.replace(INSTALLED, f"{self.root}{INSTALLED}")

    def files(self) -> dict[Path, int]:
        return {path: path.lstat().st_mtime_ns for path in self.root.rglob("*")}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The entry point as the final stage has it: its environment, and its user where we may switch."""
        nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if nobody and not everybody_can_run(self.python):
            needs.skip_or_fail(f"no Python 3.11 or later that another user can run: {self.python}")
        return self._run([self.entry_point(), *arguments], **nobody)

    def run_read_only(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same where nothing can be written at all, as `docker run --read-only` has it."""
        return self._run(["unshare", "--mount", "sh", "-c", READ_ONLY, self.entry_point(), *arguments])

    def entry_point(self) -> str:
        [entry] = given(stages()[1], "ENTRYPOINT")
        found = shutil.which(entry.strip('[]"'), path=self.environment()["PATH"])
        assert found is not None
        return found

    def environment(self) -> dict[str, str]:
        texts = given(stages()[1], "ENV")
        found = dict(word.split("=", 1) for text in texts for word in shlex.split(text))
        return {**found, "PATH": self.here(found["PATH"]).replace("$PATH", os.defpath)}

    def _run(self, command: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            cwd="/",
            env=self.environment(),
            check=False,
            **how,
        )


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # another user has to get in, which pytest's own folders do not allow
        made = Image(root, python())
        build(made)
        for path in root.rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        yield made
        for path in root.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


def build(image: Image) -> None:
    """Do what the first stage says: every COPY and every RUN, in its order."""
    source, tools = image.root / "src", image.root / "tools"
    for folder in (source, tools):
        folder.mkdir()
    # No links: a virtual environment made by way of one would lead back here, where nothing will be.
    for name, command in (("python", f'"{image.python}"'), ("pip", f'"{sys.executable}" -m pip')):
        (tools / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (tools / name).chmod(0o755)
    for instruction in stages()[0]:
        match instruction.name:
            case "COPY":
                *names, _ = instruction.words
                for name in names:
                    copy(ROOT / name, source / name)
            case "RUN":
                run_step(image.here(instruction.text), source, tools)
    shutil.rmtree(source)
    shutil.rmtree(tools)


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def run_step(step: str, source: Path, tools: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", step],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        check=False,
    )
    if ran.returncode and ("NewConnectionError" in ran.stderr or "Temporary failure in name" in ran.stderr):
        needs.skip_or_fail("no package index can be reached to install from")
    assert ran.returncode == 0, f"{step}\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}"


def test_the_installed_command_runs_as_another_user_and_writes_nothing(image: Image) -> None:
    before = image.files()
    version, demo = image.run("--version"), image.run("demo", "healthy")
    assert (version.returncode, version.stdout) == (0, f"netcheck {VERSION}\n"), version.stderr
    assert demo.returncode == 0, demo.stderr
    assert "Everything asked works from here" in demo.stdout
    assert image.files() == before


def test_on_a_root_that_is_read_only_it_runs_just_so(image: Image) -> None:
    if os.geteuid() != 0:
        needs.skip_or_fail("to make the root read-only, even for oneself alone, needs root")
    for program, package in (("unshare", "util-linux"), ("setpriv", "util-linux"), ("mount", "mount")):
        needs.program(program, package)
    there = image.run_read_only("demo", "healthy")
    if "mount: " in there.stderr:
        needs.skip_or_fail(f"no mount namespace can be made here: {there.stderr.strip()}")
    assert (there.returncode, there.stderr) == (0, "")
    assert there.stdout == image.run("demo", "healthy").stdout


@pytest.mark.parametrize("name", DEMOS)
def test_a_recorded_pipeline_gives_what_the_command_prints_here_byte_for_byte(
    name: str, image: Image
) -> None:
    there, here = image.run("demo", name, "--format", "json"), netcheck("demo", name, "--format", "json")
    assert (there.returncode, there.stderr) == (here.code, "")
    assert timeless(there.stdout) == timeless(here.out)


def test_what_the_build_adds_to_the_base_image_is_small(image: Image) -> None:
    size = sum(path.lstat().st_size for path in Path(f"{image.root}{INSTALLED}").rglob("*") if path.is_file())
    assert size <= LARGEST_BYTES


def test_without_arguments_the_image_shows_its_help(image: Image) -> None:
    [command] = given(stages()[1], "CMD")
    shown = image.run(*command.strip('[]"').split('", "'))
    assert shown.returncode == 0 and "netcheck demo" in shown.stdout


def test_no_build_tools_are_left_in_the_final_stage(image: Image) -> None:
    packages = next(Path(f"{image.root}{INSTALLED}").glob("lib/python3.*/site-packages"))
    assert not [name for name in BUILD_TOOLS if (packages / name).exists()]
    assert not (Path(f"{image.root}{INSTALLED}") / "bin" / "pip").exists()
    assert not (packages / "tests").exists(), "tests are not part of the package"


def test_nothing_has_to_be_compiled_at_the_start(image: Image) -> None:
    packages = next(Path(f"{image.root}{INSTALLED}").glob("lib/python3.*/site-packages"))
    compiled = {path.name.split(".")[0] for path in (packages / "netcheck" / "__pycache__").iterdir()}
    assert {path.stem for path in (packages / "netcheck").glob("*.py")} <= compiled
