"""The decision table: what an observation and AWS's configuration mean together, seen from a place. Pure."""

from __future__ import annotations

from enum import StrEnum

from netcheck.core.place import Where
from netcheck.diagnose.sides import Configured, Observed


class JointVerdict(StrEnum):
    """What both sides of one target mean together."""

    BLOCKED = "AWS's configuration blocks it, which is why it is silent"
    MAY_BE_BLOCKED = "AWS's configuration blocks the workers, and it is silent from another place too"
    PARTLY_BLOCKED = "AWS's configuration blocks part of it, and this connection may have been in that part"
    PAST_AWS = "AWS delivers it: something behind AWS's network drops it"
    LOCAL_PATH = "AWS delivers the workers' packets: only this host's own path is silent"
    MAY_BE_LOCAL = "AWS delivers the workers' packets: whether this host is in their place is unknown"
    CANNOT_TELL = "silent, and AWS's configuration is not fully known"
    ONE_SIDED = "silent, and AWS's configuration was not looked at"
    CONTRADICTION = "answered from the workers' place, although AWS's configuration blocks it"
    WOULD_BE_BLOCKED = "the workers would be blocked"
    WOULD_BE_PARTLY_BLOCKED = "some of the workers' connections would be blocked"
    LOOK_AT_SERVICE = "the path works both ways: look at the service"
    CONSISTENT = "answered, and nothing contradicts it"
    PREDICTED = "not probed, predicted to work"
    NOT_KNOWN = "not probed, unknown"


def decide(observed: Observed, configured: Configured, where: Where) -> JointVerdict:
    """One cell of the table.

    An answer has crossed the path both ways, so only silence can be the path's fault. What is observed
    speaks for the workers only from where one of them could be.
    """
    match observed, configured, where:
        case Observed.SILENT, Configured.BLOCKED, Where.SAME:
            return JointVerdict.BLOCKED
        case Observed.SILENT, (Configured.BLOCKED | Configured.PARTIAL), (Where.ELSEWHERE | Where.UNKNOWN):
            return JointVerdict.MAY_BE_BLOCKED
        case Observed.SILENT, Configured.PARTIAL, Where.SAME:
            return JointVerdict.PARTLY_BLOCKED
        case Observed.SILENT, Configured.REACHABLE, Where.SAME:
            return JointVerdict.PAST_AWS
        case Observed.SILENT, Configured.REACHABLE, Where.ELSEWHERE:
            return JointVerdict.LOCAL_PATH
        case Observed.SILENT, Configured.REACHABLE, Where.UNKNOWN:
            return JointVerdict.MAY_BE_LOCAL
        case Observed.SILENT, Configured.UNKNOWN, _:
            return JointVerdict.CANNOT_TELL
        case Observed.SILENT, Configured.ABSENT, _:
            return JointVerdict.ONE_SIDED
        case ((Observed.BADLY | Observed.WELL), Configured.BLOCKED, Where.SAME):
            return JointVerdict.CONTRADICTION
        case _, Configured.BLOCKED, _:
            return JointVerdict.WOULD_BE_BLOCKED
        case _, Configured.PARTIAL, _:
            return JointVerdict.WOULD_BE_PARTLY_BLOCKED
        case Observed.BADLY, _, _:
            return JointVerdict.LOOK_AT_SERVICE
        case Observed.WELL, _, _:
            return JointVerdict.CONSISTENT
        case Observed.NOTHING, Configured.REACHABLE, _:
            return JointVerdict.PREDICTED
        case _:
            return JointVerdict.NOT_KNOWN
