"""What netcheck reports of itself: a result with one of these is `unknown`, not about the network."""

from __future__ import annotations

from netcheck.core.model import Cause
from netcheck.core.problem import Problem, Trait

AGENT_PROBLEMS = (
    Problem(
        Cause.NOT_ASKED,
        "not asked, as what it depends on is missing",
        "Mend what failed below it, and run again.",
        traits=frozenset({Trait.AGENT}),
    ),
    Problem(
        Cause.DEADLINE,
        "the run's time was over",
        "Give it more time with --deadline.",
        traits=frozenset({Trait.AGENT}),
    ),
    Problem(
        Cause.NOT_RECORDED,
        "the recording does not hold this",
        "Record again with this version of netcheck and the same targets.",
        traits=frozenset({Trait.AGENT}),
    ),
    Problem(
        Cause.INTERRUPTED,
        "the run was interrupted",
        "Run it again to the end.",
        traits=frozenset({Trait.AGENT}),
    ),
    Problem(
        Cause.CHECK_BUG,
        "a bug in a check",
        "This is ours, not the network's: report it with the line that netcheck run --format json has.",
        traits=frozenset({Trait.AGENT}),
    ),
    Problem(
        Cause.PLUGIN_BROKEN,
        "a plugin could not be loaded",
        "Mend or remove it; the rest of the run is not affected.",
        traits=frozenset({Trait.AGENT}),
    ),
    Problem(
        Cause.FACT_UNAVAILABLE,
        "something needed could not be found out",
        "The text says what is missing.",
        traits=frozenset({Trait.AGENT}),
    ),
    Problem(
        Cause.TOO_MANY_TARGETS,
        "too many targets",
        "Look at what advertises that many brokers.",
        traits=frozenset({Trait.AGENT}),
    ),
    Problem(
        Cause.RESOURCES,
        "this host ran out of sockets, ports or memory",
        "Raise ulimit -n, or run with fewer targets at once.",
        traits=frozenset({Trait.AGENT}),
    ),
)

AGENT_CAUSES = frozenset(problem.name for problem in AGENT_PROBLEMS)
