"""`netcheck explain ID`."""

from __future__ import annotations

import pytest

from netcheck.core.catalogue import Catalogue
from netcheck.core.model import Cause
from netcheck.engine import plugins
from netcheck.engine.check_docs import page, plain
from netcheck.path.codes import Code
from tests.commandline import netcheck

CHECKS = plugins.find().checks
PROBLEMS = Catalogue.made_of(CHECKS).problems


@pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])
def test_every_check_has_its_page(check: object) -> None:
    entry = page(check)  # type: ignore[arg-type]
    done = netcheck("explain", entry.id)
    assert (done.code, done.err) == (0, "")
    assert done.out == plain(entry) + "\n"
    assert entry.title in done.out and "Fix:" in done.out


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("tls.handshak", "unknown check, concern or code 'tls.handshak': did you mean tls.handshake"),
        ("kafka.broker", "did you mean kafka.brokers"),
        ("xyz", "unknown check, concern or code 'xyz': netcheck checks lists them"),
        ("", "unknown check, concern or code '': netcheck checks lists them"),
        ("a\nb\x1b[31m", r"unknown check, concern or code 'a\nb\x1b[31m'"),
    ],
)
def test_an_unknown_id_gets_a_suggestion(asked: str, words: str) -> None:
    done = netcheck("explain", asked)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.startswith("netcheck: ") and done.err.count("\n") == 1


def test_no_id() -> None:
    done = netcheck("explain")
    assert (done.code, done.out) == (2, "")
    assert "required: ID" in done.err and "netcheck explain --help" in done.err


@pytest.mark.parametrize("asked", ["tls", "tls.*"])
def test_a_concern_lists_its_checks(asked: str) -> None:
    done = netcheck("explain", asked)
    assert (done.code, done.err) == (0, "")
    ids = [line.split()[0] for line in done.out.splitlines()]
    assert ids == sorted(check.id for check in CHECKS if check.id.startswith("tls."))


@pytest.mark.parametrize("cause", Cause)
def test_a_cause_prints_its_advice(cause: Cause) -> None:
    done = netcheck("explain", cause.upper())
    assert (done.code, done.err) == (0, "")
    declared = PROBLEMS[cause]
    assert done.out.startswith(f"{cause.upper()}: {declared.title}\n\nFix: {declared.advice}\n")
    assert netcheck("explain", cause.lower()) == done


@pytest.mark.parametrize("code", Code)
def test_a_code_of_the_path_engine_links_to_awss_list(code: Code) -> None:
    done = netcheck("explain", code)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{code}: ") and "explanation-codes.html" in done.out


@pytest.mark.parametrize(
    ("code", "check"),
    [
        (Code.ENI_SG_RULES_MISMATCH, "security.groups"),
        (Code.SUBNET_ACL_RESTRICTION, "security.acls"),
        (Code.NGW_REQUIRES_SOURCE_IN_VPC, "routes.nat"),
        (Code.NO_ROUTE_TO_DESTINATION, "routes.reaches"),
    ],
)
def test_a_code_of_the_path_engine_names_its_check(code: Code, check: str) -> None:
    assert netcheck("explain", code).out.endswith(f"netcheck explain {check}\n")
    assert check in {one.id for one in CHECKS}
