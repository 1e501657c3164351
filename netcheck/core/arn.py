"""Amazon Resource Names, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):(\d{12}|aws|):(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Arn:
    """`arn:partition:service:region:account:resource` (IAM user guide, ARN format)."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


def parse_arn(text: str) -> Arn | None:
    """The parts of an ARN, None for anything else."""
    found = ARN.fullmatch(text)
    return Arn(*found.groups()) if found else None
