"""The runner's guarantees: whatever a check does becomes results, in time, in a stable order."""

# ruff: noqa: ARG001 - the parameters of a check and of a fact are given, whether its body needs them or not
from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netcheck.core.check import Check
from netcheck.core.context import (
    Context,
    Deadline,
    FactUnavailable,
    NotApplicable,
    NotRecorded,
    PrerequisiteFailed,
    Skip,
)
from netcheck.core.model import PIPELINE, Cause, Finding, Json, Kind, Result, Status, Target
from netcheck.core.recording import Live
from netcheck.core.secret import Scrubber
from netcheck.engine.plugins import LoadError
from netcheck.engine.runner import (
    MOST_FINDINGS,
    MOST_TARGETS,
    MOST_THREADS,
    Event,
    Found,
    Outcome,
    Run,
    ignore_event,
)
from netcheck.settings.config import Config
from tests.bounds import LONG, MOMENT, STEP, ends_within
from tests.servers import peers

KAFKA = frozenset({Kind.KAFKA})
ONE = Target(Kind.KAFKA, "b-1", 9094)
TWO = Target(Kind.KAFKA, "b-2", 9094)
FINE = Finding(Status.PASS, "fine")
Body = Callable[[Target, Context], Iterator[Finding]]


def check(name: str, body: Body, kinds: frozenset[str] = KAFKA) -> Check:
    """A check with this body."""

    class Made(Check):
        """A check of the tests."""

        id = name

        def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
            return body(target, ctx)

    Made.kinds = kinds
    return Made()


def run(
    *checks: Check,
    targets: tuple[Target, ...] = (ONE,),
    seconds: float = 20.0,
    watch: Callable[[Event], None] = ignore_event,
    broken: tuple[LoadError, ...] = (),
    secrets: tuple[str, ...] = (),
) -> Outcome:
    context = Context(Config(), Deadline(seconds), Live())
    return Run(checks, context, watch, Scrubber(secrets)).results(targets, broken)


def only(outcome: Outcome) -> Result:
    (result,) = outcome.results
    return result


def fine(target: Target, ctx: Context) -> Iterator[Finding]:
    yield FINE


# --- what a check does, and the one result that comes of it ---------------------------------------------


def raises(error: BaseException) -> Body:
    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        raise error
        yield

    return body


def yields(*findings: Any) -> Body:
    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        yield from findings

    return body


invalid: Any = Finding
"""A finding as a plugin without types may build it."""


def returns_none(target: Target, ctx: Context) -> Iterator[Finding]:
    return None  # type: ignore[return-value]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


BEHAVIOURS: list[tuple[str, Body, Status, Cause | None, str]] = [
    ("yields nothing", yields(), Status.UNKNOWN, Cause.CHECK_BUG, "no finding"),
    ("is no generator and returns None", returns_none, Status.UNKNOWN, Cause.CHECK_BUG, "TypeError"),
    ("raises", raises(KeyError("lost")), Status.UNKNOWN, Cause.CHECK_BUG, "KeyError: 'lost'"),
    ("exits", raises(SystemExit(0)), Status.UNKNOWN, Cause.CHECK_BUG, "SystemExit"),
    ("interrupts", raises(KeyboardInterrupt()), Status.UNKNOWN, Cause.CHECK_BUG, "KeyboardInterrupt"),
    ("raises what has no words", raises(Unspeakable()), Status.UNKNOWN, Cause.CHECK_BUG, "Unspeakable"),
    (
        "skips with words that fail",
        raises(Skip(Unspeakable())),
        Status.UNKNOWN,
        Cause.CHECK_BUG,
        "RuntimeError: no words",
    ),
    ("yields a text", yields("fine"), Status.UNKNOWN, Cause.CHECK_BUG, "str, not a Finding"),
    ("status as text", yields(invalid("fail", "x")), Status.UNKNOWN, Cause.CHECK_BUG, "status is str"),
    (
        "no summary",
        yields(invalid(Status.PASS, None)),
        Status.UNKNOWN,
        Cause.CHECK_BUG,
        "summary is NoneType",
    ),
    (
        "a cause of its own making",
        yields(invalid(Status.FAIL, "x", "made_up")),
        Status.UNKNOWN,
        Cause.CHECK_BUG,
        "no check declares",
    ),
    (
        "evidence that JSON cannot hold",
        yields(invalid(Status.PASS, "x", evidence={"raw": b"\x16\x03"})),
        Status.UNKNOWN,
        Cause.CHECK_BUG,
        "bytes cannot be recorded",
    ),
    (
        "evidence that is not a number",
        yields(Finding(Status.PASS, "x", evidence={"ratio": float("nan")})),
        Status.UNKNOWN,
        Cause.CHECK_BUG,
        "nan",
    ),
    (
        "discovers a text",
        yields(invalid(Status.PASS, "x", discovered=("b-3:9094",))),
        Status.UNKNOWN,
        Cause.CHECK_BUG,
        "discovered",
    ),
    ("skips", raises(Skip("nothing to ask")), Status.SKIP, None, "nothing to ask"),
    ("skips without a reason", raises(Skip()), Status.SKIP, None, "moot"),
    ("has no ground", raises(PrerequisiteFailed("no address")), Status.SKIP, Cause.NOT_ASKED, "no address"),
    (
        "was not recorded",
        raises(NotRecorded("tcp.connect")),
        Status.UNKNOWN,
        Cause.NOT_RECORDED,
        "tcp.connect",
    ),
    (
        "lacks a fact",
        raises(FactUnavailable("no rights")),
        Status.UNKNOWN,
        Cause.FACT_UNAVAILABLE,
        "no rights",
    ),
    ("passes", fine, Status.PASS, None, "fine"),
]


