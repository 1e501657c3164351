"""`netcheck path`: trace one or many flows through a saved AWS configuration."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import TextIO

from netcheck.aws.ec2.snapshot import Snapshot, SnapshotError, load, read_parts
from netcheck.core.evidence import Reachability
from netcheck.path.query import answer, as_json, ask
from netcheck.path.trace import QuestionError

_EXIT = {Reachability.REACHABLE: 0, Reachability.PARTIAL: 1, Reachability.BLOCKED: 1, Reachability.UNKNOWN: 3}
_WORST_FIRST = (1, 2, 3, 0)
_VERDICTS = tuple(verdict.value for verdict in Reachability)
EPILOG = """--flows reads one JSON object per line and answers each with one line, in the same order:
  {"id": "a", "from": "subnet-1", "security_groups": ["sg-1"], "to": "10.0.2.7", "port": 9094,
   "expect": "reachable"}
A line with "expect" (reachable, partial, blocked, unknown) is a test: it fails when the verdict differs.

examples:
  netcheck path --snapshot aws --from subnet-1 --security-group sg-1 --to 10.0.2.7:9094
  netcheck path --snapshot aws --from eni-1 --to 10.0.2.7:9094 --fix
  netcheck path --snapshot aws --flows flows.jsonl

exit codes:
  0  reachable; with --flows, all expectations met
  1  blocked or partial; with --flows, an expectation not met
  2  wrong usage, or a flow that cannot be answered
  3  unknown: the verdict depends on something that is not in the snapshot

