"""Names as getaddrinfo and each name server see them: on an island, with our own name servers on port 53."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests import needs
from tests.e2e import island
from tests.e2e.command import NETCHECK, PATIENCE_S, Ran, environment, read

FIRST, SECOND = "10.0.0.2", "10.0.0.3"


def ask(name: str, *views: str, timeout: str = "4") -> Ran:
    """`netcheck run` for one broker of that name, with a name server for each view, in that order."""
    if reason := island.missing():
        needs.skip_or_fail(reason)
    servers = dict(zip((FIRST, SECOND), views, strict=False))
    pairs = [word for address, view in servers.items() for word in (view, address)]
    command = [NETCHECK, "run", "--bootstrap", f"{name}:9094", "--only", "dns.*", "--timeout", timeout]
    program = [sys.executable, "-m", "tests.e2e.resolvers", *pairs, "--", *command, "--format", "json"]
    ran = subprocess.run(
        island.command(program, name_servers=list(servers)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=island.ROOT,
        env=environment(),
        check=False,
    )
    return read(ran)


RESOLVES = [
    ("a", "10.0.1.10 (private)"),
    ("both", "10.0.1.11"),
    ("public", "203.0.113.10 (public)"),
    ("mixed", "(private and public)"),
    ("alias", "10.0.1.10 (private)"),
    ("truncated", "10.0.4.60"),
]


@pytest.mark.parametrize(("name", "told"), RESOLVES, ids=[row[0] for row in RESOLVES])
def test_a_name_that_resolves(name: str, told: str) -> None:
    ran = ask(f"{name}.example.test", "ORDINARY")
    [resolves] = ran.results("dns.resolves")
    assert resolves["status"] == "pass"
    assert told in resolves["summary"]
    assert ran.statuses("dns.servers") == {"pass"}
    assert ran.code == 0


def test_an_alias_is_followed_and_its_chain_is_in_the_evidence() -> None:
    [servers] = ask("alias.example.test", "ORDINARY").results("dns.servers")
    assert "middle.example.test" in json.dumps(servers["evidence"])


# getaddrinfo says no more of these two than that it failed: what each server said is in dns.servers.
UNTOLD = "dns_resolver_failed"
FAILS = [
    ("a name that is not there", "absent.example.test", {"dns_nxdomain"}, None),
    ("an alias of a name that is not there", "dangling.example.test", {"dns_nxdomain"}, None),
    ("a name with other records only", "nodata.example.test", {"dns_no_address"}, None),
    ("a server that failed", "servfail.example.test", {"dns_servfail", UNTOLD}, "dns_servfail"),
    ("a server that refuses", "refused.example.test", {"dns_refused", UNTOLD}, "dns_refused"),
    ("a server that is silent", "silent.example.test", {"dns_name_silent"}, "dns_name_silent"),
]


@pytest.mark.parametrize(("says", "name", "causes", "server"), FAILS, ids=[row[0] for row in FAILS])
def test_a_name_that_does_not_resolve(says: str, name: str, causes: set[str], server: str | None) -> None:
    ran = ask(name, "ORDINARY")
    assert len(ran.causes) == 1 and ran.causes[0] in causes, says
    assert ran.code == 1
    assert ran.statuses("dns.resolves") == {"fail"}
    assert name in ran.results("dns.resolves")[0]["summary"]
    assert [result["cause"] for result in ran.results("dns.servers")] == [server]
    assert ran.report["summary"]["unknown"] == 0


VIEWS = [
    ("two servers that agree", "same.example.test", ("INSIDE", "OUTSIDE"), "pass", None),
    ("private here, public there", "split.example.test", ("INSIDE", "OUTSIDE"), "warn", "dns_views_differ"),
    ("one knows the name", "inside-only.example.test", ("INSIDE", "OUTSIDE"), "warn", "dns_views_differ"),
    ("the second is silent", "a.example.test", ("ORDINARY", "SILENT"), "warn", "dns_server_dead"),
    ("the second fails", "a.example.test", ("ORDINARY", "FAILING"), "warn", "dns_servfail"),
    ("the second is not there", "a.example.test", ("ORDINARY", "CLOSED"), "warn", "dns_resolver_failed"),
    ("the first fails", "a.example.test", ("FAILING", "ORDINARY"), "warn", "dns_servfail"),
]


@pytest.mark.parametrize(("says", "name", "views", "status", "cause"), VIEWS, ids=[row[0] for row in VIEWS])
def test_name_servers_that_do_not_agree_are_a_warning(
    says: str, name: str, views: tuple[str, str], status: str, cause: str | None
) -> None:
    ran = ask(name, *views, timeout="6")
    assert ran.statuses("dns.resolves") == {"pass"}, says
    [servers] = ran.results("dns.servers")
    assert (servers["status"], servers["cause"], ran.code) == (status, cause, 0)


def test_a_hosts_file_is_part_of_this_hosts_view() -> None:
    ran = ask(island.PINNED[0], "ORDINARY")
    assert ran.statuses("dns.resolves") == {"pass"}
    [servers] = ran.results("dns.servers")
    assert (servers["status"], servers["cause"]) == ("warn", "dns_views_differ")


def test_everything_above_a_missing_name_is_folded_under_it() -> None:
    if reason := island.missing():
        needs.skip_or_fail(reason)
    command = [NETCHECK, "run", "--bootstrap", "absent.example.test:9094", "--format", "json"]
    program = [sys.executable, "-m", "tests.e2e.resolvers", "ORDINARY", FIRST, "--", *command]
    ran = read(
        subprocess.run(
            island.command(program),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            cwd=island.ROOT,
            env=environment(),
            check=False,
        )
    )
    [cause] = ran.report["root_causes"]
    assert cause["code"] == "DNS_NXDOMAIN"
    folded = {key.split("@")[0] for key in cause["explains"]}
    assert folded >= {"tcp.connects", "tls.handshake", "tls.certificate", "kafka.protocol", "kafka.brokers"}
    assert {r["check"] for r in ran.report["results"] if r["status"] == "fail"} == {"dns.resolves"}
