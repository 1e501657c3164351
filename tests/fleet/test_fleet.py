"""A fleet: every connector checked, worst first, with shared API calls."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from netcheck.engine import plugins
from netcheck.fleet.survey import left_out
from tests.commandline import Done, netcheck
from tests.fleet.world import account, copied, names
from tests.scenarios.test_scenarios import Outside
from tests.servers.aws_endpoint import AwsEndpoint, aws_error, expired_token, slow
from tests.servers.aws_world import AwsError

Run = Callable[..., Done]


class Fleet:
    """An account under test: the API calls, and whether anything was sent to a peer."""

    def __init__(self, patch: pytest.MonkeyPatch, vpcs: int, each: int) -> None:
        self.pipelines = [copied(number) for number in range(vpcs)]
        self.each = each
        self.outside = Outside(names(self.pipelines), patch)
        self._patch = patch
        self.calls: Counter[str] = Counter()

    def run(
        self,
        *arguments: str,
        faults: dict[str, Any] | None = None,
        after: int = 0,
        renamed: Mapping[str, str] | None = None,
    ) -> Done:
        """`faults` start after `after` calls; `renamed` replaces texts of connectors."""
        answers = account(self.pipelines, self.each)
        for operation in ("ListConnectors", "DescribeConnector") if renamed else ():
            answers.services["kafkaconnect"][operation] = _with_texts(
                answers.services["kafkaconnect"][operation], renamed or {}
            )
        with AwsEndpoint(answers) as aws:
            for variable, value in aws.environment().items():
                self._patch.setenv(variable, value)
            for call, fault in (faults or {}).items():
                service, operation = call.split(":")
                aws.fail(service, operation, fault, after=after)
            done = netcheck("fleet", "--calls-a-second", "1000", *arguments)
            self.calls = Counter(f"{call.service}:{call.operation}" for call in aws.calls)
        assert self.outside.left == [], "nothing is sent to a peer"
        return done


def _with_texts(answer: Any, words: Mapping[str, str]) -> Any:
    def changed(value: Any) -> Any:
        match value:
            case dict():
                return {key: changed(item) for key, item in value.items()}
            case list():
                return [changed(item) for item in value]
            case str():
                return words.get(value, value)
            case _:
                return value

    return lambda params: changed(answer(params))


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_healthy_fleet(patch: pytest.MonkeyPatch) -> None:
    done = Fleet(patch, 2, 3).run()
    assert (done.code, done.err) == (0, ""), done.out
    assert done.out.startswith("+ 6 connectors, and nothing wrong in the configuration\n")
    assert "6 connectors, 2 VPCs, " in done.out
    assert [line.split()[1] for line in done.out.splitlines() if " RUNNING " in line] == [
        f"sink-{vpc:02d}-{each:02d}" for vpc in range(2) for each in range(3)
    ]


def test_a_shared_root_cause_is_shown_once_and_first(patch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(patch, 3, 2)
    group = next(g for g in fleet.pipelines[1]["ec2"]["SecurityGroups"] if g["GroupId"] == "sg-brokers-01")
    group["IpPermissions"] = []
    done = fleet.run()
    assert done.code == 1
    first, _, cause, struck, *rest = done.out.splitlines()
    assert first == "x 2 of 6 connectors cannot work as configured"
    assert "sg-brokers-01" in cause
    assert struck == "   2 connectors: sink-01-00, sink-01-01"
    table = [line.split()[1] for line in rest if " RUNNING " in line]
    assert table[:2] == ["sink-01-00", "sink-01-01"], "worst first"


def test_calls_grow_with_vpcs_and_each_connector_adds_two(patch: pytest.MonkeyPatch) -> None:
    few, many, wide = Fleet(patch, 2, 2), Fleet(patch, 2, 6), Fleet(patch, 4, 2)
    for fleet in (few, many, wide):
        assert fleet.run().code == 0
    own = {"kafkaconnect:DescribeConnector", "kafkaconnect:ListConnectorOperations"}
    assert {name: many.calls[name] - few.calls[name] for name in many.calls} == {
        name: 8 if name in own else 0 for name in many.calls
    }
    assert few.calls["kafkaconnect:DescribeConnector"] == 4
    assert {each.calls["ec2:DescribeVpcPeeringConnections"] for each in (few, wide)} == {1}, "called once"
    assert wide.calls["ec2:DescribeRouteTables"] == 4, "once for each VPC"


def test_lines_are_written_immediately_and_a_survey_is_resumed(
    patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, fleet = tmp_path / "fleet.jsonl", Fleet(patch, 2, 2)
    whole = fleet.run("--output", str(file))
    first, *others = file.read_text().splitlines(keepends=True)
    file.write_text(first + others[0][:100])  # cut short in the second line
    again = fleet.run("--output", str(file), "--resume")
    assert fleet.calls["kafkaconnect:DescribeConnector"] == 3
    assert sorted(line["connector"] for line in lines(file.read_text())) == [
        f"sink-{vpc:02d}-{each:02d}" for vpc in range(2) for each in range(2)
    ]
    assert again.out.splitlines()[:-1] == whole.out.splitlines()[:-1], "except for the number of calls"


def test_lines_that_version_0_1_wrote_are_read_under_todays_names(
    patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, fleet = tmp_path / "fleet.jsonl", Fleet(patch, 1, 2)
    fleet.run("--output", str(file))
    saved = Path(__file__).parents[1] / "saved" / "version_0_1"
    today = netcheck("run", "--replay", str(saved / "recording.json.gz"), "--format", "json").out
    reports = json.loads((saved / "report.json").read_text()), json.loads(today)
    written = zip(lines(file.read_text()), reports, strict=True)
    file.write_text("".join(json.dumps({**line, "report": report}) + "\n" for line, report in written))
    table = fleet.run("--output", str(file), "--resume").out
    assert "1. PLAINTEXT_ON_TLS_PORT at kafka://127.0.0.1:18443\n   2 connectors" in table
    assert "2. TLS_NOT_SUPPORTED at aws-service://127.0.0.1:18080\n   2 connectors" in table


def test_a_survey_that_cannot_start_keeps_the_last_one(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file, fleet = tmp_path / "fleet.jsonl", Fleet(patch, 1, 1)
    file.write_text("yesterday's\n")
    expired = aws_error("ExpiredTokenException", "The security token included in the request is expired", 403)
    assert fleet.run("--output", str(file), faults={"kafkaconnect:ListConnectors": expired}).code == 2
    assert file.read_text() == "yesterday's\n"
    assert fleet.run("--output", str(file)).code == 0
    assert [line["connector"] for line in lines(file.read_text())] == ["sink-00-00"]


def test_lines_for_programs(patch: pytest.MonkeyPatch) -> None:
    done = Fleet(patch, 1, 2).run("--format", "jsonl", "--name", "*-01")
    (line,) = lines(done.out)
    assert (line["schema"], line["connector"]) == ("netcheck.fleet/1", "sink-00-01")
    assert (line["status"], line["account"], line["vpc"]) == ("pass", "111122223333", "vpc-shop-00")
    assert line["report"]["schema"] == "netcheck.report/1"


def test_a_denied_call_leaves_the_rest(patch: pytest.MonkeyPatch) -> None:
    fault = aws_error("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
    done = Fleet(patch, 1, 1).run(faults={"ec2:DescribeNetworkAcls": fault})
    assert done.code == 3
    assert "\n  ec2:DescribeNetworkAcls  (1 connector)\n" in done.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--name", "billing-*"), "--name billing-*: no match among the 1 connectors in eu-west-1"),
        (("--resume",), "--resume: give the file of the survey to continue, --output FILE"),
        (("--output", "/nowhere/fleet.jsonl"), "--output /nowhere/fleet.jsonl: No such file or directory"),
        (("--only", "nothing.*"), "--only nothing.*: no check has such an id; netcheck checks lists them"),
        (
            ("--only", "tcp.*"),
            "nothing to check: --only names checks that probe the peers; add --live",
        ),
        (("--only", "iam.*", "--skip", "iam.*"), "nothing to check: --only and --skip exclude every check"),
        (("--output", "/dev/full"), "--output /dev/full: No space left on device"),
        (
            ("--profile", "base", "--role-arn", "arn:aws:iam::111122223333:role/netcheck"),
            "--profile: with --role-arn, roles are assumed with boto3's default credentials; set "
            "AWS_PROFILE instead",
        ),
        (
            ("--deadline", "nan"),
            "argument --deadline: 'nan' is not a number of seconds up to 86400; see netcheck fleet --help",
        ),
    ],
)
def test_a_usage_error_is_one_line(arguments: tuple[str, ...], says: str, patch: pytest.MonkeyPatch) -> None:
    done = Fleet(patch, 1, 1).run(*arguments)
    assert done.code == 2
    assert done.err.strip() == f"netcheck: {says}"
    assert "no connectors" not in done.out, "who could not be asked for is not said to be none"


@pytest.mark.parametrize("text", ["hello\n", '{"mine": true}', '{"schema": "netcheck.report/1"}\n'])
def test_another_file_is_not_resumed(text: str, patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text(text)
    done = Fleet(patch, 1, 1).run("--output", str(file), "--resume")
    assert (done.code, file.read_text()) == (2, text)
    assert f"{file}:1: not a line of netcheck fleet" in done.err


@pytest.mark.parametrize(
    ("fault", "after", "deadline", "says"),
    [
        (expired_token(), 30, "60", "the AWS credentials have expired (ExpiredToken): sign in again"),
        (slow(6.0), 25, "20", "no time left"),
    ],
)
def test_an_incomplete_connector_is_left_for_resume(
    fault: Any, after: int, deadline: str, says: str, patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, fleet = tmp_path / "fleet.jsonl", Fleet(patch, 2, 2)
    short = fleet.run("--output", str(file), "--deadline", deadline, faults={"*:*": fault}, after=after)
    assert short.code in (2, 3)
    assert short.err == (f"netcheck: {says}: resume with netcheck fleet ... --output {file} --resume\n")
    assert {line["status"] for line in lines(file.read_text())} <= {"pass"}, (
        "no incomplete connector is written"
    )
    again = fleet.run("--output", str(file), "--resume")
    assert (again.code, len(lines(file.read_text()))) == (0, 4)


def test_a_hostile_name_does_nothing_to_a_terminal_or_a_file(
    patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, fleet = tmp_path / "fleet.jsonl", Fleet(patch, 1, 1)
    words = {"sink-00-00": "a\x1b[31m\x85\u2028\u202eb", "RUNNING": "\x1b[5mRUNNING"}
    for more in ((), ("--resume",)):
        done = fleet.run("--output", str(file), *more, renamed=words)
        assert done.code == 0
        assert "a\\x1b[31m" in done.out
        assert not {"\x1b", "\x85", "\u2028", "\u202e"} & set(done.out)


def test_subnets_that_cannot_be_read_are_neither_a_pass_nor_a_bug(patch: pytest.MonkeyPatch) -> None:
    fault = aws_error("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
    done = Fleet(patch, 1, 1).run("--format", "jsonl", faults={"ec2:DescribeSubnets": fault})
    (line,) = lines(done.out)
    results = line["report"]["results"]
    for check in ("aws-service.path", "resolver.zones", "resolver.firewall", "resolver.servers"):
        assert {one["status"] for one in results if one["check"] == check} <= {"unknown", "skip"}, check
    missing = [one for one in results if one["evidence"].get("missing_permission") == "ec2:DescribeSubnets"]
    assert missing, "reported with the missing permission"
    assert not [one["summary"] for one in results if "a bug" in one["summary"]]


def test_an_account_that_cannot_be_read_leaves_the_others(patch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(patch, 1, 1)
    good, bad = "arn:aws:iam::111122223333:role/netcheck", "arn:aws:iam::444455556666:role/netcheck"

    def assume(params: dict[str, Any]) -> dict[str, Any]:
        if params["RoleArn"] == bad:
            raise AwsError("AccessDenied", "not authorized to perform: sts:AssumeRole", 403)
        return {
            "Credentials": {
                "AccessKeyId": "ASIAEXAMPLEEXAMPLE00",
                "SecretAccessKey": "secret",
                "SessionToken": "token",
                "Expiration": datetime.datetime.now(datetime.UTC),
            }
        }

    fleet.pipelines[0].setdefault("services", {})["sts"] = {"AssumeRole": assume}
    done = fleet.run("--role-arn", bad, good)
    assert done.code == 3
    assert done.err.startswith(f"netcheck: {bad}: ") and "sts:AssumeRole" in done.err
    assert done.out.startswith("+ 1 connector, and nothing wrong")


def test_the_skipped_checks_are_the_live_and_the_costly_ones() -> None:
    checks = plugins.find().checks
    quiet = left_out(checks, (), live=False)
    assert {"tcp.connects", "kafka.login", "logs.errors", "iam.permissions"} <= set(quiet)
    assert not {"routes.reaches", "security.groups", "connector.ssl", "resolver.zones"} & set(quiet)
    assert "tcp.connects" not in left_out(checks, (), live=True)
    assert not [id for id in left_out(checks, ("iam.*",), live=True) if id.startswith("iam.")]


def test_workers_in_an_unknown_vpc_share_the_rate_limit(patch: pytest.MonkeyPatch) -> None:
    fault = aws_error("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
    few, many = Fleet(patch, 1, 2), Fleet(patch, 1, 6)
    for fleet in (few, many):
        done = fleet.run(faults={"ec2:DescribeSubnets": fault})
        assert f"{sum(fleet.calls.values())} calls to AWS" in done.out, "every call is counted, and so paced"
    assert few.calls["ec2:DescribeRouteTables"] == many.calls["ec2:DescribeRouteTables"]