@pytest.mark.parametrize(
    ("body", "status", "cause", "words"), [row[1:] for row in BEHAVIOURS], ids=[row[0] for row in BEHAVIOURS]
)
def test_whatever_a_check_does_becomes_one_result(
    body: Body, status: Status, cause: Cause | None, words: str
) -> None:
    result = only(run(check("a.b", body)))
    assert (result.status, result.finding.cause) == (status, cause)
    assert words in result.finding.summary
    assert (result.key, result.check, result.target) == ("a.b@kafka://b-1:9094", "a.b", ONE)


def test_a_bug_keeps_the_findings_that_came_before_it() -> None:
    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        yield FINE
        yield Finding(Status.FAIL, "broken", Cause.TIMED_OUT)
        raise ZeroDivisionError("oh")

    results = run(check("a.b", body)).results
    assert [r.status for r in results] == [Status.PASS, Status.FAIL, Status.UNKNOWN]
    assert [r.key for r in results] == [
        "a.b@kafka://b-1:9094", "a.b@kafka://b-1:9094#2", "a.b@kafka://b-1:9094#3",
    ]  # fmt: skip
    assert "a.b raised ZeroDivisionError: oh at test_runner.py:" in results[2].finding.summary


def test_a_skip_keeps_the_findings_that_came_before_it() -> None:
    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        yield FINE
        raise Skip("the rest is moot")

    assert [r.status for r in run(check("a.b", body)).results] == [Status.PASS, Status.SKIP]


def test_a_check_that_is_not_needed_leaves_no_result() -> None:
    results = run(check("a.closer", raises(NotApplicable("it connected"))), check("a.fine", fine)).results
    assert [(r.check, r.status) for r in results] == [("a.fine", Status.PASS)]


def test_a_fact_may_say_that_nobody_needs_it() -> None:
    def fact(ctx: Context) -> str:
        raise NotApplicable("it connected")

    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        yield Finding(Status.PASS, ctx.get(fact))

    assert run(check("a.closer", body)).results == ()


def test_one_checks_bug_does_not_touch_the_others() -> None:
    results = run(check("a.bug", raises(ValueError())), check("a.fine", fine), targets=(ONE, TWO)).results
    assert [(r.check, r.target, r.status) for r in results] == [
        ("a.bug", ONE, Status.UNKNOWN),
        ("a.fine", ONE, Status.PASS),
        ("a.bug", TWO, Status.UNKNOWN),
        ("a.fine", TWO, Status.PASS),
    ]


def test_a_check_is_asked_only_about_the_kinds_it_names() -> None:
    everywhere = check("a.pipeline", fine, frozenset({Kind.PIPELINE}))
    results = run(check("a.kafka", fine), everywhere, targets=(ONE, PIPELINE)).results
    assert [r.key for r in results] == ["a.kafka@kafka://b-1:9094", "a.pipeline@pipeline"]


