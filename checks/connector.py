"""Does the connector's configuration work, as the ClickHouse sink really reads it?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from checks.connector_findings import (
    IGNORED_SETTING,
    SETTINGS_PROBLEMS,
    WRONG_SINK_HOST,
    WRONG_SINK_LISTENER,
    configured,
    consumer_number,
    doubtful,
    fine,
    given,
    in_code,
    listed,
    shown,
    sink,
    unknown,
    visible,
    whole,
    wrong,
)
from netcheck.core.check import Check
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Finding, Kind, Target
from netcheck.core.problem import Problem
from netcheck.pipeline.clickhouse_sink import (
    BARE_HOST,
    CLASS,
    FILE_OPTIONS,
    KEEPER_DATABASE,
    KEEPER_PATH,
    KNOWN,
    NATIVE_PORTS,
    OTHER_NAMES,
    PLAIN_PORTS,
    PROXY_TYPES,
    RETRY_RANGE,
    TIMEOUT_RANGE,
    TLS_PORTS,
    Sink,
    bare,
    is_reference,
    options,
)
from netcheck.pipeline.model import Connector

PIPELINES = frozenset({Kind.PIPELINE})

READ_EXACTLY = frozenset(
    {"connector.class", "hostname", "port", "ssl", "exactlyOnce", "timeoutSeconds", "retryCount", "proxyPort"}
)
"""Settings whose value is taken with the blanks around it: a class of that name, a URL, parseBoolean and
parseInt, none of which trims (ClickHouseSinkConfig; Kafka Connect's Plugins)."""

IGNORED_HERE = re.compile(r"(security\.protocol|bootstrap\.servers|(ssl|sasl)\..+|schemas\.enable)$")
DEFAULT_POLL_INTERVAL_MS = 300_000
INSERT_TIMEOUT_MS = 240_000
"""Since 1.3.10 of the sink (its CHANGELOG): an insert may take so long, and no poll comes meanwhile."""


class ClassIsRight(Check):
    """The connector class is the ClickHouse sink's.

    It fails when the class is missing, is not the sink's whole name (a package, a task, another spelling),
    or has blanks or invisible characters around it: MSK Connect then says that it fails to find any class
    that implements Connector, although the class is in the list that it prints. Other connectors are skipped.

    Fix: connector.class=com.clickhouse.kafka.connect.ClickHouseSinkConnector
    """

    id = "connector.class"
    kinds = PIPELINES
    problems = (
        *SETTINGS_PROBLEMS,
        Problem("CONNECTOR_CLASS_MISSING", "connector.class is missing"),
        Problem("CONNECTOR_CLASS_NOT_FOUND", "connector.class is not the sink's class name"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        value = subject.settings.get("connector.class")
        line = f"connector.class={CLASS}"
        if value is None:
            text = f"connector.class is missing: write {line}"
            yield wrong(subject, "CONNECTOR_CLASS_MISSING", Cause.SETTING_MISSING, text, line)
        elif value == CLASS:
            yield fine(f"connector.class is {CLASS}", given(subject, "connector.class"))
        elif "clickhouse" not in value.lower():
            raise Skip(f"only the ClickHouse sink's class is known, this is {shown(value)}")
        elif value.startswith("com.clickhouse.") or visible(value) == CLASS:
            why = (
                "has blanks or invisible characters" if visible(value) == CLASS else "is not the sink's class"
            )
            text = f"connector.class={shown(value)!r} {why}: write {line}"
            yield wrong(subject, "CONNECTOR_CLASS_NOT_FOUND", Cause.SETTING_WRONG, text, line)
        else:
            raise Skip(f"only ClickHouse's own sink is known ({CLASS}), this is {shown(value)}")


class NothingInvisible(Check):
    """No setting has blanks or invisible characters around it.

    A space or a zero-width character that came with a copy from a web page stays part of the value. It fails
    where the value is then read as something else: `ssl` and `exactlyOnce` as false, numbers not at all, a
    host name that does not exist. Elsewhere it warns.

    Fix: rewrite the setting by hand, as the finding shows it.
    """

    id = "connector.whitespace"
    kinds = PIPELINES
    problems = (
        Problem("SETTING_INVISIBLE_PORT", "invisible characters in port", explains=(WRONG_SINK_LISTENER,)),
        Problem("SETTING_INVISIBLE_SSL", "invisible characters in ssl", explains=(WRONG_SINK_LISTENER,)),
        Problem(
            "SETTING_INVISIBLE_HOSTNAME", "invisible characters in hostname", explains=(WRONG_SINK_HOST,)
        ),
        Problem("SETTING_INVISIBLE_*", "invisible characters in a setting"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        clean = True
        for key, value in subject.settings.items():
            if key == "connector.class" or (visible(key) == key and visible(value) == value):
                continue
            clean = False
            line = f"{visible(key)}={visible(value)}"
            text = f"{shown(key)}={shown(value)!r} has blanks or invisible characters: write {line}"
            judge = wrong if key in READ_EXACTLY else doubtful
            yield judge(subject, f"SETTING_INVISIBLE_{in_code(key)}", Cause.SETTING_WRONG, text, line)
        if clean:
            yield fine(
                f"none of {len(subject.settings)} settings has blanks or invisible characters around it"
            )


class HostnameIsBare(Check):
    """The sink's hostname is a bare host name.

    The task builds its URL as scheme, hostname, port, database. It fails when `hostname` is missing, or holds
    a scheme, a port, a path or a user (`https://https://...` then). It warns when the name is an endpoint's
    or a load balancer's own, or an address: ClickHouse's certificate has another name, and its edge
    chooses the service by it.

    Fix: hostname=abc123.eu-west-1.aws.clickhouse.cloud, with port and ssl as settings of their own.
    """

    id = "connector.hostname"
    kinds = PIPELINES
    depends_on = frozenset({"connector.class", "connector.whitespace"})
    problems = (
        Problem("SINK_HOSTNAME_BORROWED", "hostname is not the name in ClickHouse's certificate"),
        Problem("SINK_HOSTNAME_MISSING", "hostname is missing"),
        Problem("SINK_HOSTNAME_NOT_BARE", "hostname is more than a host name", explains=(WRONG_SINK_HOST,)),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, task = sink(ctx)
        value = subject.settings.get("hostname")
        if not value:
            text = (
                "hostname is missing: the task has nowhere to connect to, write hostname=<ClickHouse's host>"
            )
            yield wrong(subject, "SINK_HOSTNAME_MISSING", Cause.SETTING_MISSING, text, "hostname=<host>")
        elif is_reference(value):
            yield unknown(f"hostname={value} is filled in on the worker", given(subject, "hostname"))
        elif visible(value) != value:
            raise PrerequisiteFailed(f"hostname={shown(value)!r} has blanks or invisible characters")
        elif not BARE_HOST.fullmatch(value):
            yield self._messy(subject, value)
        elif task.tls and not task.sni and (what := _borrowed(value)):
            text = (
                f"hostname={value} is {what}: ClickHouse's certificate has another name. Write the host name "
                "that ClickHouse itself gives (for PrivateLink the one in vpce.aws.clickhouse.cloud), with a "
                "DNS record that leads to the endpoint"
            )
            yield doubtful(
                subject, "SINK_HOSTNAME_BORROWED", Cause.SETTING_RISKY, text, settings={"hostname": value}
            )
        else:
            yield fine(f"hostname={value} is a bare host name", given(subject, "hostname"))

    @staticmethod
    def _messy(subject: Connector, value: str) -> Finding:
        host, port = bare(value)
        if not BARE_HOST.fullmatch(host):
            text = f"hostname={shown(value)} is not a host name: write one such as abc.clickhouse.cloud"
            return wrong(
                subject,
                "SINK_HOSTNAME_NOT_BARE",
                Cause.SETTING_WRONG,
                text,
                "hostname=<host>",
                settings={"hostname": value},
            )
        lines = [f"hostname={host}"]
        if port and "port" not in subject.settings:
            lines.append(f"port={port}")
        parts = [
            name
            for name, there in (
                ("a scheme", "://" in value),
                ("a port", port is not None),
                ("a path", "/" in value.partition("://")[2 if "://" in value else 0]),
            )
            if there
        ]
        text = (
            f"hostname={shown(value)} holds {listed(parts) or 'more than a host name'}: write {listed(lines)}"
        )
        return wrong(
            subject,
            "SINK_HOSTNAME_NOT_BARE",
            Cause.SETTING_WRONG,
            text,
            "\n".join(lines),
            settings={"hostname": value},
        )


class PortIsHttp(Check):
    """The sink's port is one of ClickHouse's HTTP interface.

    The sink speaks HTTP only. It fails when `port` is one of the native protocol (9000, 9440), is no number,
    or no port. Without the setting the port is 8443.

    Fix: port=8443 with ssl=true; for a self-hosted server without TLS port=8123 with ssl=false.
    """

    id = "connector.port"
    kinds = PIPELINES
    depends_on = frozenset({"connector.class", "connector.whitespace"})
    problems = (
        Problem("SINK_PORT_INVALID", "port is not a port number", explains=(WRONG_SINK_LISTENER,)),
        Problem(
            "SINK_PORT_NATIVE",
            "port is the native protocol's, and the sink speaks HTTP",
            explains=(WRONG_SINK_LISTENER,),
        ),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, task = sink(ctx)
        value = subject.settings.get("port", "")
        if is_reference(value):
            yield unknown(f"port={value} is filled in on the worker", {"port": value})
        elif task.port is None and value != visible(value):
            raise PrerequisiteFailed(f"port={shown(value)!r} has blanks around it")
        elif task.port is None or not 0 < task.port < 65536:
            text = f"port={shown(value)} is no port: write port=8443 (HTTPS) or port=8123 (HTTP)"
            yield wrong(
                subject, "SINK_PORT_INVALID", Cause.SETTING_WRONG, text, "port=8443", settings={"port": value}
            )
        elif task.port in NATIVE_PORTS:
            plain = task.port == 9000 and not task.cloud and not task.tls
            lines = "port=8123\nssl=false" if plain else "port=8443\nssl=true"
            text = (
                f"port={task.port} is ClickHouse's native protocol, and the sink speaks HTTP: write "
                f"{listed(lines.splitlines())}"
            )
            yield wrong(
                subject,
                "SINK_PORT_NATIVE",
                Cause.CLICKHOUSE_NATIVE_PORT,
                text,
                lines,
                settings={"port": value},
            )
        else:
            how = "" if value else " (its default)"
            yield fine(f"the port is {task.port}{how}", {"port": value})


class SslFitsPort(Check):
    """The sink's ssl and port belong together.

    `ssl` is documented as true by default, and the running task reads it as false: without ssl=true it speaks
    plain HTTP, to 8443 as well ("The target server failed to respond"). It fails when the effective scheme is
    http and the port 8443 or 443, or https and the port 8123 or 80, and when `ssl` is neither true nor false.
    It warns when plain HTTP goes to ClickHouse Cloud.

    Fix: ssl=true for 8443 and 443, ssl=false for 8123 and 80.
    """

    id = "connector.ssl"
    kinds = PIPELINES
    depends_on = frozenset({"connector.class", "connector.port", "connector.whitespace"})
    problems = (
        Problem("SINK_SSL_INVALID", "ssl is neither true nor false", explains=(WRONG_SINK_LISTENER,)),
        Problem(
            "SINK_SSL_MISSING", "ssl is not true, and the port expects TLS", explains=(WRONG_SINK_LISTENER,)
        ),
        Problem("SINK_SSL_OFF", "plain HTTP to ClickHouse Cloud"),
        Problem("SINK_SSL_ON_PLAIN_PORT", "ssl=true on a plain HTTP port", explains=(WRONG_SINK_LISTENER,)),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, task = sink(ctx)
        told = given(subject, "ssl", "port", "jdbcConnectionProperties")
        value = subject.settings.get("ssl")
        if value is not None and visible(value) != value:
            raise PrerequisiteFailed(
                f"ssl={shown(value)!r} has blanks or invisible characters, and is read as false"
            )
        if value is not None and not is_reference(value) and value.lower() not in ("true", "false"):
            text = (
                f"ssl={shown(value)} is neither true nor false, and Kafka Connect refuses it: write ssl=true"
            )
            yield wrong(subject, "SINK_SSL_INVALID", Cause.SETTING_WRONG, text, "ssl=true", settings=told)
        elif task.tls is None or task.port is None:
            yield unknown("whether the task speaks TLS, and to which port, its settings do not tell", told)
        elif task.port in NATIVE_PORTS:
            raise Skip("the port is not one of the HTTP interface")
        elif not task.tls and task.port in TLS_PORTS:
            how = "ssl is missing, which the task reads as false" if value is None else f"ssl={shown(value)}"
            text = f"{how}, and port {task.port} wants TLS: the URL is {task.url}. Write ssl=true"
            yield wrong(
                subject, "SINK_SSL_MISSING", Cause.PLAINTEXT_ON_TLS_PORT, text, "ssl=true", settings=told
            )
        elif task.tls and task.port in PLAIN_PORTS:
            lines = "port=8443" if task.cloud else "ssl=false"
            text = f"ssl=true, and port {task.port} is ClickHouse's plain HTTP: write {lines}"
            yield wrong(
                subject, "SINK_SSL_ON_PLAIN_PORT", Cause.TLS_NOT_SUPPORTED, text, lines, settings=told
            )
        elif not task.tls and task.cloud:
            text = f"the URL is {task.url}: ClickHouse Cloud wants TLS. Write port=8443 and ssl=true"
            yield doubtful(
                subject, "SINK_SSL_OFF", Cause.SETTING_RISKY, text, "port=8443\nssl=true", settings=told
            )
        else:
            yield fine(f"the URL is {task.url}", told)


class CertificateIsVerified(Check):
    """ClickHouse's certificate is verified.

    It warns when `ssl_socket_sni` is set, since the sink then verifies nothing, and when
    jdbcConnectionProperties says sslmode=none.

    Fix: have the host name resolve to the endpoint rather than set ssl_socket_sni; sslmode=STRICT, with
    sslrootcert for a private authority.
    """

    id = "connector.verification"
    kinds = PIPELINES
    depends_on = frozenset({"connector.class"})
    problems = (
        Problem("SINK_SNI_UNVERIFIED", "ssl_socket_sni turns off certificate verification"),
        Problem("SINK_SSLMODE_NONE", "sslmode=none turns off certificate verification"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, task = sink(ctx)
        if task.tls is False:
            raise Skip("the task speaks plain HTTP: there is no certificate")
        told = given(subject, "ssl_socket_sni", "jdbcConnectionProperties")
        off = task.options.get("sslmode", "").lower() == "none"
        if task.sni:
            text = (
                f"ssl_socket_sni={shown(task.sni)} switches the verification of certificates off: write "
                f"hostname={shown(task.sni)} and a DNS record for it instead"
            )
            line = f"hostname={task.sni}"
            yield doubtful(subject, "SINK_SNI_UNVERIFIED", Cause.SETTING_RISKY, text, line, settings=told)
        if off:
            text = (
                "jdbcConnectionProperties has sslmode=none: no certificate is verified. Write sslmode=STRICT"
            )
            line = "jdbcConnectionProperties=?sslmode=STRICT"
            yield doubtful(subject, "SINK_SSLMODE_NONE", Cause.SETTING_RISKY, text, line, settings=told)
        if not task.sni and not off:
            yield fine("nothing switches the verification of certificates off", told)


class NothingIgnored(Check):
    """No setting is ignored.

    It warns about settings that look as if they did something: `security.protocol`, `ssl.truststore.*` and
    `sasl.*` (the sink builds its URL from hostname, port, database and jdbcConnectionProperties alone, and
    MSK Connect sets Kafka's by itself), a bare `schemas.enable`, and names that differ from a known one in
    their letters' case or are another program's.

    Fix: remove them; for ClickHouse with a private authority write
    jdbcConnectionProperties=?sslmode=STRICT&sslrootcert=<path>, for JSON value.converter.schemas.enable.
    """

    id = "connector.ignored"
    kinds = PIPELINES
    depends_on = frozenset({"connector.class"})
    problems = (IGNORED_SETTING,)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, _ = sink(ctx)
        by_case = {name.lower(): name for name in KNOWN}
        clean = True
        for key, value in subject.settings.items():
            told = {key: value}
            if IGNORED_HERE.match(key):
                clean = False
                yield doubtful(
                    subject,
                    f"SETTING_IGNORED_{in_code(key)}",
                    Cause.SETTING_IGNORED,
                    _ignored(key, value),
                    settings=told,
                )
                continue
            meant = OTHER_NAMES.get(key) or by_case.get(visible(key).lower(), key)
            if visible(key) not in KNOWN and meant != key:
                clean = False
                text = f"{shown(key)} has no effect: write {meant}={shown(value)} if that was meant"
                line = f"{meant}={value}"
                yield doubtful(
                    subject,
                    f"SETTING_IGNORED_{in_code(key)}",
                    Cause.SETTING_IGNORED,
                    text,
                    line,
                    settings=told,
                )
        if clean:
            yield fine("every setting has an effect")


class FilesExist(Check):
    """Settings name no files that the workers do not have.

    A worker has the plugin's archive and nothing else of yours: a path such as
    /tmp/kafka.client.truststore.jks leads nowhere unless a config provider puts the file there. It warns
    about such paths in jdbcConnectionProperties and in consumer, producer and converter settings. MSK's and
    ClickHouse Cloud's certificates are of public authorities, and need no store at all.

    Fix: leave the store out; for a private authority import the file with MSK's S3 config provider,
    ${s3import:<region>:<bucket>/<key>}, which gives the path.
    """

    id = "connector.files"
    kinds = PIPELINES
    depends_on = frozenset({"connector.class"})
    problems = (Problem("FILE_NOT_ON_WORKER_*", "a setting names a file that the workers do not have"),)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        paths = dict(_paths(subject))
        for key, path in paths.items():
            text = (
                f"{key} names {shown(path)}, and nothing puts that file on the workers: import it with "
                "${s3import:<region>:<bucket>/<key>}, or leave it out where the certificate is a public one"
            )
            yield doubtful(
                subject, f"FILE_NOT_ON_WORKER_{in_code(key)}", Cause.SETTING_RISKY, text, settings={key: path}
            )
        if not paths:
            yield fine("no setting names a file on the workers")


class ExactlyOnceWorks(Check):
    """The prerequisites of exactly-once delivery are met.

    With exactlyOnce=true the sink keeps its offsets in a KeeperMap table. It fails together with
    ssl_socket_sni, which the part of the sink that keeps the state does not set, and when zkPath does not
    begin with a slash. It warns when ClickHouse is not ClickHouse Cloud, as a self-hosted server has
    KeeperMap only with keeper_map_path_prefix in its own configuration.

    Fix: set keeper_map_path_prefix on the server, or exactlyOnce=false; leave ssl_socket_sni out; give every
    connector a zkPath of its own.
    """

    id = "connector.exactly-once"
    kinds = PIPELINES
    depends_on = frozenset({"connector.class", "connector.whitespace"})
    problems = (
        Problem("CLICKHOUSE_KEEPER_MAP", "exactlyOnce needs KeeperMap on this server"),
        Problem("SINK_SNI_EXACTLY_ONCE", "exactlyOnce and ssl_socket_sni exclude each other"),
        Problem("SINK_ZKPATH", "zkPath does not begin with a slash"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, task = sink(ctx)
        if not task.exactly_once:
            raise Skip("exactlyOnce is off: delivery is at least once")
        told = given(subject, "exactlyOnce", "ssl_socket_sni", "zkPath", "zkDatabase", "hostname")
        path = subject.settings.get("zkPath", KEEPER_PATH)
        if task.sni:
            text = (
                "exactlyOnce=true and ssl_socket_sni do not go together: the state is kept over a connection "
                "without that name, and the task fails on start. Write exactlyOnce=false, or leave "
                "ssl_socket_sni out"
            )
            yield wrong(
                subject,
                "SINK_SNI_EXACTLY_ONCE",
                Cause.SETTINGS_CONTRADICT,
                text,
                "exactlyOnce=false",
                settings=told,
            )
        if not path.startswith("/") and not is_reference(path):
            text = f"zkPath={shown(path)} is refused, as it begins with no slash: write zkPath=/{shown(path)}"
            yield wrong(subject, "SINK_ZKPATH", Cause.SETTING_WRONG, text, f"zkPath=/{path}", settings=told)
        if not task.cloud:
            text = (
                f"exactlyOnce=true needs KeeperMap, and {task.hostname or 'ClickHouse'} is not ClickHouse "
                "Cloud: set keeper_map_path_prefix in the server's configuration, or write exactlyOnce=false"
            )
            yield doubtful(
                subject,
                "CLICKHOUSE_KEEPER_MAP",
                Cause.SETTING_RISKY,
                text,
                "exactlyOnce=false",
                settings=told,
            )
        elif not task.sni and (path.startswith("/") or is_reference(path)):
            where = f"{subject.settings.get('zkDatabase', KEEPER_DATABASE)}, path {path}"
            yield fine(f"ClickHouse Cloud has KeeperMap; the state is kept in {where}", told)


class ClientFits(Check):
    """The sink's client version and proxy settings fit each other.

    It warns about client_version=V2: a refused or reset connection then ends the task, where V1 tries again;
    and V2 speaks HTTP to whatever proxy it is given, so that proxyType=socks cannot work with it. It fails
    when a proxy has no host or no port, and warns when proxyType is none of http, socks, direct, none, which
    the sink reads as none. Environment variables (HTTPS_PROXY) are not read by the JVM.

    Fix: client_version=V1; proxyType=http with proxyHost and proxyPort.
    """

    id = "connector.client"
    kinds = PIPELINES
    depends_on = frozenset({"connector.class"})
    problems = (
        Problem("SINK_PROXY_INCOMPLETE", "a proxy without host or port"),
        Problem("SINK_PROXY_TYPE", "an unknown proxyType is read as none"),
        Problem("SINK_V2_RETRIES", "client V2 does not retry a refused connection"),
        Problem("SINK_V2_SOCKS", "client V2 cannot use a SOCKS proxy"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, task = sink(ctx)
        told = given(subject, "client_version", "proxyType", "proxyHost", "proxyPort")
        found = list(self._problems(subject, task, told))
        yield from found
        if not found:
            proxy = f", by proxy {told.get('proxyHost', '')}" if task.proxy_type in ("http", "socks") else ""
            yield fine(f"the client is {task.client}{proxy}", told)

    @staticmethod
    def _problems(subject: Connector, task: Sink, told: Mapping[str, str]) -> Iterator[Finding]:
        if task.proxy_type == "socks" and task.client == "V2":
            text = (
                "client_version=V2 speaks HTTP to its proxy, proxyType=socks or not: write client_version=V1"
            )
            line = "client_version=V1"
            yield wrong(subject, "SINK_V2_SOCKS", Cause.SETTINGS_CONTRADICT, text, line, settings=told)
        elif task.client == "V2":
            text = (
                "client_version=V2: a refused or reset connection ends the task instead of a new attempt. "
                "Write client_version=V1, or watch for failed tasks"
            )
            yield doubtful(
                subject, "SINK_V2_RETRIES", Cause.SETTING_RISKY, text, "client_version=V1", settings=told
            )
        if task.proxy_type in ("http", "socks"):
            port = whole(told.get("proxyPort", ""))
            if not told.get("proxyHost") or not port:
                text = f"proxyType={task.proxy_type} without proxyHost and proxyPort: write both"
                lines = "proxyHost=<host>\nproxyPort=3128"
                yield wrong(
                    subject, "SINK_PROXY_INCOMPLETE", Cause.SETTING_MISSING, text, lines, settings=told
                )
        elif task.proxy_type not in PROXY_TYPES:
            text = f"proxyType={shown(told['proxyType'])} is read as none, no proxy: write proxyType=http"
            yield doubtful(
                subject, "SINK_PROXY_TYPE", Cause.SETTING_IGNORED, text, "proxyType=http", settings=told
            )


class TimeoutsFit(Check):
    """Time-outs of the sink and of its consumer fit each other.

    It fails when timeoutSeconds is outside 0 to 600 or retryCount outside 3 to 10, which Kafka Connect
    refuses. It warns when max.poll.interval.ms of the consumer is not longer than the 240 seconds that one
    insert may take: the group then throws the task out while it writes.

    Fix: timeoutSeconds=30, retryCount=3; consumer.override.max.poll.interval.ms=300000 or more.
    """

    id = "connector.timeouts"
    kinds = PIPELINES
    depends_on = frozenset({"connector.class", "connector.whitespace"})
    problems = (
        Problem("CONSUMER_POLL_INTERVAL", "max.poll.interval.ms is shorter than one insert may take"),
        Problem("SINK_TIMEOUTSECONDS_RANGE", "timeoutSeconds is out of range"),
        Problem("SINK_RETRYCOUNT_RANGE", "retryCount is out of range"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, task = sink(ctx)
        found = list(self._problems(subject, task))
        yield from found
        if not found and task.timeout_seconds is not None and task.retries is not None:
            text = f"{task.retries} attempts of {task.timeout_seconds} s at ClickHouse, a poll at most every "
            yield fine(
                f"{text}{_poll_interval(subject) // 1000} s", given(subject, "timeoutSeconds", "retryCount")
            )
        elif not found:
            yield unknown(
                "time-outs are filled in on the worker", given(subject, "timeoutSeconds", "retryCount")
            )

    @staticmethod
    def _problems(subject: Connector, task: Sink) -> Iterator[Finding]:
        for name, value, allowed in (
            ("timeoutSeconds", task.timeout_seconds, TIMEOUT_RANGE),
            ("retryCount", task.retries, RETRY_RANGE),
        ):
            text = subject.settings.get(name, "")
            if is_reference(text) or value in allowed or (value is None and visible(text) != text):
                continue
            line = f"{name}={30 if name == 'timeoutSeconds' else 3}"
            most = allowed.stop - 1
            said = f"{name}={shown(text)} is refused, it may be {allowed.start} to {most}: write {line}"
            yield wrong(
                subject, f"SINK_{name.upper()}_RANGE", Cause.SETTING_WRONG, said, line, settings={name: text}
            )
        interval = _poll_interval(subject)
        if interval <= INSERT_TIMEOUT_MS:
            said = (
                f"max.poll.interval.ms is {interval}, and one insert may take {INSERT_TIMEOUT_MS}: write "
                f"consumer.override.max.poll.interval.ms={DEFAULT_POLL_INTERVAL_MS}"
            )
            line = f"consumer.override.max.poll.interval.ms={DEFAULT_POLL_INTERVAL_MS}"
            yield doubtful(subject, "CONSUMER_POLL_INTERVAL", Cause.SETTING_RISKY, said, line)


def _borrowed(host: str) -> str | None:
    """What kind of name this is, where it is not one that a certificate of ClickHouse holds."""
    name = host.lower().rstrip(".")
    if re.fullmatch(r"[0-9.]+|\[.*\]", name):
        return "an address"
    if name.endswith(".vpce.amazonaws.com"):
        return "the VPC endpoint's own name"
    return "a load balancer's own name" if name.endswith(".elb.amazonaws.com") else None


def _ignored(key: str, value: str) -> str:
    if key == "schemas.enable":
        return f"schemas.enable has no effect: write value.converter.schemas.enable={shown(value)}"
    if key == "security.protocol":
        return (
            f"security.protocol={shown(value)} has no effect: TLS to ClickHouse is ssl=true, and MSK Connect "
            "sets Kafka's by itself; remove it"
        )
    if key.startswith("ssl."):
        return (
            f"{key} has no effect: for a ClickHouse with a private authority write "
            "jdbcConnectionProperties=?sslmode=STRICT&sslrootcert=<path>, else remove it"
        )
    return f"{key} has no effect: MSK Connect sets Kafka's connection itself, remove it"


def _paths(subject: Connector) -> Iterator[tuple[str, str]]:
    """Settings that name a file, and are read; connector.ignored reports those without effect."""
    for name, value in options(subject.settings.get("jdbcConnectionProperties", "")).items():
        if name in FILE_OPTIONS and value.startswith("/"):
            yield f"jdbcConnectionProperties {name}", value
    for key, value in subject.settings.items():
        prefixed = key.startswith(
            ("consumer.override.", "producer.override.", "value.converter.", "key.converter.")
        )
        if prefixed and re.search(r"(location|file|path)$", key) and value.startswith("/"):
            yield key, value


def _poll_interval(subject: Connector) -> int:
    return consumer_number(subject, "max.poll.interval.ms") or DEFAULT_POLL_INTERVAL_MS
