"""Is ClickHouse up, does it accept the login, and does the sink find what it looks up at startup?"""

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
        "the connection opens, but HTTP gets no answer",
        "An idle ClickHouse Cloud service takes 20 to 60 seconds to wake: try again now, and set "
        "timeoutSeconds=60 in the sink. Otherwise a load balancer is waiting for a dead backend.",
    ),
    Problem(
        Cause.HTTP_MALFORMED,
        "the answer is not valid HTTP",
        "Another service listens on that port; netcheck run --format json shows its first bytes.",
    ),
    Problem(
        Cause.HTTP_ERROR,
        "the HTTP answer is an error",
        "netcheck run --format json shows status and body; the Server and Via headers name what answered.",
    ),
    Problem(
        Cause.HTTP_REDIRECTED,
        "the answer is a redirect",
        "A captive portal or proxy answers in place of the service: bypass it for this host name.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.HTTP_LOAD_BALANCER,
        "a load balancer answers but has no healthy backend",
        "Check the target group's health and the backend's port; TLS and the path up to the load balancer "
        "work.",
    ),
    Problem(
        Cause.CLICKHOUSE_NATIVE_PORT,
        "this is ClickHouse's native port, but the sink uses HTTP",
        "Use port 8443 (HTTPS), or 8123 for plain HTTP.",
    ),
    Problem(
        Cause.CLICKHOUSE_NOT_CLICKHOUSE,
        "the service that answers is not ClickHouse",
        "Compare host and port with the service's page in ClickHouse Cloud; a proxy may answer in its place.",
    ),
    Problem(
        Cause.CLICKHOUSE_SLOW_WAKE,
        "ClickHouse was slow to give its first answer",
        "Typical of an idle Cloud service waking up: set timeoutSeconds=60 and retryCount=5 in the sink, "
        "or switch idling off.",
    ),
    Problem(
        Cause.CLICKHOUSE_SLOW,
        "ClickHouse answers slowly every time",
        "It was not idle and the network is fast: the service is overloaded, or too small. Check its load "
        "(system.metrics, the Cloud console), and raise timeoutSeconds in the sink meanwhile.",
    ),
    Problem(
        Cause.NETWORK_SLOW,
        "the network is slow",
        "Connecting alone is slow, so the service is not the cause: look for packet loss, for a NAT gateway "
        "or a proxy at its limit, and for traffic routed through another Region.",
    ),
)

LOGIN_PROBLEMS = (
    Problem(
        Cause.CLICKHOUSE_AUTH,
        "ClickHouse rejects the user or the password",
        "Check username and password of the sink; a user restricted by HOST is rejected with the same "
        "message. The sink's log says only that the connection is not active.",
    ),
    Problem(
        Cause.CLICKHOUSE_EXCEPTION,
        "ClickHouse returns an exception",
        "netcheck run --format json shows its code and the start of its message.",
    ),
    Problem(
        Cause.CLICKHOUSE_NO_DATABASE,
        "the database does not exist",
        "Create it, or correct `database` in the connector's configuration; a user without rights on it "
        "gets the same error.",
    ),
)

VERSION_PROBLEMS = (
    Problem(
        Cause.CLICKHOUSE_TOO_OLD,
        "this ClickHouse version is too old for the sink",
        "Upgrade to 23.3 or later; the sink does not start with an older version.",
    ),
)

TABLES_PROBLEMS = (
    Problem(
        Cause.CLICKHOUSE_NO_TABLES,
        "the database has no tables visible to this user",
        "The sink does not start without one: create the table for each topic, or grant the user SHOW "
        "TABLES and SELECT on them.",
    ),
)

