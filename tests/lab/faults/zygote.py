"""netcheck, imported once, and forked into a namespace for each run: what the command does, sooner.

Started before anything else in the sandbox, and with one thread, so that forking is safe. A run is told over
a unix socket of its own: its arguments, environment and folder as JSON, its network namespace as a file
descriptor. In the fork nothing is left of the zygote but imported modules: the namespace is entered, the
resolver's and the roots' files are put in place in a mount namespace of its own, and then it is
`netcheck ARGUMENTS` to the end.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tests.lab.kernel import LabBroken, enter

CLONE_NEWNS = 0x20000
MS_BIND = 0x1000
PATIENCE_S = 120.0
NETCHECK = str(Path(sys.executable).with_name("netcheck"))
SERVICES = (
    *("ec2", "kafka", "kafkaconnect", "iam", "sts", "logs"),
    *("route53", "route53resolver", "secretsmanager", "kms"),
)
_NO_NEED = ("netcheck.__main__",)
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: exit code, what it wrote, and its seconds."""

    code: int
    out: str
    err: str
    seconds: float


class Zygote:
    """The waiting process. `run` may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "zygote")
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self._path)
        listening.listen(64)
        self._pid = os.fork()
        if self._pid == 0:
            _wait_for_work(listening)
        listening.close()
        self._lock = threading.Lock()
        self._learnt = False

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def run(
        self,
        namespace: int,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        files: Mapping[str, str],
        *,
        command: bool = False,
    ) -> Ended:
        """`netcheck ARGUMENTS` in a network namespace, with `files` in place of those of the system.

        `command`: the installed command in a process of its own, as people start it. Raises LabBroken where
        it does not end.
        """
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="run-") as folder, socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(PATIENCE_S)
            asked.connect(self._path)
            order = {
                "arguments": list(arguments),
                "environment": dict(environment),
                "files": dict(files),
                "folder": folder,
                "command": command,
            }
            asked.sendmsg(
                [json.dumps(order).encode()],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [namespace]))],
            )
            asked.shutdown(socket.SHUT_WR)
            with asked.makefile("rb") as answer:
                try:
                    said = answer.read()
                except TimeoutError:
                    raise LabBroken(f"netcheck {' '.join(arguments)} has not ended") from None
            out, err = (Path(folder, name).read_text() for name in ("out", "err"))
            self._teach(Path(folder, "modules"))
            if not said:
                raise LabBroken(f"netcheck {' '.join(arguments)} ended without a word: {err}")
            return Ended(int(said), out, err, time.monotonic() - began)

    def _teach(self, modules: Path) -> None:
        """Have the zygote import what a run imported late, so that the next ones need not."""
        with self._lock:
            if self._learnt or not modules.exists():
                return
            self._learnt = True
            with socket.socket(socket.AF_UNIX) as told:
                told.connect(self._path)
                told.sendall(json.dumps({"import": modules.read_text().split()}).encode())
                told.shutdown(socket.SHUT_WR)
                told.recv(1)


def _wait_for_work(listening: socket.socket) -> NoReturn:
    """The zygote's life. Whoever asks has its own fork; their ends interest nobody here."""
    _die_with_the_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _import_everything()
    # What is there now is there to stay: collecting it in a fork would copy every page.
    gc.collect()
    gc.freeze()
    while True:
        asked, _ = listening.accept()
        order, namespaces = _order(asked)
        if "import" in order:
            _import(order["import"])
        elif os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listening.close()
            _serve(asked, order, namespaces[0])
        for namespace in namespaces:
            os.close(namespace)
        asked.close()


def _import(modules: Sequence[str]) -> None:
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    _keep_models()
    gc.collect()
    gc.freeze()


def _keep_models() -> None:
    """botocore's service descriptions are megabytes of JSON, which every fork would read again."""
    from botocore.loaders import JSONFileLoader
    from botocore.session import Session

    JSONFileLoader.load_file = functools.cache(JSONFileLoader.load_file)  # type: ignore[method-assign]
    # Loaders are many and all alike; what they have read is asked for by path.
    JSONFileLoader.__hash__ = lambda _: 0  # type: ignore[method-assign, assignment]
    JSONFileLoader.__eq__ = lambda _, other: isinstance(other, JSONFileLoader)  # type: ignore[method-assign]
    for service in SERVICES:
        Session().create_client(service, "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")


def _die_with_the_parent() -> None:
    pr_set_pdeathsig = 1
    _LIBC.prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)


def _import_everything() -> None:
    import checks
    import netcheck

    for package in (netcheck, checks):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name not in _NO_NEED:
                with contextlib.suppress(ImportError):
                    importlib.import_module(found.name)
    for name in ("boto3", "botocore.session", "botocore.client", "clickhouse_connect", "dns.resolver"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _serve(asked: socket.socket, order: Mapping[str, Any], namespace: int) -> NoReturn:
    code = 70
    try:
        _settle(order, namespace)
        code = _command(order) if order["command"] else _main(order["arguments"])
    except BaseException as error:  # noqa: BLE001 - the end of the line: it is told, and the fork ends
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        Path("modules").write_text("\n".join(sys.modules))
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            asked.sendall(str(code).encode())
        os._exit(0)


def _order(asked: socket.socket) -> tuple[dict[str, Any], list[int]]:
    fds = array.array("i")
    said, ancillary, _, _ = asked.recvmsg(1 << 20, socket.CMSG_SPACE(fds.itemsize))
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    while more := asked.recv(1 << 20):
        said += more
    return json.loads(said), list(fds)


def _settle(order: Mapping[str, Any], namespace: int) -> None:
    """Become the process that `netcheck` would have been started as, there."""
    folder = Path(order["folder"])
    for descriptor, name in ((1, "out"), (2, "err")):
        opened = os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    enter(namespace)
    if _LIBC.unshare(CLONE_NEWNS) != 0:
        raise LabBroken(f"unshare: {os.strerror(ctypes.get_errno())}")
    for number, (path, content) in enumerate(order["files"].items()):
        own = folder / f"file-{number}"
        own.write_text(content)
        own.chmod(0o644)
        if _LIBC.mount(str(own).encode(), os.path.realpath(path).encode(), None, MS_BIND, None) != 0:
            raise LabBroken(f"mount over {path}: {os.strerror(ctypes.get_errno())}")
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(folder)


def _command(order: Mapping[str, Any]) -> int:
    return subprocess.run([NETCHECK, *order["arguments"]], check=False, timeout=PATIENCE_S).returncode


def _main(arguments: Sequence[str]) -> int:
    from netcheck.commands import main

    sys.argv = ["netcheck", *arguments]
    try:
        return main.main(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
