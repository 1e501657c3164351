"""What netcheck talks about: targets, findings, results, the report. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from netcheck.core.aliases import CAUSES
from netcheck.core.evidence import ConnectionOutcome, TracedPath

Scalar = str | int | float | bool | None
Json = Scalar | list["Json"] | dict[str, "Json"]
"""What may stand in evidence: anything that `json.dumps` writes."""


class Status(StrEnum):
    """`pass`, `warn` and `fail` speak of the network; `unknown` speaks of us; `skip` has a reason."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIP = "skip"


class Layer(StrEnum):
    """Where in the stack a finding belongs, from the ground up."""

    AGENT = "agent"
    CONFIG = "config"
    DNS = "dns"
    ROUTE = "route"
    FILTER = "filter"
    TCP = "tcp"
    TLS = "tls"
    KAFKA = "kafka"
    HTTP = "http"
    CLICKHOUSE = "clickhouse"
    AWS = "aws"
    IAM = "iam"


class Kind(StrEnum):
    """Kinds of targets; `pipeline` is for questions that have no single port."""

    KAFKA = "kafka"
    CLICKHOUSE_HTTPS = "clickhouse-https"
    CLICKHOUSE_NATIVE = "clickhouse-native"
    AWS_SERVICE = "aws-service"
    PIPELINE = "pipeline"


WITH_PORT = frozenset(Kind) - {Kind.PIPELINE}
"""The kinds that one can connect to."""


