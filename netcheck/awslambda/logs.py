"""JSON log lines on standard output, which go to CloudWatch Logs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from netcheck.core.model import Json


class Log:
    """Writes lines with the members of Lambda's own JSON logs (Lambda developer guide, "Working with Lambda
    function logs"): timestamp, level, message, requestId, followed by the line's own.
    """

    def __init__(self, out: TextIO, request: str) -> None:
        self._out = out
        self._request = request

    @property
    def request(self) -> str:
        """The id of this invocation."""
        return self._request

    def info(self, message: str, **more: Json) -> None:
        self._line("INFO", message, more)

    def warn(self, message: str, **more: Json) -> None:
        self._line("WARN", message, more)

    def error(self, message: str, **more: Json) -> None:
        self._line("ERROR", message, more)

    def emit(self, document: Mapping[str, Json]) -> None:
        """Write a document that is not a log message, such as one in the embedded metric format."""
        print(json.dumps(document, separators=(",", ":")), file=self._out, flush=True)

    def _line(self, level: str, message: str, more: Mapping[str, Json]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        first = {"timestamp": now, "level": level, "message": message, "requestId": self._request}
        self.emit({**first, **more})
