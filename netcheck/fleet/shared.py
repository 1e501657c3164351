"""The observer of a fleet: each AWS API call is made once for all connectors, and no peer is probed."""

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
ALLOWED = frozenset({resolve.resolve, vantage.look, vantage.identify})
"""What a configured path needs: the addresses of names, and where netcheck itself runs."""
NOT_PROBED = "a fleet is checked by its configuration; --live, or netcheck run --connector, probes the peers"


class Shared:
    """Answers repeated questions from memory. `vpcs` maps a subnet to its VPC. The network configuration of
    one VPC at a time is kept, as the connectors of a VPC follow each other.
    """

    def __init__(self, account: Account, vpcs: Mapping[str, str], *, live: bool) -> None:
        self._account = account
        self._vpcs = vpcs
        self._live = live
        self._networks: dict[Scope, Documents] = {}
        self._answers: dict[str, object] = {}

    def observe(self, probe: Callable[..., T], args: tuple[object, ...], ask: Callable[[], T]) -> T:
        """Raises NotRecorded for what a fleet does not probe."""
        question: Any = probe
        if question is look_up:
            return cast(T, self._account.look_up(cast(LookupRequest, args[-1])))
        if question is collected:
            return cast(T, self._network(*cast(tuple[tuple[str, ...], tuple[str, ...]], args[2:4])))
        if not self._live and not probe.__module__.startswith("netcheck.aws.") and question not in ALLOWED:
            raise NotRecorded(NOT_PROBED)
        name = question_of(probe, args)
        if name not in self._answers:
            self._answers[name] = ask()
        return cast(T, self._answers[name])

    def _network(self, subnets: tuple[str, ...], groups: tuple[str, ...]) -> Documents:
        """The configuration of the subnets' VPC; where that is unknown, of the subnets and groups only."""
        vpcs = {self._vpcs.get(subnet) for subnet in subnets}
        vpc = next(iter(vpcs), None)
        scope = Scope(subnets=frozenset(subnets), security_groups=frozenset(groups))
        if len(vpcs) == 1 and vpc is not None:
            scope = Scope(vpcs=frozenset({vpc}))
        if scope not in self._networks:
            self._networks = {scope: self._account.network(scope)}
        return self._networks[scope]

    def forget(self) -> None:
        """Drop the network configuration: the connectors of this VPC are done."""
        self._networks.clear()
