"""The report for people: causes first, nothing lost, and no terminal obeys what a peer said."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.core.model import Cause, Finding, Kind, Result, Status, Target
from netcheck.report.style import Style, printable, style_of
from netcheck.report.table import render
from tests.report.samples import HOSTILE, HOSTILE_TEXT, REPORTS, SILENT_BROKERS, TITLES, report
from tests.servers import peers

SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("name", REPORTS)
def test_colour_changes_nothing_but_the_colour(name: str) -> None:
    plain = render(REPORTS[name], Style(), TITLES)
    colour = render(REPORTS[name], Style(colour=True), TITLES)
    assert "\x1b" not in plain
    assert SEQUENCE.search(colour)
    assert SEQUENCE.sub("", colour) == plain


@pytest.mark.parametrize("width", [60, 80, 110, 140])
@pytest.mark.parametrize("name", REPORTS)
def test_lines_end_in_text_and_the_page_in_one_newline(name: str, width: int) -> None:
    text = render(REPORTS[name], Style(width=width), TITLES)
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_what_a_peer_says_is_shown_and_not_obeyed() -> None:
    for style in (Style(), Style(unicode=False)):
        text = render(HOSTILE, style, TITLES)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", text)
        assert "\\x1b[31mred" in text
    coloured = SEQUENCE.sub("", render(HOSTILE, Style(colour=True), TITLES))
    assert "\x1b" not in coloured


ACTS = "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\udcff]"


@given(st.text("ab\x1b\x9b\u200e\u200f\u061c\u2028\u202e\u2066\ufeff\udcff", max_size=20) | st.text())
def test_nothing_printable_acts_on_a_terminal(text: str) -> None:
    shown = printable(text)
    assert not re.search(ACTS, shown)
    assert printable(shown) == shown


def test_plain_ascii_for_a_terminal_without_unicode() -> None:
    assert render(SILENT_BROKERS, Style(unicode=False), TITLES).isascii()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["dns.resolves", "tcp.connects", "tls.handshake", "kafka.protocol"]),
            st.integers(1, 4),
            st.sampled_from(list(Status)),
            st.text("ab \x1b\n", max_size=90),
        ),
        max_size=15,
        unique_by=lambda row: row[:2],
    ),
    st.integers(60, 140),
)
def test_every_report_can_be_written_and_names_every_check(
    rows: list[tuple[str, int, Status, str]], width: int
) -> None:
    results = []
    for check, broker, status, text in rows:
        target = Target(Kind.KAFKA, f"b-{broker}.example", 9094)
        cause = {Status.FAIL: Cause.TIMED_OUT, Status.UNKNOWN: Cause.DEADLINE}.get(status)
        results.append(Result(f"{check}@{target}", check, target, Finding(status, text, cause), 0.1))
    made = report(*results)
    text = render(made, Style(width=width), TITLES)
    assert {check for check, *_ in rows} <= set(re.findall(r"[a-z]+\.[a-z]+", text))
    for status, word in zip(Status, ("passed", "warned", "failed", "unknown", "skipped"), strict=True):
        if made.count(status):
            assert f"{made.count(status)} {word}" in text.splitlines()[-1]


# --- where it is written to -----------------------------------------------------------------------------


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "colour"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, True),
    ],
)
def test_colour_only_where_it_is_wanted(environment: dict[str, str], colour: bool) -> None:
    assert style_of(Terminal(), environment).colour is colour
    assert style_of(io.StringIO(), environment).colour is False


def on_a_terminal(
    *arguments: str, columns: int = 100, seconds: float = 40, environment: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run netcheck on a real pseudo-terminal; its exit code and every byte that it wrote."""
    primary, secondary = pty.openpty()
    subprocess.run(["stty", "cols", str(columns), "rows", "40"], stdin=secondary, check=True)
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "COLUMNS")}
    given_environment = {**clean, "TERM": "xterm", "PYTHONUTF8": "1", **(environment or {})}
    command = [sys.executable, "-m", "netcheck", *arguments]
    with subprocess.Popen(
        command, stdin=secondary, stdout=secondary, stderr=secondary, env=given_environment
    ) as process:
        os.close(secondary)
        written, ends = b"", time.monotonic() + seconds
        while time.monotonic() < ends:
            if not select.select([primary], [], [], 0.5)[0]:
                continue
            try:
                part = os.read(primary, 65536)
            except OSError:  # Linux says EIO when the other end is closed
                break
            if not part:
                break
            written += part
        process.wait(10)
    os.close(primary)
    return process.returncode, written.decode().replace("\r\n", "\n")


