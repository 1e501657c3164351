"""The process inside the sandbox that plays the scenes, and prints what netcheck said of each."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from netcheck.core import recording
from netcheck.core.credentials import Trust
from netcheck.core.version import VERSION
from netcheck.engine.assessment import assess
from netcheck.engine.runner import ignore_event
from netcheck.report import json as as_json
from netcheck.settings.config import Config, build, settings
from tests.lab.kernel import LabBroken, raise_file_limit, refuse_real_network
from tests.lab.scenes import HOSTS, NAMES, SCENES, Scene, Serve
from tests.lab.strait import NAME_SERVERS, Strait
from tests.servers.certificates import Authority
from tests.servers.dns import DnsServer, Entry, Fault

ZONE: dict[str, Entry] = {"known.orders.example": ["60 A 10.0.2.11"], "silent.orders.example": Fault.SILENT}
MANY_NAMES = [f"service-{number}.of-a-name-that-is-long.orders.example" for number in range(60)]
"""So that the certificate alone takes several packets."""
AT_ONCE = 12


def main() -> None:
    refuse_real_network()
    raise_file_limit()
    _files()
    with tempfile.TemporaryDirectory(prefix="straits-") as folder:
        authority = Authority(Path(folder), "Orders Private")
        leaf = authority.issue(*HOSTS, *MANY_NAMES)
        ca, context = str(authority.certificate), leaf.server_context()
        with ThreadPoolExecutor(AT_ONCE) as played:
            results = dict(played.map(lambda one: (one.says, _played(one, ca, context, folder)), SCENES))
    print(json.dumps(results), flush=True)
    os._exit(0)  # servers' threads may be in the middle of a wait


def _files() -> None:
    """Names for the scenes, in this mount namespace only."""
    lines = [f"{address} {name}\n" for name, addresses in HOSTS.items() for address in addresses]
    _replace("/etc/hosts", "127.0.0.1 localhost\n" + "".join(lines))
    _replace("/etc/resolv.conf", "".join(f"nameserver {address}\n" for address in NAME_SERVERS))
    _replace("/etc/nsswitch.conf", "hosts: files dns\n")


def _replace(path: str, content: str) -> None:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(content)
        file.flush()
        Path(file.name).chmod(0o644)
        subprocess.run(["mount", "--bind", file.name, os.path.realpath(path)], check=True, timeout=20)


def _played(scene: Scene, ca: str, certificate: ssl.SSLContext, folder: str) -> dict[str, Any]:
    """What a run said of a scene, which connections it tried, and what the recording of it comes to."""
    try:
        with Strait(scene.rules, says=scene.routers_word, narrow=scene.narrow) as strait:
            with strait.over_there(), _servers(scene, certificate), strait.over_here():
                config = _config(scene, ca, Path(tempfile.mkdtemp(dir=folder)))
                done = assess(config, ignore_event)
            calls = strait.calls()
    except (LabBroken, OSError) as broken:
        return {"broken": f"{type(broken).__name__}: {broken}"}
    assert done.recording is not None and config.record is not None
    recording.write(done.recording, Path(config.record), VERSION)
    again = assess(replace(config, record=None, replay=config.record), ignore_event)
    return {
        "report": as_json.document(done.report),
        "replayed": as_json.document(again.report),
        "calls": calls,
    }


def _config(scene: Scene, ca: str, folder: Path) -> Config:
    """The scene's configuration, without anything of this process' environment."""
    given = {"ca": ca, "record": str(folder / "run.json.gz"), "deadline": 60, **scene.arguments}
    if scene.cloud is not None:
        documents = scene.cloud().documents
        for name, content in documents.items():
            (folder / f"{name}.json").write_text(json.dumps(content))
        subnet = documents["Subnets"]["Subnets"][0]["SubnetId"]
        groups = {one["GroupName"]: one["GroupId"] for one in documents["SecurityGroups"]["SecurityGroups"]}
        given |= {
            "snapshot": str(folder),
            "source_subnet": subnet,
            "source_security_group": groups["workers"],
        }
    return replace(build(settings(given, str), {}), trust=Trust(ca))


@contextlib.contextmanager
def _servers(scene: Scene, certificate: ssl.SSLContext) -> Iterator[None]:
    """The scene's servers, listening in the namespace of this thread."""
    with contextlib.ExitStack() as opened:
        if scene.group == NAMES:
            for address in NAME_SERVERS:
                opened.enter_context(DnsServer(ZONE, address, 53))
        for (address, port), serve in scene.servers.items():
            opened.enter_context(_Listening(address, port, serve, certificate).socket)
        yield


class _Listening:
    """A server at one address and port, a thread for each connection."""

    def __init__(self, address: str, port: int, serve: Serve, certificate: ssl.SSLContext) -> None:
        self._serve, self._certificate = serve, certificate
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.create_server((address, port), family=family, backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            number += 1
            threading.Thread(target=self._converse, args=(connection, number), daemon=True).start()

    def _converse(self, connection: socket.socket, number: int) -> None:
        # A client that goes away is how most of these conversations end.
        with contextlib.suppress(OSError), connection:
            connection.settimeout(30)
            self._serve(connection, self._certificate, number)


if __name__ == "__main__":
    try:
        main()
    except LabBroken as broken:
        sys.exit(f"straits: {broken}")
