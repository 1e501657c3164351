"""What a check can report: the declaration of a cause or a code, beside the check that gives it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from netcheck.core.model import Explains


class Trait(StrEnum):
    """What diagnosis has to know of a problem."""

    AGENT = "agent"
    """It is about netcheck itself: a result with it is `unknown`."""
    BLOCKS_PACKETS = "blocks packets"
    """AWS's configuration stops packets there: it can explain silence."""
    SYMPTOM = "symptom"
    """A state that is reported without its reason; any other failure of the workers comes first."""
    SILENCE = "silence"
    """No answer came, or a follow-up probe found out more of it."""
    STATE = "state"
    """A symptom that follows from whatever else is wrong with the workers."""
    PARTIAL_SILENCE = "partial silence"
    """Only part of the source ports gets no answer."""
    VANTAGE_DEPENDENT = "vantage dependent"
    """It may be so here and not where the workers are: this host's name servers, routes, address."""
    HOST_WIDE = "host wide"
    """One thing to fix whatever the kinds of its targets: a name server, this host's routes, clock, proxy."""
    PATH_WIDE = "path wide"
    """One thing to fix on the path, whatever is at its end; Kafka's path is another than the way out."""
    CLOCK = "clock"
    """This host's clock is off."""
    CLOCK_DEPENDENT = "clock dependent"
    """A wrong clock would show it as well."""
    PATHS_DIFFER = "paths differ"
    """It says that paths differ, and follows where what makes them differ is doubted."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """How far a follow-up probe of silence gets by itself.

    `certain` is what it has seen more than once; `open` is what stays uncertain until it is known whether
    AWS's configuration delivers; `fix` is what is left to do where it does, beside leaving that configuration
    unchanged.
    """

    certain: str
    open: str
    fix: str

    def __str__(self) -> str:
        return f"{self.open} (certain: {self.certain})"


@dataclass(frozen=True, slots=True)
class Problem:
    """A cause or a code that a check can give, and all that the rest of netcheck knows of it.

    `name` is public: a cause in lower case (`tls_untrusted`) or a code (`SINK_PORT_NATIVE`); a `*` in a code
    stands for the name of a setting. `title` heads a group of findings, `advice` says what to change or where
    to look next, `meaning` adds what the title does not say. A code without a title of its own has its
    cause's.

    `explains` lists the failures that follow from it. `refuted_by` is the check that could not pass here if
    it were so. `doubt` is what nobody can be certain of, wherever it was seen.
    """

    name: str
    title: str = ""
    advice: str = ""
    meaning: str = ""
    traits: frozenset[Trait] = frozenset()
    explains: tuple[Explains, ...] = ()
    confidence: Confidence | None = None
    refuted_by: str = ""
    doubt: str = ""

    def has(self, trait: Trait) -> bool:
        """Whether the problem has this trait."""
        return trait in self.traits
