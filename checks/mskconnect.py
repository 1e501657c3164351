"""Do MSK Connect, the connector and the cluster fit each other, as AWS describes them?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from checks.connector_findings import (
    BROKERS,
    WRONG_KAFKA_LISTENER,
    configured,
    connector,
    doubtful,
    fine,
    listed,
    not_read,
    shown,
    whole,
    wrong,
)
from netcheck.core.check import Check
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.hostport import EndpointError, parse_endpoint
from netcheck.core.model import Cause, Explains, Finding, Fix, Json, Kind, Layer, Status, Target
from netcheck.core.problem import Problem, Trait
from netcheck.engine import facts
from netcheck.pipeline.model import Cluster, Connector, Pipeline, Plugin
from netcheck.pipeline.msk_listeners import (
    MSK_NAME,
    Listener,
    Login,
    Reach,
    asks_for_certificates,
    endpoints,
    listener_for,
    uses,
)
from netcheck.probe.host import clock

PIPELINES = frozenset({Kind.PIPELINE})

CREATING_MINUTES = 20
"""Creation gives up a little after twenty minutes when the workers do not reach the brokers."""
PLUGIN_VERSION = re.compile(r"clickhouse-kafka-connect-v?(\d+)\.(\d+)\.(\d+)")
NOT_A_BROKER = frozenset(
    {Cause.DNS_NXDOMAIN, Cause.DNS_NO_ADDRESS, Cause.TIMED_OUT, Cause.CONNECTION_REFUSED}
)
"""What a client sees of a name that is not a broker's (any more)."""
INSERT_TIMEOUT_SINCE = (1, 3, 10)
SMALL_BROKERS = ("kafka.t3.small",)
SMALL_BROKER_TASKS = 4
"""New IAM connections a second that a broker of this type takes
(https://docs.aws.amazon.com/msk/latest/developerguide/limits.html)."""
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".rar", ".7z", ".gz")
OF_SETTINGS = frozenset(
    {
        "connector.subnet-capacity",
        "connector.authentication",
        "connector.bootstrap",
        "connector.class",
        "connector.cluster",
        "connector.converters",
        "connector.exactly-once",
        "connector.hostname",
        "connector.overrides",
        "connector.plugin",
        "connector.port",
        "connector.providers",
        "connector.ssl",
        "connector.tasks",
        "connector.timeouts",
        "connector.topics",
        "connector.whitespace",
    }
)
"""What explains a connector that does not run."""

CLUSTER_PROBLEMS = (
    Problem(
        Cause.CLUSTER_NOT_USABLE,
        "the cluster offers no authentication that MSK Connect can use",
        "Enable IAM access control on the cluster (it may stay beside SCRAM or mutual TLS).",
    ),
)

STATE_PROBLEMS = (
    Problem(
        Cause.CONNECTOR_NOT_RUNNING,
        "the connector is not running",
        "The API tells no cause: the worker log does (netcheck run --worker-log FILE reads one), and so "
        "do the other findings.",
        traits=frozenset({Trait.SYMPTOM, Trait.STATE}),
    ),
)

OPERATIONS_PROBLEMS = (
    Problem(
        Cause.CONNECTOR_OPERATION_FAILED,
        "the last operation on the connector failed",
        "The connector goes on with what it had before: fix what the operation's error names, and update "
        "again.",
        traits=frozenset({Trait.SYMPTOM}),
    ),
)

PLUGIN_PROBLEMS = (
    Problem(
        Cause.PLUGIN_UNUSABLE,
        "the custom plugin cannot be used",
        "Upload the connector's release as ZIP or JAR, with all its libraries, and create a plugin of it.",
    ),
)

LOGS_PROBLEMS = (
    Problem(
        Cause.LOGS_NOT_DELIVERED,
        "worker logs are not kept",
        "Give the connector a log destination: without one MSK Connect tells no reason for any failure.",
    ),
)

CAPACITY_PROBLEMS = (
    Problem(
        Cause.SUBNET_FULL,
        "a worker subnet is short of addresses",
        "Every worker takes one address: free some, or create the connector in larger subnets.",
    ),
)


