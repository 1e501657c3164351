"""python tools/build_lambda.py [--arch x86_64|arm64]... [--lock]: the zip of the Lambda function.

dist/netcheck-lambda-ARCH.zip contains netcheck, the checks and the libraries of
deploy/lambda/requirements.txt, whose wheels are pinned by their hashes. The build is reproducible: files
are sorted by name and have the same date, mode and compression, and nothing is compiled. boto3 is part of
Lambda's runtime. --lock updates deploy/lambda/requirements.txt to the current versions.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "deploy" / "lambda" / "requirements.txt"
PYTHON = "3.13"
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's names of architectures, and those of wheels."""
PLATFORMS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""Lambda's Python 3.13 runs on Amazon Linux 2023, which has glibc 2.34."""
LIBRARIES = (
    "backports.zstd",
    "certifi",
    "clickhouse-connect",
    "dnspython",
    "kafka-python",
    "lz4",
    "PyYAML",
    "tabulate",
    "urllib3",
)
"""netcheck's dependencies, without boto3 and without shtab, which completes command lines. `cryptography`
alone would be as large as all of these, so a PKCS12 trust store needs the container image."""
LEFT_OUT = (
    "yaml/_yaml*.so",  # the C loader, which is not used
    "clickhouse_connect/cc_sqlalchemy/*",
    "*/tests/*",
    "*.pyi",
    "*.pyx",
    "*.c",
    "*.dist-info/RECORD",
    "*.dist-info/sboms/*",
    "bin/*",
)
DATE = (2020, 1, 1, 0, 0, 0)
MODE = 0o100644
LARGEST_BYTES = 6_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the zip of the Lambda function.")
    parser.add_argument("--arch", action="append", choices=MACHINES, help="default: both")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR")
    parser.add_argument("--lock", action="store_true", help=f"update {LOCK.relative_to(ROOT)} and stop")
    arguments = parser.parse_args()
    if arguments.lock:
        LOCK.write_text(locked())
        return 0
    arguments.output.mkdir(parents=True, exist_ok=True)
    for arch in arguments.arch or MACHINES:
        path = arguments.output / f"netcheck-lambda-{arch}.zip"
        with tempfile.TemporaryDirectory() as folder:
            write(path, contents(wheels(Path(folder), arch, LOCK)))
        size = path.stat().st_size
        print(f"{path}: {size:,} bytes, sha256 {digest(path)}")
        if size > LARGEST_BYTES:
            print(f"larger than {LARGEST_BYTES:,} bytes", file=sys.stderr)
            return 1
    return 0


def wheels(folder: Path, arch: str, requirements: Path, python: str = PYTHON) -> list[Path]:
    """Fetch the wheels for an architecture into a folder. Raises CalledProcessError."""
    abi = "cp" + python.replace(".", "")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
    command += [word for name in (abi, "abi3", "none") for word in ("--abi", name)]
    command += [word for name in PLATFORMS for word in ("--platform", f"{name}_{MACHINES[arch]}")]
    command += ["--platform", "any", "--dest", str(folder), "--requirement", str(requirements)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return sorted(folder.glob("*.whl"))


def contents(libraries: Sequence[Path]) -> dict[str, bytes]:
    """Every file of the zip, by name."""
    found: dict[str, bytes] = {}
    for wheel in libraries:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not name.endswith("/") and not any(fnmatchcase(name, rule) for rule in LEFT_OUT):
                    found[name] = archive.read(name)
    return found | dict(_own())


def _own() -> Iterator[tuple[str, bytes]]:
    for package in ("netcheck", "checks"):
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                yield path.relative_to(ROOT).as_posix(), path.read_bytes()
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()


def write(path: Path, files: Mapping[str, bytes]) -> None:
    """Write the zip, the same bytes for the same files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every build host
            entry.external_attr = MODE << 16
            archive.writestr(entry, files[name])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def locked() -> str:
    """The requirements file: current versions, and the hash of the wheel for each architecture."""
    hashes: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        requirements = Path(name) / "requirements.txt"
        requirements.write_text("\n".join(LIBRARIES))
        for arch in MACHINES:
            folder = Path(name) / arch
            for wheel in wheels(folder, arch, requirements):
                library, version, *_ = wheel.name.split("-")
                hashes.setdefault(f"{library.replace('_', '-').lower()}=={version}", set()).add(digest(wheel))
    lines = [
        " \\\n    ".join([library, *(f"--hash=sha256:{each}" for each in sorted(found))])
        for library, found in sorted(hashes.items())
    ]
    head = f"# Written by tools/build_lambda.py --lock, for Python {PYTHON}, {' and '.join(MACHINES)}.\n"
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
