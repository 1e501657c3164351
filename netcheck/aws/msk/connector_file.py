"""A connector described by a file: Java .properties, or JSON as in the AWS CLI or Kafka Connect."""

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
    """The connector, with secrets redacted; `error` says why the file is unusable, and contains no value."""

    connector: Connector | None
    error: str


def read(deadline: Deadline, path: str) -> ConnectorFile:
    """Read the file. Never raises for its contents, or for a missing file."""
    deadline.remaining()
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            return ConnectorFile(None, "larger than 1 MiB: not a connector's configuration")
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
        return ConnectorFile(None, str(error) or "nested too deeply")


class _Unfit(ValueError):
    """JSON that does not describe a connector."""


def _connector(text: str, name: str) -> Connector:
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return _of_settings(java_properties.parse(text), name)
    document = json.loads(text.lstrip("\ufeff"))
    if "connectorConfiguration" in document:
        settings = _settings(document["connectorConfiguration"], "connectorConfiguration")
        return _described({**document, "connectorConfiguration": settings})
    if isinstance(document.get("config"), dict):  # the format of Kafka Connect's REST API
        return _of_settings(_settings(document["config"], "config"), str(document.get("name", name)))
    return _of_settings(_settings(document, "the file"), name)


def _described(document: Any) -> Connector:
    try:
        return connector(document)
    except (AttributeError, TypeError, KeyError, ValueError):
        raise _Unfit("not the output of aws kafkaconnect describe-connector") from None


def _of_settings(settings: dict[str, str], name: str) -> Connector:
    if not settings:
        raise _Unfit("contains no settings")
    return connector({"connectorName": settings.get("name", name), "connectorConfiguration": settings})


def _settings(given: Any, where: str) -> dict[str, str]:
    if not isinstance(given, dict):
        raise _Unfit(f"{where}: expected settings with values")
    for key, value in given.items():
        if isinstance(value, (dict, list)):
            raise _Unfit(
                f"{where}: {key}: must be a string; give the settings alone, or the whole output of "
                "aws kafkaconnect describe-connector"
            )
    return {key: _text(value) for key, value in given.items() if value is not None}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
