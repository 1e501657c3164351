"""The source of AWS's configuration in a run: a snapshot folder, or AWS. A recording has either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from netcheck.aws.ec2.collect import collect_region
from netcheck.aws.ec2.scope import Scope
from netcheck.aws.ec2.snapshot import SnapshotError, read_folder
from netcheck.core.context import Deadline
from netcheck.core.model import Json


@dataclass(frozen=True, slots=True)
class Documents:
    """AWS's responses by Region ("" where there is only one) and file stem. `error` is why there are none."""

    regions: Mapping[str, Mapping[str, Json]]
    error: str


def saved(deadline: Deadline, folder: str) -> Documents:
    """Read a snapshot folder."""
    deadline.remaining()
    try:
        return Documents(read_folder(Path(folder)), "")
    except SnapshotError as error:
        return Documents({}, str(error))


def collected(
    deadline: Deadline,
    region: str | None,
    profile: str | None,
    subnets: tuple[str, ...],
    security_groups: tuple[str, ...],
) -> Documents:
    """Collect everything around these subnets and security groups from AWS, with Describe, Get and List calls
    only.
    """
    scope = Scope(subnets=frozenset(subnets), security_groups=frozenset(security_groups))
    answer = collect_region(deadline, region, profile, scope)
    return Documents({"": answer.documents}, answer.error)
