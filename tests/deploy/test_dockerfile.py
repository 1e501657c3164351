"""The Dockerfile, without Docker: its steps run in a folder, and the resulting image as another user."""

from __future__ import annotations

import contextlib
import json
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
from netcheck.core.version import VERSION
from tests import needs
from tests.commandline import netcheck
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.timeless import timeless

ROOT = Path(__file__).resolve().parents[2]
TREE = "/opt/tree"
NOBODY = 65532
PATIENCE_S = 100
LARGEST_BYTES = 120_000_000
READ_ONLY = """
mount --bind "$0" "$0" && mount --bind /proc "$0/proc" && mount -o remount,bind,ro "$0" && exec "$@"
"""
BUILD_TOOLS = ("pip", "setuptools", "wheel", "build", "hatchling", "ensurepip")
SBIN = "/usr/sbin:/sbin"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
NOT_KEPT = ("examples-", "paginators-", "waiters-")


BROKEN = "import os, sys; print([path for path in sys.argv[1:] if not os.path.exists(path)])"
COMPILED = """
import importlib.util, pathlib, sys, sysconfig
folders = [sysconfig.get_path("stdlib"), *(path for path in sys.path if path.endswith("site-packages"))]
sources = [path for folder in folders for path in pathlib.Path(folder).rglob("*.py")]
assert len(sources) > 1000
print([str(path) for path in sources if not pathlib.Path(importlib.util.cache_from_source(path)).exists()])
"""
EXTENSIONS = """
import ctypes, os, pathlib, sys
for path in {path for folder in sys.path[1:] for path in pathlib.Path(folder).rglob("*.so")}:
    ctypes.CDLL(str(path), os.RTLD_NOW)
    print(path.name.partition(".")[0])
"""


@dataclass(frozen=True)
class Instruction:
    """One instruction of the Dockerfile, continuation lines joined: `RUN` and its command."""

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


def test_the_final_stage_has_only_what_the_build_assembled_and_is_not_root() -> None:
    build, final = stages()
    assert given(build, "FROM")[0].split()[0].endswith("-slim")
    assert given(final, "FROM") == ["scratch"]
    assert given(final, "RUN") == [], "the result of a RUN would stay in the image"
    assert given(final, "COPY") == [f"--from=build {TREE} /"]
    [user] = given(final, "USER")
    assert user == f"{NOBODY}:{NOBODY}"
    assert given(final, "ENTRYPOINT") == ['["netcheck"]']


@pytest.mark.parametrize("word", ["x86_64", "amd64", "aarch64", "arm64", "linux-gnu"])
def test_the_build_names_no_architecture(word: str) -> None:
    for path in ("Dockerfile", "deploy/image.py"):
        assert word not in (ROOT / path).read_text(), path


def test_what_the_build_copies_exists_and_is_not_in_dockerignore() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for copied in given(stages()[0], "COPY"):
        *sources, _ = copied.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source in allowed, f"{source} is kept from the build by .dockerignore"


def python() -> Path:
    """A distribution's interpreter, as in the image, if there is one: others bring more files."""
    names = [*(f"/usr/bin/python3.{minor}" for minor in range(11, 16)), sys.executable]
    return next(path for name in names if (path := Path(name)).exists())


@dataclass(frozen=True)
class Image:
    """What the build left, in a folder instead of at the root of an image. What the image has in /opt is in
    `opt`, and in the tree as well.
    """

    opt: Path
    python: Path

    @property
    def tree(self) -> Path:
        return self.opt / "tree"

    def here(self, text: str) -> str:
        return text.replace("/opt/", f"{self.opt}/")

    def inside(self, path: str) -> Path:
        """A path of the image, as seen from outside."""
        return self.tree / self.here(path).lstrip("/")

    def packages(self) -> Path:
        return next(self.inside("/opt/netcheck/lib").glob("python3.*/site-packages"))

    def files(self) -> dict[Path, int]:
        return {path: path.lstat().st_mtime_ns for path in self.tree.rglob("*")}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The entry point as the final stage has it: its root, its environment, and its user where we may
        switch.
        """
        [entry] = given(stages()[1], "ENTRYPOINT")
        return self.execute(entry.strip('[]"'), *arguments)

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        user = ["--userspec", f"{NOBODY}:{NOBODY}"] if os.geteuid() == 0 else []
        return self._run([*chroot(), *user, str(self.tree), *command])

    def run_read_only(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same on a read-only root, as with `docker run --read-only`."""
        user = ["--userspec", f"{NOBODY}:{NOBODY}"]
        changed = [*chroot(), *user, str(self.tree), *arguments]
        return self._run(["unshare", "--mount", "sh", "-c", READ_ONLY, str(self.tree), *changed])

    def environment(self) -> dict[str, str]:
        texts = given(stages()[1], "ENV")
        found = dict(word.split("=", 1) for text in texts for word in shlex.split(text))
        # The tools used from outside have to be found as well; the image has none of these folders.
        return {**found, "PATH": f"{self.here(found['PATH'])}:{os.defpath}:{SBIN}"}

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            cwd="/",
            env=self.environment(),
            check=False,
        )

    @contextlib.contextmanager
    def with_file(self, path: str, text: str) -> Iterator[None]:
        """The file, replaced as Docker, the kubelet or a user does."""
        file = self.tree / path
        before = file.read_text()
        file.write_text(text)
        try:
            yield
        finally:
            file.write_text(before)


