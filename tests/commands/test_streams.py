"""Closed or full output, Ctrl-C before anything runs, and an environment that is not text."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = [sys.executable, "-m", "netcheck"]
BROKER = ["run", "--bootstrap", "127.0.0.1:1", "--only", "tcp.connects"]
HIDDEN = b"\xff\xfeKanarie-7f3a"


def started(command: list[str], environment: dict[bytes, bytes] | None = None) -> tuple[int, str]:
    """The exit code and standard error."""
    known = {
        name: value for name, value in os.environb.items() if not name.startswith((b"AWS_", b"NETCHECK_"))
    }
    ran = subprocess.run(
        command, env=known | (environment or {}), stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    return ran.returncode, ran.stderr.decode()


@pytest.mark.parametrize(
    "command", ["explain tls.handshake", "checks", "demo", "run --bootstrap 127.0.0.1:1"]
)
@pytest.mark.parametrize(("where", "words"), [(">&-", "is closed"), (">/dev/full", "No space left")])
def test_an_output_that_cannot_be_written(command: str, where: str, words: str) -> None:
    code, said = started(["sh", "-c", f"{' '.join(PROGRAM)} {command} {where}"])
    assert (code, said.count("\n")) == (2, 1), said
    assert words in said


INTERRUPTED = """
import os, runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == WHEN:
            os.kill(os.getpid(), signal.SIGINT)

WHEN = sys.argv.pop(1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started without it
sys.meta_path.insert(0, Interrupt())
runpy.run_module("netcheck", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "module",
    ["netcheck.commands.main", "netcheck.core.version", "netcheck.commands.run", "netcheck.engine.runner"],
)
def test_ctrl_c_while_modules_are_imported(module: str) -> None:
    assert started([sys.executable, "-c", INTERRUPTED, module, *BROKER]) == (3, "netcheck: interrupted\n")


def test_a_login_that_is_not_text_is_refused() -> None:
    code, said = started([*PROGRAM, *BROKER], {b"NETCHECK_CLICKHOUSE_PASSWORD": HIDDEN})
    assert (code, said.count("\n")) == (2, 1), said
    assert "(NETCHECK_CLICKHOUSE_PASSWORD): not UTF-8" in said and "Kanarie" not in said


@pytest.mark.parametrize("name", [b"AWS_SECRET_ACCESS_KEY", b"AWS_SESSION_TOKEN"])
def test_aws_credentials_that_are_not_text_do_not_matter_without_aws(name: bytes) -> None:
    assert started([*PROGRAM, *BROKER], {name: HIDDEN}) == (1, "")


def test_a_clickhouse_user_that_http_cannot_send_is_refused() -> None:
    login = {b"NETCHECK_CLICKHOUSE_USER": b"a:b", b"NETCHECK_CLICKHOUSE_PASSWORD": b"secret"}
    code, said = started([*PROGRAM, "run", "--clickhouse", "http://127.0.0.1:1"], login)
    assert (code, said.count("\n")) == (2, 1), said
    assert "contains a colon" in said
