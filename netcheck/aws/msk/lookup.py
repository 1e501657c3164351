"""Looks up a pipeline in AWS, from the name of a connector or a cluster to the descriptions of both.

It proceeds in rounds: each makes all calls in parallel that are possible with what is known so far. Three
rounds are enough for a connector's name (the connector; what it names, including its cluster; the cluster's
details), whatever the number of brokers and connectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from netcheck.aws.api.calls import ApiCall, ApiCaller, ApiFailure, ApiResult, Outcome, call_all
from netcheck.aws.api.session import NoAws, open_session, service_client
from netcheck.aws.msk import clusters, connectors
from netcheck.aws.msk.clusters import MskHost, msk_host
from netcheck.core.arn import parse_arn
from netcheck.core.context import Deadline, DeadlineExceeded
from netcheck.core.text import first_few
from netcheck.pipeline.java_properties import PropertiesError
from netcheck.pipeline.model import Cluster, Connector, Missing, WorkerConfiguration
from netcheck.pipeline.msk_listeners import MULTI_VPC_PORTS

MOST_ROUNDS = 5
MOST_CANDIDATES = 30
"""Clusters to compare with a broker's name, where several names match."""
MOST_LISTED = 10
NOT_FOUND = frozenset({"NotFoundException", "ResourceNotFoundException"})

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """What to look up: an ARN or a name each, or None; and the bootstrap hosts, if the user gave them."""

    connector: str | None
    cluster: str | None
    hosts: tuple[str, ...] = ()
    interfaces: bool = True


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The result of a lookup. `trouble` is an error that the user has to fix first, "" for none.

    `bootstrap` are the cluster's bootstrap strings, which may be known where the rest of it is denied.
    `interfaces` are the workers' ENIs. `rounds` and `calls` are the numbers of rounds and calls made.
    """

    connector: Connector | None = None
    cluster: Cluster | None = None
    bootstrap: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    account: str | None = None
    interfaces: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    trouble: str = ""
    rounds: int = 0
    calls: int = 0


def look_up(deadline: Deadline, region: str | None, profile: str | None, wanted: LookupRequest) -> LookedUp:
    """Call MSK Connect, MSK and EC2: List, Describe and Get calls only. Never raises for an error of AWS."""
    try:
        session = open_session(deadline, region, profile)
        services = ("kafkaconnect", "kafka", "ec2", "sts")
        clients = {service: service_client(session, service, deadline) for service in services}
    except NoAws as error:
        return LookedUp(region=region, trouble=str(error))
    try:
        return converse(wanted, session.region_name, lambda calls: call_all(clients, calls, deadline))
    finally:
        for client in clients.values():
            client.close()


def converse(wanted: LookupRequest, region: str, caller: ApiCaller) -> LookedUp:
    """The same with any caller: AWS, or a cache of its responses. Ends early when time runs out."""
    conversation = _Conversation(wanted, region)
    try:
        for _ in range(MOST_ROUNDS):
            new = {
                key: c for key, c in conversation.possible_calls().items() if key not in conversation.outcomes
            }
            if not new:
                break
            conversation = conversation.after(new, caller(list(new.values())))
    except DeadlineExceeded:
        pass
    return conversation.result()


class _Conversation:
    """The calls and outcomes so far. Immutable; `after` returns the next one."""

    def __init__(
        self,
        wanted: LookupRequest,
        region: str,
        calls: Mapping[Key, ApiCall] | None = None,
        outcomes: Mapping[Key, Outcome] | None = None,
        rounds: int = 0,
    ) -> None:
        self.wanted = wanted
        self.region = region
        self.calls = dict(calls or {})
        self.outcomes = dict(outcomes or {})
        self.rounds = rounds

    def after(self, new: Mapping[Key, ApiCall], results: Sequence[Outcome]) -> _Conversation:
        outcomes = self.outcomes | dict(zip(new, results, strict=True))
        return _Conversation(self.wanted, self.region, self.calls | dict(new), outcomes, self.rounds + 1)

    # The calls to make

    def possible_calls(self) -> dict[Key, ApiCall]:
        """All calls that are possible with what is known, including those already made."""
        return {**self._about_connector(), **self._about_cluster(), **self._about_account()}

    def _about_account(self) -> dict[Key, ApiCall]:
        by_arn = [name for name in (self.wanted.connector, self.wanted.cluster) if name and parse_arn(name)]
        return {("identity",): ApiCall("GetCallerIdentity", "", {}, "sts")} if by_arn else {}

    def _about_connector(self) -> dict[Key, ApiCall]:
        wanted = self.wanted.connector
        if wanted is None:
            return {}
        found: dict[Key, ApiCall] = {}
        if not parse_arn(wanted):
            found["connectors",] = connectors.named(wanted)
        arn = self._connector_arn
        if arn is None:
            return found
        found["connector",] = connectors.described(arn)
        found["operations",] = connectors.operations(arn)
        if failed := connectors.newest_failed(self._items("operations")):
            found["operation",] = connectors.operation(failed)
        raw = self._connector
        if worker := connectors.worker_configuration_of(raw):
            found["worker configuration",] = connectors.worker_configuration(worker)
        for plugin in connectors.plugins_of(raw):
            found["plugin", plugin] = connectors.plugin(plugin)
        if self.wanted.interfaces and (subnets := connectors.subnets_of(raw)):
            found["interfaces",] = connectors.interfaces(subnets, connectors.groups_of(raw))
        return found

    def _about_cluster(self) -> dict[Key, ApiCall]:
        found: dict[Key, ApiCall] = {}
        wanted, host = self.wanted.cluster, self._host
        if wanted and parse_arn(wanted):
            found["cluster",] = clusters.described(wanted)
        elif wanted:
            found["clusters",] = clusters.named(wanted)
        elif host:
            found["clusters",] = clusters.named(host.name) if host.name else clusters.serverless()
        if self._may_be_connected:
            found["vpc connections",] = clusters.vpc_connections()
        for arn, raw in self._candidates.items():
            found["bootstrap", arn] = clusters.bootstrap(arn)
            if not clusters.is_serverless(raw):
                found["nodes", arn] = clusters.nodes(arn)
            if not raw or clusters.uses_scram(raw):
                found["secrets", arn] = clusters.secrets(arn)
        return found

    # What is known

    def _items(self, *key: str) -> list[Any]:
        outcome = self.outcomes.get(key)
        return list(outcome.items) if isinstance(outcome, ApiResult) else []

    def _first(self, *key: str) -> Any:
        """The single object of a response, {} without one."""
        return next(iter(self._items(*key)), {})

    @cached_property
    def _same_name(self) -> list[Any]:
        return [raw for raw in self._items("connectors") if raw.get("connectorName") == self.wanted.connector]

    @cached_property
    def _connector_arn(self) -> str | None:
        wanted = self.wanted.connector
        if wanted and parse_arn(wanted):
            return wanted
        return self._same_name[0]["connectorArn"] if len(self._same_name) == 1 else None

    @cached_property
    def _connector(self) -> Any:
        """What is known about the connector: a listing has all but its settings and its error."""
        return (self._same_name[0] if len(self._same_name) == 1 else {}) | self._first("connector")

    @cached_property
    def _hosts(self) -> tuple[str, ...]:
        given = self.wanted.hosts
        return given or tuple(hosts_of(connectors.bootstrap_of(self._connector)))

    @cached_property
    def _host(self) -> MskHost | None:
        """What the bootstrap servers reveal about the cluster; None if they are not MSK's, or in another
        Region.
        """
        seen = [host for host in map(msk_host, self._hosts) if host]
        return seen[0] if seen and seen[0].region == self.region else None

    @cached_property
    def _may_be_connected(self) -> bool:
        """Whether the connection to the cluster may be a managed VPC connection, by the port or where it is
        unknown.
        """
        ports = (part.rpartition(":")[2] for part in connectors.bootstrap_of(self._connector).split(","))
        return any(port.strip().isdigit() and int(port) in MULTI_VPC_PORTS for port in ports) or (
            self.wanted.connector is None and self.wanted.cluster is not None
        )

    @cached_property
    def _candidates(self) -> dict[str, Any]:
        """The candidate clusters, by ARN."""
        wanted = self.wanted.cluster
        if wanted and parse_arn(wanted):
            return {wanted: self._first("cluster")}
        listed = self._items("clusters")
        if wanted:
            listed = [raw for raw in listed if raw.get("ClusterName") == wanted]
        elif self._host and self._host.name:
            # A host name has only the start of a long name, and always in lower case.
            exact = [raw for raw in listed if raw.get("ClusterName", "").lower() == self._host.name]
            listed = exact or listed
        return {raw["ClusterArn"]: raw for raw in listed[:MOST_CANDIDATES]}

    @cached_property
    def _cluster(self) -> Any:
        """The cluster's description, {} if it is unknown which candidate it is."""
        candidates = list(self._candidates.values())
        if self.wanted.cluster:
            return candidates[0] if len(candidates) == 1 else {}
        fitting = [raw for raw in candidates if self._is_of(raw["ClusterArn"])]
        return fitting[0] if len(fitting) == 1 else {}

    def _is_of(self, arn: str) -> bool:
        """Whether the brokers belong to this cluster, by the id in their names, or by the name if that is
        denied.
        """
        assert self._host
        if isinstance(self.outcomes.get(("bootstrap", arn)), ApiFailure):
            return len(self._candidates) == 1 and bool(self._host.name)
        strings = self._first("bootstrap", arn).values()
        named = [msk_host(host) for text in strings if isinstance(text, str) for host in hosts_of(text)]
        return any(host and host.id == self._host.id for host in named)

    # The result

    def result(self) -> LookedUp:
        region, account = self.region, self._account()
        trouble = self._trouble()
        if trouble:
            return LookedUp(
                region=region, account=account, trouble=trouble, rounds=self.rounds, calls=self._calls()
            )
        worker, secrets, unread = self._worker()
        missing = dict.fromkeys([*self._missing(), *unread])
        return LookedUp(
            connector=self._build_connector(worker, secrets),
            cluster=self._build_cluster(),
            bootstrap=self._bootstrap(),
            region=region,
            account=account,
            interfaces=tuple(eni["NetworkInterfaceId"] for eni in self._items("interfaces")),
            missing=tuple(missing),
            trouble="",
            rounds=self.rounds,
            calls=self._calls(),
        )

    def _calls(self) -> int:
        return sum(outcome.calls for outcome in self.outcomes.values())

    def _account(self) -> str | None:
        for raw, key in ((self._connector, "connectorArn"), (self._cluster, "ClusterArn")):
            if arn := parse_arn(raw.get(key, "")):
                return arn.account
        account: str | None = self._first("identity").get("Account")
        return account

    def _build_connector(
        self, worker: WorkerConfiguration | None, secrets: Mapping[str, str]
    ) -> Connector | None:
        if not self._connector:
            return None
        failed = self._first("operation") or None
        plugins = [item for key in self.outcomes if key[0] == "plugin" for item in self._items(*key)]
        operations = self._items("operations")
        return connectors.connector(self._connector, operations, failed, worker, plugins, (secrets,))

    def _worker(self) -> tuple[WorkerConfiguration | None, Mapping[str, str], list[Missing]]:
        raw = self._first("worker configuration")
        if not raw:
            return None, {}, []
        try:
            given = connectors.worker_properties(raw)
        except PropertiesError as error:
            reason = f"{raw.get('name')}: its properties cannot be parsed: {error}"
            return None, {}, [Missing("the worker configuration", "", reason)]
        return connectors.worker(raw, given), given, []

    def _build_cluster(self) -> Cluster | None:
        raw = self._cluster
        if not raw:
            return None
        arn = raw["ClusterArn"]
        secrets = self.outcomes.get(("secrets", arn))
        return clusters.cluster(
            raw,
            self._bootstrap(),
            self._items("nodes", arn),
            [str(item) for item in secrets.items] if isinstance(secrets, ApiResult) else None,
            self._items("vpc connections"),
        )

    def _bootstrap(self) -> dict[str, str]:
        arn = self._cluster.get("ClusterArn") or self.wanted.cluster or ""
        strings = self._first("bootstrap", arn)
        return {name: text for name, text in strings.items() if isinstance(text, str)}

    # What is missing, and what the user has to fix

    def _missing(self) -> Iterable[Missing]:
        for key, outcome in self.outcomes.items():
            if isinstance(outcome, ApiFailure) and not self._is_idle(key):
                action = self.calls[key].action if outcome.denied else ""
                yield Missing(_what(key), action, outcome.reason + self._other_account(key))
        yield from self._hidden_cluster()

    def _is_idle(self, key: Key) -> bool:
        """Whether nothing depends on a failed call."""
        match key:
            case ("identity",):
                return True
            case ("bootstrap" | "nodes" | "secrets" as about, arn):
                raw = self._candidates.get(arn, {})
                if self._cluster and self._cluster["ClusterArn"] != arn:
                    return True
                serverless = about == "nodes" and clusters.is_serverless(raw)
                return serverless or (about == "secrets" and bool(raw) and not clusters.uses_scram(raw))
            case ("vpc connections",):
                strings = self._first("bootstrap", self._cluster.get("ClusterArn", ""))
                return self.wanted.connector is None and not any(
                    "VpcConnectivity" in name for name in strings
                )
        return False

    def _hidden_cluster(self) -> Iterable[Missing]:
        """Yields that the brokers are MSK's, but belong to no cluster that AWS lists."""
        listed = self.outcomes.get(("clusters",))
        if self._cluster or self.wanted.cluster or not self._host or not isinstance(listed, ApiResult):
            return
        if any(isinstance(self.outcomes.get(("bootstrap", arn)), ApiFailure) for arn in self._candidates):
            return
        same = [
            raw for raw in self._candidates.values() if raw.get("ClusterName", "").lower() == self._host.name
        ]
        if same:
            reason = (
                f"the brokers belong to a cluster {self._host.name} with id {self._host.id}, but the cluster "
                f"with this name is {same[0]['ClusterArn']}: was it deleted and created again?"
            )
        else:
            reason = (
                f"no cluster of this account in {self.region} has broker {self._hosts[0]}: if it belongs to "
                "another account, add its ARN with --cluster, and credentials that may describe it"
            )
        yield Missing("the MSK cluster", "", reason)

    def _other_account(self, key: Key) -> str:
        name = self.wanted.connector if key == ("connector",) else self.wanted.cluster
        theirs, ours = parse_arn(name or ""), self._first("identity").get("Account")
        if key not in (("connector",), ("cluster",)) or not theirs or not ours or theirs.account == ours:
            return ""
        return (
            f"; it belongs to account {theirs.account} and these credentials to {ours}: "
            "use another profile with --profile"
        )

    def _trouble(self) -> str:
        return self._connector_trouble() or self._cluster_trouble()

    def _connector_trouble(self) -> str:
        name = self.wanted.connector
        if not name:
            return ""
        outcome = self.outcomes.get(("connector",))
        if isinstance(outcome, ApiFailure) and (
            outcome.code in NOT_FOUND or self._other_account(("connector",))
        ):
            whose = self._other_account(("connector",))
            return f"--connector {name}: {_unfound('connector', self.region)}{whose}"
        if isinstance(self.outcomes.get(("connectors",)), ApiResult) and len(self._same_name) != 1:
            all_ = [(raw["connectorName"], raw["connectorArn"]) for raw in self._items("connectors")]
            return f"--connector {name}: " + _choose(name, all_, "connector", self.region)
        return ""

    def _cluster_trouble(self) -> str:
        name = self.wanted.cluster
        if not name:
            return ""
        outcome = self.outcomes.get(("cluster",))
        if isinstance(outcome, ApiFailure) and outcome.code in NOT_FOUND:
            return f"--cluster {name}: {_unfound('cluster', self.region)}{self._other_account(('cluster',))}"
        if isinstance(self.outcomes.get(("clusters",)), ApiResult) and len(self._candidates) != 1:
            all_ = [(raw["ClusterName"], raw["ClusterArn"]) for raw in self._items("clusters")]
            return f"--cluster {name}: " + _choose(name, all_, "cluster", self.region)
        return ""


