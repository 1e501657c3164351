"""docs/faults.md, from the fault matrix and netcheck's report of each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.lab.faults import said
from tests.lab.faults.rows import CHAPTERS, ODD, PAIRS, Row, matrix

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
TITLES = {
    "names": "Names",
    "routing": "Routing",
    "filters": "Security groups, network ACLs, endpoints",
    "transport": "TCP and the path",
    "tls": "TLS",
    "kafka": "Kafka",
    "clickhouse": "ClickHouse",
    "aws": "IAM and AWS services",
    "connector": "The connector and its configuration",
}
HEAD = """# Every fault

Faults between Amazon MSK, MSK Connect and ClickHouse: the error messages, netcheck's root cause, and the
fix. Search this page for your error message.

Every entry is tested in the [kernel lab](kernel-lab.md): a whole pipeline with real brokers, a real
ClickHouse, DNS, TLS and the AWS API, in which only this one thing is broken. netcheck, run where a worker is,
has to report this one root cause and no other. Where the fix is marked *verified*, netcheck has verified it
on the AWS configuration, and the printed commands, applied to the lab, make the pipeline work. Ids and names
are the lab's.

`python -m tests.lab.faults S01 -v` runs one entry; `make faults` runs all of them.
"""


def page() -> str:
    """The page's text."""
    kept, rows = said.read(), matrix()
    parts = [HEAD]
    for chapter in CHAPTERS:
        mine = [row for row in rows.values() if row.chapter == chapter]
        parts.append(f"\n## {TITLES[chapter]}\n\n{_table(mine, kept)}")
        parts += [_entry(row, kept[row.id]) for row in mine]
    parts.append(_two_at_once([row for row in rows.values() if row.chapter == PAIRS]))
    parts.append(_harmless([row for row in rows.values() if row.chapter == ODD], kept))
    return "".join(parts)


def _table(rows: list[Row], kept: Mapping[str, Any]) -> str:
    lines = ["| fault | root cause |", "|---|---|"]
    for row in rows:
        codes = dict.fromkeys(f"`{one['code']}`" for one in kept[row.id]["roots"])
        lines.append(f"| [{_plain(row.title)}](#{_anchor(row)}) | {', '.join(codes)} |")
    return "\n".join(lines) + "\n"


def _entry(row: Row, outcome: Mapping[str, Any]) -> str:
    first = outcome["roots"][0]
    lines = ["", f'<a id="{_anchor(row)}"></a>', "", f"### {row.id}: {_plain(row.title)}", ""]
    lines += ["Symptoms:", "", "```text", *row.says, "```", ""]
    for root in outcome["roots"]:
        lines += [
            f"netcheck reports `{root['code']}` at `{root['component']}`:",
            "",
            f"> {_plain(root['title'])}",
            "",
        ]
    lines += [*_fix(first, row)]
    return "\n".join(lines) + "\n"


def _fix(root: Mapping[str, Any], row: Row) -> Iterator[str]:
    yield f"Fix{' (verified)' if row.proved else ''}:"
    yield ""
    if row.mend:
        yield row.mend
        return
    if root["fix"] and root["fix"][0]["kind"] == "text":
        yield from (_plain(one["text"]) for one in root["fix"])
        return
    yield "```sh" if root["fix"] and root["fix"][0]["kind"] == "awscli" else "```text"
    yield from (one["text"] for one in root["fix"])
    if root["more"]:
        yield f"# and {root['more']} more of the same kind"
    yield "```"


def _two_at_once(rows: list[Row]) -> str:
    lines = ["", "## Two faults at once", "", "Both are reported, and neither hides the other:", ""]
    lines += [f"- {' and '.join(f'[{one}](#{one.lower()})' for one in row.pair)}" for row in rows]
    return "\n".join(lines) + "\n"


def _harmless(rows: list[Row], kept: Mapping[str, Any]) -> str:
    lines = ["", "## Unusual but harmless", "", "No failure, and exit code 0:", ""]
    lines += ["| configuration | netcheck |", "|---|---|"]
    for row in rows:
        warned = kept[row.id]["warns"]
        outcome = f"warns `{row.odd[0]}`" if warned and row.odd else "reports nothing"
        lines.append(f"| {_plain(row.title)} | {outcome} |")
    return "\n".join(lines) + "\n"


def _anchor(row: Row) -> str:
    return row.id.lower()


def _plain(text: str) -> str:
    """Escape text for Markdown."""
    for sign in ("<", "*", "_", "|", "["):
        text = text.replace(sign, f"\\{sign}")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print("docs/faults.md")