class AuthenticationFits(Check):
    """Authentication, encryption and port of the connector belong together.

    MSK has a listener for each: 9092 plain text, 9094 TLS, 9096 SASL/SCRAM, 9098 IAM (9194, 9196 and 9198
    public; 20092 to 20098 IPv6). It fails when authenticationType, encryptionType and the port of
    bootstrapServers contradict each other, when the cluster has the method switched off, and when its TLS
    listener wants a client certificate, which MSK Connect cannot show.

    Fix: recreate the connector (MSK Connect cannot change these) with IAM, TLS and the brokers on 9098;
    NONE, TLS and 9094; or NONE, PLAINTEXT and 9092.
    """

    id = "connector.authentication"
    kinds = PIPELINES
    depends_on = frozenset({"connector.cluster"})
    problems = (
        Problem("MSK_CONNECT_AUTHENTICATION", "authentication, encryption and port contradict each other"),
    )
    explains = (WRONG_KAFKA_LISTENER,)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, cluster = connector(ctx), _pipeline(ctx).cluster
        if not subject.authentication or not subject.encryption:
            raise Skip("the connector's authentication and encryption types are not in a configuration file")
        brokers = endpoints(subject.bootstrap)
        spoken = {listener for broker in brokers if (listener := listener_for(cluster, *broker))}
        if not spoken:
            raise Skip("what the brokers' ports are for is not known: they are not MSK's")
        reasons = [_contradiction(subject, listener, cluster) for listener in sorted(spoken, key=str)]
        told = [reason for reason in reasons if reason]
        if not told and (text := _not_enabled(subject, cluster)):
            told = [text]
        if told:
            yield _recreate(subject, cluster, spoken, told[0])
        else:
            ports = listed(str(port) for port in sorted({port for _, port in brokers}))
            yield fine(f"{_types(subject)} and port {ports} belong together")


class ClusterIsUsable(Check):
    """The cluster offers an authentication that MSK Connect can use.

    MSK Connect knows no SCRAM and no client certificates. It fails when the cluster has neither IAM nor
    unauthenticated access.

    Fix: enable IAM access control on the cluster; clients with SCRAM or certificates go on as they are.
    """

    id = "connector.cluster"
    kinds = PIPELINES
    problems = (
        *CLUSTER_PROBLEMS,
        Problem(
            "MSK_NO_USABLE_AUTHENTICATION", "the cluster offers no authentication that MSK Connect can use"
        ),
    )
    explains = (WRONG_KAFKA_LISTENER, Explains(checks=frozenset({"connector.authentication"})))

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        cluster = _cluster(ctx)
        methods = listed(sorted(cluster.authentication)) or "no method that AWS names"
        if (
            cluster.kind == "SERVERLESS"
            or cluster.authentication & {"IAM", "UNAUTHENTICATED"}
            or uses(cluster)
        ):
            yield fine(f"{cluster.name} offers {'IAM' if cluster.kind == 'SERVERLESS' else methods}")
        elif cluster.authentication:
            command = (
                f"aws kafka update-security --cluster-arn {cluster.arn} --current-version <version> "
                "--client-authentication 'Sasl={Iam={Enabled=true}}'"
            )
            text = (
                f"{cluster.name} offers {methods} only, and MSK Connect knows NONE and IAM: enable IAM "
                "access control as well"
            )
            yield Finding(
                Status.FAIL,
                text,
                Cause.CLUSTER_NOT_USABLE,
                Layer.AWS,
                {"cluster": cluster.arn},
                code="MSK_NO_USABLE_AUTHENTICATION",
                components=(cluster.arn,),
                fixes=(Fix("awscli", command),),
            )
        else:
            raise Skip(f"which methods {cluster.name} offers AWS does not say")


