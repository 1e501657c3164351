"""The zip of the function: small, reproducible and complete."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import needs
from tests.awslambda.runtime import Function
from tools import build_lambda as build

HOST = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "awslambdaric", "simplejson")
"""The packages of Lambda's runtime: boto3 with its dependencies, and the runtime's own client."""
LATE = """
import boto3, clickhouse_connect, clickhouse_connect.driver.httputil, dns.message, kafka.protocol.metadata
import kafka.protocol.sasl, lz4.frame, sys, tabulate, yaml
names = ("boto3", "clickhouse_connect", "kafka", "urllib3", "yaml")
import json; print(json.dumps({name: sys.modules[name].__file__ for name in names}))
"""


def pinned() -> dict[str, str]:
    """The libraries of the lock file, each with its version."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", build.LOCK.read_text(), re.MULTILINE))


def test_the_lock_file_pins_every_library_with_a_hash_per_architecture() -> None:
    assert set(pinned()) == {name.replace(".", "-").lower() for name in build.LIBRARIES}
    for entry in re.split(r"\n(?=\w)", build.LOCK.read_text())[1:]:
        assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", entry)) in (1, 2), entry


def test_it_has_every_dependency_of_a_run_except_boto3() -> None:
    project = tomllib.loads((build.ROOT / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[<>=]", each)[0].lower() for each in project["dependencies"]} - {"boto3", "shtab"}
    assert required <= set(pinned())


FILES = {"b.py": b"b = 1\n", "a/c.py": b"c = 2\n" * 100, "a.so": bytes(range(256))}


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    build.write(tmp_path / "one.zip", FILES)
    build.write(tmp_path / "two.zip", dict(reversed(FILES.items())))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == sorted(FILES)
        assert {entry.date_time for entry in archive.infolist()} == {build.DATE}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        assert {name: archive.read(name) for name in archive.namelist()} == FILES


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, list[Path]]]:
    """The wheels for Lambda's two architectures, and for this host's own Python."""
    versions = tmp_path_factory.mktemp("versions") / "requirements.txt"
    versions.write_text("".join(f"{name}=={version}\n" for name, version in pinned().items()))
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    jobs = {arch: (arch, build.LOCK, build.PYTHON) for arch in build.MACHINES}
    if HOST and ours != build.PYTHON:
        jobs["here"] = (HOST, versions, ours)
    folders = {name: tmp_path_factory.mktemp(name) for name in jobs}
    try:
        with ThreadPoolExecutor() as pool:
            done = {name: pool.submit(build.wheels, folders[name], *job) for name, job in jobs.items()}
            found = {name: each.result() for name, each in done.items()}
    except subprocess.CalledProcessError as error:
        if "NewConnectionError" in error.stderr or "Temporary failure in name" in error.stderr:
            needs.skip_or_fail("no package index can be reached to fetch wheels from")
        raise AssertionError(error.stderr) from None
    yield {"here": found.get(HOST or "", []), **found}


@pytest.mark.parametrize("arch", build.MACHINES)
def test_the_zip_is_small_for_one_architecture_and_reproducible(
    arch: str, libraries: Mapping[str, list[Path]], tmp_path: Path
) -> None:
    for name in ("one.zip", "two.zip"):
        build.write(tmp_path / name, build.contents(libraries[arch]))
    assert build.digest(tmp_path / "one.zip") == build.digest(tmp_path / "two.zip")
    assert (tmp_path / "one.zip").stat().st_size <= build.LARGEST_BYTES
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        names = archive.namelist()
    compiled = [name for name in names if name.endswith(".so")]
    assert compiled and all(build.MACHINES[arch] in name for name in compiled)
    assert {
        "netcheck/awslambda/__init__.py",
        "checks/tls.py",
        "netcheck/demo/healthy.json.gz",
        "LICENSE",
    } <= {*names}
    left_out = ("boto3/", "botocore/", "cryptography/", "tests/", "bench/")
    assert not [name for name in names if name.startswith(left_out) or name.endswith(".pyc")]


@pytest.fixture(scope="module")
def task(libraries: Mapping[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The zip for this host, unpacked, and the packages of Lambda's runtime."""
    if not libraries["here"]:
        needs.skip_or_fail(f"Lambda has no architecture {platform.machine()}")
    task, runtime = tmp_path_factory.mktemp("task"), tmp_path_factory.mktemp("runtime")
    build.write(runtime / "function.zip", build.contents(libraries["here"]))
    with zipfile.ZipFile(runtime / "function.zip") as archive:
        archive.extractall(task)
    import boto3

    packages = Path(boto3.__file__).parents[1]
    for name in (
        *RUNTIME,
        "snapshot_restore_py",
        *(path.name for path in packages.glob("runtime_client*.so")),
    ):
        (runtime / name).symlink_to(packages / name)
    return task, runtime


def alone(task: tuple[Path, Path]) -> tuple[list[str], dict[str, str]]:
    """A Python without site packages, and the environment in which it finds the function's."""
    python = [str(Path(sys.base_prefix) / "bin" / Path(sys.executable).resolve().name), "-S"]
    return python, {"PYTHONPATH": f"{task[0]}:{task[1]}", "PYTHONDONTWRITEBYTECODE": "1"}


def test_lazy_imports_come_from_the_zip(task: tuple[Path, Path]) -> None:
    python, environment = alone(task)
    done = subprocess.run(
        [*python, "-c", LATE],
        env=environment,
        cwd=task[0],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    places = {name: Path(place) for name, place in json.loads(done.stdout).items()}
    assert places.pop("boto3").is_relative_to(task[1])
    assert all(place.is_relative_to(task[0]) for place in places.values()), places


def test_the_function_runs_from_the_zip_alone(task: tuple[Path, Path]) -> None:
    python, environment = alone(task)
    event = {"replay": str(task[0] / "netcheck" / "demo" / "expired-certificate.json.gz")}
    with Function("netcheck.awslambda.handler", environment, cwd=task[0], python=python) as function:
        answer = function.invoke(event, seconds=60)
    assert answer.error is None, answer.error
    assert answer.value["root_causes"][0]["code"] == "TLS_CERTIFICATE_EXPIRED"