def chroot() -> list[str]:
    """The command, in a user namespace as root if this user is not root."""
    found = shutil.which("chroot", path=f"{os.environ['PATH']}:{SBIN}")
    if found is None:
        needs.skip_or_fail("chroot is not installed: apt-get install coreutils")
    if os.geteuid() == 0:
        return [found]
    needs.program("unshare", "util-linux")
    return ["unshare", "--map-root-user", found]


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        image = Image(Path(folder) / "opt", python())
        build(image, Path(folder))
        yield image


def build(image: Image, folder: Path) -> None:
    """Run the first stage: every COPY and every RUN, in order."""
    source, tools = folder / "src", folder / "tools"
    for each in (source, tools, image.opt):
        each.mkdir()
    pip = [sys.executable, "-m", "pip"]
    for name, command in (("python", [str(image.python)]), ("pip", pip), ("chroot", chroot())):
        (tools / name).write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        (tools / name).chmod(0o755)
    for instruction in stages()[0]:
        match instruction.name:
            case "COPY":
                *names, _ = instruction.words
                for name in names:
                    copy(ROOT / name, source / name)
            case "RUN":
                run_step(image.here(instruction.text), source, tools)


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
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
    if "is missing: apt-get" in ran.stderr:
        needs.skip_or_fail(ran.stderr.strip())
    assert ran.returncode == 0, f"{step}\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}"


def test_the_entry_point_runs_as_another_user_with_nothing_but_the_tree_and_writes_nothing(
    image: Image,
) -> None:
    before = image.files()
    version, demo = image.run("--version"), image.run("demo", "healthy")
    assert (version.returncode, version.stdout) == (0, f"netcheck {VERSION}\n"), version.stderr
    assert demo.returncode == 0, demo.stderr
    assert "All checks passed from here" in demo.stdout
    assert image.files() == before


def test_it_runs_on_a_read_only_root(image: Image) -> None:
    if os.geteuid() != 0:
        needs.skip_or_fail("to make the root read-only, even for oneself alone, needs root")
    for program, package in (("unshare", "util-linux"), ("mount", "mount")):
        needs.program(program, package)
    inside = image.run_read_only("netcheck", "demo", "healthy")
    if "mount: " in inside.stderr or "unshare: " in inside.stderr:
        needs.skip_or_fail(f"no mount namespace can be made here: {inside.stderr.strip()}")
    assert (inside.returncode, inside.stderr) == (0, "")
    assert inside.stdout == image.run("demo", "healthy").stdout
    written = image.run_read_only("python", "-c", "open('/tmp/written', 'w')")
    assert "Read-only file system" in written.stderr
    refused = image.run_read_only("netcheck", "run", "--bootstrap", "127.0.0.1:1")
    assert refused.returncode == 1 and "127.0.0.1:1 refuses the connection" in refused.stdout


@pytest.mark.parametrize("name", DEMOS)
def test_a_recorded_pipeline_gives_what_the_command_prints_here_byte_for_byte(
    name: str, image: Image
) -> None:
    inside, here = image.run("demo", name, "--format", "json"), netcheck("demo", name, "--format", "json")
    assert (inside.returncode, inside.stderr) == (here.code, "")
    assert timeless(inside.stdout) == timeless(here.out)


def test_the_whole_image_is_small(image: Image) -> None:
    if image.python.parent != Path("/usr/bin"):
        pytest.skip(f"{image.python} is no distribution's Python: it may carry what the image's does not")
    size = sum(path.lstat().st_size for path in image.tree.rglob("*"))
    assert size <= LARGEST_BYTES


