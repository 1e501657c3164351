"""The Dockerfile of the function's container image, by hadolint's rules and our own."""

from __future__ import annotations

import json
import re

from tests.deploy.templates import DEPLOY, SAM
from tests.deploy.test_dockerfile import ROOT, given, stages

DOCKERFILE = DEPLOY / "lambda" / "Dockerfile"
TAGGED = re.compile(r"[\w./-]+:\d[\w.-]*( AS \w+)?")
KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "CMD"}


def test_its_instructions_follow_hadolints_rules() -> None:
    for stage in stages(DOCKERFILE):
        assert {instruction.name for instruction in stage} <= KNOWN
        assert TAGGED.fullmatch(given(stage, "FROM")[0]), "a tag other than latest"
        assert all(path.startswith("/") for path in given(stage, "WORKDIR"))
        for step in given(stage, "RUN"):
            assert "sudo" not in step and "cd " not in step
            assert "pip install" not in step or "--no-cache-dir" in step
        for command in given(stage, "CMD"):
            assert isinstance(json.loads(command), list), "the exec form, which needs no shell"


def test_the_final_stage_is_lambdas_own_and_runs_nothing() -> None:
    build, final = stages(DOCKERFILE)
    image = given(final, "FROM")[0]
    assert image == given(build, "FROM")[0].split()[0], "the same Python in both stages"
    [runtime] = re.findall(r"Runtime: python(\S+)\n      Architectures", SAM.read_text())
    assert image == f"public.ecr.aws/lambda/python:{runtime}", "the same Python as for the zip"
    assert given(final, "RUN") == []
    assert given(final, "COPY") == ["--from=build /opt/netcheck ${LAMBDA_TASK_ROOT}"]


def test_it_runs_the_handler_that_the_zip_has() -> None:
    [command] = given(stages(DOCKERFILE)[1], "CMD")
    [handler] = json.loads(command)
    assert f"Handler: {handler}\n" in SAM.read_text()


def test_what_the_build_copies_is_not_in_dockerignore() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for copied in given(stages(DOCKERFILE)[0], "COPY"):
        *sources, _ = copied.split()
        assert set(sources) <= allowed and all((ROOT / source).exists() for source in sources)