def test_a_check_that_yields_without_end_is_ended() -> None:
    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        while True:
            yield FINE

    results = run(check("a.endless", body), check("a.fine", fine), seconds=4 * LONG).results
    endless = [r for r in results if r.check == "a.endless"]
    assert len(endless) == MOST_FINDINGS + 1
    assert endless[-1].finding.cause is Cause.CHECK_BUG
    assert results[-1].check == "a.fine"


def test_evidence_is_plain_json_and_scrubbed() -> None:
    evidence: dict[str, Json] = {"kind": Kind.KAFKA, "all": ["hunter2", {"x": "my hunter2"}], "n": 1}
    body = yields(Finding(Status.PASS, "said hunter2", evidence=evidence))
    finding = only(run(check("a.b", body), secrets=("hunter2",))).finding
    assert finding.summary == "said ***"
    assert finding.evidence == {"kind": "kafka", "all": ["***", {"x": "my ***"}], "n": 1}


def test_a_broken_plugin_is_a_result_after_all_others() -> None:
    results = run(
        check("a.b", fine), broken=(LoadError("x.py", "SyntaxError: hunter2"),), secrets=("hunter2",)
    ).results
    assert [r.status for r in results] == [Status.PASS, Status.UNKNOWN]
    last = results[-1]
    assert (last.key, last.finding.cause) == ("plugin@x.py", Cause.PLUGIN_BROKEN)
    assert last.finding.summary == "x.py gives no checks: SyntaxError: ***"


# --- facts ----------------------------------------------------------------------------------------------


def test_a_fact_is_computed_once_also_under_racing_threads() -> None:
    computed: list[str] = []
    together = threading.Barrier(40)

    def slow(ctx: Context, host: str) -> str:
        computed.append(host)
        time.sleep(0.1)
        return f"address of {host}"

    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        together.wait(LONG)
        yield Finding(Status.PASS, ctx.get(slow, target.host))

    checks = [check(f"a.c{number:02}", body) for number in range(20)]
    results = run(*checks, targets=(ONE, TWO)).results
    assert sorted(computed) == ["b-1", "b-2"]
    assert {r.finding.summary for r in results if r.target == ONE} == {"address of b-1"}
    assert {r.finding.summary for r in results if r.target == TWO} == {"address of b-2"}
    assert len(results) == 40


def test_a_fact_with_named_arguments_is_the_same_fact_in_any_order() -> None:
    computed: list[int] = []

    def fact(ctx: Context, *, a: int, b: int) -> int:
        computed.append(1)
        return a * b

    context = Context(Config(), Deadline(5), Live())
    assert context.get(fact, a=2, b=3) == context.get(fact, b=3, a=2) == 6
    assert computed == [1]


class Denied(Exception):
    """What a library might raise."""


@pytest.mark.parametrize("seed", range(8))
def test_a_fact_that_raised_is_reported_once_and_others_point_to_the_first_in_report_order(seed: int) -> None:
    def routes(ctx: Context) -> str:
        raise FactUnavailable("route tables: access denied", action="ec2:DescribeRouteTables")

    delays = random.Random(seed).sample([0.0, 0.02, 0.04, 0.06], 4)

    def after(delay: float) -> Body:
        def body(target: Target, ctx: Context) -> Iterator[Finding]:
            time.sleep(delay)
            yield Finding(Status.PASS, ctx.get(routes))

        return body

    checks = [check(f"r.c{number}", after(delay)) for number, delay in enumerate(delays)]
    results = run(*checks).results
    first, *rest = results
    assert first.key == "r.c0@kafka://b-1:9094"
    assert (first.status, first.finding.cause) == (Status.UNKNOWN, Cause.FACT_UNAVAILABLE)
    assert first.finding.missing_permissions == ("ec2:DescribeRouteTables",)
    assert first.caused_by is None
    assert [(r.status, r.finding.cause, r.caused_by) for r in rest] == [
        (Status.SKIP, Cause.NOT_ASKED, first.key)
    ] * 3


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Denied("not today"), "broken failed: Denied: not today"),
        (SystemExit(3), "ended by SystemExit"),
    ],
)
def test_a_fact_that_breaks_is_never_taken_for_a_value(error: BaseException, words: str) -> None:
    asked = threading.Event()

    def broken(ctx: Context) -> str:
        asked.wait(LONG)
        raise error

    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        yield Finding(Status.PASS, f"it is {ctx.get(broken)}")

    def releases(target: Target, ctx: Context) -> Iterator[Finding]:
        time.sleep(0.1)
        asked.set()
        yield FINE

    results = run(check("a.one", body), check("a.two", body), check("z.go", releases)).results
    assert [r.status for r in results if r.check != "z.go"].count(Status.PASS) == 0
    assert any(words in r.finding.summary for r in results)


