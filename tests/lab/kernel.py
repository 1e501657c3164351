"""Builds a plan in the kernel. Runs only inside the sandbox: where a real network is in reach it refuses.

Namespaces are held as file descriptors and have no names: closing them, or the end of the process, removes
all of them.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.lab.plan import Namespace, Plan

OUTSIDE = "outside"
CLONE_NEWNET = 0x40000000
# Both ends of a link have the same hardware address and no ARP: nothing is to be resolved or to be late.
MAC = "02:00:00:00:00:01"
_LIBC = ctypes.CDLL(None, use_errno=True)

SYSCTLS = {
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/accept_local": "1",
    "ipv4/conf/default/accept_local": "1",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv4/icmp_ratelimit": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/addr_gen_mode": "1",
    "ipv6/conf/default/accept_ra": "0",
}


class LabBroken(RuntimeError):
    """The lab itself failed; nothing is said about AWS or the engine."""


def enter(namespace: int) -> None:
    if _LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise LabBroken(f"setns: {os.strerror(ctypes.get_errno())}")


def _new_namespace() -> int:
    if _LIBC.unshare(CLONE_NEWNET) != 0:
        raise LabBroken(f"unshare: {os.strerror(ctypes.get_errno())}")
    # pid 0 of /proc/self would be wrong after --fork without a fresh /proc; the thread's own file never is.
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def refuse_real_network() -> None:
    """Raise LabBroken unless this network namespace has the loopback device and nothing else."""
    devices = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    if set(devices) - {"lo"}:
        raise LabBroken(f"not in the sandbox: this network namespace has {', '.join(devices)}")


class World:
    """The namespaces of one plan, running."""

    def __init__(self) -> None:
        refuse_real_network()
        self._outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.namespaces: dict[str, int] = {}

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Run the body in a namespace; sockets opened there stay there."""
        enter(self.namespaces[name])
        try:
            yield
        finally:
            enter(self._outside)

    def close(self) -> None:
        for namespace in self.namespaces.values():
            os.close(namespace)
        os.close(self._outside)

    def build(self, plan: Plan, *, v6: bool, beside: Mapping[str, int] | None = None) -> None:
        """Build a plan; its links may lead to namespaces that are there already, held open by `beside`."""
        self.namespaces |= {name: os.dup(one) for name, one in (beside or {}).items()}
        for name, namespace in plan.namespaces.items():
            self.namespaces[name] = _new_namespace()
            _set_sysctls(namespace, v6=v6)
        enter(self._outside)
        self.run_all("ip -batch -", {OUTSIDE: self._links(plan)})
        commands = _bring_up(plan)
        for name, namespace in plan.namespaces.items():
            commands[name] += namespace.commands
        self.run_all("ip -batch -", {name: _lines(lines) for name, lines in commands.items()})
        if v6:
            self.run_all(
                "ip -6 -batch -", {name: _lines(one.commands6) for name, one in plan.namespaces.items()}
            )
        self.run_all("nft -f -", {name: one.ruleset for name, one in plan.namespaces.items()})
        self.run_all("nft -f -", {name: one.second_ruleset for name, one in plan.namespaces.items()})

    def _links(self, plan: Plan) -> str:
        """Every link of the plan, both ends, made from outside: one process for all."""
        lines = []
        for name, namespace in plan.namespaces.items():
            for own, other, far in namespace.links:
                here, there = (f"/proc/{os.getpid()}/fd/{self.namespaces[one]}" for one in (name, other))
                lines.append(
                    f"link add name {own} netns {here} address {MAC}"
                    f" type veth peer name {far} netns {there} address {MAC}"
                )
        return _lines(lines)

    def run_all(self, command: str, inputs: dict[str, str]) -> None:
        """Start the command in every namespace, then wait for all: two cores are better than one."""
        running: list[tuple[str, subprocess.Popen[str]]] = []
        fds = tuple(self.namespaces.values())
        try:
            for name, text in inputs.items():
                if not text:
                    continue
                enter(self.namespaces.get(name, self._outside))
                child = subprocess.Popen(
                    command.split(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    pass_fds=fds,
                )
                assert child.stdin is not None
                child.stdin.write(text)
                child.stdin.close()
                child.stdin = None
                running.append((name, child))
        finally:
            enter(self._outside)
        for name, child in running:
            said, _ = child.communicate(timeout=30)
            if child.returncode != 0:
                raise LabBroken(f"{command} in {name}: {said}\n{inputs[name]}")


def _bring_up(plan: Plan) -> dict[str, list[str]]:
    up: dict[str, list[str]] = defaultdict(list)
    up |= {name: ["link set lo up"] for name in plan.namespaces}
    for name, namespace in plan.namespaces.items():
        for own, other, far in namespace.links:
            up[name].append(f"link set {own} up arp off")
            up[other].append(f"link set {far} up arp off")
    return up


def _lines(commands: list[str]) -> str:
    return "".join(command + "\n" for command in commands)


def _set_sysctls(namespace: Namespace, *, v6: bool) -> None:
    """In the namespace just made, before it has any interface, so that each inherits them."""
    values = {"ipv4/ip_forward": "1" if namespace.forwards else "0"} | SYSCTLS
    for scope in ("all", "default"):
        values[f"ipv6/conf/{scope}/disable_ipv6"] = "0" if v6 else "1"
        values[f"ipv6/conf/{scope}/forwarding"] = "1" if namespace.forwards else "0"
    for key, value in values.items():
        # A kernel without IPv6 has no such file; then no topology with IPv6 is run either.
        path = Path("/proc/sys/net", key)
        if path.exists():
            path.write_text(value)


def raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