environment:
  NO_COLOR  no colours, even on a terminal
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck path` to the commands."""
    parser = commands.add_parser(
        "path",
        help="trace a flow through AWS configuration",
        description="Traces a flow and its return traffic through AWS, and names everything that blocks it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--snapshot", metavar="DIR", help="folder written by `netcheck snapshot`")
    parser.add_argument("--from", dest="source", metavar="ENI|INSTANCE|SUBNET|IP", help="the source")
    parser.add_argument("--to", metavar="IP|ENI:PORT", help="the destination and its port")
    parser.add_argument(
        "--security-group",
        metavar="ID",
        action="extend",
        nargs="+",
        default=None,
        help="security groups of a source that is given as a subnet or an unused address",
    )
    parser.add_argument("--protocol", default="tcp", help="tcp, udp, icmp, icmpv6 or a number (default tcp)")
    parser.add_argument("--source-port", metavar="N|A-B", help="default 32768-60999")
    parser.add_argument("--flows", metavar="FILE|-", help="many flows: JSON lines in, JSON lines out")
    parser.add_argument(
        "--fix",
        action="store_true",
        help="with one flow: the minimal changes that open the path, verified on a copy of the configuration",
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trace the flow or the flows. Returns the exit code."""
    single = args.source is not None or args.to is not None
    if single == (args.flows is not None):
        return _complain("give either --from and --to, or --flows")
    if single and (args.source is None or args.to is None or args.snapshot is None):
        return _complain("one flow needs --snapshot, --from and --to")
    if args.fix and not single:
        return _complain("--fix needs one flow: give --from and --to, not --flows")
    try:
        snapshot = load(Path(args.snapshot)) if args.snapshot is not None else None
    except SnapshotError as error:
        return _complain(str(error))
    if snapshot is not None and single:
        return _one(args, snapshot)
    if args.flows == "-":
        return _many(sys.stdin, snapshot)
    try:
        with Path(args.flows).open(encoding="utf-8") as lines:
            return _many(lines, snapshot)
    except OSError as error:
        return _complain(f"--flows {args.flows}: {error.strerror or error}")


def _complain(message: str) -> int:
    print(f"netcheck: {message}", file=sys.stderr)
    return 2


def _one(args: argparse.Namespace, snapshot: Snapshot) -> int:
    from netcheck.report.hops import render
    from netcheck.report.style import style_of

    question: dict[str, object] = {"from": args.source, "to": args.to, "protocol": args.protocol}
    if args.security_group:
        question["security_groups"] = args.security_group
    if args.source_port is not None:
        question["source_port"] = args.source_port
    try:
        path = ask(question, snapshot)
    except QuestionError as reason:
        return _complain(str(reason))
    fix = _fix(Path(args.snapshot), question) if args.fix else None
    if args.format == "json":
        document = as_json(path) | ({"fix": fix} if args.fix else {})
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return _EXIT[path.verdict]
    style = style_of(sys.stdout, os.environ)
    print(render(path, style))
    if fix is not None:
        from netcheck.report.fix import render as render_fix

        print(f"\n{render_fix(fix, style)}")
    return _EXIT[path.verdict]


def _fix(folder: Path, question: Mapping[str, object]) -> dict[str, object] | None:
    """The fix for one flow; None where there is nothing to fix."""
    from netcheck.repair.search import repair
    from netcheck.repair.to_json import as_json as fix_as_json

    return fix_as_json(repair(read_parts(folder), [question]))


def _many(lines: TextIO, snapshot: Snapshot | None) -> int:
    """Answer each line as soon as it is read. The worst line decides the exit code."""
    codes = {0}
    answered = False
    snapshots: dict[str, Snapshot] = {}
    for number, text in _numbered(lines):
        line, code = _answer_line(number, text, snapshot, snapshots)
        print(json.dumps(line, ensure_ascii=False), flush=True)
        codes.add(code)
        answered = True
    if not answered:
        return _complain("--flows: no flows: expected one JSON object per line")
    return next(code for code in _WORST_FIRST if code in codes)


def _finite(text: str) -> float:
    """Reject NaN and infinity: echoed in the answer, they would not be JSON (RFC 8259, 6)."""
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text} is not a number in JSON")
    return value


def _numbered(lines: TextIO) -> Iterator[tuple[int, str]]:
    """The non-empty lines with their numbers. Bytes that are not text fail one flow, not the run."""
    if hasattr(lines, "reconfigure"):
        lines.reconfigure(errors="replace")
    for number, text in enumerate(lines, 1):
        line = text.removeprefix("\ufeff") if number == 1 else text
        if line.strip():
            yield number, line


def _answer_line(
    number: int, text: str, snapshot: Snapshot | None, snapshots: dict[str, Snapshot]
) -> tuple[dict[str, object], int]:
    try:
        question = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as broken:
        return {"id": None, "error": f"line {number}: not JSON ({broken})"}, 2
    if not isinstance(question, dict):
        return {"id": None, "error": f"line {number}: expected a JSON object"}, 2
    expected = question.get("expect")
    if expected is not None and expected not in _VERDICTS:
        reason = f"'expect': {expected!r} is not one of {', '.join(_VERDICTS)}"
        return {"id": question.get("id"), "error": reason}, 2
    try:
        chosen = _snapshot_of(question, snapshot, snapshots)
        answered = answer(question, chosen)
    except (QuestionError, SnapshotError) as reason:
        answered = {"id": question.get("id"), "error": str(reason)}
    except Exception as fault:  # noqa: BLE001 - a bug met on one flow must not lose the others
        answered = {
            "id": question.get("id"),
            "error": f"netcheck failed on this flow; please report it: {fault!r}",
        }
    return answered, _code(number, answered, expected)


def _snapshot_of(
    question: Mapping[str, object], snapshot: Snapshot | None, snapshots: dict[str, Snapshot]
) -> Snapshot:
    """The snapshot that a line names, loaded once, or the one given with --snapshot."""
    named = question.get("snapshot")
    if named is None and snapshot is not None:
        return snapshot
    if not isinstance(named, str) or not named:
        raise QuestionError("'snapshot': give a folder, or --snapshot DIR for all lines")
    if named not in snapshots:
        snapshots[named] = load(Path(named))
    return snapshots[named]


def _code(number: int, answered: Mapping[str, object], expected: str | None) -> int:
    verdict = answered.get("verdict")
    if expected is not None:
        if verdict == expected:
            return 0
        name = f"line {number}" if answered.get("id") is None else f"flow {answered['id']} (line {number})"
        found = verdict if verdict is not None else f"no answer: {answered.get('error')}"
        print(f"netcheck: {name}: expected {expected}, found {found}{_reason(answered)}", file=sys.stderr)
        return 1
    return 2 if verdict is None else _EXIT[Reachability(str(verdict))]


def _reason(answered: Mapping[str, object]) -> str:
    for key in ("blocked_by", "gaps"):
        found = answered.get(key)
        if isinstance(found, list) and found:
            return f": {found[0]['text']}"
    return ""
