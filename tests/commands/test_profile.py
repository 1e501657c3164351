"""The credentials of AWS calls: a profile or a role, and a recording that remembers which."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from tests.commandline import Done, netcheck
from tests.scenarios.pipelines import base, world
from tests.scenarios.test_scenarios import Outside
from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.aws_world import AwsError

ROLE = "arn:aws:iam::111122223333:role/netcheck"
NEVER = "the role's secret"


def assumed(params: dict[str, Any]) -> dict[str, Any]:
    if params["RoleArn"] != ROLE:
        raise AwsError("AccessDenied", "not authorized to perform: sts:AssumeRole", 403)
    return {
        "Credentials": {
            "AccessKeyId": "ASIAEXAMPLEEXAMPLE00",
            "SecretAccessKey": NEVER,
            "SessionToken": f"{NEVER} token",
            "Expiration": datetime.datetime.now(datetime.UTC),
        }
    }


def run(patch: pytest.MonkeyPatch, *arguments: str, **variables: str) -> tuple[Done, set[str]]:
    """The command, and the access keys that its calls were signed with."""
    pipeline = base() | {"services": {"sts": {"AssumeRole": assumed}}}
    Outside(pipeline["dns"], patch)
    with AwsEndpoint(world(pipeline)) as aws:
        for variable, value in (aws.environment() | variables).items():
            patch.setenv(variable, value)
        done = netcheck("run", "--only", "discover.*", "--format", "json", *arguments)
        keys = {call.key for call in aws.calls if call.operation != "AssumeRole"}
    return done, keys


@pytest.mark.parametrize("whose", ["team", ROLE])
def test_a_recording_remembers_whose_credentials_were_used(
    whose: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "config"
    settings.write_text(
        "[profile team]\naws_access_key_id = AKIATEAMTEAMTEAMTEAM\naws_secret_access_key = x\n"
    )
    kept = tmp_path / "run.json"
    arguments = ("--connector", "orders-sink", "--profile", whose, "--record", str(kept))
    done, keys = run(monkeypatch, *arguments, AWS_CONFIG_FILE=str(settings))
    assert done.code == 0, done.err
    assert keys == {"AKIATEAMTEAMTEAMTEAM" if whose == "team" else "ASIAEXAMPLEEXAMPLE00"}
    again = netcheck("run", "--replay", str(kept), "--format", "json")
    assert json.loads(again.out)["results"] == json.loads(done.out)["results"]
    assert NEVER not in kept.read_text() + done.out + done.err


def test_a_role_that_cannot_be_assumed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ROLE.replace("1111", "9999")
    done, _ = run(monkeypatch, "--connector", "orders-sink", "--profile", other)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1 and "sts:AssumeRole" in done.err


def test_an_unknown_profile_is_one_line_even_without_an_aws_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PROFILE", "nope")
    done = netcheck("run", "--aws-service", "sts", "--region", "eu-central-1")
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1 and "(nope) could not be found" in done.err
