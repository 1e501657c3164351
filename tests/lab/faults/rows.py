"""The matrix: rows as data, each a patch of the healthy pipeline and what netcheck has to say of it.

A row is one YAML document of a file in rows/ (the file is its chapter):

    id: S01                              # of the row; catalogued rows have the catalogue's
    title: the brokers' security group lets nobody in
    says: ["...TimeoutException: Timed out waiting for a node assignment. Call: listNodes"]
    like: PrivateLink                    # a shape of healthy pipeline, in rows/shapes.yaml
    patch:                               # as in tests/scenarios, of the AWS side and of `live`
      - {at: ec2/SecurityGroups/GroupId=sg-brokers/IpPermissions, set: []}
      - {at: "live/doors/10.0.11.21:9098/iam", set: expired}
    expect:                              # every root cause there is to be, the first first
      - {code: SG_HAS_NO_RULES, component: sg-brokers, fix: authorize-security-group-ingress}
    proved: true                         # the fix is one that netcheck has proved: it is applied to the lab
    mend: what to do, where netcheck's own words are not a command

`code` and `component` are regular expressions of the whole, `title` and `fix` are found anywhere. `pair:
[S01, X03]` is two rows at once. A row with `odd` instead of `expect` is harmless: its list names the causes
of the warnings that it may give, none mostly. `arguments`, `deny`, `services` and `dns` are as in
tests/scenarios, and `scenario` is one of them whose patches are taken over, before those of the row.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.lab.faults.backends import CLOUD
from tests.scenarios.pipelines import Loader, applied, base, merged, scenarios

FOLDER = Path(__file__).with_name("rows")
SHAPES = "shapes.yaml"
CHAPTERS = ("names", "routing", "filters", "transport", "tls", "kafka", "clickhouse", "aws", "connector")
"""The files of single faults, in the order of the document."""
OF_THE_PIPELINE = ("like", "scenario", "patch", "services", "dns", "deny", "arguments")
PAIRS, ODD = "pairs", "harmless"
CLOUD_ADDRESSES = ("63.32.1.11", "63.32.1.12", "63.32.1.13")
SERVICE_ADDRESSES = {
    "secretsmanager.eu-west-1.amazonaws.com": "52.95.121.80",
    "sts.eu-west-1.amazonaws.com": "52.95.121.81",
    "sts.amazonaws.com": "52.119.198.216",
}
BROKER_ADDRESSES = {1: "10.0.11.21", 2: "10.0.12.22", 3: "10.0.13.23"}


@dataclass(frozen=True, slots=True)
class Expected:
    """One root cause that there is to be: regular expressions, "" where it does not matter."""

    code: str
    component: str = ""
    title: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `data` is what tests/scenarios make a pipeline of; `odd` is None for a fault."""

    id: str
    chapter: str
    title: str
    says: tuple[str, ...]
    data: Mapping[str, Any]
    expect: tuple[Expected, ...]
    odd: tuple[str, ...] | None
    proved: bool
    mend: str
    pair: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.id} {self.title}"


class RowError(Exception):
    """The matrix' own data is wrong."""


def live() -> dict[str, Any]:
    """What is live in the healthy pipeline: see doors.py and site.py."""
    doors: dict[str, Any] = {
        f"{address}:9098": {"iam": "good", "backend": f"{number}.IAM"}
        for number, address in BROKER_ADDRESSES.items()
    }
    doors |= {
        f"{address}:8443": {"tls": "full_chain", "backend": "clickhouse"} for address in CLOUD_ADDRESSES
    }
    doors |= {f"{address}:443": {"aws": "full_chain"} for address in SERVICE_ADDRESSES.values()}
    return {
        "doors": doors,
        "resolvers": ["10.0.0.2"],
        "name_servers": {"10.0.0.2": "vpc"},
        "at_the_worker": ["10.0.0.2"],
        "drops": [],
        "links": {},
        "environment": {},
        "zones": {},
    }


