"""python tools/write_deployments.py: write netcheck's own policy, and the code that looks up a connector's
workers, into the files of deploy/ between their begin and end markers.
"""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import yaml

from netcheck.aws.iam.permissions import policy

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
TEMPLATES = (DEPLOY / "sam" / "template.yaml", DEPLOY / "ecs" / "template.yaml")
POLICY = DEPLOY / "terraform" / "policy.json"
PART = re.compile(r"( *)# begin: (?P<name>[a-z ]+)\n(?P<text>.*?)( *)# end: (?P=name)\n", re.DOTALL)


class _Indented(yaml.SafeDumper):
    """Indents lists under their keys."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def texts() -> dict[str, str]:
    """The text of each part of a template, by its name."""
    code = (DEPLOY / "workers.py").read_text()
    return {
        "netcheck policy": yaml.dump(policy()["Statement"], Dumper=_Indented, sort_keys=False, width=100),
        "workers code": "ZipFile: |\n" + textwrap.indent(code, "  "),
    }


def written(template: str) -> str:
    """The template with all of its parts up to date."""
    parts = texts()

    def part(found: re.Match[str]) -> str:
        indent, name = found[1], found["name"]
        body = textwrap.indent(parts[name], indent)
        return f"{indent}# begin: {name}\n{body}{indent}# end: {name}\n"

    return PART.sub(part, template)


def main() -> None:
    for path in TEMPLATES:
        path.write_text(written(path.read_text()))
    POLICY.write_text(json.dumps(policy(), indent=2) + "\n")


if __name__ == "__main__":
    main()
