"""The seam for a fleet: AWS is asked once for all connectors, and no broker or server is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from netcheck.aws.account import Account
from netcheck.aws.lookup import Wanted, look_up
from netcheck.aws.source import Documents, collected
from netcheck.context import NotRecorded
from netcheck.probe import dns, vantage
from netcheck.recording import question_of

T = TypeVar("T")
HARMLESS = frozenset({dns.resolve, vantage.look, vantage.identify})
"""What a configured path needs: names (as a packet goes to an address), and where netcheck itself is."""
NOT_SENT = "a fleet is judged by its configuration; --live, or netcheck run --connector, probes it"


class Shared:
    """Answers what was asked before from memory. `networks` are AWS's documents by VPC, `homes` says which
    VPC a subnet is in.
    """

    def __init__(self, account: Account, homes: Mapping[str, str], *, live: bool) -> None:
        self._account = account
        self._homes = homes
        self._live = live
        self._networks: dict[str, Documents] = {}
        self._answers: dict[str, object] = {}

    def observe(self, probe: Callable[..., T], args: tuple[object, ...], ask: Callable[[], T]) -> T:
        """Raises NotRecorded for what a fleet does not ask."""
        asked: Any = probe
        if asked is look_up:
            return cast(T, self._account.look_up(cast(Wanted, args[-1])))
        if asked is collected:
            return cast(T, self._network(cast(tuple[str, ...], args[2]), ask))
        if not self._live and not probe.__module__.startswith("netcheck.aws.") and asked not in HARMLESS:
            raise NotRecorded(NOT_SENT)
        question = question_of(probe, args)
        if question not in self._answers:
            self._answers[question] = ask()
        return cast(T, self._answers[question])

    def _network(self, subnets: tuple[str, ...], ask: Callable[[], Any]) -> Documents:
        vpcs = {self._homes.get(subnet) for subnet in subnets}
        vpc = next(iter(vpcs), None)
        if len(vpcs) != 1 or vpc is None:
            return cast(Documents, ask())
        if vpc not in self._networks:
            self._networks[vpc] = self._account.network(vpc)
        return self._networks[vpc]

    def forget(self) -> None:
        """Let go of the networks: the connectors of a VPC come one after another."""
        self._networks.clear()
