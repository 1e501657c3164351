"""The pipeline section of a report: its components, and the values that the run used with their origins."""

from __future__ import annotations

from collections.abc import Sequence

from netcheck.core.codec import encode
from netcheck.core.model import Json, Target
from netcheck.pipeline import required_services
from netcheck.pipeline.model import CONNECTOR_STATES, Connector, Pipeline
from netcheck.settings.config import Config


def described(pipeline: Pipeline, config: Config, targets: Sequence[Target]) -> dict[str, Json]:
    """The pipeline as JSON; only the targets where nothing was looked up."""
    summary: dict[str, Json] = {"targets": [str(target) for target in targets if target.host]}
    if pipeline.connector or pipeline.cluster or pipeline.missing:
        summary |= {
            "region": pipeline.region,
            "account": pipeline.account,
            "connector": _connector(pipeline.connector) if pipeline.connector else None,
            "cluster": encode(pipeline.cluster),
            "worker_interfaces": list(pipeline.worker_interfaces),
            "values": _values(pipeline, config),
            "missing": encode(pipeline.missing),
        }
    return summary


def _connector(connector: Connector) -> dict[str, Json]:
    fields = encode(connector)
    assert isinstance(fields, dict)
    return fields | {
        "state_means": CONNECTOR_STATES.get(connector.state or ""),
        "topics": [name.strip() for name in connector.settings.get("topics", "").split(",") if name.strip()],
        "topics_regex": connector.settings.get("topics.regex"),
        "converters": [
            {"side": each.side, "class": each.java_class, "registry": each.registry}
            for each in required_services.converters(connector)
        ],
        "config_providers": [
            {"alias": each.alias, "class": each.java_class, "service": each.service}
            for each in required_services.providers(connector)
        ],
    }


def _values(pipeline: Pipeline, config: Config) -> dict[str, Json]:
    """Each value that the run used, and its origin."""
    return {
        name: {"value": _plain(pipeline, config, name), "origin": origin}
        for name, origin in sorted(pipeline.origins.items())
    }


def _plain(pipeline: Pipeline, config: Config, name: str) -> Json:
    match name:
        case "bootstrap" if not config.bootstrap and pipeline.cluster:
            return list(dict.fromkeys(pipeline.cluster.bootstrap.values()))
        case "bootstrap":
            return [f"{host}:{port}" for host, port in config.bootstrap]
        case "cluster":
            return pipeline.cluster.arn if pipeline.cluster else config.cluster
    return encode(getattr(config, name))