def hosts_of(bootstrap: str) -> list[str]:
    """The host names in a list of bootstrap servers."""
    return [part.strip().rpartition(":")[0].lower() for part in bootstrap.split(",") if ":" in part]


def _what(key: Key) -> str:
    match key:
        case ("connectors" | "connector", *_):
            return "the connector"
        case ("operations" | "operation", *_):
            return "the connector's operations"
        case ("plugin", arn):
            return f"the plugin {arn}"
        case ("interfaces", *_):
            return "the workers' network interfaces"
        case ("clusters" | "cluster", *_):
            return "the MSK cluster"
        case ("bootstrap", *_):
            return "the cluster's bootstrap servers"
        case ("nodes", *_):
            return "the cluster's brokers"
        case ("secrets", *_):
            return "the cluster's SCRAM secrets"
        case ("vpc connections", *_):
            return "the VPC connections to the cluster"
        case (what, *_):
            return f"the {what}"
    raise AssertionError("every call has a name")


def _unfound(kind: str, region: str) -> str:
    return f"no such {kind} in {region}: list them with {_listing(kind, region)}"


def _listing(kind: str, region: str) -> str:
    command = "kafkaconnect list-connectors" if kind == "connector" else "kafka list-clusters-v2"
    return f"aws {command} --region {region}"


def _choose(name: str, found: Sequence[tuple[str, str]], kind: str, region: str) -> str:
    same = [arn for each, arn in found if each == name]
    if same:
        return f"several {kind}s have this name, give one's ARN: {', '.join(same[:MOST_LISTED])}"
    if not found:
        return (
            f"no {kind} in {region} has this name: list them with {_listing(kind, region)}, or check --region"
        )
    near = first_few(sorted(each for each, _ in found), MOST_LISTED)
    return f"no {kind} in {region} has exactly this name; these start with it: {near}"
