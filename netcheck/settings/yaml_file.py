"""YAML mappings with the line of every key, for error messages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netcheck.settings.config import UsageError

if TYPE_CHECKING:
    import yaml

LARGEST_BYTES = 1 << 20
QUOTED = re.compile(r"""'[^<'][^']+'|"[^"]{2,}\"""")
"""What YAML's messages quote of the file, except single characters and <names>. YAML takes an unquoted
password that starts with * or ! for an alias or a tag, and would show it.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of the mapping and the line of its key, from 1."""

    value: object
    line: int


def read_mapping(path: str, allowed: Sequence[str]) -> dict[str, Entry]:
    """The keys of a YAML file, each with its value and line. A dash in a key is read as an underscore.

    Raises UsageError with file, line and key, and never a value.
    """
    import yaml

    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise UsageError(f"{path}: larger than 1 MiB: not a netcheck file")
        loader = yaml.SafeLoader(data.decode("utf-8-sig"))
        try:
            node = loader.get_single_node()
            return {} if node is None else _entries(path, node, loader, allowed)
        finally:
            loader.dispose()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = QUOTED.sub("'...'", error.problem or error.context or "")
        raise UsageError(f"{path}:{line}: not valid YAML: {problem}") from None
    except (yaml.YAMLError, RecursionError):
        raise UsageError(
            f"{path}: not valid YAML (a character that YAML forbids, or nested too deeply)"
        ) from None


def _entries(path: str, node: yaml.Node, loader: yaml.SafeLoader, allowed: Sequence[str]) -> dict[str, Entry]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        raise UsageError(
            f"{path}:{node.start_mark.line + 1}: expected keys with values, like `{allowed[0]}: ...`"
        )
    entries: dict[str, Entry] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = str(key_node.value).replace("-", "_")
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(allowed)}"
            raise UsageError(f"{path}:{line}: unknown key {key!r}: {hint}")
        if key in entries:
            raise UsageError(f"{path}:{line}: duplicate key {key}, first on line {entries[key].line}")
        try:
            entries[key] = Entry(loader.construct_object(value_node, deep=True), line)
        except (ValueError, OverflowError):  # 2024-02-31, a number of thousands of digits
            raise UsageError(f"{path}:{line}: {key}: YAML cannot read this value: put it in quotes") from None
    return entries
