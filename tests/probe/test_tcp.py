"""The TCP probe: every address at once, each with its own cause and the kernel's evidence."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from netcheck.core.codec import decode, encode
from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.transport.tcp import Connections, connect
from tests import needs
from tests.bounds import MOMENT, STEP, ends_within
from tests.servers import peers

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO and ICMP errors are Linux's")


def test_an_address_that_answers_is_fine() -> None:
    with peers.silent() as peer:
        seen = connect(Deadline(STEP), (peer.host,), peer.port)
    assert seen.cause is None
    assert seen.connections[0].seconds < STEP


def test_both_families_are_tried_and_one_is_enough() -> None:
    with peers.silent(host="::1") as peer:
        seen = connect(Deadline(STEP), ("127.0.0.1", "::1"), peer.port)
    assert seen.cause is None
    assert [(one.family, one.cause) for one in seen.connections] == [(4, Cause.CONNECTION_REFUSED), (6, None)]
    assert seen.connections[0].errno == "ECONNREFUSED"


def test_thirty_silent_addresses_take_no_longer_than_one() -> None:
    with peers.syn_drop() as peer, ends_within(STEP):
        seen = connect(Deadline(STEP), (peer.host,) * 30, peer.port)
    assert {one.cause for one in seen.connections} == {Cause.TIMED_OUT}
    assert len(seen.connections) == 30


@linux_only
def test_the_kernel_says_how_often_it_asked_in_vain() -> None:
    with peers.syn_drop() as peer:
        (one,) = connect(Deadline(STEP), (peer.host,), peer.port).connections
    assert one.kernel is not None
    assert (one.kernel.state, one.kernel.segments_in) == ("SYN_SENT", 0)
    assert one.kernel.segments_out >= 2, "the SYN, and again after one second"


def test_a_moment_of_silence_is_not_blamed_on_anything() -> None:
    with peers.syn_drop() as peer:
        seen = connect(Deadline(MOMENT), (peer.host,), peer.port)
    assert seen.cause is Cause.DEADLINE


def test_what_answered_outweighs_what_is_silent_and_both_outweigh_a_missing_family() -> None:
    with peers.refused() as peer:
        seen = connect(Deadline(STEP), ("::1", peer.host), peer.port)
        assert seen.cause is Cause.CONNECTION_REFUSED
    assert connect(Deadline(STEP), (), 1).cause is Cause.DNS_NO_ADDRESS


def test_an_observation_survives_being_recorded() -> None:
    with peers.refused() as peer:
        seen = connect(Deadline(STEP), (peer.host, "::1"), peer.port)
    assert decode(Connections, json.loads(json.dumps(encode(seen)))) == seen


NAMESPACE = r"""
set -e
ip link set lo up
ip address add 10.99.0.1/32 dev lo
ip route add blackhole 192.0.2.1/32
ip route add prohibit 192.0.2.2/32
ip route add unreachable 192.0.2.3/32
ip link add here type veth peer name there
ip address add 10.98.0.1/24 dev here
ip link set here up
ip link set there up
nft add table inet t
nft add chain inet t in '{ type filter hook input priority 0; }'
nft add rule inet t in ip daddr 10.99.0.1 tcp dport 1 reject with icmp type admin-prohibited
nft add rule inet t in ip daddr 10.99.0.1 tcp dport 2 reject with icmp type host-unreachable
nft add rule inet t in ip daddr 10.99.0.1 tcp dport 3 reject with tcp reset
nft add rule inet t in ip daddr 10.99.0.1 tcp dport 4 drop
nft add rule inet t in ip daddr 10.99.0.1 tcp dport 6 reject with icmp type prot-unreachable
nft add chain inet t out '{ type filter hook output priority 0; }'
nft add rule inet t out ip daddr 10.99.0.1 tcp dport 5 drop
exec "$0" -c '
import json, resource
from netcheck.core.codec import encode
from netcheck.core.context import Deadline
from netcheck.probe.transport.tcp import connect
asked = [("192.0.2.1", 9), ("192.0.2.2", 9), ("192.0.2.3", 9), ("203.0.113.1", 9), ("2001:db8::1", 9)]
asked += [("10.99.0.1", port) for port in (1, 2, 3, 4, 5, 6)]
seen = {f"{a} {p}": encode(connect(Deadline(2.5), (a,), p).connections[0]) for a, p in asked}
seen["absent host"] = encode(connect(Deadline(20), ("10.98.0.77",), 9).connections[0])
held = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (8, held[1]))
many = connect(Deadline(2.5), ("10.99.0.1",) * 30, 3)
seen["out of descriptors"] = encode(many.connections[-1])
print(json.dumps(seen))
'
"""

FROM_THE_KERNEL: list[tuple[str, str, Cause, str | None]] = [
    ("a blackhole route of this host", "192.0.2.1 9", Cause.NETWORK_UNREACHABLE, "EINVAL"),
    ("a prohibit route of this host", "192.0.2.2 9", Cause.PERMISSION_DENIED, "EACCES"),
    ("an unreachable route of this host", "192.0.2.3 9", Cause.HOST_UNREACHABLE, "EHOSTUNREACH"),
    ("no route on this host", "203.0.113.1 9", Cause.NETWORK_UNREACHABLE, "ENETUNREACH"),
    ("no IPv6 on this host", "2001:db8::1 9", Cause.NETWORK_UNREACHABLE, "ENETUNREACH"),
    ("a firewall that says so by ICMP", "10.99.0.1 1", Cause.HOST_UNREACHABLE, "EHOSTUNREACH"),
    ("a router that finds no host", "10.99.0.1 2", Cause.HOST_UNREACHABLE, "EHOSTUNREACH"),
    ("a firewall that sends a reset", "10.99.0.1 3", Cause.CONNECTION_REFUSED, "ECONNREFUSED"),
    ("a firewall that drops", "10.99.0.1 4", Cause.TIMED_OUT, None),
    ("a firewall of this host that drops what it sends", "10.99.0.1 5", Cause.TIMED_OUT, None),
    ("an ICMP error of a rarer kind", "10.99.0.1 6", Cause.HOST_UNREACHABLE, "ENOPROTOOPT"),
    ("a host that is not there, in this subnet", "absent host", Cause.HOST_UNREACHABLE, "EHOSTUNREACH"),
    ("no descriptors left", "out of descriptors", Cause.RESOURCES, "EMFILE"),
]


@pytest.fixture(scope="module")
def from_the_kernel() -> dict[str, dict[str, object]]:
    needs.network_namespaces()
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", NAMESPACE, sys.executable],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, dict[str, object]] = json.loads(done.stdout)
    return seen


@pytest.mark.parametrize(
    ("sentence", "key", "cause", "errno"), FROM_THE_KERNEL, ids=[r[0] for r in FROM_THE_KERNEL]
)
def test_what_the_kernel_says(
    sentence: str, key: str, cause: Cause, errno: str | None, from_the_kernel: dict[str, dict[str, object]]
) -> None:
    assert (from_the_kernel[key]["cause"], from_the_kernel[key]["errno"]) == (cause, errno), sentence


def test_an_icmp_error_names_its_sender(from_the_kernel: dict[str, dict[str, object]]) -> None:
    assert from_the_kernel["10.99.0.1 1"]["icmp"] == {"type": 3, "code": 13, "sender": "10.99.0.1"}
    assert from_the_kernel["10.99.0.1 2"]["icmp"] == {"type": 3, "code": 1, "sender": "10.99.0.1"}
    assert from_the_kernel["10.99.0.1 3"]["icmp"] is None