class BootstrapIsOfCluster(Check):
    """The bootstrap servers are brokers of the cluster, reached from inside the VPC.

    It fails when an entry is no host:port, when the names are another cluster's (a cluster that was created
    again has new ones) or a broker's that is gone, and when the port is an IPv6 listener's and the connector
    IPV4. It warns about public names, which workers reach by NAT only, about names that are not MSK's (their
    certificate has another), and about a single broker.

    Fix: recreate the connector with the string of aws kafka get-bootstrap-brokers.
    """

    id = "connector.bootstrap"
    kinds = PIPELINES
    problems = (
        Problem("MSK_BOOTSTRAP_ALIAS", "the bootstrap servers are not MSK's own names"),
        Problem("MSK_BOOTSTRAP_IPV6", "an IPv6 listener, and the connector's network type is IPv4"),
        Problem("MSK_BOOTSTRAP_PUBLIC", "the bootstrap servers are public names"),
        Problem("MSK_BOOTSTRAP_SINGLE", "only one bootstrap server is named"),
        Problem("MSK_BOOTSTRAP_UNKNOWN", "a bootstrap server is not a broker of the cluster"),
        Problem("MSK_CONNECT_BOOTSTRAP", "a bootstrap server is not host:port"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, cluster = connector(ctx), _pipeline(ctx).cluster
        if not subject.bootstrap:
            raise Skip("the connector's bootstrapServers are not in a configuration file")
        found = [*_unreadable(subject), *_foreign(subject, cluster), *_reach(subject, cluster)]
        found += _lonely(subject, cluster)
        yield from found
        if found:
            return
        if not all(MSK_NAME.search(host) for host, _ in endpoints(subject.bootstrap)):
            raise Skip("the brokers' names are not MSK's own: whose they are only an answer can tell")
        if cluster is not None and cluster.bootstrap:
            yield fine(f"{len(endpoints(subject.bootstrap))} brokers, all of them of {cluster.name}")
        else:
            about = ("kafka:GetBootstrapBrokers", "kafka:DescribeClusterV2", "the MSK cluster")
            text = "whether the brokers are the cluster's is not known"
            if finding := not_read(ctx, text, *about, "the cluster's bootstrap servers"):
                yield finding
                return
            raise Skip("no MSK cluster is known to compare with")


class BrokersBearTasks(Check):
    """The brokers can handle the connector's login rate.

    A kafka.t3.small takes 4 new IAM connections a second ("Too many connects"). It warns when the connector
    has more tasks than that, uses IAM, and does not wait a second between attempts.

    Fix: consumer.override.reconnect.backoff.ms=1000, fewer tasks, or larger brokers.
    """

    id = "connector.iam-connection-rate"
    kinds = PIPELINES
    problems = (Problem("MSK_IAM_CONNECTION_RATE", "more IAM connections a second than the brokers accept"),)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject, cluster = configured(ctx), _cluster(ctx)
        tasks = whole(subject.settings.get("tasks.max", "1"))
        if cluster.instance_type not in SMALL_BROKERS or subject.authentication != "IAM":
            raise Skip("the limit of new IAM connections matters on kafka.t3.small only")
        pause = whole(subject.settings.get("consumer.override.reconnect.backoff.ms", "")) or 0
        if tasks is not None and tasks > SMALL_BROKER_TASKS and pause < 1000:
            line = "consumer.override.reconnect.backoff.ms=1000"
            text = (
                f"tasks.max={tasks} on {cluster.instance_type}, which takes {SMALL_BROKER_TASKS} new IAM "
                f"connections a second: write {line}, or use larger brokers"
            )
            told = {"tasks.max": str(tasks)}
            yield doubtful(subject, "MSK_IAM_CONNECTION_RATE", Cause.SETTING_RISKY, text, line, told)
        else:
            yield fine(f"{tasks or '?'} tasks on {cluster.instance_type}")


class Runs(Check):
    """The connector is running.

    It fails when its state is FAILED, or CREATING for more than twenty minutes: then the workers hardly ever
    reach the brokers, and creation fails a little later. It warns while it is paused or being changed.
    RUNNING does not prove that its tasks run: the API does not tell of tasks.

    Fix: correct what the other findings and the worker log name, then create or restart the connector.
    """

    id = "connector.state"
    kinds = PIPELINES
    depends_on = OF_SETTINGS
    problems = STATE_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = connector(ctx)
        if subject.state is None:
            raise Skip("a configuration file has no state")
        told: dict[str, Json] = {
            "state": subject.state,
            "problem": subject.problem,
            "connector": subject.name,
        }
        why = f": {shown(subject.problem)}" if subject.problem else ""
        match subject.state:
            case "RUNNING":
                yield Finding(Status.PASS, f"{subject.name} is RUNNING", None, Layer.AWS, told)
            case "FAILED" | "DELETING":
                yield _not_running(Status.FAIL, subject, f"{subject.name} is {subject.state}{why}", told)
            case "CREATING":
                yield self._creating(subject, _minutes(subject.created, ctx), told)
            case _:
                text = f"{subject.name} is {subject.state}, not RUNNING{why}"
                yield _not_running(Status.WARN, subject, text, told)

    @staticmethod
    def _creating(subject: Connector, minutes: float | None, told: dict[str, Json]) -> Finding:
        if minutes is not None and minutes > CREATING_MINUTES:
            text = (
                f"{subject.name} is CREATING since {minutes:.0f} minutes, which ends in FAILED: its workers "
                "do not reach the brokers, or cannot log in"
            )
            return _not_running(Status.FAIL, subject, text, told)
        since = "" if minutes is None else f" since {max(0.0, minutes):.0f} minutes (it takes up to 20)"
        return _not_running(Status.WARN, subject, f"{subject.name} is CREATING{since}", told)


class OperationsSucceed(Check):
    """The last operation on the connector succeeded.

    An update that fails is rolled back while the connector runs on with its old configuration, and its state
    says RUNNING. It fails when the newest operation failed or was rolled back, and warns while one is under
    way.

    Fix: correct what the operation's error names and update again.
    """

    id = "connector.operations"
    kinds = PIPELINES
    depends_on = OF_SETTINGS
    problems = OPERATIONS_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = connector(ctx)
        if not subject.operations:
            about = ("kafkaconnect:ListConnectorOperations", "the connector's operations")
            if finding := not_read(ctx, "operations are not known", *about):
                yield finding
                return
            raise Skip("there were no operations on the connector")
        last = subject.operations[0]
        told: dict[str, Json] = {
            "operation": last.arn,
            "kind": last.kind,
            "state": last.state,
            "at": last.created,
        }
        if last.state.endswith("_FAILED") or last.state == "ROLLBACK_COMPLETE":
            why = f": {shown(last.error)}" if last.error else ""
            text = (
                f"{last.kind} of {last.created} ended {last.state}{why}; the configuration before it is live"
            )
            yield Finding(
                Status.FAIL,
                text,
                Cause.CONNECTOR_OPERATION_FAILED,
                Layer.AWS,
                told,
                component=subject.name,
            )
        elif last.state.endswith("_IN_PROGRESS") or last.state == "PENDING":
            text = f"{last.kind} of {last.created} is {last.state}: what is live changes soon"
            yield _not_running(Status.WARN, subject, text, told)
        else:
            text = f"the last operation, {last.kind} of {last.created}, ended {last.state}"
            yield Finding(Status.PASS, text, None, Layer.AWS, told)


class PluginIsUsable(Check):
    """The custom plugin can be used.

    It fails when the plugin could not be created, or when what was uploaded is no ZIP or JAR. It warns when
    the sink's version, which its file name tells, is before 1.3.10: its inserts have no time-out and may
    hang for ever.

    Fix: upload the release's ZIP to a bucket in this Region that you may read, and create a plugin of it.
    """

    id = "connector.plugin"
    kinds = PIPELINES
    problems = (
        *PLUGIN_PROBLEMS,
        Problem("MSK_CONNECT_PLUGIN", "the custom plugin cannot be used"),
        Problem("SINK_BEFORE_1_3_10", "a sink version whose inserts have no timeout"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = connector(ctx)
        if not subject.plugins:
            about = ("kafkaconnect:DescribeCustomPlugin", "the plugin ")
            if finding := not_read(ctx, "the plugin is not known", *about):
                yield finding
                return
            raise Skip("no plugin is known")
        for plugin in subject.plugins:
            yield _plugin(subject, plugin)


class LogsAreKept(Check):
    """Worker logs are delivered somewhere.

    It warns when the connector has no log destination: MSK Connect tells no reason for most failures, the
    worker log does.

    Fix: create the connector with log delivery to CloudWatch Logs, S3 or Firehose.
    """

    id = "connector.logs"
    kinds = PIPELINES
    problems = (
        *LOGS_PROBLEMS,
        Problem("MSK_CONNECT_NO_LOGS", "the connector delivers its worker logs nowhere"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = connector(ctx)
        if subject.arn is None:
            raise Skip("a configuration file does not say where logs go")
        if subject.logs:
            yield fine(f"worker logs go to {listed(f'{one.kind} {one.name}' for one in subject.logs)}")
        else:
            text = f"{subject.name} keeps no worker logs: create it with log delivery to CloudWatch Logs"
            yield doubtful(subject, "MSK_CONNECT_NO_LOGS", Cause.LOGS_NOT_DELIVERED, text)


class SubnetsHaveRoom(Check):
    """The worker subnets have addresses left for the workers.

    Every worker takes an address of one of the connector's subnets. It fails when none of them has any left
    and the connector is not running, and warns when they have fewer left than the connector has workers: a
    worker that is replaced, or a creation, then fails without a word.

    Fix: free addresses, or create the connector in larger subnets.
    """

    id = "connector.subnet-capacity"
    kinds = PIPELINES
    problems = (
        *CAPACITY_PROBLEMS,
        Problem("SUBNET_NO_FREE_ADDRESSES", "a worker subnet has no free addresses"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = connector(ctx)
        if not subject.subnets:
            raise Skip("the connector's subnets are not in a configuration file")
        subnets = ctx.get(facts.snapshot).subnets
        left = {name: subnets[name].free for name in subject.subnets if name in subnets}
        known = {name: free for name, free in left.items() if free is not None}
        if len(known) < len(subject.subnets):
            raise Skip("how many addresses the worker subnets have left AWS does not say")
        total, wanted = sum(known.values()), subject.most_workers or 1
        told = ", ".join(f"{name} {free}" for name, free in known.items())
        evidence: dict[str, Json] = {"free": dict(known), "workers": wanted}
        full = tuple(name for name, free in known.items() if free == 0)
        if total >= wanted and not full:
            yield Finding(Status.PASS, f"free addresses: {told}", None, Layer.AWS, evidence)
            return
        status = Status.FAIL if total == 0 and subject.state in ("CREATING", "FAILED") else Status.WARN
        text = f"free addresses: {told}; {subject.name} has up to {wanted} workers"
        yield Finding(
            status,
            text,
            Cause.SUBNET_FULL,
            Layer.AWS,
            evidence,
            code="SUBNET_NO_FREE_ADDRESSES",
            components=full or tuple(known),
        )


def _pipeline(ctx: Context) -> Pipeline:
    return ctx.get(facts.pipeline)


def _cluster(ctx: Context) -> Cluster:
    """The cluster. Raises Skip where there is none, PrerequisiteFailed where AWS does not tell of it."""
    known = _pipeline(ctx)
    if known.cluster is not None:
        return known.cluster
    told = [one for one in known.missing if one.action.startswith("kafka:") or one.what == "the MSK cluster"]
    if told:
        raise PrerequisiteFailed(f"the MSK cluster is not known: {told[0].reason}")
    raise Skip("no MSK cluster is known")


def _types(subject: Connector) -> str:
    return f"authenticationType={subject.authentication}, encryptionType={subject.encryption}"


def _contradiction(subject: Connector, listener: Listener, cluster: Cluster | None) -> str | None:
    """What is wrong with this listener for the connector's types, first things first."""
    iam, tls = subject.authentication == "IAM", subject.encryption == "TLS"
    match listener:
        case _ if iam and not tls:
            return "IAM is always inside TLS"
        case Listener(login=Login.SCRAM):
            return f"the port is the {listener.name} listener's, and MSK Connect knows no SCRAM"
        case Listener(tls=True) if not tls:
            return f"the port is the {listener.name} listener's, which speaks TLS"
        case Listener(tls=False) if tls:
            return "the port is the plain-text listener's, which speaks no TLS"
        case Listener(login=Login.NONE) if iam:
            return f"the port is the {listener.name} listener's, where nobody asks for IAM"
        case Listener(login=Login.IAM) if not iam:
            return f"the port is the {listener.name} listener's, which wants a login by IAM"
        case Listener(login=Login.NONE, tls=True) if cluster is not None and asks_for_certificates(cluster):
            return "the TLS listener wants a client certificate, which MSK Connect cannot show"
    return None


def _not_enabled(subject: Connector, cluster: Cluster | None) -> str | None:
    if cluster is None:
        return None
    iam_off = cluster.kind != "SERVERLESS" and cluster.authentication and "IAM" not in cluster.authentication
    if subject.authentication == "IAM" and iam_off:
        return f"IAM is not enabled on {cluster.name}: it offers {listed(sorted(cluster.authentication))}"
    if cluster.client_broker == "TLS" and subject.encryption == "PLAINTEXT":
        return f"{cluster.name} takes TLS only"
    if cluster.client_broker == "PLAINTEXT" and subject.encryption == "TLS":
        return f"{cluster.name} takes plain text only"
    return None


def _recreate(subject: Connector, cluster: Cluster | None, spoken: set[Listener], why: str) -> Finding:
    """The failure, with what to create the connector with: MSK Connect cannot change these in place."""
    ways = uses(cluster) if cluster is not None else ()
    explains: tuple[Explains, ...] = (WRONG_KAFKA_LISTENER,)
    if ways:
        what = str(ways[0])
        explains = (WRONG_KAFKA_LISTENER, misdirected(ways[0].bootstrap))
    else:
        fitting = [one for one in spoken if one.login is not Login.SCRAM]
        one = fitting[0] if fitting else Listener(Login.IAM, tls=True)
        what = f"authenticationType={one.login}, encryptionType={one.encryption}"
        if not fitting:
            what += " and the brokers on port 9098"
    text = f"{_types(subject)} with {shown(subject.bootstrap)}: {why}. Create the connector with {what}"
    fix = Fix("text", f"recreate the connector with {what}")
    told = {"bootstrapServers": subject.bootstrap}
    return wrong(subject, "MSK_CONNECT_AUTHENTICATION", Cause.SETTINGS_CONTRADICT, text, fix, told, explains)


def misdirected(instead: str) -> Explains:
    """What AWS's configuration blocks on the way to a listener that is not the connector's: all but these."""
    right = frozenset(f"{host}:{port}" for host, port in endpoints(instead))
    return Explains(kinds=BROKERS, blocked=True, unless=right)


def _unreadable(subject: Connector) -> Iterator[Finding]:
    for part in subject.bootstrap.split(","):
        try:
            parse_endpoint(part)
        except EndpointError as error:
            text = f"bootstrapServers: {error}"
            told = {"bootstrapServers": subject.bootstrap}
            yield wrong(subject, "MSK_CONNECT_BOOTSTRAP", Cause.SETTING_WRONG, text, settings=told)


def _foreign(subject: Connector, cluster: Cluster | None) -> Iterator[Finding]:
    """Names that are not of the cluster: another cluster's, a broker's that is gone, or an alias."""
    if cluster is None or not cluster.bootstrap:
        return
    ours = {host for text in cluster.bootstrap.values() for host, _ in endpoints(text)}
    ours |= {name.lower().rstrip(".") for node in cluster.nodes for name in node.names}
    zones = {host.partition(".")[2] for host in ours}
    told = {"bootstrapServers": subject.bootstrap}
    for host in dict.fromkeys(host for host, _ in endpoints(subject.bootstrap)):
        zone = host.partition(".")[2]
        if host in ours:
            continue
        if not MSK_NAME.search(host):
            if subject.encryption == "TLS":
                text = (
                    f"{host} is not a name of MSK's: the brokers' certificates are for others, and IAM takes "
                    f"the Region from the name. Create the connector with {_string(cluster, subject)}"
                )
                yield doubtful(subject, "MSK_BOOTSTRAP_ALIAS", Cause.SETTING_RISKY, text, settings=told)
        elif zone not in zones or _gone(host, cluster):
            text = (
                f"{host} is not a broker of {cluster.name}: a cluster that was created again has new names. "
                f"Create the connector with {_string(cluster, subject)}"
            )
            fix = Fix("text", _string(cluster, subject))
            explains = (Explains(NOT_A_BROKER, BROKERS, hosts=frozenset({host})), *_instead(cluster, subject))
            yield wrong(subject, "MSK_BOOTSTRAP_UNKNOWN", Cause.SETTING_WRONG, text, fix, told, explains)


def _gone(host: str, cluster: Cluster) -> bool:
    """Whether the broker's number is none of the cluster's. Its bootstrap strings name three of its brokers
    at most, its nodes are all of them.
    """
    number = re.match(r"b-(\d+)", host)
    return bool(cluster.nodes) and number is not None and number[1] not in {n.id for n in cluster.nodes}


def _string(cluster: Cluster, subject: Connector) -> str:
    best = _best(cluster, subject)
    return f"bootstrapServers={best}" if best else "the string of aws kafka get-bootstrap-brokers"


def _best(cluster: Cluster, subject: Connector) -> str:
    """The cluster's bootstrap string for the connector's authentication, else for another one, else ""."""
    offered = uses(cluster)
    same = [one for one in offered if one.authentication == subject.authentication]
    return next((one.bootstrap for one in (*same, *offered)), "")


def _instead(cluster: Cluster | None, subject: Connector) -> tuple[Explains, ...]:
    best = _best(cluster, subject) if cluster else ""
    return (misdirected(best),) if best else ()


def _reach(subject: Connector, cluster: Cluster | None) -> Iterator[Finding]:
    spoken = {listener_for(cluster, *broker) for broker in endpoints(subject.bootstrap)}
    told = {"bootstrapServers": subject.bootstrap}
    if any(one and one.reach is Reach.PUBLIC for one in spoken):
        use = (
            f" with {_string(cluster, subject)}" if cluster else " with the private names (ports 9094, 9098)"
        )
        text = f"bootstrapServers are public names, reached by NAT only: create the connector{use}"
        yield doubtful(subject, "MSK_BOOTSTRAP_PUBLIC", Cause.SETTING_RISKY, text, settings=told)
    if any(one and one.ipv6 for one in spoken) and subject.network_type == "IPV4":
        text = (
            "bootstrapServers are of an IPv6 listener and the connector's networkType is IPV4: create it "
            f"with networkType DUAL, or with {_string(cluster, subject) if cluster else 'the IPv4 names'}"
        )
        explains = _instead(cluster, subject)
        yield wrong(
            subject, "MSK_BOOTSTRAP_IPV6", Cause.SETTINGS_CONTRADICT, text, settings=told, explains=explains
        )


def _lonely(subject: Connector, cluster: Cluster | None) -> list[Finding]:
    hosts = [host for host, _ in endpoints(subject.bootstrap)]
    if cluster is None or len(cluster.nodes) < 2 or len(hosts) != 1 or not MSK_NAME.search(hosts[0]):
        return []  # a name of somebody's own may stand for all of them
    text = (
        "bootstrapServers names one broker: while it is patched no worker starts. Create the connector with "
        f"{_string(cluster, subject)}"
    )
    told = {"bootstrapServers": subject.bootstrap}
    return [doubtful(subject, "MSK_BOOTSTRAP_SINGLE", Cause.SETTING_RISKY, text, settings=told)]


def _not_running(status: Status, subject: Connector, text: str, told: dict[str, Json]) -> Finding:
    return Finding(status, text, Cause.CONNECTOR_NOT_RUNNING, Layer.AWS, told, components=(subject.name,))


def _minutes(created: str | None, ctx: Context) -> float | None:
    """How long ago that was, by the clock of the run or of its recording."""
    if not created:
        return None
    try:
        since = datetime.fromisoformat(created.replace("Z", "+00:00"))
        return (datetime.fromisoformat(ctx.observe(clock.read).now) - since).total_seconds() / 60
    except (ValueError, TypeError):  # not ISO 8601, or without its time zone
        return None


def _plugin(subject: Connector, plugin: Plugin) -> Finding:
    told: dict[str, Json] = {"plugin": plugin.arn, "state": plugin.state, "problem": plugin.problem}
    key = plugin.key or ""
    if plugin.state.endswith("_FAILED"):
        why = f": {shown(plugin.problem)}" if plugin.problem else ""
        where = f" (s3://{plugin.bucket}/{key})" if plugin.bucket else ""
        text = (
            f"plugin {plugin.name} is {plugin.state}{why}; look at its object{where}, Region and key policy"
        )
        return _unusable(plugin, text, told)
    if key.lower().endswith(ARCHIVES):
        text = f"plugin {plugin.name} was made of {key}, which is no ZIP and no JAR: upload the release's ZIP"
        return _unusable(plugin, text, told)
    version = PLUGIN_VERSION.search(key) or PLUGIN_VERSION.search(plugin.name)
    if version and tuple(map(int, version.groups())) < INSERT_TIMEOUT_SINCE:
        text = (
            f"plugin {plugin.name} holds version {'.'.join(version.groups())}, whose inserts have no "
            "time-out: upgrade to 1.3.10 or later"
        )
        return doubtful(subject, "SINK_BEFORE_1_3_10", Cause.SETTING_RISKY, text)
    if plugin.state != "ACTIVE":
        text = f"plugin {plugin.name} is {plugin.state}, not ACTIVE"
        return Finding(Status.WARN, text, Cause.PLUGIN_UNUSABLE, Layer.AWS, told)
    return Finding(Status.PASS, f"plugin {plugin.name} is ACTIVE", None, Layer.AWS, told)


def _unusable(plugin: Plugin, text: str, told: dict[str, Json]) -> Finding:
    return Finding(
        Status.FAIL,
        text,
        Cause.PLUGIN_UNUSABLE,
        Layer.AWS,
        told,
        code="MSK_CONNECT_PLUGIN",
        components=(plugin.arn,),
    )
