"""The decision table: what an observation and AWS's configuration mean together, seen from a place. Pure."""

from __future__ import annotations

from enum import StrEnum

from netcheck.diagnose.place import Where
from netcheck.diagnose.sides import Configured, Observed


class Reading(StrEnum):
    """What both sides of one target mean together."""

    BLOCKED = "AWS's configuration stops it: that is why it is silent"
    MAY_BE_BLOCKED = "AWS's configuration stops the workers, and it is silent from another place too"
    PARTLY_BLOCKED = "AWS's configuration stops part of it: this connection may have been of that part"
    PAST_AWS = "AWS would deliver it: something past it is silent"
    OWN_WAY = "AWS would deliver the workers': it is this host's own way that is silent"
    WHOSE_WAY = "AWS would deliver the workers': whether this host stands for them is not known"
    CANNOT_TELL = "silent, and AWS's configuration is not known well enough"
    ONE_SIDED = "silent, and nobody looked at AWS's configuration"
    CONTRADICTION = "answered from the workers' place, though AWS's configuration stops it"
    WOULD_BE_BLOCKED = "the workers would be blocked"
    WOULD_BE_PARTLY_BLOCKED = "some of the workers' connections would be blocked"
    LOOK_AT_SERVICE = "the path is good both ways: look at the service"
    CONSISTENT = "answered, and nothing speaks against it"
    PREDICTED = "not probed, and predicted to work"
    NOT_KNOWN = "not probed, and not known"


def read(observed: Observed, configured: Configured, where: Where) -> Reading:
    """One cell of the table.

    An answer has crossed the path both ways, so only silence can be the path's fault. What is observed
    speaks for the workers only from where one of them could be.
    """
    match observed, configured, where:
        case Observed.SILENT, Configured.BLOCKED, Where.SAME:
            return Reading.BLOCKED
        case Observed.SILENT, (Configured.BLOCKED | Configured.PARTIAL), (Where.ELSEWHERE | Where.UNKNOWN):
            return Reading.MAY_BE_BLOCKED
        case Observed.SILENT, Configured.PARTIAL, Where.SAME:
            return Reading.PARTLY_BLOCKED
        case Observed.SILENT, Configured.REACHABLE, Where.SAME:
            return Reading.PAST_AWS
        case Observed.SILENT, Configured.REACHABLE, Where.ELSEWHERE:
            return Reading.OWN_WAY
        case Observed.SILENT, Configured.REACHABLE, Where.UNKNOWN:
            return Reading.WHOSE_WAY
        case Observed.SILENT, Configured.UNKNOWN, _:
            return Reading.CANNOT_TELL
        case Observed.SILENT, Configured.ABSENT, _:
            return Reading.ONE_SIDED
        case ((Observed.BADLY | Observed.WELL), Configured.BLOCKED, Where.SAME):
            return Reading.CONTRADICTION
        case _, Configured.BLOCKED, _:
            return Reading.WOULD_BE_BLOCKED
        case _, Configured.PARTIAL, _:
            return Reading.WOULD_BE_PARTLY_BLOCKED
        case Observed.BADLY, _, _:
            return Reading.LOOK_AT_SERVICE
        case Observed.WELL, _, _:
            return Reading.CONSISTENT
        case Observed.NOTHING, Configured.REACHABLE, _:
            return Reading.PREDICTED
        case _:
            return Reading.NOT_KNOWN
