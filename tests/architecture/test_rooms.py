"""A room imports only from floors below, and what costs time to import is imported where it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import netcheck
from tests.architecture.sources import parsed

ROOT = Path(netcheck.__file__).parent.parent
SOURCES = sorted([*ROOT.glob("netcheck/**/*.py"), *ROOT.glob("checks/*.py")])
NETWORK = {"socket", "ssl", "boto3", "botocore", "kafka", "clickhouse_connect", "dns", "urllib3", "requests"}
FLOORS: tuple[tuple[str, ...], ...] = (
    ("core",),
    ("aws.api", "diagnose", "pipeline", "probe.transport"),
    ("aws.awslambda", "aws.cloudwatch", "aws.ec2", "probe.dns", "probe.tls", "settings"),
    ("aws.msk", "aws.route53", "history", "iam", "probe.http", "probe.kafka"),
    ("aws.iam", "path", "probe.clickhouse", "probe.host"),
    ("repair",),
    ("engine",),
    ("checks", "report", "testing"),
    ("awslambda", "compare", "fleet"),
    ("watch",),
    ("commands",),
)
"""Every room. A room may import any room on a lower floor, and none on its own floor or above."""
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
PURE_ROOMS = ("diagnose", "iam", "path", "pipeline", "repair")
MAY_TOUCH_THE_NETWORK = (
    "netcheck.probe.",
    "netcheck.aws.",
    "netcheck.awslambda.clients",
    "netcheck.history.table",
)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path, *, top_level: bool = False) -> set[str]:
    """The modules a file names in its imports, wherever they stand but under `if TYPE_CHECKING`."""
    found: set[str] = set()
    todo: list[ast.AST] = [parsed(path)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo += node.orelse
        elif not (top_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            todo += [below for below in ast.iter_child_nodes(node) if not isinstance(below, ast.expr)]
    return found


class _Imports(dict[str, set[str]]):
    """What each module imports, read when it is asked for: collecting the tests reads no source."""

    def __missing__(self, name: str) -> set[str]:
        self[name] = imports(MODULES[name])
        return self[name]


MODULES = {module_of(path): path for path in SOURCES}
IMPORTS = _Imports()


def reached(start: str) -> set[str]:
    """All of our modules that importing this one may bring in, now or later."""
    todo, seen = [start], {start}
    while todo:
        for name in IMPORTS[todo.pop()] & MODULES.keys():
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return seen - {start}


def test_the_walk_sees_what_there_is() -> None:
    assert {
        "netcheck.core.model",
        "netcheck.engine.facts",
        "checks.tls",
        "netcheck.probe.transport.tcp",
    } <= MODULES.keys()
    assert "netcheck.core.context" in IMPORTS["checks.tls"]
    assert "netcheck.core.model" in reached("checks.tls")


# --- rooms ----------------------------------------------------------------------------------------------


def room_of(module: str) -> str:
    """The folder that a module is in: `netcheck.probe.tls.hello` is in `probe.tls`, a package in itself."""
    parts = module.removeprefix("netcheck.").split(".")
    is_folder = MODULES[module].name == "__init__.py"
    return ".".join(parts if is_folder else parts[:-1])


ROOMS = {name: room_of(name) for name in MODULES if name not in ("netcheck", "netcheck.__main__")}
FOLDERS_OF_ROOMS = {"aws", "probe"}


def test_no_module_is_loose_at_the_top() -> None:
    assert sorted(path.name for path in ROOT.glob("netcheck/*.py")) == ["__init__.py", "__main__.py"]


def test_the_table_has_every_room_once() -> None:
    assert sorted(room for floor in FLOORS for room in floor) == sorted(
        set(ROOMS.values()) - FOLDERS_OF_ROOMS
    )


def test_a_folder_of_rooms_has_no_module() -> None:
    assert not [name for name, room in ROOMS.items() if room in FOLDERS_OF_ROOMS and IMPORTS[name]]


@pytest.mark.parametrize("room", sorted({*ROOMS.values()}))
def test_a_room_says_what_belongs_there(room: str) -> None:
    path = MODULES["checks" if room == "checks" else f"netcheck.{room}"]
    assert ast.get_docstring(parsed(path)), f"{path} needs a docstring"


@pytest.mark.parametrize("module", sorted(ROOMS))
def test_a_room_imports_only_from_floors_below(module: str) -> None:
    room = ROOMS[module]
    others = {ROOMS[name]: name for name in IMPORTS[module] & ROOMS.keys() if ROOMS[name] != room}
    wrong = [name for other, name in others.items() if FLOOR[other] >= FLOOR[room]]
    assert not wrong, f"{module} is on floor {FLOOR[room]} and imports {wrong} from the same floor or above"


# --- modules --------------------------------------------------------------------------------------------

MODEL = ("netcheck.core.aliases", "netcheck.core.evidence", "netcheck.core.model")
PROBLEM = (*MODEL, "netcheck.core.problem")
LAYERS: list[tuple[str, tuple[str, ...]]] = [
    ("netcheck.core.aliases", ()),
    ("netcheck.core.evidence", ()),
    ("netcheck.core.place", ()),
    ("netcheck.core.hostport", ()),
    ("netcheck.core.version", ()),
    ("netcheck.core.context", ()),
    ("netcheck.core.model", MODEL),
    ("netcheck.core.problem", MODEL),
    ("netcheck.core.secret", MODEL),
    ("netcheck.core.credentials", (*MODEL, "netcheck.core.secret")),
    ("netcheck.core.codec", (*MODEL, "netcheck.core.secret")),
    ("netcheck.core.catalogue", (*PROBLEM, "netcheck.core.agent_problems")),
    (
        "netcheck.core.check",
        (
            *PROBLEM,
            "netcheck.core.agent_problems",
            "netcheck.core.codec",
            "netcheck.core.context",
            "netcheck.core.place",
            "netcheck.core.secret",
        ),
    ),
    ("netcheck.compare.change", MODEL),
    ("netcheck.compare.results", (*MODEL, "netcheck.compare.change")),
    (
        "netcheck.compare.undo",
        (
            *MODEL,
            "netcheck.compare",
            "netcheck.compare.change",
            "netcheck.compare.components",
            "netcheck.compare.words",
        ),
    ),
    ("netcheck.settings.history_location", ("netcheck.core.hostport",)),
]


@pytest.mark.parametrize(("module", "below"), LAYERS, ids=[row[0] for row in LAYERS])
def test_each_layer_stands_on_those_below_it_and_on_nothing_else(module: str, below: tuple[str, ...]) -> None:
    assert reached(module) <= set(below)


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("netcheck.")))
def test_nothing_below_the_checks_imports_a_check(module: str) -> None:
    assert not [name for name in IMPORTS[module] if name.split(".")[0] == "checks"]


def test_only_the_plugin_loader_knows_the_package_of_checks_by_name() -> None:
    named = [
        name
        for name, path in MODULES.items()
        if name.startswith("netcheck.")
        and any(isinstance(n, ast.Constant) and n.value == "checks" for n in ast.walk(parsed(path)))
    ]
    assert sorted(named) == [
        "netcheck.commands.checks",
        "netcheck.commands.main",
        "netcheck.engine.plugins",
    ], "the command line has a command of that name"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("checks.")))
def test_a_check_stands_on_facts_and_knows_neither_runner_nor_reports(module: str) -> None:
    above = (
        "netcheck.engine.runner",
        "netcheck.engine.assessment",
        "netcheck.commands.main",
        "netcheck.commands",
        "netcheck.report",
        "netcheck.engine.plugins",
    )
    assert not [name for name in reached(module) if name.startswith(above)]
    assert not {name.split(".")[0] for name in IMPORTS[module]} & NETWORK


PURE = sorted(
    name for name in MODULES if ROOMS.get(name) in PURE_ROOMS or name == "netcheck.aws.ec2.snapshot"
)


@pytest.mark.parametrize("module", PURE)
def test_what_is_pure_touches_neither_network_nor_time_nor_threads(module: str) -> None:
    below = {module, *reached(module)}
    foreign = {name.split(".")[0] for each in below for name in IMPORTS[each]}
    assert not foreign & (NETWORK | {"threading", "subprocess", "time", "random"})
    above = (
        "netcheck.engine.runner",
        "netcheck.engine.facts",
        "netcheck.core.context",
        "netcheck.core.check",
        "netcheck.probe",
        "checks",
    )
    assert not [name for name in below if name.startswith(above)]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_probes_and_the_collector_touch_the_network(module: str) -> None:
    touched = {name.split(".")[0] for name in IMPORTS[module]} & NETWORK
    if (
        module == "netcheck.engine.targets"
    ):  # asks botocore's tables for the name of an endpoint, and sends nothing
        touched -= {"botocore"}
    if not module.startswith(MAY_TOUCH_THE_NETWORK):
        assert not touched


def test_no_module_imports_itself_in_a_circle() -> None:
    tops = {name: imports(path, top_level=True) & MODULES.keys() for name, path in MODULES.items()}
    for start in MODULES:
        todo, seen = list(tops[start]), set()
        while todo:
            name = todo.pop()
            assert name != start, f"{start} imports itself by way of others"
            if name not in seen:
                seen.add(name)
                todo += tops[name]


# --- what is imported when ------------------------------------------------------------------------------

HEAVY = (
    "boto3",
    "botocore",
    "kafka",
    "clickhouse_connect",
    "dns",
    "tabulate",
    "yaml",
    "ssl",
    "cryptography",
    "shtab",
)
SHOW = f"""
import sys
from netcheck.commands.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


def loaded(*arguments: str) -> set[str]:
    """Which of the heavy modules a command imports."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("no-such-command",)])
def test_what_needs_nothing_imports_nothing(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments) == set()


def test_help_on_a_command_imports_no_library_of_a_protocol() -> None:
    assert not loaded("run", "--help") & {"boto3", "botocore", "kafka", "clickhouse_connect"}


@pytest.mark.parametrize(
    ("target", "unwanted"),
    [
        (("--clickhouse", "https://127.0.0.1:1"), {"boto3", "botocore", "kafka"}),
        (("--bootstrap", "127.0.0.1:1"), {"boto3", "botocore", "clickhouse_connect"}),
        (("--clickhouse-native", "127.0.0.1:1"), {"boto3", "botocore", "kafka", "clickhouse_connect"}),
        (("--aws-service", "http://127.0.0.1:1"), {"boto3", "botocore", "kafka", "clickhouse_connect"}),
    ],
)
def test_a_run_imports_only_the_libraries_of_its_targets(target: tuple[str, str], unwanted: set[str]) -> None:
    assert not loaded("run", *target, "--deadline", "10") & unwanted