def test_facts_that_differ_in_what_they_are_asked_are_distinguished() -> None:
    def address(ctx: Context, host: str) -> str:
        raise Denied(host)

    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        yield Finding(Status.PASS, ctx.get(address, target.host))

    results = run(check("a.one", body), check("a.two", body), targets=(ONE, TWO)).results
    assert [r.caused_by for r in results] == [None, "a.one@kafka://b-1:9094", None, "a.one@kafka://b-2:9094"]


def test_a_fact_behind_a_fact_is_the_one_that_is_reported() -> None:
    def ground(ctx: Context) -> str:
        raise FactUnavailable("no ground", action="ec2:DescribeVpcs")

    def above(ctx: Context) -> str:
        return ctx.get(ground)

    def asks(fact: Callable[[Context], str]) -> Body:
        def body(target: Target, ctx: Context) -> Iterator[Finding]:
            yield Finding(Status.PASS, ctx.get(fact))

        return body

    first, second = run(check("a.above", asks(above)), check("b.ground", asks(ground))).results
    assert first.finding.missing_permissions == ("ec2:DescribeVpcs",)
    assert second.caused_by == first.key


# --- time -----------------------------------------------------------------------------------------------


def test_partial_results_survive_the_deadline() -> None:
    def partial(target: Target, ctx: Context) -> Iterator[Finding]:
        yield FINE
        threading.Event().wait(60)

    with ends_within(STEP):
        outcome = run(check("a.partial", partial), check("b.fine", fine), seconds=STEP)
    assert [(r.check, r.status, r.finding.cause) for r in outcome.results] == [
        ("a.partial", Status.PASS, None),
        ("a.partial", Status.UNKNOWN, Cause.DEADLINE),
        ("b.fine", Status.PASS, None),
    ]
    assert "--deadline" in outcome.results[1].finding.summary


def test_a_wait_that_ends_with_the_deadline_says_so() -> None:
    def waits(target: Target, ctx: Context) -> Iterator[Finding]:
        while True:
            time.sleep(ctx.deadline.remaining(0.05))

    result = only(run(check("a.b", waits), seconds=MOMENT))
    assert (result.status, result.finding.cause) == (Status.UNKNOWN, Cause.DEADLINE)


def test_a_deadline_that_has_passed_leaves_every_job_with_a_result() -> None:
    results = run(*[check(f"a.c{n}", fine) for n in range(5)], targets=(ONE, TWO), seconds=0.0).results
    assert len({r.key for r in results}) == 10


def test_more_jobs_than_threads_all_run() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        yield FINE

    targets = tuple(Target(Kind.KAFKA, f"b-{number}", 9094) for number in range(MOST_THREADS + 100))
    results = run(check("a.b", body), targets=targets, seconds=60).results
    assert [r.target for r in results] == list(targets)
    assert {r.status for r in results} == {Status.PASS}
    assert most <= MOST_THREADS


def test_hung_checks_in_every_thread_leave_the_waiting_ones_a_result() -> None:
    def hangs(target: Target, ctx: Context) -> Iterator[Finding]:
        threading.Event().wait(30)
        yield FINE

    targets = tuple(Target(Kind.KAFKA, f"b-{number}", 9094) for number in range(MOST_THREADS + 50))
    results = run(check("a.hangs", hangs), targets=targets, seconds=1.0).results
    assert len(results) == MOST_THREADS + 50
    assert {r.finding.cause for r in results} == {Cause.DEADLINE}


SCRIPT = """
import sys, threading, resource
from netcheck.core.check import Check
from netcheck.settings.config import Config
from netcheck.core.context import Context, Deadline
from netcheck.core.model import Finding, Kind, Status, Target
from netcheck.core.recording import Live
from netcheck.engine.runner import Run, ignore_event
from netcheck.core.secret import Scrubber

class Made(Check):
    "A claim."
    id = "a.made"
    kinds = frozenset({Kind.KAFKA})
    def run(self, target, ctx):
        BODY

targets = [Target(Kind.KAFKA, f"b-{n}", 9094) for n in range(COUNT)]
BEFORE
context = Context(Config(), Deadline(SECONDS), Live())
for result in Run([Made()], context, ignore_event, Scrubber([])).results(targets, []).results:
    print(result.status, result.finding.cause)
"""


