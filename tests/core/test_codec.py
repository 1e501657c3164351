"""What is observed can be written down and read again, whatever a probe returns."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import json
import math
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import netcheck
from netcheck.core.codec import CodecError, decode, encode
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause, Finding, Json, Kind, Target
from netcheck.core.recording import Recording
from netcheck.core.secret import Secret
from netcheck.settings.config import Config

ROOT = Path(netcheck.__file__).parent.parent
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    types.NoneType: st.none(),
    Json: JSON,
}


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Every value of an annotation. What cannot be recorded has none here either, and fails the test."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if origin in (Union, types.UnionType) and any(get_origin(each) is dict for each in inner):
        return JSON  # its forward reference, resolved, makes it another union
    if origin in (Union, types.UnionType):
        return st.one_of([any_of(each) for each in inner])
    if origin is frozenset:
        return st.frozensets(any_of(inner[0]), max_size=3)
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return st.lists(any_of(inner[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(any_of, inner))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(st.text(max_size=5), any_of(inner[1]), max_size=3)
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        fields = {f.name: any_of(hints[f.name]) for f in dataclasses.fields(kind) if f.init}
        return st.builds(cast(type, kind), **fields)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from(kind)
    raise TypeError(f"{kind} is nothing that a recording holds")


@functools.cache
def observed() -> dict[str, Callable[..., object]]:
    """Every function that is given to Context.observe anywhere, by name: the questions to the network."""
    found = {}
    for path in [*ROOT.glob("netcheck/**/*.py"), *ROOT.glob("checks/*.py")]:
        if path.name in ("context.py", "recording.py"):
            continue
        text = path.read_text()
        if "observe" not in text:
            continue
        tree = ast.parse(text)
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for scope in ast.walk(tree):
            if isinstance(scope, ast.FunctionDef):
                given = {one.arg for one in scope.args.args}
                imported = _imported(tree.body) | _imported(ast.walk(scope))
                for asked in _asked(scope):
                    if ast.unparse(asked) not in given:
                        probe = _probe(asked, imported, module)
                        found[f"{probe.__module__}.{probe.__name__}"] = probe
    return found


def _imported(nodes: Iterable[ast.AST]) -> dict[str, tuple[str, str]]:
    """Where names come from: modules are imported late, so each function has names of its own."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def _asked(scope: ast.FunctionDef) -> Iterator[ast.expr]:
    """What stands in the place of the probe in the calls of a function."""
    for call in ast.walk(scope):
        match call:
            case ast.Call(func=ast.Attribute(attr="observe"), args=[probe, *_]):
                yield probe
            case ast.Call(func=ast.Attribute(attr="observe_for"), args=[_, probe, *_]):
                yield probe
            case ast.Call(func=ast.Name(id="_observed"), args=[_, probe, *_]):
                yield probe


def _probe(asked: ast.expr, imported: dict[str, tuple[str, str]], module: str) -> Any:
    if isinstance(asked, ast.Attribute):
        return getattr(importlib.import_module(".".join(imported[ast.unparse(asked.value)])), asked.attr)
    holder, name = imported.get(ast.unparse(asked), (module, ast.unparse(asked)))
    return getattr(importlib.import_module(holder), name)


def test_the_probes_are_found() -> None:
    assert {
        "netcheck.probe.transport.tcp.connect",
        "netcheck.probe.dns.resolve.resolve",
        "netcheck.probe.host.vantage.look",
    } <= observed().keys()
    assert len(observed()) >= 30


def test_no_two_probes_share_their_name_in_a_recording() -> None:
    names = [name.split(".")[-2:] for name in observed()]
    assert len({tuple(name) for name in names}) == len(names)


@pytest.mark.parametrize("name", sorted(observed()))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_every_observation_can_be_recorded_and_read_again(name: str, data: st.DataObject) -> None:
    kind = get_type_hints(observed()[name])["return"]
    value = data.draw(any_of(kind))
    written = json.dumps(encode(value))
    assert decode(kind, json.loads(written)) == value


@settings(max_examples=300, deadline=None)
@given(st.builds(Recording, config=st.dictionaries(st.text(), JSON), started=st.text(),
                 seconds=st.floats(0, 1e9), answers=st.dictionaries(st.text(), JSON)))  # fmt: skip
def test_a_recording_can_be_read_again(recording: Recording) -> None:
    assert decode(Recording, json.loads(json.dumps(encode(recording)))) == recording


def test_the_configuration_can_be_read_again_but_for_its_secrets() -> None:
    config = Config(
        bootstrap=(("b-1", 9094),), trust=Trust("ca.p12", Secret("hunter2")), only=("tls.*",), deadline=5
    )
    read = decode(Config, json.loads(json.dumps(encode(config))))
    assert read == dataclasses.replace(config, trust=Trust("ca.p12", Secret("***")))


@pytest.mark.parametrize(
    "value", [b"bytes", object(), 1j, {"deep": [b"x"]}, math.nan, math.inf, [-math.inf], Secret]
)
def test_what_cannot_be_written_says_so(value: object) -> None:
    with pytest.raises(CodecError, match="cannot be recorded"):
        encode(value)


def test_texts_go_through_the_scrubber_and_our_own_names_do_not() -> None:
    stars = {"kafka": "***", "password": "***", "b-1": "***"}
    target = Target(Kind.KAFKA, "b-1", 9094)
    assert encode({"x": (target, "kafka", Cause.KAFKA_AUTH)}, lambda text: stars.get(text, text)) == {
        "x": [{"kind": "kafka", "host": "***", "port": 9094, "security": "SSL"}, "***", "kafka_auth"]
    }
    assert encode(Trust(), lambda _: "***") == {"path": None, "password": None}


MISFITS: list[tuple[Any, Json, str]] = [
    (int, "1", "x: int expected, found str"),
    (int, True, "x: int expected, found bool"),
    (int, 1.5, "x: int expected, found float"),
    (float, True, "x: float expected, found bool"),
    (float, math.nan, "x: nan is no number"),
    (str, None, "x: str expected, found NoneType"),
    (bool, 1, "x: bool expected, found int"),
    (Cause, "made_up", "x: 'made_up' is no Cause"),
    (Target, [], "x: dict expected, found list"),
    (Target, {"kind": "kafka", "host": "b"}, "x: port is missing"),
    (Target, {"kind": "kafka", "host": "b", "port": "9"}, "x.port: int expected, found str"),
    (tuple[int, ...], [1, "2"], "x[1]: int expected, found str"),
    (tuple[str, int], ["a"], "x: 1 items where 2 belong"),
    (Mapping[str, int], {"a": "b"}, "x.a: int expected"),
    (int | None, "a", "x: int expected"),
    (Finding, {"status": "fail", "summary": 5}, "x.summary: str expected, found int"),
    (Secret, 5, "x: str expected, found int"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data", "words"), MISFITS)
def test_what_does_not_fit_names_the_place(kind: Any, data: Json, words: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode(kind, data, "x")
    assert words in str(caught.value)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([Config, Recording, Target, Finding, tuple[str, int]]), JSON)
def test_whatever_is_read_fits_or_is_refused(kind: Any, data: Json) -> None:
    try:
        decode(kind, data)
    except CodecError as error:
        assert str(error)
