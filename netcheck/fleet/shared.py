"""The seam for a fleet: AWS is asked once for all connectors, and no broker or server is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from netcheck.aws.ec2.scope import Scope
from netcheck.aws.ec2.source import Documents, collected
from netcheck.aws.msk.account import Account
from netcheck.aws.msk.lookup import LookupRequest, look_up
from netcheck.core.context import NotRecorded
from netcheck.core.recording import question_of
from netcheck.probe.dns import resolve
from netcheck.probe.host import vantage

T = TypeVar("T")
HARMLESS = frozenset({resolve.resolve, vantage.look, vantage.identify})
"""What a configured path needs: names (as a packet goes to an address), and where netcheck itself is."""
NOT_SENT = "a fleet is judged by its configuration; --live, or netcheck run --connector, probes it"


class Shared:
    """Answers what was asked before from memory. `homes` says which VPC a subnet is in; AWS's documents are
    kept of one VPC at a time, as the connectors of a VPC come one after another.
    """

    def __init__(self, account: Account, homes: Mapping[str, str], *, live: bool) -> None:
        self._account = account
        self._homes = homes
        self._live = live
        self._networks: dict[Scope, Documents] = {}
        self._answers: dict[str, object] = {}

    def observe(self, probe: Callable[..., T], args: tuple[object, ...], ask: Callable[[], T]) -> T:
        """Raises NotRecorded for what a fleet does not ask."""
        asked: Any = probe
        if asked is look_up:
            return cast(T, self._account.look_up(cast(LookupRequest, args[-1])))
        if asked is collected:
            return cast(T, self._network(*cast(tuple[tuple[str, ...], tuple[str, ...]], args[2:4])))
        if not self._live and not probe.__module__.startswith("netcheck.aws.") and asked not in HARMLESS:
            raise NotRecorded(NOT_SENT)
        question = question_of(probe, args)
        if question not in self._answers:
            self._answers[question] = ask()
        return cast(T, self._answers[question])

    def _network(self, subnets: tuple[str, ...], groups: tuple[str, ...]) -> Documents:
        """Of the subnets' VPC; where that is not known, of whatever AWS tells of subnets and groups."""
        vpcs = {self._homes.get(subnet) for subnet in subnets}
        vpc = next(iter(vpcs), None)
        scope = Scope(subnets=frozenset(subnets), security_groups=frozenset(groups))
        if len(vpcs) == 1 and vpc is not None:
            scope = Scope(vpcs=frozenset({vpc}))
        if scope not in self._networks:
            self._networks = {scope: self._account.network(scope)}
        return self._networks[scope]

    def forget(self) -> None:
        """Let go of the networks: the connectors of a VPC come one after another."""
        self._networks.clear()