class Security(StrEnum):
    """How a listener is spoken to, in the names of Kafka's `security.protocol`."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def tls(self) -> bool:
        """True where bytes travel inside TLS."""
        return self in (Security.SSL, Security.SASL_SSL)

    @property
    def sasl(self) -> bool:
        """True where the listener wants a SASL login before anything else."""
        return self in (Security.SASL_PLAINTEXT, Security.SASL_SSL)


class Cause(StrEnum):
    """The closed vocabulary of reasons. A name here is public; an old spelling is accepted for ever."""

    @classmethod
    def _missing_(cls, value: object) -> Cause | None:
        return cls(CAUSES[value]) if isinstance(value, str) and value in CAUSES else None

    # names
    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_NO_ADDRESS = "dns_no_address"
    DNS_SERVFAIL = "dns_servfail"
    DNS_REFUSED = "dns_refused"
    DNS_TIMED_OUT = "dns_timed_out"
    DNS_MALFORMED = "dns_malformed"
    DNS_RESOLVER_FAILED = "dns_resolver_failed"
    DNS_VIEWS_DIFFER = "dns_views_differ"
    DNS_STALE = "dns_stale"
    DNS_LOSSY = "dns_lossy"
    DNS_NAME_SILENT = "dns_name_silent"
    DNS_SERVER_DEAD = "dns_server_dead"
    # transport
    TIMED_OUT = "timed_out"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_CLOSED = "connection_closed"
    HOST_UNREACHABLE = "host_unreachable"
    NETWORK_UNREACHABLE = "network_unreachable"
    PERMISSION_DENIED = "permission_denied"
    # silence, looked at more closely
    INTERMITTENT = "intermittent"
    PORT_SILENT = "port_silent"
    LISTENER_SILENT = "listener_silent"
    HOST_SILENT = "host_silent"
    SOURCE_PORT_FILTERED = "source_port_filtered"
    NO_INTERNET = "no_internet"
    PUBLIC_HOST_SILENT = "public_host_silent"
    FAMILY_SPLIT = "family_split"
    MTU_BLACK_HOLE = "mtu_black_hole"
    PACKET_LOSS = "packet_loss"
    NETWORK_SLOW = "network_slow"
    # TLS
    TLS_CERTIFICATE_EXPIRED = "tls_certificate_expired"
    TLS_CERTIFICATE_EXPIRES_SOON = "tls_certificate_expires_soon"
    TLS_CERTIFICATE_NOT_YET_VALID = "tls_certificate_not_yet_valid"
    TLS_CERTIFICATE_INVALID = "tls_certificate_invalid"
    TLS_HOSTNAME_MISMATCH = "tls_hostname_mismatch"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_SELF_SIGNED = "tls_self_signed"
    TLS_INTERCEPTED = "tls_intercepted"
    TLS_STRICT_ONLY = "tls_strict_only"
    TLS_PROTOCOL_VERSION = "tls_protocol_version"
    TLS_HANDSHAKE_FAILURE = "tls_handshake_failure"
    TLS_CLIENT_CERTIFICATE_WANTED = "tls_client_certificate_wanted"
    TLS_CLOSED_AFTER_CLIENT_HELLO = "tls_closed_after_client_hello"
    TLS_RESET_AFTER_CLIENT_HELLO = "tls_reset_after_client_hello"
    TLS_SILENT_AFTER_CLIENT_HELLO = "tls_silent_after_client_hello"
    TLS_STALLED = "tls_stalled"
    TLS_HELLO_FILTERED = "tls_hello_filtered"
    TLS_NAME_FILTERED = "tls_name_filtered"
    TLS_NAME_REFUSED = "tls_name_refused"
    TLS_NOT_SUPPORTED = "tls_not_supported"
    # what answered was something else
    WRONG_PROTOCOL = "wrong_protocol"
    PLAINTEXT_ON_TLS_PORT = "plaintext_on_tls_port"
    # Kafka
    KAFKA_SILENT = "kafka_silent"
    KAFKA_MALFORMED = "kafka_malformed"
    KAFKA_ERROR = "kafka_error"
    KAFKA_SASL_REQUIRED = "kafka_sasl_required"
    KAFKA_SASL_NOT_ENABLED = "kafka_sasl_not_enabled"
    KAFKA_SASL_MECHANISM = "kafka_sasl_mechanism"
    KAFKA_AUTH = "kafka_auth"
    KAFKA_ACCESS_DENIED = "kafka_access_denied"
    KAFKA_TOO_MANY_CONNECTS = "kafka_too_many_connects"
    KAFKA_NO_CREDENTIALS = "kafka_no_credentials"
    KAFKA_UNSUPPORTED_VERSION = "kafka_unsupported_version"
    KAFKA_NO_BROKERS = "kafka_no_brokers"
    KAFKA_NO_TOPIC = "kafka_no_topic"
    # HTTP in front of ClickHouse and AWS
    HTTP_SILENT = "http_silent"
    HTTP_MALFORMED = "http_malformed"
    HTTP_ERROR = "http_error"
    HTTP_REDIRECTED = "http_redirected"
    HTTP_LOAD_BALANCER = "http_load_balancer"
    # ClickHouse
    CLICKHOUSE_AUTH = "clickhouse_auth"
    CLICKHOUSE_NO_DATABASE = "clickhouse_no_database"
    CLICKHOUSE_NO_TABLES = "clickhouse_no_tables"
    CLICKHOUSE_NATIVE_PORT = "clickhouse_native_port"
    CLICKHOUSE_HTTP_PORT = "clickhouse_http_port"
    CLICKHOUSE_SLOW_WAKE = "clickhouse_slow_wake"
    CLICKHOUSE_SLOW = "clickhouse_slow"
    CLICKHOUSE_TOO_OLD = "clickhouse_too_old"
    CLICKHOUSE_EXCEPTION = "clickhouse_exception"
    CLICKHOUSE_SILENT = "clickhouse_silent"
    CLICKHOUSE_MALFORMED = "clickhouse_malformed"
    CLICKHOUSE_NOT_CLICKHOUSE = "clickhouse_not_clickhouse"
    # the way as AWS is configured
    PATH_NO_ROUTE = "path_no_route"
    PATH_NO_INTERNET = "path_no_internet"
    PATH_SECURITY_GROUP = "path_security_group"
    PATH_NETWORK_ACL = "path_network_acl"
    PATH_PARTIAL = "path_partial"
    PATH_UNKNOWN = "path_unknown"
    # names as AWS's resolver gives them
    VPC_DNS_OFF = "vpc_dns_off"
    RESOLVERS_MIXED = "resolvers_mixed"
    DNS_SHADOWED = "dns_shadowed"
    DNS_FIREWALL = "dns_firewall"
    # VPC endpoints
    ENDPOINT_PRIVATE_DNS_OFF = "endpoint_private_dns_off"
    ENDPOINT_NOT_AVAILABLE = "endpoint_not_available"
    ENDPOINT_POLICY = "endpoint_policy"
    ENDPOINT_UNUSED = "endpoint_unused"
    STS_GLOBAL_NAME = "sts_global_name"
    PRIVATELINK_NO_RECORD = "privatelink_no_record"
    PRIVATELINK_UNUSED = "privatelink_unused"
    # ClickHouse Cloud's own account of a service
    CLICKHOUSE_ACCESS_LIST = "clickhouse_access_list"
    CLICKHOUSE_STOPPED = "clickhouse_stopped"
    CLICKHOUSE_IDLE = "clickhouse_idle"
    # where we look from
    VANTAGE_DIFFERS = "vantage_differs"
    # what is observed, held against what AWS's configuration says
    SILENT_PAST_AWS = "silent_past_aws"
    CONFIG_OBSERVATION_MISMATCH = "config_observation_mismatch"
    # AWS
    AWS_UNEXPECTED_ANSWER = "aws_unexpected_answer"
    CLOCK_SKEW = "clock_skew"
    IAM_NOT_TRUSTED = "iam_not_trusted"
    IAM_DENIED = "iam_denied"
    IAM_OVERLY_PERMISSIVE = "iam_overly_permissive"
    IAM_DISAGREES = "iam_disagrees"
    IAM_SCRAM_SECRET = "iam_scram_secret"
    IAM_UNKNOWN = "iam_unknown"
    # the connector's configuration and state
    SETTING_WRONG = "setting_wrong"
    SETTING_MISSING = "setting_missing"
    SETTING_IGNORED = "setting_ignored"
    SETTING_RISKY = "setting_risky"
    SETTINGS_CONTRADICT = "settings_contradict"
    SECRET_IN_CLEAR = "secret_in_clear"
    CLUSTER_NOT_USABLE = "cluster_not_usable"
    CONNECTOR_NOT_RUNNING = "connector_not_running"
    CONNECTOR_OPERATION_FAILED = "connector_operation_failed"
    PLUGIN_UNUSABLE = "plugin_unusable"
    LOGS_NOT_DELIVERED = "logs_not_delivered"
    SUBNET_FULL = "subnet_full"
    WORKER_LOG_ERROR = "worker_log_error"
    WORKER_LOG_DIFFERS = "worker_log_differs"
    # of us, not of the network
    NOT_ASKED = "not_asked"
    DEADLINE = "deadline"
    NOT_RECORDED = "not_recorded"
    INTERRUPTED = "interrupted"
    CHECK_BUG = "check_bug"
    PLUGIN_BROKEN = "plugin_broken"
    FACT_UNAVAILABLE = "fact_unavailable"
    TOO_MANY_TARGETS = "too_many_targets"
    RESOURCES = "resources"


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One thing to reach. `host` is a name or a bare address; `port` is 0 for the pipeline."""

    kind: Kind
    host: str
    port: int
    security: Security = field(default=Security.SSL, compare=False)

    def __str__(self) -> str:
        if self.kind is Kind.PIPELINE:
            return "pipeline"
        return f"{self.kind}://{self.endpoint}"

    @property
    def endpoint(self) -> str:
        """`host:port` as one types it, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


PIPELINE = Target(Kind.PIPELINE, "", 0)


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that fixes a root cause, in the words of one tool (`awscli`, `terraform`, `text`, ...)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Explains:
    """Failures that follow from another one: all that fit every field.

    `causes` and `checks` are theirs (empty: any), `kinds` those of their targets, `hosts` their names (empty:
    any). `same_target`: only about the target of what explains them. `same_place`: only as far as this run
    looks from where the workers are. `silent`: only where nothing answered. `not_run`: checks that could not
    run, rather than failures.

    `blocked`: what AWS's configuration stops on a path that packets take only because of this mistake, but
    for `unless` (endpoints as `host:port`). Any other result with a code stands for itself, unless `checks`
    names its check.
    """

    causes: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset(Kind)
    checks: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    same_target: bool = False
    same_place: bool = False
    silent: bool = False
    not_run: bool = False
    blocked: bool = False
    unless: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Confirms:
    """A check that looks at the same thing live: its failure about a target of this kind is the cause."""

    check: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check yields: an answer about its target, in one sentence.

    `cause` is why, as the check (or another one) declares it; `code` is more exact, where there is one,
    such as AWS's explanation code. `evidence` is for people: nothing is computed from it. `discovered`
    names targets found on the way (a broker advertised by another): every check that fits runs on them as
    well.

    What the rest of netcheck computes with:

    - `components` are where one would fix it, ids as the AWS console prints them; of several any one will do.
      `component` is the same as one text, and may be given in place of them.
    - `title` is the summary without the target, for a root cause that several targets share.
    - `fixes` are the changes that the check itself proposes.
    - `paths` are the traced paths that it rests on, `connection` what became of connecting to it.
    - `missing_permissions` are IAM actions that would settle it, `assumptions` what it takes for granted,
      `observed` the observation that it was derived from.
    - `explains` is what follows from this finding, where that is not what its code, cause and check declare.
    - `from_workers` is true where the workers themselves report it (their log); `confirms` are then the
    checks
      that look at the same thing live, and `hosts` the hosts that the lines name.
    - `subnets` are the worker subnets it is about; `days_left` is the time until a certificate expires.
    """

    status: Status
    summary: str
    cause: str | None = None
    layer: Layer | None = None
    evidence: Mapping[str, Json] = field(default_factory=dict)
    discovered: tuple[Target, ...] = ()
    code: str | None = None
    component: str | None = None
    components: tuple[str, ...] = ()
    title: str = ""
    fixes: tuple[Fix, ...] = ()
    paths: tuple[TracedPath, ...] = ()
    connection: ConnectionOutcome | None = None
    missing_permissions: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    observed: str = ""
    hosts: tuple[str, ...] = ()
    explains: tuple[Explains, ...] | None = None
    confirms: tuple[Confirms, ...] = ()
    from_workers: bool = False
    subnets: tuple[str, ...] = ()
    days_left: float | None = None

    def __post_init__(self) -> None:
        if self.components:
            object.__setattr__(self, "component", ", ".join(self.components))
        elif isinstance(self.component, str):
            object.__setattr__(self, "components", tuple(self.component.split(", ")))


