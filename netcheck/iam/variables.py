"""The context of a request, and policy variables (`${aws:PrincipalTag/team}`) replaced from it. Pure.

IAM user guide, "Variables and tags": `${*}`, `${?}` and `${$}` stand for these characters themselves, and
`${key, 'text'}` has a default for when the key is not in the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from netcheck.iam.patterns import Glob, Wild, glob

VARIABLE = re.compile(r"\$\{\s*([^},]*?)\s*(?:,\s*'([^']*)'\s*)?\}")
SIGNS = frozenset({"*", "?", "$"})

Context = Mapping[str, tuple[str, ...] | None]
"""Condition keys in lower case: the values in the request, None for a key that is certainly not in it. A
missing key may or may not be in the request."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with its variables replaced. If one is not known, `pattern` is None, `loosest` has `*` in its
    place and `unknown` names it. `absent`: a variable has no value, so nothing matches.
    """

    pattern: Glob | None
    loosest: Glob
    unknown: str = ""
    absent: bool = False


def fill(text: str, context: Context, has_variables: bool) -> Filled:
    """The text as a pattern. The value of a variable is never a wildcard."""
    if not has_variables or "${" not in text:
        pattern = glob(text)
        return Filled(pattern, pattern)
    parts: list[str | Wild] = []
    unknown, absent, at = "", False, 0
    for found in VARIABLE.finditer(text):
        parts += glob(text[at : found.start()])
        at = found.end()
        key, default = found[1], found[2]
        if key in SIGNS:
            parts.append(key)
            continue
        values = context.get(key.lower(), ())
        if values is None:
            absent = absent or default is None
            parts += tuple(default or "")
        elif len(values) == 1:
            parts += tuple(values[0])
        else:
            unknown = unknown or key
            parts.append(Wild.MANY)
    pattern = (*parts, *glob(text[at:]))
    return Filled(None if unknown else pattern, pattern, unknown, absent)
