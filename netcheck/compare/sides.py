"""One side of a comparison: a report, a recording, or a saved AWS configuration, read from where it is."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netcheck.compare.components import Documents
from netcheck.core import recording
from netcheck.core.aliases import current_report
from netcheck.core.model import Report
from netcheck.core.recording import Recording, RecordingError
from netcheck.engine.assessment import assess
from netcheck.engine.runner import ignore_event
from netcheck.report.json import SCHEMA, document
from netcheck.settings.config import Config, UsageError

LARGEST_BYTES = 256 << 20
OBSERVED = ("aws.ec2.source.collected[", "aws.ec2.source.saved[")
"""How a recording names what was asked of AWS about the network (netcheck/aws/ec2/source.py)."""
TEXT, PERHAPS = (str,), (str, type(None))
THINGS = ("connector", "cluster")
Shape = Mapping[str, tuple[type, ...]]
OF_A_REPORT: Shape = {"results": (list,), "root_causes": (list,), "pipeline": (dict,)}
OF_A_RESULT: Shape = {
    **dict.fromkeys(("key", "check", "target", "status", "summary"), TEXT),
    **dict.fromkeys(("cause", "caused_by"), PERHAPS),
}
OF_A_CAUSE: Shape = {
    **dict.fromkeys(("code", "component", "title"), TEXT),
    **dict.fromkeys(("explains", "shown_by"), (list,)),
}


@dataclass(frozen=True, slots=True)
class Side:
    """What there is to compare: results, AWS's answers, or both. `name` is how messages call it."""

    name: str
    report: Mapping[str, Any] | None = None
    documents: Documents | None = None
    recording: Recording | None = None


def read_side(path: str) -> Side:
    """Read a report, a recording or a snapshot folder. Raises UsageError: file, reason and remedy."""
    where = Path(path)
    if where.is_dir():
        return _folder(where)
    try:
        data = _unpacked(where)
        found = json.loads(data)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError, RecursionError, zlib.error):
        raise UsageError(f"{path}: not JSON, or cut short: make it again") from None
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema == recording.SCHEMA:
        return _recorded(path)
    if schema == SCHEMA:
        return Side(path, current_report(_checked(path, found)))
    raise UsageError(
        f"{path}: neither a report (netcheck run --format json) nor a recording (--record) nor a folder of "
        "netcheck snapshot"
    )


def side_of(name: str, report: Report, kept: Recording | None = None) -> Side:
    """This run's own side, with AWS's answers where the run was recorded."""
    return Side(name, document(report), documents_of(kept) if kept else None, kept)


def documents_of(kept: Recording) -> Documents | None:
    """AWS's answers about the network in a recording, None where it was not asked."""
    for question, answer in kept.answers.items():
        if question.startswith(OBSERVED) and isinstance(answer, dict):
            held = answer.get("answer")
            regions: Any = held.get("regions") if isinstance(held, dict) else None
            if isinstance(regions, dict) and regions and _is_snapshot(regions):
                found: Documents = regions
                return found
    return None


def _is_snapshot(regions: Mapping[str, Any]) -> bool:
    """Whether these are AWS's answers as one can read them."""
    from netcheck.aws.ec2.snapshot import SnapshotError, from_regions

    if not all(isinstance(documents, dict) for documents in regions.values()):
        return False
    try:
        from_regions(regions)
    except SnapshotError:
        return False
    return True


def with_documents(kept: Recording, documents: Documents) -> Recording:
    """The same recording, had AWS answered that about the network."""
    answers = dict(kept.answers)
    for question, answer in kept.answers.items():
        if (
            question.startswith(OBSERVED)
            and isinstance(answer, dict)
            and isinstance(answer.get("answer"), dict)
        ):
            changed: Any = {**answer, "answer": {"regions": documents, "error": ""}}
            answers[question] = changed
    return Recording(kept.config, kept.started, kept.seconds, answers)


def judged(kept: Recording, name: str) -> Report:
    """The report of a recording. Raises UsageError."""
    return assess(Config(replay=name), ignore_event, kept).report


def _folder(where: Path) -> Side:
    from netcheck.aws.ec2.snapshot import SnapshotError, load, read_folder

    try:
        load(where)  # says which file and line is wrong
        return Side(str(where), documents=read_folder(where))
    except SnapshotError as error:
        raise UsageError(str(error)) from None


def _recorded(path: str) -> Side:
    try:
        kept = recording.read(Path(path))
    except RecordingError as error:
        raise UsageError(str(error)) from None
    return Side(path, document(judged(kept, path)), documents_of(kept), kept)


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    if data[:2] == b"\x1f\x8b":
        with gzip.open(path) as packed:
            data = packed.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise UsageError(f"{path}: larger than {LARGEST_BYTES >> 20} MiB, no report is")
    return data


def _checked(path: str, found: dict[str, Any]) -> dict[str, Any]:
    """A report that has what is compared. Raises UsageError."""
    fits = _has(found, OF_A_REPORT)
    fits = fits and all(_has(each, OF_A_RESULT) for each in found["results"])
    fits = fits and all(_is_cause(each, found) for each in found["root_causes"])
    fits = fits and all(isinstance(found["pipeline"].get(kind, {}), dict | None) for kind in THINGS)
    if not fits:
        raise UsageError(f"{path}: a report with parts missing: make it again with --format json")
    return found


def _is_cause(found: object, report: Mapping[str, Any]) -> bool:
    if not isinstance(found, dict) or not _has(found, OF_A_CAUSE):
        return False
    keys = {result["key"] for result in report["results"]}
    return all(isinstance(key, str) and key in keys for key in (*found["shown_by"], *found["explains"]))


def _has(found: object, shape: Shape) -> bool:
    return isinstance(found, dict) and all(
        name in found and isinstance(found[name], kinds) for name, kinds in shape.items()
    )
