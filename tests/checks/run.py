"""Checks as a run makes them, on an AWS configuration built by hand and names resolved as a test says.

    found = judge(HasPath(), target, world, live={"sts.eu-west-1.amazonaws.com": ("52.1.2.3",)})

Nothing is asked of a network: the observations are those a recording would hold, and everything that stands
on them is the program's own.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from netcheck.aws.ec2.source import Documents
from netcheck.aws.route53.model import Listed, Lookups, Records
from netcheck.core.check import Check
from netcheck.core.context import Context, Deadline, FactUnavailable, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Finding, Kind, Status, Target
from netcheck.probe.dns.resolve import Address, Resolution
from netcheck.settings.config import Config
from tests.path.world import World

REGION = "eu-west-1"
NOTHING = Lookups((), (), (), (), "")


class Answers:
    """What was observed, by the probe's name: a value, or a function of its arguments."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def observe(self, probe: Callable[..., Any], args: tuple[object, ...], ask: Callable[[], Any]) -> Any:  # noqa: ARG002
        answer = self._given[probe.__name__]
        return answer(*args) if callable(answer) else answer


def context(
    world: World,
    *,
    subnets: tuple[str, ...] = ("subnet-w",),
    groups: tuple[str, ...] = ("sg-w",),
    live: Mapping[str, tuple[str, ...]] | None = None,
    lookups: Lookups | None = NOTHING,
    records: Mapping[str, Records] | None = None,
    more: Mapping[str, Any] | None = None,
    config: Config | None = None,
) -> Context:
    """`live` is what names resolve to here; `lookups` None: judged from a snapshot, Route 53 is not asked."""
    given = {
        "resolve": lambda host: resolution(host, (live or {}).get(host, ())),
        "collected": Documents({"": world.documents}, ""),
        "saved": Documents({"": world.documents}, ""),
        "look_up": lookups,
        "records": lambda *args: (records or {}).get(args[-1], Records((), (), None)),
        "listed": Listed((), ()),
        **(more or {}),
    }
    made = replace(
        config or Config(),
        source_subnet=subnets,
        source_security_group=groups,
        region=REGION,
        snapshot="saved" if lookups is None else None,
    )
    return Context(made, Deadline(30), Answers(given))


def resolution(host: str, addresses: tuple[str, ...]) -> Resolution:
    with contextlib.suppress(ValueError):
        addresses = (str(ipaddress.ip_address(host)),)
    found = tuple(
        Address(a, ipaddress.ip_address(a).version, not ipaddress.ip_address(a).is_global) for a in addresses
    )
    return Resolution(host, found, "", None if found else Cause.DNS_NXDOMAIN, "", 0.0)


def judge(check: Check, target: Target, ctx: Context) -> list[Finding]:
    """What a check finds; what it raises is a finding too, as the runner makes one of it."""
    found: list[Finding] = []
    try:
        found.extend(check.run(target, ctx))
    except PrerequisiteFailed as reason:
        found.append(Finding(Status.SKIP, str(reason), Cause.NOT_ASKED))
    except Skip as reason:
        found.append(Finding(Status.SKIP, str(reason)))
    except FactUnavailable as error:
        needed = (error.action,) if error.action else ()
        found.append(
            Finding(Status.UNKNOWN, error.reason, Cause.FACT_UNAVAILABLE, missing_permissions=needed)
        )
    return found


def told(found: list[Finding]) -> list[tuple[str, str | None, str | None]]:
    """(status, cause, component) of each finding."""
    return [(str(f.status), f.cause and str(f.cause), f.component) for f in found]


def service(name: str, region: str = REGION) -> Target:
    return Target(Kind.AWS_SERVICE, f"{name}.{region}.amazonaws.com", 443)


def clickhouse(host: str, port: int = 8443) -> Target:
    return Target(Kind.CLICKHOUSE_HTTPS, host, port)
