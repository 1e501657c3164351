"""Collects the input of the path engine: EC2's responses, unchanged, and a gap for each that is missing.

It takes three rounds of calls, all calls of a round in parallel: the resources of which a Region has few (and
from them the relevant VPCs), then the contents of those VPCs, then the prefix lists in their rules and
routes. Except for AWS's page sizes, the number of calls does not depend on the number of brokers, workers or
interfaces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netcheck.aws.api.calls import ApiCall, ApiCaller, ApiFailure, ApiResult, Deadline, Outcome, call_all
from netcheck.aws.api.session import NoAws, ec2_client, open_session
from netcheck.aws.ec2 import scope as scopes
from netcheck.aws.ec2.scope import Links, Scope
from netcheck.aws.ec2.snapshot import ACTIONS, Gap
from netcheck.core.model import Json

if TYPE_CHECKING:
    from boto3.session import Session

Progress = Callable[[str], None]
EVERYTHING = "everything"

REGION_WIDE: Mapping[str, ApiCall] = {
    "Vpcs": ApiCall("DescribeVpcs", "Vpcs"),
    "InternetGateways": ApiCall("DescribeInternetGateways", "InternetGateways"),
    # These have no filter by VPC (EC2 API reference): all of the Region's are collected.
    "EgressOnlyInternetGateways": ApiCall("DescribeEgressOnlyInternetGateways", "EgressOnlyInternetGateways"),
    "Addresses": ApiCall("DescribeAddresses", "Addresses"),
    "ManagedPrefixLists": ApiCall("DescribeManagedPrefixLists", "PrefixLists"),
    "PrefixLists": ApiCall("DescribePrefixLists", "PrefixLists"),
    "VpcPeeringConnections": ApiCall("DescribeVpcPeeringConnections", "VpcPeeringConnections"),
    "TransitGateways": ApiCall("DescribeTransitGateways", "TransitGateways"),
    "TransitGatewayAttachments": ApiCall("DescribeTransitGatewayAttachments", "TransitGatewayAttachments"),
    "TransitGatewayVpcAttachments": ApiCall(
        "DescribeTransitGatewayVpcAttachments", "TransitGatewayVpcAttachments"
    ),
    "TransitGatewayRouteTables": ApiCall("DescribeTransitGatewayRouteTables", "TransitGatewayRouteTables"),
    "VpnGateways": ApiCall("DescribeVpnGateways", "VpnGateways"),
    "DhcpOptions": ApiCall("DescribeDhcpOptions", "DhcpOptions"),
    "VpcBlockPublicAccessOptions": ApiCall(
        "DescribeVpcBlockPublicAccessOptions", "VpcBlockPublicAccessOptions"
    ),
    "VpcBlockPublicAccessExclusions": ApiCall(
        "DescribeVpcBlockPublicAccessExclusions", "VpcBlockPublicAccessExclusions"
    ),
}
OF_VPCS: Mapping[str, str] = {
    "Subnets": "DescribeSubnets",
    "RouteTables": "DescribeRouteTables",
    "NetworkAcls": "DescribeNetworkAcls",
    "SecurityGroups": "DescribeSecurityGroups",
    "NetworkInterfaces": "DescribeNetworkInterfaces",
    "Reservations": "DescribeInstances",
    "NatGateways": "DescribeNatGateways",
    "VpcEndpoints": "DescribeVpcEndpoints",
}
ATTRIBUTES = ("enableDnsSupport", "enableDnsHostnames")
OF_TRANSIT_TABLES: Mapping[str, tuple[str, str]] = {
    "TransitGatewayRouteTableAssociations": ("GetTransitGatewayRouteTableAssociations", "Associations"),
    "TransitGatewayPropagations": (
        "GetTransitGatewayRouteTablePropagations",
        "TransitGatewayRouteTablePropagations",
    ),
    "TransitGatewayStaticRoutes": ("SearchTransitGatewayRoutes", "Routes"),
}
"""Document: the operation to call for each transit gateway route table, and the member of its response."""
ROUTE_TYPES = ("static", "propagated")


@dataclass(frozen=True, slots=True)
class Collected:
    """AWS's responses by snapshot file stem, with the gaps; `calls` is the number of API calls made.

    `documents` contains the gaps too, as `Gaps`, so that the files say what is missing. It is empty where AWS
    could not be called at all; `error` then says why, and is "" otherwise.
    """

    documents: Mapping[str, Json]
    gaps: tuple[Gap, ...]
    calls: int

    @property
    def error(self) -> str:
        return "" if self.documents else self.gaps[0].reason


def collect_region(deadline: Deadline, region: str | None, profile: str | None, scope: Scope) -> Collected:
    """Open a session and collect. Never raises for an error of AWS or of the credentials: see
    `Collected.error`.

    Raises DeadlineExceeded when no time is left at the start.
    """
    try:
        return collect(open_session(deadline, region, profile), scope, deadline)
    except NoAws as error:
        return _nothing(str(error), 0)


def collect(
    session_or_clients: Session | Mapping[str, Any],
    scope: Scope,
    deadline: Deadline,
    progress: Progress = lambda _: None,
) -> Collected:
    """Collect the VPCs of the scope, and those that their peerings and transit gateways lead to.

    Takes a boto3 session, or {"ec2": client} where the caller keeps clients, as sessions must not be shared
    between threads. Raises NoAws, and DeadlineExceeded when no time is left at the start; what is missing at
    the deadline is a gap.
    """
    deadline.remaining()
    if isinstance(session_or_clients, Mapping):
        return _collected(session_or_clients["ec2"], scope, deadline, progress)
    client = ec2_client(session_or_clients, deadline)
    try:
        return _collected(client, scope, deadline, progress)
    finally:
        client.close()


def collect_from(caller: ApiCaller, region: str, scope: Scope) -> Collected:
    """The same with any caller: AWS, or a cache of its responses."""
    return _Collection(caller, region, scope, lambda _: None).run()


def _collected(client: Any, scope: Scope, deadline: Deadline, progress: Progress) -> Collected:
    region = client.meta.region_name
    return _Collection(lambda calls: call_all(client, calls, deadline), region, scope, progress).run()


def _nothing(reason: str, calls: int) -> Collected:
    return Collected({}, (Gap(EVERYTHING, "", reason),), calls)


class _Collection:
    """One collection in progress: the documents and gaps so far."""

    def __init__(self, caller: ApiCaller, region: str, scope: Scope, progress: Progress) -> None:
        self._caller = caller
        self._region = region
        self._scope = scope
        self._progress = progress
        self._documents: dict[str, Json] = {}
        self._gaps: dict[str, Gap] = {}
        self._calls = 0

    def run(self) -> Collected:
        first = dict(REGION_WIDE) | scopes.calls(self._scope)
        if not self._scope:
            first |= dict(_of_vpcs(None))
        self._progress("the Region, and the relevant VPCs")
        outcomes = self._call(first)
        failures = [outcome for outcome in outcomes.values() if isinstance(outcome, ApiFailure)]
        if len(failures) == len(outcomes) and not any(failure.denied for failure in failures):
            return _nothing(Counter(failure.reason for failure in failures).most_common(1)[0][0], self._calls)
        for stem in first.keys() & ACTIONS.keys():
            self._keep(stem, [outcomes[stem]])
        wanted = self._wanted({name: outcomes[name] for name in outcomes.keys() - ACTIONS.keys()})
        self._second(wanted)
        self._progress("prefix lists")
        self._prefix_lists()
        gaps = tuple(self._gaps[what] for what in sorted(self._gaps))
        self._documents["Gaps"] = {
            "Gaps": [{"what": gap.what, "action": gap.action, "reason": gap.reason} for gap in gaps]
        }
        return Collected(dict(sorted(self._documents.items())), gaps, self._calls)

    def _call(self, calls: Mapping[Any, ApiCall]) -> dict[Any, Outcome]:
        outcomes = self._caller(list(calls.values()))
        self._calls += sum(outcome.calls for outcome in outcomes)
        return dict(zip(calls, outcomes, strict=True))

    def _keep(self, stem: str, outcomes: Sequence[Outcome]) -> None:
        """Keep a document of these outcomes, or a gap if any failed: an incomplete list must not look
        complete.
        """
        items = self._whole(stem, outcomes)
        if items is not None:
            one = stem == "VpcBlockPublicAccessOptions"
            self._documents[stem] = {stem: (items[0] if items else {}) if one else items}

    def _whole(self, stem: str, outcomes: Sequence[Outcome]) -> list[Json] | None:
        failed = next((outcome for outcome in outcomes if isinstance(outcome, ApiFailure)), None)
        if failed is not None:
            self._gap(stem, ACTIONS[stem], failed.reason)
            return None
        return [item for outcome in outcomes if isinstance(outcome, ApiResult) for item in outcome.items]

    def _gap(self, what: str, action: str, reason: str) -> None:
        self._gaps.setdefault(what, Gap(what, action, reason))

    def _items(self, stem: str) -> list[Any]:
        document = self._documents.get(stem)
        items = document.get(stem) if isinstance(document, dict) else None
        return items if isinstance(items, list) else []

    # Which VPCs

    def _wanted(self, located: Mapping[str, Outcome]) -> frozenset[str] | None:
        """The VPCs to collect, None for all of them: there is no scope, or its VPCs are unknown."""
        listed = frozenset(vpc["VpcId"] for vpc in self._items("Vpcs")) if "Vpcs" in self._documents else None
        found: list[Any] = [
            item for outcome in located.values() if isinstance(outcome, ApiResult) for item in outcome.items
        ]
        if any(isinstance(outcome, ApiFailure) for outcome in located.values()):
            return None
        self._name_unknown_ids(found, listed)
        if not self._scope:
            return None
        start = self._scope.vpcs | {item["VpcId"] for item in found if item.get("VpcId")}
        wanted = self._links().follow(start if listed is None else start & listed)
        if listed is None:
            return wanted or None
        wanted &= listed
        if not wanted or wanted == listed:
            return None
        self._documents["Vpcs"] = {"Vpcs": [vpc for vpc in self._items("Vpcs") if vpc["VpcId"] in wanted]}
        return wanted

    def _links(self) -> Links:
        return scopes.links(
            self._items("VpcPeeringConnections"),
            self._items("TransitGatewayAttachments"),
            self._items("TransitGatewayVpcAttachments"),
        )

    def _name_unknown_ids(self, found: list[Any], listed: frozenset[str] | None) -> None:
        there = found + [{"VpcId": vpc} for vpc in listed or ()]
        for name, action in scopes.unknown_ids(self._scope, there):
            if listed is not None or action != ACTIONS["Vpcs"]:
                reason = (
                    f"{name} is not in {self._region}, or not in this account: check --region and --profile"
                )
                self._gap(name, action, reason)

    # Their contents

    def _second(self, wanted: frozenset[str] | None) -> None:
        tables = self._transit_tables(wanted)
        attributed = self._attributed(wanted)
        calls: dict[tuple[str, str], ApiCall] = {}
        if wanted is not None:
            for part, values in enumerate(scopes.chunks(sorted(wanted))):
                calls |= {(stem, str(part)): question for stem, question in _of_vpcs(values)}
        elif self._scope:
            calls |= {(stem, ""): question for stem, question in _of_vpcs(None)}
        calls |= {
            (attribute, vpc): ApiCall(
                "DescribeVpcAttribute", _upper(attribute), {"VpcId": vpc, "Attribute": attribute}
            )
            for vpc in attributed
            for attribute in ATTRIBUTES
        }
        calls |= {
            (stem, table): _of_transit_table(stem, table) for stem in OF_TRANSIT_TABLES for table in tables
        }
        self._progress(f"{len(self._items('Vpcs')) or 'all'} VPCs")
        outcomes = self._call(calls)
        for stem in {stem for stem, _ in calls} & OF_VPCS.keys():
            self._keep(stem, [outcome for (of, _), outcome in outcomes.items() if of == stem])
        self._attributes(attributed, outcomes)
        for stem in OF_TRANSIT_TABLES:
            self._transit(stem, {table: outcomes[stem, table] for table in tables})
        self._name_hidden_gateways(wanted)

    def _attributed(self, wanted: frozenset[str] | None) -> list[str]:
        if "Vpcs" in self._documents:
            return sorted(vpc["VpcId"] for vpc in self._items("Vpcs"))
        return sorted(self._scope.vpcs if wanted is None else wanted)

    def _attributes(self, vpcs: Sequence[str], outcomes: Mapping[tuple[str, str], Outcome]) -> None:
        if "Vpcs" not in self._documents:
            reason = f"the list of VPCs is unknown: {self._gaps['Vpcs'].reason}"
            self._gap("VpcAttributes", ACTIONS["Vpcs"], reason)
            return
        keys = [(attribute, vpc) for vpc in vpcs for attribute in ATTRIBUTES]
        if self._whole("VpcAttributes", [outcomes[key] for key in keys]) is not None:
            self._documents["VpcAttributes"] = {
                "VpcAttributes": [
                    {"VpcId": vpc, **{_upper(name): _first(outcomes[name, vpc]) for name in ATTRIBUTES}}
                    for vpc in vpcs
                ]
            }

    def _transit_tables(self, wanted: frozenset[str] | None) -> list[str]:
        gateways = None if wanted is None else self._links().gateways(wanted)
        attachments_known = {"TransitGatewayAttachments", "TransitGatewayVpcAttachments"} & set(
            self._documents
        )
        return sorted(
            table["TransitGatewayRouteTableId"]
            for table in self._items("TransitGatewayRouteTables")
            if table.get("State") not in ("deleting", "deleted")
            and (gateways is None or not attachments_known or table.get("TransitGatewayId") in gateways)
        )

    def _transit(self, stem: str, outcomes: Mapping[str, Outcome]) -> None:
        if "TransitGatewayRouteTables" not in self._documents:
            reason = f"the list of route tables is unknown: {self._gaps['TransitGatewayRouteTables'].reason}"
            self._gap(stem, ACTIONS["TransitGatewayRouteTables"], reason)
            return
        if self._whole(stem, list(outcomes.values())) is None:
            return
        member = OF_TRANSIT_TABLES[stem][1]
        items: list[Json] = []
        for table, outcome in outcomes.items():
            assert isinstance(outcome, ApiResult)
            item: dict[str, Json] = {"TransitGatewayRouteTableId": table, member: outcome.items}
            if stem == "TransitGatewayStaticRoutes":
                item["AdditionalRoutesAvailable"] = not outcome.whole
            items.append(item)
            if not outcome.whole:
                reason = f"{table} has more routes than AWS returns"
                self._gap(stem, ACTIONS[stem], reason)
        self._documents[stem] = {stem: items}

    def _name_hidden_gateways(self, wanted: frozenset[str] | None) -> None:
        """A transit gateway shared by another account has its attachments in the responses, but no route
        table.
        """
        if "TransitGatewayRouteTables" not in self._documents:
            return
        vpcs = wanted or {vpc["VpcId"] for vpc in self._items("Vpcs")}
        shown = {table.get("TransitGatewayId") for table in self._items("TransitGatewayRouteTables")}
        hidden = sorted(self._links().gateways(vpcs) - shown)
        if hidden:
            reason = f"{' '.join(hidden)}: no route table is visible; ask the account that owns the gateway"
            for stem in ("TransitGatewayAttachments", *OF_TRANSIT_TABLES):
                self._gap(stem, ACTIONS[stem], reason)

    # Prefix lists

    def _prefix_lists(self) -> None:
        names = sorted(set(_named_lists(self._items("RouteTables"), self._items("SecurityGroups"))))
        calls = {
            name: ApiCall("GetManagedPrefixListEntries", "Entries", {"PrefixListId": name}) for name in names
        }
        outcomes = self._call(calls)
        if self._whole("PrefixListEntries", list(outcomes.values())) is not None:
            self._documents["PrefixListEntries"] = {
                "PrefixListEntries": [
                    {"PrefixListId": name, "Entries": outcome.items}
                    for name, outcome in outcomes.items()
                    if isinstance(outcome, ApiResult)
                ]
            }


def _of_vpcs(vpcs: list[str] | None) -> Iterator[tuple[str, ApiCall]]:
    for stem, operation in OF_VPCS.items():
        parameter = "Filter" if operation == "DescribeNatGateways" else "Filters"
        params = {} if vpcs is None else scopes.filtered("vpc-id", vpcs, parameter)
        yield stem, ApiCall(operation, stem, params)


def _of_transit_table(stem: str, table: str) -> ApiCall:
    operation, member = OF_TRANSIT_TABLES[stem]
    # SearchTransitGatewayRoutes requires a filter: this one excludes nothing.
    params = scopes.filtered("type", list(ROUTE_TYPES)) if operation == "SearchTransitGatewayRoutes" else {}
    return ApiCall(operation, member, {"TransitGatewayRouteTableId": table, **params})


def _named_lists(tables: Iterable[Any], groups: Iterable[Any]) -> Iterator[str]:
    """The prefix lists in routes and rules."""
    for table in tables:
        for route in table.get("Routes", []):
            if route.get("DestinationPrefixListId"):
                yield route["DestinationPrefixListId"]
    for group in groups:
        for rule in [*group.get("IpPermissions", []), *group.get("IpPermissionsEgress", [])]:
            yield from (item["PrefixListId"] for item in rule.get("PrefixListIds", []))


def _upper(attribute: str) -> str:
    return attribute[0].upper() + attribute[1:]


def _first(outcome: Outcome) -> Json:
    return outcome.items[0] if isinstance(outcome, ApiResult) and outcome.items else {}
