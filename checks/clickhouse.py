"""Is ClickHouse there, does it take the login, and does the sink find what it looks up at its start?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from checks.silence import of_second_answer
from netcheck.core.check import Check, Survey, finding_from, warning
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Finding, Kind, Layer, Target
from netcheck.core.problem import Problem, Trait
from netcheck.engine import facts
from netcheck.engine.follow_up_facts import available, second_ping

if TYPE_CHECKING:
    from netcheck.probe.http.client import HttpAnswer

HTTP = frozenset({Kind.CLICKHOUSE_HTTPS})
BELOW = frozenset({"tcp.connects", "tls.handshake", "tls.certificate"})

HTTP_PROBLEMS = (
    Problem(
        Cause.HTTP_SILENT,
        "the connection opens and HTTP gets no answer",
        "An idle ClickHouse Cloud service takes 20 to 60 seconds to wake: try again now, and set "
        "timeoutSeconds=60 in the sink. Otherwise a load balancer waits for a dead backend.",
    ),
    Problem(
        Cause.HTTP_MALFORMED,
        "the answer is not proper HTTP",
        "Something else listens there; netcheck run --format json has its first bytes.",
    ),
    Problem(
        Cause.HTTP_ERROR,
        "the HTTP answer is an error",
        "netcheck run --format json has status and body; look at whatever answered (Server, Via).",
    ),
    Problem(
        Cause.HTTP_REDIRECTED,
        "the answer is a redirect",
        "A captive portal or proxy answers in place of the service: bypass it for this host name.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.HTTP_LOAD_BALANCER,
        "a load balancer answers, and has no healthy backend",
        "Look at the target group's health and the backend's port; TLS and the path up to the load "
        "balancer are good.",
    ),
    Problem(
        Cause.CLICKHOUSE_NATIVE_PORT,
        "that is ClickHouse's native port, the sink speaks HTTP",
        "Use port 8443 (HTTPS), or 8123 for plain HTTP.",
    ),
    Problem(
        Cause.CLICKHOUSE_NOT_CLICKHOUSE,
        "what answers is not ClickHouse",
        "Compare host and port with ClickHouse's own page; a proxy may answer in its place.",
    ),
    Problem(
        Cause.CLICKHOUSE_SLOW_WAKE,
        "ClickHouse took long to give its first answer",
        "Typical of an idle Cloud service that wakes: set timeoutSeconds=60 and retryCount=5 in the sink, "
        "or switch idling off.",
    ),
    Problem(
        Cause.CLICKHOUSE_SLOW,
        "ClickHouse answers slowly, each time",
        "It was not asleep and the network is quick: the service is overloaded, or too small. Look at its "
        "load (system.metrics, the Cloud console), and raise timeoutSeconds in the sink meanwhile.",
    ),
    Problem(
        Cause.NETWORK_SLOW,
        "the network is slow",
        "Connecting alone takes long, so it is not the service: look for packets that are lost on the "
        "way, for a NAT gateway or a proxy at its limit, and for traffic that goes around by another "
        "Region.",
    ),
)

LOGIN_PROBLEMS = (
    Problem(
        Cause.CLICKHOUSE_AUTH,
        "ClickHouse refuses the user or the password",
        "Check username and password of the sink; a user restricted by HOST is refused with the same "
        "words. The sink's log says only that the connection is not active.",
    ),
    Problem(
        Cause.CLICKHOUSE_EXCEPTION,
        "ClickHouse answers with an exception",
        "netcheck run --format json has its code and first words.",
    ),
    Problem(
        Cause.CLICKHOUSE_NO_DATABASE,
        "the database does not exist",
        "Create it, or correct `database` in the connector's configuration; a user without rights on it "
        "sees the same.",
    ),
)

VERSION_PROBLEMS = (
    Problem(
        Cause.CLICKHOUSE_TOO_OLD,
        "this ClickHouse is older than the sink accepts",
        "Upgrade to 23.3 or later; the sink refuses to start before it.",
    ),
)

TABLES_PROBLEMS = (
    Problem(
        Cause.CLICKHOUSE_NO_TABLES,
        "the database has no tables that this user sees",
        "The sink refuses to start without one: create the table of each topic, or grant the user SHOW "
        "TABLES and SELECT on them.",
    ),
)

NATIVE_PROBLEMS = (
    Problem(
        Cause.CLICKHOUSE_HTTP_PORT,
        "that is ClickHouse's HTTP port, not the native one",
        "Use port 9440 (native, TLS), or 9000 for plain native.",
    ),
    Problem(
        Cause.CLICKHOUSE_SILENT,
        "the connection opens and ClickHouse does not answer",
        "The wrong protocol for the port waits like that; otherwise the server is overloaded or waking.",
    ),
    Problem(
        Cause.CLICKHOUSE_MALFORMED,
        "the answer is not ClickHouse's native protocol",
        "Something else listens there; netcheck run --format json has its first bytes.",
    ),
)


class AnswersPing(Check):
    """ClickHouse's HTTP interface answers.

    GET /ping, the first thing the sink does; it needs no login. It fails when nothing, a load balancer,
    a proxy or something else answers, when the port is the native one, and when TLS and port do not
    belong together. It warns when the first answer took long, and asks once more to tell why: an idle Cloud
    service was waking, and the sink may have given up by then, or service or network are slow each time.

    Side effect: any request wakes an idle ClickHouse Cloud service, which is then billed; leave it out
    with --skip 'clickhouse.*'.

    Fix: use port 8443 with TLS (the sink's ssl=true has to be written: it is documented as the default
    and is not); a load balancer's error means that no backend is healthy.
    """

    id = "clickhouse.ping"
    kinds = HTTP
    survey = Survey.LIVE
    depends_on = BELOW | {"clickhouse.service"}
    problems = HTTP_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.clickhouse_ping, target)
        if seen.cause in facts.ABOUT_THE_CERTIFICATE:
            raise PrerequisiteFailed("the server's certificate does not verify")
        if seen.cause is None:
            yield finding_from(None, f"Ok. in {seen.seconds * 1000:.0f} ms", Layer.HTTP, seen)
        elif seen.cause is Cause.CLICKHOUSE_SLOW_WAKE:
            yield warning(*_why_slow(ctx, target, seen), Layer.CLICKHOUSE, seen)
        else:
            text = f"{target.endpoint} does not answer /ping as ClickHouse does: {seen.detail}"
            yield finding_from(seen.cause, text, Layer.HTTP, seen)


def _why_slow(ctx: Context, target: Target, first: HttpAnswer) -> tuple[Cause, str]:
    """Asleep, or slow: a second request tells. Nothing sleeps that has just answered."""
    again = available(ctx, second_ping, target)
    if again is None:
        text = f"{target.endpoint} answered only after {first.first_byte or first.seconds:.0f} s"
        return Cause.CLICKHOUSE_SLOW_WAKE, text
    seen = ctx.get(facts.connections, target.host, target.port)
    connecting = next(one.seconds for one in seen.connections if one.cause is None)
    return of_second_answer(target.endpoint, first, again, connecting)


class TakesLogin(Check):
    """ClickHouse accepts the user and the password.

    One authenticated SELECT version(). /ping does not look at the password, so a sink with a wrong one
    logs "Ping was successful" and then only "Connection to ClickHouse is not active". The same error
    comes for a user that may not log in from this address.

    Fix: correct username and password in the connector's configuration; look at the user's HOST
    restriction.
    """

    id = "clickhouse.login"
    kinds = HTTP
    survey = Survey.LIVE
    depends_on = frozenset({*BELOW, "clickhouse.ping"})
    problems = LOGIN_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.clickhouse_look_up, target)
        if seen.cause in facts.ABOUT_THE_CERTIFICATE:
            raise PrerequisiteFailed("no password is sent to a server whose certificate does not verify")
        if seen.version is not None or seen.cause is Cause.CLICKHOUSE_NO_DATABASE:
            login = ctx.config.clickhouse_login
            user = login.user if login else ""
            yield finding_from(None, f"user {user} is accepted", Layer.CLICKHOUSE, seen)
        elif seen.cause is Cause.CLICKHOUSE_AUTH:
            user = ctx.config.clickhouse_login.user if ctx.config.clickhouse_login else ""
            code = f" (code {seen.code})" if seen.code else ""
            text = f"{target.endpoint} refuses user {user}: wrong password, or no such user{code}"
            yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)
        else:
            text = f"{target.endpoint} does not answer SELECT version(): {seen.detail}"
            yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)


class IsNewEnough(Check):
    """ClickHouse is a version that the sink accepts.

    The sink refuses to start with anything older than 23.3, in the same words as for a wrong password.

    Fix: upgrade ClickHouse.
    """

    id = "clickhouse.version"
    kinds = HTTP
    survey = Survey.LIVE
    depends_on = frozenset({*BELOW, "clickhouse.ping", "clickhouse.login"})
    problems = VERSION_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.clickhouse_look_up, target)
        if seen.cause is Cause.CLICKHOUSE_NO_DATABASE:
            raise Skip("ClickHouse tells no version in a database that it does not have")
        if seen.version is None:
            raise PrerequisiteFailed("the version is only told after a login")
        if seen.cause is Cause.CLICKHOUSE_TOO_OLD:
            text = f"{target.endpoint} is ClickHouse {seen.version}, the sink wants 23.3 or later"
            yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)
        else:
            yield finding_from(None, f"ClickHouse {seen.version}", Layer.CLICKHOUSE, seen)


class HasTables(Check):
    """The database exists and this user sees tables in it.

    The sink looks for its tables at start and does not start without any, or when the look-up fails;
    its log says only that the connection is not active. It fails when there are none, and when the login
    was accepted and the look-up is refused or breaks off.

    Fix: create the tables first (the sink creates none), correct `database`, or grant the user SELECT
    on them.
    """

    id = "clickhouse.tables"
    kinds = HTTP
    survey = Survey.LIVE
    depends_on = frozenset({*BELOW, "clickhouse.ping", "clickhouse.login", "clickhouse.version"})
    problems = TABLES_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.clickhouse_look_up, target)
        login = ctx.config.clickhouse_login
        database = login.database if login else ""
        match seen.cause:
            case None:
                names = ", ".join(seen.table_names[:4])
                yield finding_from(
                    None, f"{seen.tables} tables in {database}: {names}", Layer.CLICKHOUSE, seen
                )
            case Cause.CLICKHOUSE_NO_DATABASE:
                yield finding_from(
                    seen.cause, f"{target.endpoint} has no database {database}", Layer.CLICKHOUSE, seen
                )
            case Cause.CLICKHOUSE_NO_TABLES:
                text = f"user {login.user if login else ''} sees no tables in database {database}"
                yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)
            case Cause.CLICKHOUSE_TOO_OLD:
                raise PrerequisiteFailed("ClickHouse did not get as far as its tables")
            case _ if seen.version is None:
                raise PrerequisiteFailed("ClickHouse did not get as far as its tables")
            case _:
                user = login.user if login else ""
                text = f"{target.endpoint} does not tell user {user} its tables: {seen.detail}"
                yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)


class SpeaksNative(Check):
    """ClickHouse's native interface answers.

    A native Hello, with the login where there is one. Without a login no user is named, so that no
    failed login is counted against anybody. The sink itself does not use this port: it speaks HTTP.

    Fix: the native protocol is on 9440 (TLS) and 9000 (plain); 8443 and 8123 are HTTP.
    """

    id = "clickhouse.native"
    kinds = frozenset({Kind.CLICKHOUSE_NATIVE})
    survey = Survey.LIVE
    depends_on = BELOW | {"clickhouse.service"}
    problems = NATIVE_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.native_hello, target)
        if seen.cause is None:
            version = f"{seen.server} {seen.version}" if seen.version else "ClickHouse"
            login = "accepts the login" if seen.logged_in else "answers (no login tried)"
            yield finding_from(None, f"{version} {login}", Layer.CLICKHOUSE, seen)
        else:
            text = f"{target.endpoint} does not answer as native ClickHouse: {seen.detail}"
            yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)