NATIVE_PROBLEMS = (
    Problem(
        Cause.CLICKHOUSE_HTTP_PORT,
        "this is ClickHouse's HTTP port, not the native one",
        "Use port 9440 (native, TLS), or 9000 for plain native.",
    ),
    Problem(
        Cause.CLICKHOUSE_SILENT,
        "the connection opens, but ClickHouse does not answer",
        "The wrong protocol for the port hangs like this; otherwise the server is overloaded or waking up.",
    ),
    Problem(
        Cause.CLICKHOUSE_MALFORMED,
        "the answer is not ClickHouse's native protocol",
        "Another service listens on that port; netcheck run --format json shows its first bytes.",
    ),
)


class AnswersPing(Check):
    """ClickHouse's HTTP interface answers.

    Sends GET /ping, the sink's first request; it needs no login. It fails when nothing, a load balancer, a
    proxy or another service answers, when the port is the native one, and when TLS and port do not match.
    It warns when the first answer was slow, and a second request finds out why: an idle Cloud service was
    waking up (the sink may have given up by then), or service or network are slow every time.

    Side effect: any request wakes an idle ClickHouse Cloud service, which is then billed; exclude it with
    --skip 'clickhouse.*'.

    Fix: use port 8443 with TLS (set the sink's ssl=true: it is documented as the default but is not); a
    load balancer's error means that no backend is healthy.
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
    """Idle, or slow: a service that has just answered is not idle, so a second request shows which."""
    again = available(ctx, second_ping, target)
    if again is None:
        text = f"{target.endpoint} answered only after {first.first_byte or first.seconds:.0f} s"
        return Cause.CLICKHOUSE_SLOW_WAKE, text
    seen = ctx.get(facts.connections, target.host, target.port)
    connecting = next(one.seconds for one in seen.connections if one.cause is None)
    return of_second_answer(target.endpoint, first, again, connecting)


class TakesLogin(Check):
    """ClickHouse accepts the user and the password.

    Sends one authenticated SELECT version(). /ping does not check the password, so a sink with a wrong one
    logs "Ping was successful" and then only "Connection to ClickHouse is not active". A user that may not
    log in from this address gets the same error.

    Fix: correct username and password in the connector's configuration; check the user's HOST restriction.
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
            text = f"{target.endpoint} rejects user {user}: wrong password, or no such user{code}"
            yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)
        else:
            text = f"{target.endpoint} does not answer SELECT version(): {seen.detail}"
            yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)


class IsNewEnough(Check):
    """ClickHouse runs a version that the sink supports.

    With a version older than 23.3 the sink does not start, and logs the same message as for a wrong password.

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
            raise Skip("ClickHouse does not return its version: the database does not exist")
        if seen.version is None:
            raise PrerequisiteFailed("the version is available only after a login")
        if seen.cause is Cause.CLICKHOUSE_TOO_OLD:
            text = f"{target.endpoint} is ClickHouse {seen.version}, but the sink requires 23.3 or later"
            yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)
        else:
            yield finding_from(None, f"ClickHouse {seen.version}", Layer.CLICKHOUSE, seen)


class HasTables(Check):
    """The database exists and has tables visible to this user.

    The sink looks up its tables at startup and does not start if there are none or the lookup fails; its log
    says only that the connection is not active. It fails when there are no tables, and when the login was
    accepted but the lookup is refused or interrupted.

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
                raise PrerequisiteFailed("ClickHouse did not return its tables")
            case _ if seen.version is None:
                raise PrerequisiteFailed("ClickHouse did not return its tables")
            case _:
                user = login.user if login else ""
                text = f"{target.endpoint} does not list its tables for user {user}: {seen.detail}"
                yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)


class SpeaksNative(Check):
    """ClickHouse's native interface answers.

    Sends a native Hello, with the login if one is configured. Without a login it names no user, so no failed
    login is counted. The sink does not use this port: it uses HTTP.

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
            login = "accepts the login" if seen.logged_in else "answers (without a login)"
            yield finding_from(None, f"{version} {login}", Layer.CLICKHOUSE, seen)
        else:
            text = f"{target.endpoint} does not answer as native ClickHouse: {seen.detail}"
            yield finding_from(seen.cause, text, Layer.CLICKHOUSE, seen)