def script(body: str, count: int, seconds: float, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run checks with this body in a process of their own, which must end: a hung one is TimeoutExpired."""
    text = SCRIPT.replace("BODY", textwrap.indent(body, " " * 8).strip())
    text = text.replace("COUNT", str(count)).replace("SECONDS", str(seconds)).replace("BEFORE", before)
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)


def test_a_hung_check_holds_neither_the_run_nor_the_process() -> None:
    done = script("threading.Event().wait(3600); yield", count=3, seconds=0.5)
    assert (done.returncode, done.stdout, done.stderr) == (0, "unknown deadline\n" * 3, "")


def test_a_check_that_ignores_everything_holds_neither() -> None:
    body = """
while True:
    try:
        threading.Event().wait(3600)
    except BaseException:
        pass
yield
"""
    done = script(body, count=2, seconds=0.5)
    assert done.stdout == "unknown deadline\n" * 2


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
def test_a_host_that_gives_few_threads_still_runs_every_job() -> None:
    before = "threading.stack_size(64 << 20); resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))"
    body = "import time; time.sleep(0.02); yield Finding(Status.PASS, 'fine')"
    done = script(body, count=40, seconds=30, before=before)
    assert (done.returncode, done.stdout, done.stderr) == (0, "pass None\n" * 40, "")


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
def test_a_host_that_gives_no_thread_at_all_says_so() -> None:
    before = "threading.stack_size(1 << 30); resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))"
    done = script("yield Finding(Status.PASS, 'fine')", count=3, seconds=30, before=before)
    assert (done.returncode, done.stdout, done.stderr) == (0, "unknown resources\n" * 3, "")


# --- discovery and order --------------------------------------------------------------------------------


def test_discovered_targets_get_every_check_and_each_once() -> None:
    brokers = tuple(Target(Kind.KAFKA, f"b-{number}", 9094) for number in range(1, 5))

    def lists(target: Target, ctx: Context) -> Iterator[Finding]:
        yield Finding(Status.PASS, "listed", discovered=brokers)

    results = run(check("k.list", lists), check("t.other", fine), targets=(TWO, ONE)).results
    assert [r.key for r in results] == [
        f"{name}@kafka://{host}:9094"
        for host in ("b-2", "b-1", "b-3", "b-4")  # as given, then the discovered ones by name
        for name in ("k.list", "t.other")
    ]


def test_targets_without_end_are_bounded_and_the_report_says_so() -> None:
    def more(target: Target, ctx: Context) -> Iterator[Finding]:
        number = int(target.host.removeprefix("b-"))
        found = tuple(Target(Kind.KAFKA, f"b-{number * 3 + step}", 9094) for step in range(1, 4))
        yield Finding(Status.PASS, "listed", discovered=found)

    results = run(check("k.list", more), targets=(ONE,), seconds=60).results
    assert len({r.target for r in results}) == MOST_TARGETS
    assert Cause.TOO_MANY_TARGETS in {r.finding.cause for r in results}


def test_a_discovered_name_that_holds_a_secret_does_not_show_it() -> None:
    def lists(target: Target, ctx: Context) -> Iterator[Finding]:
        yield Finding(Status.PASS, "listed", discovered=(Target(Kind.KAFKA, "hunter2.example", 9094),))

    results = run(check("k.list", lists), secrets=("hunter2",)).results
    assert [str(r.target) for r in results] == ["kafka://b-1:9094", "kafka://***.example:9094"]
    assert "hunter2" not in repr(results)


def test_the_order_of_results_does_not_depend_on_who_is_fast() -> None:
    def shuffled(seed: int) -> list[str]:
        dice = random.Random(seed)
        delays = {(n, host): dice.uniform(0, 0.05) for n in range(6) for host in ("b-1", "b-2", "b-3", "b-4")}

        def body(number: int) -> Body:
            def ask(target: Target, ctx: Context) -> Iterator[Finding]:
                time.sleep(delays[number, target.host])
                yield FINE
                yield Finding(Status.PASS, "and", discovered=(Target(Kind.KAFKA, "b-4", 9094), TWO))

            return ask

        targets = (ONE, Target(Kind.KAFKA, "b-3", 9094))
        return [r.key for r in run(*(check(f"a.c{n}", body(n)) for n in range(6)), targets=targets).results]

    orders = [shuffled(seed) for seed in range(5)]
    assert orders[0][:2] == ["a.c0@kafka://b-1:9094", "a.c0@kafka://b-1:9094#2"]
    assert orders.count(orders[0]) == 5


def test_the_watcher_hears_of_every_result_as_it_comes() -> None:
    heard: list[str] = []

    def watch(event: Event) -> None:
        heard.append(type(event).__name__ + (f" {event.finding.summary}" if isinstance(event, Found) else ""))

    run(check("a.b", yields(FINE, FINE)), watch=watch)
    assert [word for word in heard if word != "Tick"] == ["Started", "Found fine", "Found fine", "Ended"]


# --- Ctrl-C, on the real command line ------------------------------------------------------------------


def heed_ctrl_c() -> None:
    """In a child: a shell may have started the tests with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupt(arguments: list[str], plugins: Path, until: Callable[[], bool]) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "netcheck", "run", "--plugins", str(plugins), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=heed_ctrl_c,
    ) as process:
        ends = time.monotonic() + 30
        while not until() and time.monotonic() < ends:
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err


