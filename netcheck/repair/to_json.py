"""The repair of one query as plain data: what `netcheck path --fix --format json` prints under `fix`."""

from __future__ import annotations

from netcheck.aws.ec2.snapshot import from_parts
from netcheck.path.verdict import Path
from netcheck.repair.alternative_subnets import alternative_subnets
from netcheck.repair.awscli import command, undo
from netcheck.repair.change import Change, sentence
from netcheck.repair.notes import notes
from netcheck.repair.place import accounts, region_of
from netcheck.repair.search import Repair
from netcheck.repair.terraform import in_existing, resource


def as_json(done: Repair) -> dict[str, object] | None:
    """None where there is nothing to fix.

    `proved`: with `changes`, the query is `reachable`. Otherwise each change removes a blocker, and `left`
    lists what still blocks the traffic or is not known.
    """
    if not done.questions:
        return None
    question = done.questions[0]
    snapshot = from_parts(done.parts)
    changes = done.changes if question.proved else done.offered
    regions = {change: region_of(change, done.parts, snapshot) for change in changes}
    texts = [*notes(regions, snapshot), *accounts(changes, done.parts)]
    if not question.proved:
        texts += alternative_subnets([question.query], snapshot)
    return {
        "proved": question.proved,
        "changes": [_change(one, number, regions[one]) for number, one in enumerate(changes, 1)],
        "notes": texts,
        "left": _left(question.after, done) if not question.proved else [],
    }


def _change(change: Change, number: int, region: str) -> dict[str, object]:
    return {
        "text": sentence(change),
        "awscli": command(change, region),
        "terraform": resource(change, f"netcheck_{number}") or None,
        "terraform_note": in_existing(change) or None,
        "undo": undo(change, region) or None,
    }


def _left(path: Path, done: Repair) -> list[str]:
    """The blockers that no offered change removes, and what is not known."""
    repaired = {blocker for change in done.offered for blocker in done.origins[change]}
    texts = [blocker.text for blocker in path.blockers if blocker not in repaired]
    texts += [unknown.text for unknown in path.unknowns]
    return list(dict.fromkeys(texts))
