"""Writes a snapshot folder: one file per document, flat, with the same bytes every time."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from netcheck.aws.ec2.collect import Collected
from netcheck.aws.ec2.snapshot import ACTIONS, BESIDE


def write(collected: Collected, folder: Path) -> None:
    """Write the documents to the folder, creating it if necessary. Raises OSError.

    A document of an earlier snapshot that was not collected this time is removed, so that it is not mistaken
    for AWS's current state. Each file is written under a temporary name and then renamed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[Path, Path] = {}
    try:
        for stem, document in collected.documents.items():
            temporary = folder / f".{stem}.json.{os.getpid()}"
            written[temporary] = folder / f"{stem}.json"
            temporary.write_text(
                json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
            )
        for stem in (ACTIONS.keys() | BESIDE) - collected.documents.keys():
            (folder / f"{stem}.json").unlink(missing_ok=True)
        for temporary, final in written.items():
            temporary.replace(final)
    finally:
        for temporary in written:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