@dataclass(frozen=True, slots=True)
class Result:
    """A finding, stamped with the check, the target and the time it took.

    `key` is unique within a report (`tls.handshake@kafka://b-1:9094`, then `...#2`); `caused_by` is the
    key of the result whose failure explains this one.
    """

    key: str
    check: str
    target: Target
    finding: Finding
    seconds: float
    caused_by: str | None = None

    @property
    def status(self) -> Status:
        return self.finding.status


class Side(StrEnum):
    """Who says something of a root cause: a probe or the workers, or AWS's configuration."""

    OBSERVED = "observed"
    CONFIGURED = "configured"


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of evidence for a root cause, and who says so."""

    side: Side
    text: str

    def __str__(self) -> str:
        return f"{self.side}: {self.text}"


@dataclass(frozen=True, slots=True)
class RootCause:
    """What is left when consequences are folded under causes; `results` are the keys that show it.

    `components` are where to fix it, `component` is the same as one text. `evidence` is one sentence from
    each side that has something to say. `doubt` says why it is not certain, and what would make it so; ""
    where it is.
    """

    code: str
    components: tuple[str, ...]
    title: str
    certain: bool
    results: tuple[str, ...]
    explains: tuple[str, ...] = ()
    fix: tuple[Fix, ...] = ()
    fix_proved: bool = False
    evidence: tuple[Statement, ...] = ()
    doubt: str = ""

    @property
    def component(self) -> str:
        """Where to fix it, as one text."""
        return ", ".join(self.components)


@dataclass(frozen=True, slots=True)
class Report:
    """One run: when and from where, what was found, and why."""

    started: str
    seconds: float
    vantage: Mapping[str, Json]
    pipeline: Mapping[str, Json]
    results: tuple[Result, ...]
    root_causes: tuple[RootCause, ...]

    def count(self, status: Status) -> int:
        """How many results have this status."""
        return sum(result.status is status for result in self.results)
