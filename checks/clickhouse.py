"""Is ClickHouse there, does it take the login, and does the sink find what it looks up at its start?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from checks.silence import of_second_answer
from netcheck.core.check import Check, answer, warning
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Finding, Kind, Layer, Target
from netcheck.engine import facts
from netcheck.engine.follow_up_facts import had, second_ping

if TYPE_CHECKING:
    from netcheck.probe.http.client import HttpAnswer

HTTP = frozenset({Kind.CLICKHOUSE_HTTPS})
BELOW = frozenset({"tcp.connects", "tls.handshake", "tls.certificate"})


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
    after = BELOW | {"clickhouse.service"}

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.clickhouse_ping, target)
        if seen.cause in facts.ABOUT_THE_CERTIFICATE:
            raise PrerequisiteFailed("the server's certificate does not verify")
        if seen.cause is None:
            yield answer(None, f"Ok. in {seen.seconds * 1000:.0f} ms", Layer.HTTP, seen)
        elif seen.cause is Cause.CLICKHOUSE_SLOW_WAKE:
            yield warning(*_why_slow(ctx, target, seen), Layer.CLICKHOUSE, seen)
        else:
            text = f"{target.endpoint} does not answer /ping as ClickHouse does: {seen.detail}"
            yield answer(seen.cause, text, Layer.HTTP, seen)


def _why_slow(ctx: Context, target: Target, first: HttpAnswer) -> tuple[Cause, str]:
    """Asleep, or slow: a second request tells. Nothing sleeps that has just answered."""
    again = had(ctx, second_ping, target)
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
    after = frozenset({*BELOW, "clickhouse.ping"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.clickhouse_look_up, target)
        if seen.cause in facts.ABOUT_THE_CERTIFICATE:
            raise PrerequisiteFailed("no password is sent to a server whose certificate does not verify")
        if seen.version is not None or seen.cause is Cause.CLICKHOUSE_NO_DATABASE:
            login = ctx.config.clickhouse_login
            user = login.user if login else ""
            yield answer(None, f"user {user} is accepted", Layer.CLICKHOUSE, seen)
        elif seen.cause is Cause.CLICKHOUSE_AUTH:
            user = ctx.config.clickhouse_login.user if ctx.config.clickhouse_login else ""
            code = f" (code {seen.code})" if seen.code else ""
            text = f"{target.endpoint} refuses user {user}: wrong password, or no such user{code}"
            yield answer(seen.cause, text, Layer.CLICKHOUSE, seen)
        else:
            text = f"{target.endpoint} does not answer SELECT version(): {seen.detail}"
            yield answer(seen.cause, text, Layer.CLICKHOUSE, seen)


class IsNewEnough(Check):
    """ClickHouse is a version that the sink accepts.

    The sink refuses to start with anything older than 23.3, in the same words as for a wrong password.

    Fix: upgrade ClickHouse.
    """

    id = "clickhouse.version"
    kinds = HTTP
    after = frozenset({*BELOW, "clickhouse.ping", "clickhouse.login"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.clickhouse_look_up, target)
        if seen.cause is Cause.CLICKHOUSE_NO_DATABASE:
            raise Skip("ClickHouse tells no version in a database that it does not have")
        if seen.version is None:
            raise PrerequisiteFailed("the version is only told after a login")
        if seen.cause is Cause.CLICKHOUSE_TOO_OLD:
            text = f"{target.endpoint} is ClickHouse {seen.version}, the sink wants 23.3 or later"
            yield answer(seen.cause, text, Layer.CLICKHOUSE, seen)
        else:
            yield answer(None, f"ClickHouse {seen.version}", Layer.CLICKHOUSE, seen)


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
    after = frozenset({*BELOW, "clickhouse.ping", "clickhouse.login", "clickhouse.version"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.clickhouse_look_up, target)
        login = ctx.config.clickhouse_login
        database = login.database if login else ""
        match seen.cause:
            case None:
                names = ", ".join(seen.table_names[:4])
                yield answer(None, f"{seen.tables} tables in {database}: {names}", Layer.CLICKHOUSE, seen)
            case Cause.CLICKHOUSE_NO_DATABASE:
                yield answer(
                    seen.cause, f"{target.endpoint} has no database {database}", Layer.CLICKHOUSE, seen
                )
            case Cause.CLICKHOUSE_NO_TABLES:
                text = f"user {login.user if login else ''} sees no tables in database {database}"
                yield answer(seen.cause, text, Layer.CLICKHOUSE, seen)
            case Cause.CLICKHOUSE_TOO_OLD:
                raise PrerequisiteFailed("ClickHouse did not get as far as its tables")
            case _ if seen.version is None:
                raise PrerequisiteFailed("ClickHouse did not get as far as its tables")
            case _:
                user = login.user if login else ""
                text = f"{target.endpoint} does not tell user {user} its tables: {seen.detail}"
                yield answer(seen.cause, text, Layer.CLICKHOUSE, seen)


class SpeaksNative(Check):
    """ClickHouse's native interface answers.

    A native Hello, with the login where there is one. Without a login no user is named, so that no
    failed login is counted against anybody. The sink itself does not use this port: it speaks HTTP.

    Fix: the native protocol is on 9440 (TLS) and 9000 (plain); 8443 and 8123 are HTTP.
    """

    id = "clickhouse.native"
    kinds = frozenset({Kind.CLICKHOUSE_NATIVE})
    after = BELOW | {"clickhouse.service"}

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.native_hello, target)
        if seen.cause is None:
            version = f"{seen.server} {seen.version}" if seen.version else "ClickHouse"
            login = "accepts the login" if seen.logged_in else "answers (no login tried)"
            yield answer(None, f"{version} {login}", Layer.CLICKHOUSE, seen)
        else:
            text = f"{target.endpoint} does not answer as native ClickHouse: {seen.detail}"
            yield answer(seen.cause, text, Layer.CLICKHOUSE, seen)
