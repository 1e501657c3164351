"""The process inside the sandbox: a question a line on standard input, an answer a line on output."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from tests.lab.flow import Flow
from tests.lab.kernel import LabBroken, raise_file_limit, refuse_real_network
from tests.lab.probe import ask


def main() -> None:
    try:
        refuse_real_network()
    except LabBroken as broken:
        print(json.dumps({"broken": str(broken)}), flush=True)
        return
    raise_file_limit()
    for line in sys.stdin:
        question = json.loads(line)
        flows = [Flow(**flow) for flow in question["flows"]]
        try:
            answer: dict[str, Any] = {
                "outcomes": [asdict(one) for one in ask(question["documents"], flows, question["seed"])]
            }
        except (LabBroken, OSError) as broken:
            answer = {"broken": f"{type(broken).__name__}: {broken}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