def test_without_arguments_the_image_shows_its_help(image: Image) -> None:
    [command] = given(stages()[1], "CMD")
    shown = image.run(*command.strip('[]"').split('", "'))
    assert shown.returncode == 0 and "netcheck demo" in shown.stdout


def test_neither_build_tools_nor_a_shell_are_in_the_image(image: Image) -> None:
    assert not [name for name in BUILD_TOOLS if (image.packages() / name).exists()]
    assert not (image.packages() / "tests").exists(), "tests are not part of the package"
    programs = {path.name for path in image.tree.rglob("bin/*")}
    assert "netcheck" in programs
    assert not [name for name in programs if not name.startswith(("netcheck", "python"))]


def test_nothing_in_the_image_is_setuid_or_world_writable(image: Image) -> None:
    modes = {path: path.lstat().st_mode for path in image.tree.rglob("*") if not path.is_symlink()}
    assert not [path for path, mode in modes.items() if mode & (stat.S_ISUID | stat.S_ISGID)]
    assert [path for path, mode in modes.items() if mode & stat.S_IWOTH] == [image.tree / "tmp"]


def test_no_link_in_the_image_is_broken(image: Image) -> None:
    links = [f"/{path.relative_to(image.tree)}" for path in image.tree.rglob("*") if path.is_symlink()]
    assert len(links) > 3
    found = image.execute("python", "-c", BROKEN, *links)
    assert (found.returncode, found.stdout) == (0, "[]\n"), found.stderr


def test_nothing_is_compiled_at_start_up(image: Image) -> None:
    found = image.execute("python", "-c", COMPILED)
    assert (found.returncode, found.stdout) == (0, "[]\n"), found.stderr


def test_every_extension_module_of_the_image_finds_its_libraries(image: Image) -> None:
    found = image.execute("python", "-c", EXTENSIONS)
    assert found.returncode == 0, found.stderr
    assert {"_ssl", "_ctypes", "_hashlib", "_rust", "_yaml"} <= set(found.stdout.split())


def test_every_aws_service_is_known_in_the_image(image: Image) -> None:
    installed = Path(image.here("/opt/netcheck/lib"))
    for data in installed.glob("python3.*/site-packages/botocore/data"):
        expected = {path.relative_to(data) for path in data.rglob("*") if path.is_file()}
        kept = {path for path in expected if not path.name.startswith(NOT_KEPT)}
        folder = image.packages() / "botocore" / "data"
        assert {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()} == kept
        assert len(kept) > 900
    near = image.run("run", "--aws-service", "glu", "--region", "eu-west-1")
    assert near.returncode == 2 and "did you mean glue" in near.stderr


def results(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The result of each check of one target."""
    return {one["check"]: one for one in json.loads(ran.stdout)["results"]}


def test_the_image_trusts_its_own_root_certificates_and_their_replacement(
    image: Image, tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path)
    with peers.http(tls=certificates.good.server_context()) as peer:
        arguments = ("run", "--aws-service", f"https://127.0.0.1:{peer.port}", "--format", "json")
        foreign = results(image.run(*arguments))["tls.certificate"]
        with image.with_file(BUNDLE, certificates.authority.certificate.read_text()):
            trusted = results(image.run(*arguments))["tls.certificate"]
    assert (foreign["status"], foreign["cause"]) == ("fail", "tls_untrusted"), foreign
    assert trusted["status"] == "pass", trusted
    assert len((image.tree / BUNDLE).read_text().split("BEGIN CERTIFICATE")) > 100


def test_glibc_resolves_names_with_the_replaced_files(image: Image) -> None:
    arguments = ("run", "--bootstrap", "broker.example:1", "--format", "json", "--timeout", "2")
    with image.with_file("etc/hosts", "127.0.0.1 broker.example\n"):
        named = results(image.run(*arguments))["dns.resolves"]
    # Nothing listens there: an error other than "no such name" shows that glibc sent a query.
    with image.with_file("etc/resolv.conf", "nameserver 127.0.0.99\noptions timeout:1 attempts:1\n"):
        unanswered = results(image.run(*arguments))["dns.resolves"]
    assert named["status"] == "pass" and "127.0.0.1" in named["summary"], named
    assert unanswered["cause"] == "dns_resolver_failed", unanswered


def test_a_thread_can_be_ended_in_the_image(image: Image) -> None:
    """glibc loads a library only then, and aborts where it is missing (pthread_exit(3))."""
    found = image.execute("python", "-c", "import ctypes; ctypes.CDLL(None).pthread_exit(None)")
    assert (found.returncode, found.stderr) == (0, "")
