"""What to query about an execution role, from what is known of its pipeline. Pure."""

from __future__ import annotations

from netcheck.iam.needs import exact, is_elsewhere, needs, stores
from netcheck.iam.role_snapshot import RoleQuestions, SimulationRequest
from netcheck.pipeline.config_providers import Store
from netcheck.pipeline.model import Pipeline


def role_questions(pipeline: Pipeline, role: str) -> RoleQuestions:
    """The role, the resource policies of what it needs, and the actions to simulate.

    Only provisioned clusters have a cluster policy (Amazon MSK API, GetClusterPolicy). Needs on the same
    resources are simulated in one call.
    """
    tried: dict[tuple[str, ...], list[str]] = {}
    for need in needs(pipeline, {}).needs:
        if exact(need):
            tried.setdefault(need.resources, []).extend(need.actions)
    named = stores(pipeline)
    cluster = pipeline.cluster
    return RoleQuestions(
        role=role,
        cluster=cluster.arn
        if cluster and cluster.kind == "PROVISIONED" and "IAM" in cluster.authentication
        else None,
        secrets=tuple(
            one.name for one in named if one.store is Store.SECRETS and not is_elsewhere(pipeline, one)
        ),
        scram_secrets=(cluster.scram_secrets or ()) if cluster else (),
        buckets=tuple(
            dict.fromkeys(one.name.partition("/")[0] for one in named if one.store is Store.OBJECTS)
        ),
        tried=tuple(SimulationRequest(tuple(dict.fromkeys(actions)), on) for on, actions in tried.items()),
    )
