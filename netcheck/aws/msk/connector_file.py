"""A connector as a file describes it: Java .properties, or JSON in the shapes that tools print."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netcheck.aws.msk.connectors import connector
from netcheck.core.context import Deadline
from netcheck.pipeline import java_properties
from netcheck.pipeline.model import Connector

LARGEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ConnectorFile:
    """What the file says, secrets starred; `error` says why it says nothing, and never holds a value."""

    connector: Connector | None
    error: str


def read(deadline: Deadline, path: str) -> ConnectorFile:
    """Read the file. Never raises for what is in it, or for its not being there."""
    deadline.remaining()
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            return ConnectorFile(None, "larger than 1 MiB: no connector's configuration is")
        text = data.decode()
    except OSError as error:
        return ConnectorFile(None, error.strerror or "cannot be read")
    except UnicodeDecodeError:
        return ConnectorFile(None, "not UTF-8 text")
    try:
        return ConnectorFile(_connector(text, Path(path).stem), "")
    except java_properties.PropertiesError as error:
        return ConnectorFile(None, str(error))
    except json.JSONDecodeError as error:
        return ConnectorFile(None, f"line {error.lineno}: not valid JSON: {error.msg}")
    except (_Unfit, RecursionError) as error:
        return ConnectorFile(None, str(error) or "nested too deep")


class _Unfit(ValueError):
    """JSON that describes no connector."""


def _connector(text: str, name: str) -> Connector:
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return _of_settings(java_properties.parse(text), name)
    document = json.loads(text.lstrip("\ufeff"))
    if "connectorConfiguration" in document:
        settings = _settings(document["connectorConfiguration"], "connectorConfiguration")
        return _described({**document, "connectorConfiguration": settings})
    if isinstance(document.get("config"), dict):  # as Kafka Connect's own REST API takes it
        return _of_settings(_settings(document["config"], "config"), str(document.get("name", name)))
    return _of_settings(_settings(document, "the file"), name)


def _described(document: Any) -> Connector:
    try:
        return connector(document)
    except (AttributeError, TypeError, KeyError, ValueError):
        raise _Unfit("not as aws kafkaconnect describe-connector prints it") from None


def _of_settings(settings: dict[str, str], name: str) -> Connector:
    if not settings:
        raise _Unfit("holds no settings")
    return connector({"connectorName": settings.get("name", name), "connectorConfiguration": settings})


def _settings(given: Any, where: str) -> dict[str, str]:
    if not isinstance(given, dict):
        raise _Unfit(f"{where}: settings with values are wanted")
    for key, value in given.items():
        if isinstance(value, (dict, list)):
            raise _Unfit(
                f"{where}: {key}: a text is wanted; give the settings alone, or all that "
                "aws kafkaconnect describe-connector prints"
            )
    return {key: _text(value) for key, value in given.items() if value is not None}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
