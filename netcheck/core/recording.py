"""The seam between probing and judging: every question to the network, asked live, kept, or looked up.

A recording holds what was observed and what was asked for, with the secrets left out. It is what a person
attaches to a ticket: `--replay` judges it again without a network, by the same code.
"""

from __future__ import annotations

import gzip
import io
import json
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from netcheck.core.aliases import QUESTIONS
from netcheck.core.codec import CodecError, decode, encode
from netcheck.core.context import DeadlineExceeded, NotRecorded
from netcheck.core.model import Json
from netcheck.core.secret import Scrubber

T = TypeVar("T")
SCHEMA = "netcheck.recording/1"
LARGEST_BYTES = 256 << 20
UNANSWERED: Mapping[str, Json] = {"raised": "deadline"}


class RecordingError(Exception):
    """A recording that cannot be read; the message names the file, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One run as it was observed: its configuration, when it was, and every answer by question."""

    config: dict[str, Json]
    started: str
    seconds: float
    answers: dict[str, Json]


class Live:
    """Asks the network and forgets."""

    def observe(self, probe: Callable[..., T], args: tuple[object, ...], ask: Callable[[], T]) -> T:  # noqa: ARG002
        return ask()


class Recorder:
    """Asks the network and keeps what it said, scrubbed."""

    def __init__(self, scrub: Scrubber) -> None:
        self._scrub = scrub
        self._answers: dict[str, Json] = {}
        self._lock = threading.Lock()

    def observe(self, probe: Callable[..., T], args: tuple[object, ...], ask: Callable[[], T]) -> T:
        question = question_of(probe, args, self._scrub)
        with self._lock:  # until it is answered: what is left behind at the deadline stays so
            self._answers.setdefault(question, dict(UNANSWERED))
        try:
            answer = ask()
        except DeadlineExceeded:
            raise
        except BaseException:
            with (
                self._lock
            ):  # another thread may have asked the same: it was first here too, or has an answer
                if self._answers.get(question) == UNANSWERED:
                    del self._answers[question]
            raise
        kept: dict[str, Json] = {"answer": encode(answer, self._scrub)}
        with self._lock:
            self._answers[question] = kept
        return answer

    def recording(self, config: object, started: str, seconds: float) -> Recording:
        """What was kept so far, of a run with this configuration."""
        with self._lock:
            answers = dict(sorted(self._answers.items()))
        clean = encode(config, self._scrub)
        assert isinstance(clean, dict)
        return Recording(clean, started, seconds, answers)


class Player:
    """Looks answers up in a recording; nothing is sent anywhere."""

    def __init__(self, recording: Recording) -> None:
        self._answers = recording.answers

    def observe(self, probe: Callable[..., T], args: tuple[object, ...], ask: Callable[[], T]) -> T:  # noqa: ARG002
        question = question_of(probe, args)
        kept = self._answers.get(question)
        if not isinstance(kept, dict):
            raise NotRecorded(f"the recording does not hold {question}")
        if "raised" in kept:
            raise DeadlineExceeded("no time left")
        try:
            value: T = decode(get_type_hints(probe)["return"], kept.get("answer"), question)
        except CodecError as error:
            raise NotRecorded(f"the recording is not of this version of netcheck: {error}") from None
        return value


def question_of(probe: Callable[..., Any], args: tuple[object, ...], text: Callable[[str], str] = str) -> str:
    """The name a question has in a recording: probe and arguments, their texts passed through `text`."""
    return f"{place_of(probe)}{json.dumps(encode(args, text), ensure_ascii=False)}"


def place_of(probe: Callable[..., Any]) -> str:
    """What the names of all questions to one probe begin with: its place in the package."""
    return f"{probe.__module__.removeprefix('netcheck.')}.{probe.__name__}"


def write(recording: Recording, path: Path, tool: str) -> None:
    """Write a recording as JSON, compressed where the name ends in .gz. Raises OSError."""
    document = {"schema": SCHEMA, "tool": tool, **_fields(recording)}
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    data = text.encode(errors="backslashreplace")  # half a surrogate pair from a peer: JSON escapes it alike
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def read(path: Path) -> Recording:
    """Read a recording. Raises RecordingError."""
    try:
        document = json.loads(_data(path))
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise RecordingError(f"{path}: not a recording ({SCHEMA} expected): give a file made by --record")
        recording: Recording = decode(Recording, document, "recording")
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError, RecursionError, zlib.error) as error:  # broken gzip, UTF-8, JSON or types
        raise RecordingError(
            f"{path}: broken or cut short ({error}); record it again with --record"
        ) from None
    return replace(recording, answers={_current(name): kept for name, kept in recording.answers.items()})


def _current(question: str) -> str:
    """A question's name now, where an older version wrote the recording."""
    place, bracket, arguments = question.partition("[")
    return f"{QUESTIONS.get(place, place)}{bracket}{arguments}"


def _data(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    if data[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            data = packed.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise RecordingError(f"{path}: larger than {LARGEST_BYTES >> 20} MiB, no recording is")
    return data


def _fields(recording: Recording) -> dict[str, Json]:
    fields = encode(recording)
    assert isinstance(fields, dict)
    return fields