PLUGIN = '''
import pathlib, threading
from netcheck.core.check import Check
from netcheck.core.model import Cause, Finding, Status

class Quick(Check):
    """It is quick."""
    id, kinds = "zz.quick", frozenset({"kafka"})
    def run(self, target, ctx):
        yield Finding(Status.STATUS, "said at once", CAUSE)

class Stuck(Check):
    """It is stuck."""
    id, kinds = "zz.stuck", frozenset({"kafka"})
    def run(self, target, ctx):
        pathlib.Path(r"MARK").touch()
        threading.Event().wait(3600)
        yield
'''


@pytest.mark.parametrize(
    ("status", "cause", "code"), [("PASS", "None", 3), ("FAIL", "Cause.TIMED_OUT", 1)], ids=["3", "1"]
)
def test_ctrl_c_prints_what_is_known(tmp_path: Path, status: str, cause: str, code: int) -> None:
    mark = tmp_path / "running"
    text = (
        PLUGIN.replace("Status.STATUS", f"Status.{status}").replace("CAUSE", cause).replace("MARK", str(mark))
    )
    (tmp_path / "zz.py").write_text(text)
    with peers.silent() as peer:
        host, port = peer.address
        given = ["--bootstrap", f"{host}:{port}", "--only", "zz.*", "--deadline", "60"]
        returned, out, err = interrupt(given, tmp_path, mark.exists)
    assert (returned, err) == (code, "")
    assert "interrupted after" in out and "zz.stuck" in out
    assert "said at once" in out or "zz.quick" in out


ODD_FINDINGS: list[tuple[str, dict[str, object]]] = [
    ("a target without a host", {"discovered": (Target(Kind.KAFKA, None, 9094),)}),  # type: ignore[arg-type]
    ("a target with a port in words", {"discovered": (Target(Kind.KAFKA, "b", "9094"),)}),  # type: ignore[arg-type]
    ("a number that no reader takes", {"evidence": {"n": 10**5000}}),
    ("a code that is a number", {"code": 7}),
    ("a component that is a list", {"component": ["sg-1"]}),
]


@pytest.mark.parametrize("odd", [row[1] for row in ODD_FINDINGS], ids=[row[0] for row in ODD_FINDINGS])
def test_a_finding_with_an_odd_part_is_a_bug_of_its_check(odd: dict[str, object]) -> None:
    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        yield Finding(Status.PASS, "fine", **odd)  # type: ignore[arg-type]

    [result] = run(check("odd.finding", body)).results
    assert (result.status, result.finding.cause) == (Status.UNKNOWN, Cause.CHECK_BUG)


def test_a_secret_in_a_code_or_a_component_is_not_reported() -> None:
    def body(target: Target, ctx: Context) -> Iterator[Finding]:
        yield Finding(Status.FAIL, "no", Cause.TIMED_OUT, code="my-secret", component="sg-my-secret")

    [result] = run(check("odd.secret", body), secrets=("my-secret",)).results
    assert (result.finding.code, result.finding.component) == ("***", "sg-***")