@functools.cache
def shapes() -> Mapping[str, Mapping[str, Any]]:
    """The shapes of healthy pipelines, by name."""
    return {one["name"]: one for one in _documents(FOLDER / SHAPES)}


def pipeline(data: Mapping[str, Any]) -> dict[str, Any]:
    """The pipeline of a row's data: the healthy one, its shape, its patches."""
    made = base()
    made["live"] = live()
    # One partition has the lab's topic, and one task reads it.
    made["connector"]["connectorConfiguration"]["tasks.max"] = "1"
    made["dns"] |= {CLOUD: list(CLOUD_ADDRESSES)} | {name: [one] for name, one in SERVICE_ADDRESSES.items()}
    for part in reversed(list(_parts(data))):
        for patch in part.get("patch", ()):
            applied(made, patch)
        for section in ("services", "dns"):
            made[section] = merged(made.get(section, {}), part.get(section, {}))
        made["deny"] = [*made.get("deny", ()), *part.get("deny", ())]
        made["arguments"] = part.get("arguments", made["arguments"])
    return made


def _parts(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The data, and what it is like, down to the healthy pipeline."""
    yield data
    if "scenario" in data:
        scenario = scenarios()[data["scenario"]]
        yield scenario
        # A row says itself what it is like; a shape is like what its scenario is.
        if "like" in scenario and "like" not in data:
            yield from _parts({"scenario": scenario["like"]})
    if "like" in data:
        yield from _parts(shapes()[data["like"]])


def mended(row: Row) -> dict[str, Any]:
    """The row's pipeline without its fault."""
    return {"like": row.data["like"]} if "like" in row.data else {}


@functools.cache
def matrix() -> Mapping[str, Row]:
    """Every row by its id: singles, pairs and oddities."""
    found: dict[str, Row] = {}
    for chapter in (*CHAPTERS, ODD, PAIRS):
        path = FOLDER / f"{chapter}.yaml"
        for document in _documents(path) if path.exists() else ():
            row = _paired(document, found) if "pair" in document else _row(document, chapter)
            if row.id in found:
                raise RowError(f"{chapter}.yaml: {row.id} stands twice")
            found[row.id] = row
    return found


def _documents(path: Path) -> list[Any]:
    return [one for one in yaml.load_all(path.read_text("utf-8"), Loader) if one]


def _row(document: Mapping[str, Any], chapter: str) -> Row:
    if ("odd" in document) == ("expect" in document):
        raise RowError(f"{document['id']}: either expect or odd")
    return Row(
        str(document["id"]),
        chapter,
        document["title"],
        tuple(document.get("says", ())),
        {key: document[key] for key in OF_THE_PIPELINE if key in document},
        tuple(Expected(**one) for one in document.get("expect", ())),
        tuple(document["odd"]) if "odd" in document else None,
        bool(document.get("proved", False)),
        document.get("mend", ""),
        (),
    )


def _paired(document: Mapping[str, Any], known: Mapping[str, Row]) -> Row:
    """Two rows at once: the patches of both, and what both are to say."""
    rows = [known[name] for name in document["pair"]]
    data: dict[str, Any] = {}
    for row in rows:
        for key, value in row.data.items():
            if key in ("patch", "deny"):
                data[key] = [*data.get(key, ()), *value]
            elif key in ("services", "dns"):
                data[key] = merged(data.get(key, {}), value)
            elif data.setdefault(key, value) != value:
                raise RowError(f"{document['pair']}: both have their own {key}")
    expect = document.get("expect")
    return Row(
        "+".join(row.id for row in rows),
        PAIRS,
        "; and ".join(row.title for row in rows),
        (),
        data,
        tuple(Expected(**one) for one in expect)
        if expect
        else tuple(one for row in rows for one in row.expect),
        None,
        all(row.proved for row in rows),
        "",
        tuple(document["pair"]),
    )
