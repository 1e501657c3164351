"""Write the pages of docs/, and parts of pages, that are generated from the code: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from netcheck.core.aliases import CAUSES, CHECKS
from netcheck.engine import check_docs, plugins

DOCS = Path(__file__).parent.parent / "docs"
VIEW = """CREATE VIEW netcheck_history AS
WITH
    {old_names} AS old_names,
    {names} AS names
SELECT
    run, started, run_seconds, version, pipeline, vantage,
    concat(transform(splitByChar('@', key)[1], old_names, names), substring(key, position(key, '@'))) AS key,
    transform(check, old_names, names) AS check,
    target, status,
    transform(cause, old_names, names) AS cause,
    layer,
    transform(root_cause, old_names, names) AS root_cause,
    component,
    concat(
        transform(splitByChar('@', caused_by)[1], old_names, names),
        substring(caused_by, position(caused_by, '@'))
    ) AS caused_by,
    seconds, days_left, summary, evidence
FROM netcheck_results FINAL
"""
"""Every row of a history under today's names. `transform` without a default keeps all other values."""
PART = re.compile(r"(<!-- begin: view -->\n).*?(<!-- end: view -->\n)", re.DOTALL)


def pages() -> dict[str, str]:
    """Every page that is generated, in whole or in part, by file name. Installed plugins are left out."""
    own = [check for check in plugins.find().checks if type(check).__module__.startswith("checks.")]
    return {
        "checks.md": check_docs.markdown(own),
        "causes.md": check_docs.causes(own),
        "history.md": _with_view((DOCS / "history.md").read_text(encoding="utf-8")),
    }


def view() -> str:
    """The statement that creates the view of docs/history.md."""
    names = {**CHECKS, **CAUSES, **{old.upper(): new.upper() for old, new in CAUSES.items()}}
    return VIEW.format(old_names=_array(names), names=_array(names.values()))


def _array(names: Iterable[str]) -> str:
    lines = ",\n".join(f"        '{name}'" for name in names)
    return f"[\n{lines}\n    ]"


def _with_view(page: str) -> str:
    return PART.sub(lambda found: f"{found[1]}```sql\n{view()}```\n{found[2]}", page)


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")
