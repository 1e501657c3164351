"""Installs the servers and tools of the tests: Java, Maven, Kafka, ClickHouse, nftables, Chromium, axe.

    python tools/fetch_servers.py             # what is available; prints one line for each failure
    python tools/fetch_servers.py --require   # for CI: exit code 1 if anything is missing

On Debian as root it installs packages with apt-get. The Kafka jars come from Maven's repository into
.cache/kafka, with a class data archive that halves the broker's start-up time; axe, which checks the
accessibility of web pages, comes from a Python package that contains it. If nothing is missing, it returns at
once.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

KAFKA = "4.1.0"
JAVA = "openjdk-17-jdk-headless"
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "kafka"
FETCHED = CACHE / f"kafka-{KAFKA}.complete"
AXE = CACHE.parent / "axe" / "axe.min.js"
AXE_PACKAGE = ("axe-playwright-python==0.1.8", "axe_playwright_python/axe.min.js")
# program -> (Debian package, the consequence of its absence)
PROGRAMS = {
    "java": (JAVA, "no Kafka broker"),
    "keytool": (JAVA, "no JKS trust stores"),
    "mvn": ("maven", "Kafka's jars cannot be fetched"),
    "clickhouse-server": ("clickhouse-server", "no ClickHouse server"),
    "setpriv": ("util-linux", "servers may outlive a killed test run"),
    "ip": ("iproute2", "no network namespaces"),
    "nft": ("nftables", "no packet filters in network namespaces"),
    "zsh": ("zsh", "no test of completion in zsh"),
    "fish": ("fish", "no test of completion in fish"),
    "chromium-headless-shell": ("chromium-headless-shell", "no browser to open the HTML report in"),
}
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>netcheck</groupId><artifactId>kafka-broker</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Install the servers and tools of the tests.")
    parser.add_argument("--require", action="store_true", help="exit with 1 if anything is missing")
    options = parser.parse_args(arguments)
    install_packages()
    problems = [
        f"{program} is missing (Debian package {package}): {consequence}"
        for program, (package, consequence) in PROGRAMS.items()
        if not found(program)
    ]
    if found("java"):
        problems += fetch_kafka() or archive_kafka()
    problems += fetch_axe()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems and options.require else 0


def found(program: str) -> bool:
    """Whether the program is installed, or what needs it is done already."""
    if program == "mvn" and FETCHED.exists():
        return True
    return shutil.which(program) is not None or Path("/usr/sbin", program).exists()


def install_packages() -> None:
    """Install the package of every missing program, if apt-get is available and permitted."""
    missing = sorted({package for program, (package, _) in PROGRAMS.items() if not found(program)})
    if not missing or shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        run = subprocess.run(["apt-get", "-q", *command], env=environment, capture_output=True, text=True)
        if run.returncode:
            print(f"apt-get {command[0]} failed: {run.stderr.strip()[-500:]}", file=sys.stderr)


def fetch_kafka() -> list[str]:
    """Fetch the jars unless this version is present; return the errors."""
    if FETCHED.exists():
        return []
    if not found("mvn"):
        return [f"Kafka's jars are not in {CACHE / 'jars'}, and mvn is missing to fetch them"]
    CACHE.mkdir(parents=True, exist_ok=True)
    # In another folder first, so that an interrupted fetch never looks complete.
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        (folder / "pom.xml").write_text(POM.format(version=KAFKA))
        fetch = ["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies"]
        fetch += [f"-DoutputDirectory={folder / 'jars'}", "-DincludeScope=runtime"]
        run = subprocess.run(fetch, capture_output=True, text=True)
        if run.returncode:
            return [f"mvn could not fetch Kafka {KAFKA}: {(run.stdout + run.stderr).strip()[-500:]}"]
        shutil.rmtree(CACHE / "jars", ignore_errors=True)
        (CACHE / "classes.jsa").unlink(missing_ok=True)
        (folder / "jars").rename(CACHE / "jars")
    FETCHED.touch()
    return []


def fetch_axe() -> list[str]:
    """Fetch axe from the package that contains it, without dependencies; return the errors."""
    if AXE.exists():
        return []
    package, member = AXE_PACKAGE
    AXE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=AXE.parent) as name:
        fetch = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps"]
        run = subprocess.run([*fetch, "-d", name, package], capture_output=True, text=True)
        wheels = list(Path(name).glob("*.whl"))
        if run.returncode or not wheels:
            return [f"pip could not fetch {package}: {run.stderr.strip()[-500:]}"]
        with zipfile.ZipFile(wheels[0]) as wheel:
            whole = Path(name, "axe.min.js")
            whole.write_bytes(wheel.read(member))
        whole.rename(AXE)
    return []


def archive_kafka() -> list[str]:
    """Create the class data archive of the broker. It is optional: brokers also start without it."""
    sys.path.insert(0, str(CACHE.parents[1]))
    if (CACHE / "classes.jsa").exists() or importlib.util.find_spec("cryptography") is None:
        return []
    from tests.servers import kafka, process

    try:
        kafka.archive_classes()
    except (OSError, process.ServerFailed, subprocess.SubprocessError) as error:
        return [f"Kafka's jars are present, but a broker does not start: {error}"]
    return []


if __name__ == "__main__":
    sys.exit(main())
