"""One side of a comparison: a report, a recording or a snapshot folder."""

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
NETWORK_QUESTIONS = ("aws.ec2.source.collected[", "aws.ec2.source.saved[")
"""The questions in a recording that return the AWS network configuration (netcheck/aws/ec2/source.py)."""
TEXT, OPTIONAL_TEXT = (str,), (str, type(None))
RESOURCES = ("connector", "cluster")
Shape = Mapping[str, tuple[type, ...]]
REPORT: Shape = {"results": (list,), "root_causes": (list,), "pipeline": (dict,)}
RESULT: Shape = {
    **dict.fromkeys(("key", "check", "target", "status", "summary"), TEXT),
    **dict.fromkeys(("cause", "caused_by"), OPTIONAL_TEXT),
}
ROOT_CAUSE: Shape = {
    **dict.fromkeys(("code", "component", "title"), TEXT),
    **dict.fromkeys(("explains", "shown_by"), (list,)),
}


@dataclass(frozen=True, slots=True)
class Side:
    """What can be compared: results, the AWS configuration, or both. `name` is used in messages."""

    name: str
    report: Mapping[str, Any] | None = None
    documents: Documents | None = None
    recording: Recording | None = None


def read_side(path: str) -> Side:
    """Read a report, a recording or a snapshot folder. Raises UsageError with file, reason and remedy."""
    where = Path(path)
    if where.is_dir():
        return _folder(where)
    try:
        data = _unpacked(where)
        found = json.loads(data)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError, RecursionError, zlib.error):
        raise UsageError(f"{path}: not JSON, or truncated: create it again") from None
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema == recording.SCHEMA:
        return _recorded(path)
    if schema == SCHEMA:
        return Side(path, current_report(_checked(path, found)))
    raise UsageError(
        f"{path}: not a report (netcheck run --format json), a recording (--record) or a folder of "
        "netcheck snapshot"
    )


def side_of(name: str, report: Report, recorded: Recording | None = None) -> Side:
    """The side of a run that has just ended, with the AWS configuration where the run was recorded."""
    return Side(name, document(report), documents_of(recorded) if recorded else None, recorded)


def documents_of(recorded: Recording) -> Documents | None:
    """The AWS network configuration in a recording; None where it was not collected."""
    for question, answer in recorded.answers.items():
        if question.startswith(NETWORK_QUESTIONS) and isinstance(answer, dict):
            content = answer.get("answer")
            regions: Any = content.get("regions") if isinstance(content, dict) else None
            if isinstance(regions, dict) and regions and _is_snapshot(regions):
                found: Documents = regions
                return found
    return None


def _is_snapshot(regions: Mapping[str, Any]) -> bool:
    """Whether this is an AWS configuration that can be read."""
    from netcheck.aws.ec2.snapshot import SnapshotError, from_regions

    if not all(isinstance(documents, dict) for documents in regions.values()):
        return False
    try:
        from_regions(regions)
    except SnapshotError:
        return False
    return True


def with_documents(recorded: Recording, documents: Documents) -> Recording:
    """The same recording with another AWS network configuration."""
    answers = dict(recorded.answers)
    for question, answer in recorded.answers.items():
        if (
            question.startswith(NETWORK_QUESTIONS)
            and isinstance(answer, dict)
            and isinstance(answer.get("answer"), dict)
        ):
            changed: Any = {**answer, "answer": {"regions": documents, "error": ""}}
            answers[question] = changed
    return Recording(recorded.config, recorded.started, recorded.seconds, answers)


def replayed(recorded: Recording, name: str) -> Report:
    """The report of a recording. Raises UsageError."""
    return assess(Config(replay=name), ignore_event, recorded).report


def _folder(where: Path) -> Side:
    from netcheck.aws.ec2.snapshot import SnapshotError, load, read_folder

    try:
        load(where)  # its error names the file and line
        return Side(str(where), documents=read_folder(where))
    except SnapshotError as error:
        raise UsageError(str(error)) from None


def _recorded(path: str) -> Side:
    try:
        recorded = recording.read(Path(path))
    except RecordingError as error:
        raise UsageError(str(error)) from None
    return Side(path, document(replayed(recorded, path)), documents_of(recorded), recorded)


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    if data[:2] == b"\x1f\x8b":
        with gzip.open(path) as packed:
            data = packed.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise UsageError(f"{path}: larger than {LARGEST_BYTES >> 20} MiB: not a report")
    return data


def _checked(path: str, found: dict[str, Any]) -> dict[str, Any]:
    """The report, if it has every member that is compared. Raises UsageError."""
    fits = _has(found, REPORT)
    fits = fits and all(_has(each, RESULT) for each in found["results"])
    fits = fits and all(_is_cause(each, found) for each in found["root_causes"])
    fits = fits and all(isinstance(found["pipeline"].get(kind, {}), dict | None) for kind in RESOURCES)
    if not fits:
        raise UsageError(f"{path}: members are missing from this report: create it again with --format json")
    return found


def _is_cause(found: object, report: Mapping[str, Any]) -> bool:
    if not isinstance(found, dict) or not _has(found, ROOT_CAUSE):
        return False
    if not isinstance(found.get("components", []), list):
        return False
    keys = {result["key"] for result in report["results"]}
    return all(isinstance(key, str) and key in keys for key in (*found["shown_by"], *found["explains"]))


def _has(found: object, shape: Shape) -> bool:
    return isinstance(found, dict) and all(
        name in found and isinstance(found[name], kinds) for name, kinds in shape.items()
    )
