"""Write the pages of docs/ that are made from the code: `make docs`."""

from __future__ import annotations

from pathlib import Path

from netcheck import documentation, plugins

DOCS = Path(__file__).parent.parent / "docs"


def pages() -> dict[str, str]:
    """Every generated page, by file name."""
    return {
        "checks.md": documentation.markdown(plugins.find().checks),
        "causes.md": documentation.causes(),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")