def test_on_a_terminal_results_appear_as_they_come_and_the_report_stands_alone_at_the_end() -> None:
    with peers.silent() as silent:
        code, text = on_a_terminal(
            "run", "--bootstrap", "127.0.0.1:1", f"127.0.0.1:{silent.address[1]}", "--timeout", "1.2"
        )
    assert code == 1
    live, wiped, final = text.rpartition("\x1b[J")
    assert wiped, "the live view is wiped"
    assert re.search(r"running: [a-z.]+ 127\.0\.0\.1", live)
    assert "connection_refused".upper() not in live
    assert "CONNECTION_REFUSED" in final and "running: " not in final
    assert SEQUENCE.search(final), "colour on a terminal"
    drawn = [len(SEQUENCE.sub("", line)) for line in live.split("\n")]
    assert max(drawn) <= 100 + len("\x1b[12F\x1b[J"), "no line wraps: the region could not be wiped"


def test_no_colour_and_a_narrow_terminal() -> None:
    code, text = on_a_terminal("run", "--bootstrap", "127.0.0.1:1", columns=66, environment={"NO_COLOR": "1"})
    assert code == 1
    final = text.rpartition("\x1b[J")[2]
    assert "\x1b" not in final
    fixes = [line for line in final.split("\n") if line.startswith("   ")]
    assert max(map(len, fixes)) <= 66


def test_piped_output_is_plain_and_nothing_else_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "netcheck", "run", "--bootstrap", "127.0.0.1:1"]
    environment = {**os.environ, "FORCE_COLOR": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"\x1b" not in done.stdout
    output = tmp_path / "report.txt"
    quiet = subprocess.run([*command, "--output", str(output)], capture_output=True, timeout=60)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, b"", b"")
    assert times_aside(output.read_text()) == times_aside(done.stdout.decode())


def test_a_terminal_that_cannot_write_a_sign_gets_another() -> None:
    command = [sys.executable, "-m", "netcheck", "run", "--bootstrap", "127.0.0.1:1"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.isascii() and b"x 1 root cause" in done.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m netcheck run --bootstrap 127.0.0.1:1 --format json | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"{", b"")


def times_aside(text: str) -> str:
    return re.sub(r"[0-9.]+ s, from", "0 s, from", text)


def test_the_hostile_text_is_hostile() -> None:
    assert "\x1b" in HOSTILE_TEXT and "\u202e" in HOSTILE_TEXT


# --- what was moot, and what is to be copied ------------------------------------------------------------


def moot(check: str, target: Target, why: str) -> Result:
    return Result(f"{check}@{target}", check, target, Finding(Status.SKIP, why), 0.0)


BROKER, OTHER = Target(Kind.KAFKA, "b-1.example", 9094), Target(Kind.KAFKA, "b-2.example", 9094)
GIVE = "worker subnets unknown: add --source-subnet"


@pytest.mark.parametrize(
    ("sentence", "results", "shown"),
    [
        (
            "a concern of which nothing was asked",
            [moot("routes.nat", BROKER, GIVE), moot("routes.consistent", BROKER, GIVE)],
            "-  skipped 2: worker subnets unknown: add --source-subnet (routes.*)",
        ),
        (
            "one check of it was asked",
            [
                moot("routes.nat", BROKER, GIVE),
                moot("routes.consistent", BROKER, GIVE),
                Result("r@t", "routes.reaches", BROKER, Finding(Status.PASS, "fine"), 0.0),
            ],
            "(routes.nat, routes.consistent)",
        ),
        (
            "asked of another target",
            [
                moot("routes.nat", BROKER, GIVE),
                moot("routes.consistent", BROKER, GIVE),
                Result("r@t", "routes.nat", OTHER, Finding(Status.PASS, "fine"), 0.0),
            ],
            "(routes.nat, routes.consistent)",
        ),
        (
            "many reasons that nobody can act on",
            [moot(f"a{number}.b", BROKER, f"reason {number}") for number in range(3)],
            "skipped 3: they do not apply here (netcheck run --format json has each reason) (a0.b, a1.b,",
        ),
    ],
)
def test_what_was_moot_takes_few_lines(sentence: str, results: list[Result], shown: str) -> None:
    text = re.sub(r"\n   (?=\S)", " ", render(report(*results), Style(), TITLES))
    assert shown in text, sentence


def test_what_is_to_be_copied_is_not_torn() -> None:
    arn = "arn:aws:kafka:eu-west-1:111122223333:cluster/orders-and-more/9c8b7a65-4321-4fed-9cba-0123456789ab"
    failed = Finding(Status.FAIL, f"refused by {arn}", Cause.KAFKA_ACCESS_DENIED)
    skipped = moot("iam.least-privilege", BROKER, f"give --connector {arn}")
    made = report(Result("k@t", "kafka.login", BROKER, failed, 0.1), skipped)
    assert render(made, Style(width=60), TITLES).count(arn) >= 2
