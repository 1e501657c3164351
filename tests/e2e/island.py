"""Runs a program on an island: a network, a host name and resolver files of its own, and nobody else there.

    subprocess.run(island.command([sys.executable, "-m", "tests.e2e.orders"], name_servers=["10.0.0.2"]))

On the island every port is free, port 53 too; this host is `worker-a`, 10.0.1.50 on eth0; the addresses of
LOCAL are its own, for servers to listen on; and whatever is sent anywhere else is swallowed without a word,
as by a security group. No packet can leave. The kernel takes it all away with the program.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
# A user namespace makes it work without root; root in a container may be refused one and need none.
WAYS = (("-U", "-r"), ())
HOST = "worker-a"
PINNED = ("pinned.example.test", "10.0.1.99")
"""A name that is in the hosts file only."""
ADDRESS = "10.0.1.50"
LOCAL = ("10.0.0.2", "10.0.0.3", "10.0.1.11", "10.0.2.12", "10.0.3.13", "10.0.1.20")
SETUP_S = 20.0


def missing() -> str | None:
    """Why there can be no island here, or None."""
    return _way()[1]


def command(
    program: Sequence[str], *, name_servers: Sequence[str] = ("10.0.0.2",), local: Sequence[str] = LOCAL
) -> list[str]:
    """The command line that runs `program` on an island. Ask `missing()` first."""
    way, reason = _way()
    assert way is not None, reason
    return _command(way, program, name_servers, local)


def _command(
    way: tuple[str, ...], program: Sequence[str], name_servers: Sequence[str], local: Sequence[str]
) -> list[str]:
    namespaces = [*way, "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
    inside = [sys.executable, "-m", "tests.e2e.island", ",".join(name_servers), ",".join(local)]
    return ["unshare", *namespaces, *inside, *program]


@functools.cache
def _way() -> tuple[tuple[str, ...] | None, str | None]:
    if not sys.platform.startswith("linux"):
        return None, "an island is made of Linux namespaces; this is not Linux"
    for tool, package in (("ip", "iproute2"), ("unshare", "util-linux"), ("mount", "mount")):
        if shutil.which(tool, path=PATH) is None:
            return None, f"an island needs the program {tool} (Debian and Ubuntu: apt-get install {package})"
    why = []
    for way in WAYS:
        tried = subprocess.run(
            _command(way, ["true"], ["10.0.0.2"], LOCAL),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SETUP_S,
            env=os.environ | {"PATH": PATH},
        )
        if tried.returncode == 0:
            return way, None
        why.append((tried.stderr.strip() or f"exit code {tried.returncode}").splitlines()[-1])
    return None, f"no namespaces can be made here: {'; '.join(why)}"


def _settle(name_servers: Sequence[str], local: Sequence[str]) -> None:
    """Make the network and the files; we are inside the namespaces already."""
    socket.sethostname(HOST)
    _run("ip", "link", "set", "lo", "up")
    # A cable whose other end listens to nobody: what goes out of eth0 is lost.
    _run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "nowhere")
    _run("ip", "link", "set", "nowhere", "up")
    _run("ip", "address", "add", f"{ADDRESS}/24", "dev", "eth0")
    _run("ip", "link", "set", "eth0", "up")
    _run("ip", "neighbour", "add", "10.0.1.1", "lladdr", "02:00:00:00:00:01", "dev", "eth0")
    _run("ip", "route", "add", "default", "via", "10.0.1.1")
    for address in local:
        _run("ip", "address", "add", f"{address}/32", "dev", "lo")
    servers = "".join(f"nameserver {address}\n" for address in name_servers)
    _replace("/etc/resolv.conf", servers)
    hosts = [("localhost", "127.0.0.1"), ("localhost", "::1"), (HOST, ADDRESS), PINNED]
    _replace("/etc/hosts", "".join(f"{address} {name}\n" for name, address in hosts))
    _replace("/etc/nsswitch.conf", "hosts: files dns\n")


def _run(*words: str) -> None:
    subprocess.run(words, check=True, timeout=SETUP_S)


def _replace(path: str, content: str) -> None:
    """Put a file of ours in its place, in this mount namespace only."""
    if not Path(path).exists():
        raise SystemExit(f"{path} is not there to be replaced")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(content)
        file.flush()
        Path(file.name).chmod(0o644)
        _run("mount", "--bind", file.name, os.path.realpath(path))


def main(arguments: Sequence[str]) -> None:
    name_servers, local, *program = arguments
    os.environ["PATH"] = PATH
    _settle(name_servers.split(","), [address for address in local.split(",") if address])
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
