"""A finding's evidence as people read it: what the check kept, with the typed fields that reports show."""

from __future__ import annotations

from netcheck.core.model import Finding, Json


def shown_evidence(finding: Finding) -> dict[str, Json]:
    """The evidence of a finding, under the keys that reports have had since version 0.1."""
    typed: dict[str, Json] = {
        "brief": finding.title,
        "missing_permission": finding.missing_permissions[0] if finding.missing_permissions else "",
        "confirms": [f"{one.check}@{one.kind}" for one in finding.confirms],
        "fix": _fix(finding),
    }
    return {**finding.evidence, **{key: value for key, value in typed.items() if value}}


def _fix(finding: Finding) -> Json:
    """One fix, or the list of several."""
    fixes: list[Json] = [{"kind": fix.kind, "text": fix.text} for fix in finding.fixes]
    return fixes[0] if len(fixes) == 1 else fixes
