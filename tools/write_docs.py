"""Write the pages of docs/ that are made from the code: `make docs`."""

from __future__ import annotations

from pathlib import Path

from netcheck.engine import check_docs, plugins

DOCS = Path(__file__).parent.parent / "docs"


def pages() -> dict[str, str]:
    """Every generated page, by file name. Plugins that are installed here are left out."""
    own = [check for check in plugins.find().checks if type(check).__module__.startswith("checks.")]
    return {
        "checks.md": check_docs.markdown(own),
        "causes.md": check_docs.causes(),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}")
