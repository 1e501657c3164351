"""For every cause: what it is in a few words, what it means, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netcheck.core.model import Cause


@dataclass(frozen=True, slots=True)
class Advice:
    """`title` heads a group of findings; `mend` says what to change or where to look next."""

    title: str
    mend: str


ADVICE: Mapping[Cause, Advice] = {
    Cause.DNS_NXDOMAIN: Advice(
        "the name does not exist",
        "Compare the name with the source of truth (aws kafka get-bootstrap-brokers, ClickHouse "
        "Cloud's Connect page). If it is right, this VPC does not see its zone: a PrivateLink name "
        "needs a private hosted zone associated with the VPC, an MSK Serverless name resolves only "
        "in the VPCs of its VpcConfigs, and a private zone for a parent domain hides public names.",
    ),
    Cause.DNS_NO_ADDRESS: Advice(
        "the name exists and has no address",
        "Add the A (or AAAA) record; a private hosted zone that holds the name hides the public record.",
    ),
    Cause.DNS_SERVFAIL: Advice(
        "the name server failed",
        "Look at the name server's forwarders: SERVFAIL means that it could not get the answer "
        "itself. Compare with the VPC's own resolver, 169.254.169.253.",
    ),
    Cause.DNS_REFUSED: Advice(
        "the name server refuses to answer this host",
        "Allow this VPC's addresses on the name server, or name another server in the VPC's DHCP options.",
    ),
    Cause.DNS_TIMED_OUT: Advice(
        "the name server does not answer",
        "Open UDP and TCP port 53 to the name servers of the VPC's DHCP options, both ways, or use "
        "AmazonProvidedDNS; enableDnsSupport has to be on.",
    ),
    Cause.DNS_MALFORMED: Advice(
        "the name server answers nonsense",
        "Something else listens on port 53, or a middlebox rewrites DNS; query the server with dig "
        "and compare.",
    ),
    Cause.DNS_RESOLVER_FAILED: Advice(
        "this host's resolver failed",
        "Look at /etc/resolv.conf and /etc/nsswitch.conf of the host or container that netcheck runs in.",
    ),
    Cause.DNS_STALE: Advice(
        "the name leads to an address that the broker does not have",
        "Find who still gives the old address: a hosts file, a private zone with records of one's own, a "
        "forwarder that caches. Brokers get new addresses when they are replaced, so never write one down; "
        "then restart the connector, as its workers keep what they resolved.",
    ),
    Cause.DNS_VIEWS_DIFFER: Advice(
        "name servers disagree",
        "Find out which view the workers use (the VPC's DHCP options) and make the servers agree, or "
        "name only one kind of server.",
    ),
    Cause.DNS_LOSSY: Advice(
        "a name server loses questions",
        "Look-ups fail or wait now and then. Route 53's resolver answers 1,024 packets a second for each "
        "network interface and drops the rest: cache names, or look for who asks so much. Of a name "
        "server of your own look at its load, and at the network on the way to it.",
    ),
    Cause.DNS_NAME_SILENT: Advice(
        "the name server answers for other names, and not for this one",
        "The name server is there; whom it asks about this zone is not. Look at its forwarder for the "
        "zone, or at the VPC's Route 53 Resolver rule: the outbound endpoint's security group has to let "
        "UDP and TCP port 53 out, and the target servers have to let its addresses in.",
    ),
    Cause.DNS_SERVER_DEAD: Advice(
        "one of several name servers is dead",
        "Each look-up that begins at it waits for 5 seconds before the next server is asked. Take it out of "
        "the VPC's DHCP options, bring it back, or open UDP and TCP port 53 to it both ways.",
    ),
    Cause.TIMED_OUT: Advice(
        "no answer: packets are swallowed on the way",
        "Something on the path drops packets without a word: a security group, a network ACL (also "
        "for the reply, on ports 1024-65535), a missing route or NAT gateway, or a host that is "
        "gone. Check, in this order: egress of the worker's security group, ingress of the target's, "
        "both subnets' network ACLs both ways, the subnets' route tables.",
    ),
    Cause.CONNECTION_REFUSED: Advice(
        "nothing listens on that port",
        "The path is good both ways: a refusal came back. Compare the port with those that the service "
        "listens on (for MSK: aws kafka get-bootstrap-brokers), or wait while it restarts.",
    ),
    Cause.CONNECTION_RESET: Advice(
        "the connection was reset",
        "The path is good as far as whoever sent the reset: the service itself, a load balancer "
        "without healthy targets, or a firewall that rejects. Look at the service's own log for the "
        "time of this run.",
    ),
    Cause.CONNECTION_CLOSED: Advice(
        "the peer closed the connection without a word",
        "Usually the wrong protocol for the port (plain text to a TLS listener, or the other way "
        "round), or a proxy without a backend. Check port and security protocol against each other.",
    ),
    Cause.HOST_UNREACHABLE: Advice(
        "a router or the kernel says the host cannot be reached",
        "AWS itself never sends this: a router or firewall outside AWS, or this host's own route "
        "table does. netcheck run --format json names who sent it.",
    ),
    Cause.NETWORK_UNREACHABLE: Advice(
        "this host has no route to that network",
        "Nothing was sent: the host or container that netcheck runs in has no route for this address "
        "family. For IPv6 targets use the IPv4 bootstrap string, or add an IPv6 route.",
    ),
    Cause.PERMISSION_DENIED: Advice(
        "this host's own firewall forbids the connection",
        "A local packet filter, a prohibit route or a container policy stops it before it leaves; "
        "the target says nothing about it.",
    ),
    Cause.INTERMITTENT: Advice(
        "it was silent, and answered when asked again",
        "It works now and then: a broker that restarts, a service that was asleep, one dead backend of "
        "several behind the address, a listener whose queue is full, or a path that loses packets. Run "
        "netcheck once more; if it is well then, look at the service's log for the time of this run.",
    ),
    Cause.PORT_SILENT: Advice(
        "one port of a host is silent, others answer",
        "The host is up and the route is good both ways. Compare the port with the rules that name ports: "
        "egress of the worker's security group, ingress of the target's (for MSK: the port of the listener, "
        "from the connector's group, also where both have the same group), then the network ACLs. If all let "
        "it pass, the listener takes no more connections: look at the service.",
    ),
    Cause.LISTENER_SILENT: Advice(
        "one listener of one host is silent",
        "Other hosts answer on this port and this host on other ports, so neither a group's rule nor the "
        "route is to blame: the listener hangs (restart it; of an MSK broker see aws kafka "
        "reboot-broker), or a rule for this host's address and port drops it.",
    ),
    Cause.HOST_SILENT: Advice(
        "one host is silent, others like it answer",
        "The rules of a security group that all of them share are good. Either this host is down or being"
        " replaced (aws kafka describe-cluster-v2, list-cluster-operations-v2), or its subnet differs: "
        "compare its network ACL and route table with those of the others' subnets, both ways.",
    ),
    Cause.SOURCE_PORT_FILTERED: Advice(
        "answers depend on the port that is called from",
        "A network ACL lets only part of the ephemeral ports through. Allow TCP 1024-65535 in to the "
        "workers' subnets and out of the target's, for the answers; security groups remember connections "
        "and are not to blame.",
    ),
    Cause.NO_INTERNET: Advice(
        "nothing public answers from here",
        "There is no way to the internet: the subnet's route table needs 0.0.0.0/0 to a NAT gateway that "
        "is available and stands in a public subnet (an internet gateway alone does not serve MSK "
        "Connect, whose interfaces have no public address), or the security group lets out neither port. "
        "Or go without: VPC endpoints for AWS services, PrivateLink for ClickHouse Cloud.",
    ),
    Cause.PUBLIC_HOST_SILENT: Advice(
        "the internet is there, and this host is silent",
        "NAT and routes are good. Look at egress rules that name the port (443 is open, 8443 or 9440 may not "
        "be: the worker's security group, network ACLs, a firewall), then at the peer: whether it is up, and "
        "whether it lets this egress address in.",
    ),
    Cause.FAMILY_SPLIT: Advice(
        "it connects over one family of IP and not over the other",
        "Clients that try the silent family first wait for it, and some never try the other. For IPv6 the"
        " subnet's route table needs ::/0 or the peer's range, and security groups and network ACLs need "
        "rules of their own for IPv6. Else use names that have addresses of one family only.",
    ),
    Cause.MTU_BLACK_HOLE: Advice(
        "packets of full size are lost on the way",
        'Something on the path takes smaller packets only, and its ICMP "fragmentation needed" does not '
        "come back. Let ICMP type 3 code 4 (IPv6: ICMPv6 type 2) in through security groups and network "
        "ACLs; on a VPN or transit gateway keep the MTU at 8500 or 1500, or clamp the MSS there.",
    ),
    Cause.PACKET_LOSS: Advice(
        "the connection opens, and nothing that is sent arrives",
        "Typical of a stateful firewall that sees one direction only: forth and back take different ways."
        " For a transit gateway with an inspection VPC enable appliance mode on its attachment, and keep "
        "both directions in one zone; else look for a proxy that accepts and does not forward.",
    ),
    Cause.NETWORK_SLOW: Advice(
        "the network is slow",
        "Connecting alone takes long, so it is not the service: look for packets that are lost on the "
        "way, for a NAT gateway or a proxy at its limit, and for traffic that goes around by another "
        "Region.",
    ),
    Cause.TLS_CERTIFICATE_EXPIRED: Advice(
        "the certificate has expired",
        "Renew the certificate on the server, with its chain; if every server shows it, compare this "
        "host's clock first.",
    ),
    Cause.TLS_CERTIFICATE_EXPIRES_SOON: Advice(
        "the certificate expires soon",
        "Renew it in time, with its chain.",
    ),
    Cause.TLS_CERTIFICATE_NOT_YET_VALID: Advice(
        "the certificate is not valid yet",
        "Set the clock of the host (on AWS: chrony with 169.254.169.123), or wait until the "
        "certificate's first day.",
    ),
    Cause.TLS_CERTIFICATE_INVALID: Advice(
        "the certificate does not verify",
        "netcheck run --format json has OpenSSL's reason and the chain as it was presented.",
    ),
    Cause.TLS_HOSTNAME_MISMATCH: Advice(
        "the certificate is for another name",
        "Use a name that the certificate holds: MSK's own broker names rather than an alias or a "
        "load balancer, ClickHouse's own host name rather than an address or a vpce- name.",
    ),
    Cause.TLS_UNTRUSTED: Advice(
        "the certificate's issuer is not trusted",
        "For a private CA give its certificate (--ca here; sslrootcert in jdbcConnectionProperties "
        "for the ClickHouse sink, which ignores ssl.truststore.*). If the chain lacks its "
        "intermediate, install the full chain on the server.",
    ),
    Cause.TLS_SELF_SIGNED: Advice(
        "the certificate is self-signed",
        "Give clients this certificate as a CA, or install one of a public CA.",
    ),
    Cause.TLS_INTERCEPTED: Advice(
        "something on the way re-signs TLS",
        "The issuer is not one of the service's operator: a proxy or firewall decrypts. Exempt this "
        "host name from inspection, or have the workers trust its CA.",
    ),
    Cause.TLS_STRICT_ONLY: Advice(
        "the chain breaks RFC 5280 in a way that only strict clients refuse",
        "The JVM of the connector accepts it; Python 3.13 and others do not. Issue the CA anew with "
        "the extensions that are missing.",
    ),
    Cause.TLS_PROTOCOL_VERSION: Advice(
        "no common TLS version",
        "Enable TLS 1.2 or 1.3 on the server.",
    ),
    Cause.TLS_HANDSHAKE_FAILURE: Advice(
        "the server refuses the handshake",
        "The alert says why (netcheck run --format json has it); mostly no common cipher, or a name "
        "(SNI) that the server does not serve.",
    ),
    Cause.TLS_CLIENT_CERTIFICATE_WANTED: Advice(
        "the server wants a client certificate",
        "MSK Connect cannot present one: use a listener with IAM or without client authentication "
        "(mutual TLS also lives on 9094).",
    ),
    Cause.TLS_CLOSED_AFTER_CLIENT_HELLO: Advice(
        "the connection was closed on the first byte of TLS",
        "A plain-text listener, a load balancer without a backend, or a firewall that filters by name. "
        "ClickHouse Cloud's IP access list refuses in this way too: add the public addresses of all NAT "
        "gateways to it, or the endpoint id for PrivateLink.",
    ),
    Cause.TLS_RESET_AFTER_CLIENT_HELLO: Advice(
        "the connection was reset on the first byte of TLS",
        "A plain-text listener, or a firewall that filters by name. ClickHouse Cloud's IP access list "
        "refuses in this way too: add the public addresses of all NAT gateways to it, or the endpoint id "
        "for PrivateLink.",
    ),
    Cause.TLS_SILENT_AFTER_CLIENT_HELLO: Advice(
        "the connection opens, then TLS gets no answer",
        "netcheck run --format json has whether the ClientHello was acknowledged. If it was: a dead backend, "
        "a plain-text listener that waits for more, or answers too large for the path (MTU). If not: a "
        "middlebox drops it.",
    ),
    Cause.TLS_STALLED: Advice(
        "the handshake begins and does not end",
        "Some bytes of the server's answer came and then no more: packets that are too large for the "
        "path and whose ICMP error is filtered (MTU), or an overloaded server.",
    ),
    Cause.TLS_HELLO_FILTERED: Advice(
        "something on the way drops TLS",
        "Bytes cross the connection, a ClientHello does not: a firewall that reads it (AWS Network "
        "Firewall, an inspection appliance) drops it without a word. Allow TLS to this host there.",
    ),
    Cause.TLS_NAME_FILTERED: Advice(
        "something on the way drops TLS with this name",
        "The same address answers TLS without the name or with another one. A firewall filters by SNI "
        "(AWS Network Firewall's domain lists, a proxy): allow the name there. If the address is a load "
        "balancer's, its backend for the name may be dead.",
    ),
    Cause.TLS_NAME_REFUSED: Advice(
        "TLS is refused for this name alone",
        "The same address answers other names. Of ClickHouse Cloud this is the service's own IP access "
        "list: add the public addresses of all NAT gateways, or the endpoint id for PrivateLink. Else a "
        "firewall or proxy goes by SNI, or the load balancer does not know the name.",
    ),
    Cause.TLS_NOT_SUPPORTED: Advice(
        "the port does not speak TLS",
        "The security protocol and the port do not belong together: use the TLS port (MSK 9094, "
        "9096, 9098; ClickHouse 8443, 9440), or the plain protocol on the plain port (MSK 9092; "
        "ClickHouse 8123, 9000).",
    ),
    Cause.WRONG_PROTOCOL: Advice(
        "something else listens there",
        "netcheck run --format json has what answered; compare host and port with the service's own page.",
    ),
    Cause.PLAINTEXT_ON_TLS_PORT: Advice(
        "plain text was spoken to a TLS port",
        "Set the security protocol to SSL or SASL_SSL for this port (ClickHouse sink: ssl=true; it "
        "is documented as the default, and is not).",
    ),
    Cause.KAFKA_SILENT: Advice(
        "the connection opens and Kafka does not answer",
        "A TLS client on a plain listener waits like that, and so does an overloaded broker: check "
        "port and security protocol against each other, then the broker's load.",
    ),
    Cause.KAFKA_MALFORMED: Advice(
        "the answer is not Kafka's",
        "A proxy or another service answers on that port; netcheck run --format json has its first bytes.",
    ),
    Cause.KAFKA_ERROR: Advice(
        "the broker answers with an error",
        "netcheck run --format json has Kafka's error code and name.",
    ),
    Cause.KAFKA_SASL_REQUIRED: Advice(
        "the listener wants a SASL login",
        "Set the security protocol to SASL_SSL and give a login, or use the listener without "
        "authentication (MSK: 9094).",
    ),
    Cause.KAFKA_SASL_NOT_ENABLED: Advice(
        "the listener knows no SASL",
        "Use security protocol SSL (or PLAINTEXT) on this port, or the port of the SASL listener "
        "(MSK: 9096 SCRAM, 9098 IAM).",
    ),
    Cause.KAFKA_SASL_MECHANISM: Advice(
        "the listener does not offer this SASL mechanism",
        "Use a mechanism that it offers (netcheck run --format json has them), or the port that belongs to "
        "the mechanism (MSK: 9096 SCRAM-SHA-512, 9098 AWS_MSK_IAM).",
    ),
    Cause.KAFKA_AUTH: Advice(
        "Kafka refuses the login",
        "Check user and password. On MSK the secret's name has to begin with AmazonMSK_, be "
        "encrypted with a key of your own, and be associated with the cluster (aws kafka "
        "list-scram-secrets).",
    ),
    Cause.KAFKA_ACCESS_DENIED: Advice(
        "IAM denies the connection to the cluster",
        "Allow kafka-cluster:Connect on the cluster's ARN to the role in use; netcheck run "
        "--format json has which identity that was.",
    ),
    Cause.KAFKA_TOO_MANY_CONNECTS: Advice(
        "the broker limits new IAM connections",
        "Raise reconnect.backoff.ms to 1000 or more, run fewer tasks, or use larger brokers "
        "(t3.small allows 4 a second).",
    ),
    Cause.KAFKA_NO_CREDENTIALS: Advice(
        "no AWS credentials here to log in with",
        "Run netcheck where the role of the connector, or one like it, is available, or set a profile.",
    ),
    Cause.KAFKA_UNSUPPORTED_VERSION: Advice(
        "the broker speaks no version of the protocol that we speak",
        "Kafka older than 0.10 is not supported by MSK Connect either; compare the address with the "
        "cluster's.",
    ),
    Cause.KAFKA_NO_BROKERS: Advice(
        "the cluster names no brokers",
        "The broker answers and lists none: it has not joined the cluster yet, or a proxy filters "
        "its answer.",
    ),
    Cause.KAFKA_NO_TOPIC: Advice(
        "a topic of the connector does not exist",
        "Create the topic, or correct topics in the connector's configuration; MSK creates none by itself "
        "unless auto.create.topics.enable is true in the cluster's configuration.",
    ),
    Cause.HTTP_SILENT: Advice(
        "the connection opens and HTTP gets no answer",
        "An idle ClickHouse Cloud service takes 20 to 60 seconds to wake: try again now, and set "
        "timeoutSeconds=60 in the sink. Otherwise a load balancer waits for a dead backend.",
    ),
    Cause.HTTP_MALFORMED: Advice(
        "the answer is not proper HTTP",
        "Something else listens there; netcheck run --format json has its first bytes.",
    ),
    Cause.HTTP_ERROR: Advice(
        "the HTTP answer is an error",
        "netcheck run --format json has status and body; look at whatever answered (Server, Via).",
    ),
    Cause.HTTP_REDIRECTED: Advice(
        "the answer is a redirect",
        "A captive portal or proxy answers in place of the service: bypass it for this host name.",
    ),
    Cause.HTTP_LOAD_BALANCER: Advice(
        "a load balancer answers, and has no healthy backend",
        "Look at the target group's health and the backend's port; TLS and the path up to the load "
        "balancer are good.",
    ),
    Cause.CLICKHOUSE_AUTH: Advice(
        "ClickHouse refuses the user or the password",
        "Check username and password of the sink; a user restricted by HOST is refused with the same "
        "words. The sink's log says only that the connection is not active.",
    ),
    Cause.CLICKHOUSE_NO_DATABASE: Advice(
        "the database does not exist",
        "Create it, or correct `database` in the connector's configuration; a user without rights on "
        "it sees the same.",
    ),
    Cause.CLICKHOUSE_NO_TABLES: Advice(
        "the database has no tables that this user sees",
        "The sink refuses to start without one: create the table of each topic, or grant the user "
        "SHOW TABLES and SELECT on them.",
    ),
    Cause.CLICKHOUSE_NATIVE_PORT: Advice(
        "that is ClickHouse's native port, the sink speaks HTTP",
        "Use port 8443 (HTTPS), or 8123 for plain HTTP.",
    ),
    Cause.CLICKHOUSE_HTTP_PORT: Advice(
        "that is ClickHouse's HTTP port, not the native one",
        "Use port 9440 (native, TLS), or 9000 for plain native.",
    ),
    Cause.CLICKHOUSE_SLOW_WAKE: Advice(
        "ClickHouse took long to give its first answer",
        "Typical of an idle Cloud service that wakes: set timeoutSeconds=60 and retryCount=5 in the "
        "sink, or switch idling off.",
    ),
    Cause.CLICKHOUSE_SLOW: Advice(
        "ClickHouse answers slowly, each time",
        "It was not asleep and the network is quick: the service is overloaded, or too small. Look at its"
        " load (system.metrics, the Cloud console), and raise timeoutSeconds in the sink meanwhile.",
    ),
    Cause.CLICKHOUSE_TOO_OLD: Advice(
        "this ClickHouse is older than the sink accepts",
        "Upgrade to 23.3 or later; the sink refuses to start before it.",
    ),
    Cause.CLICKHOUSE_EXCEPTION: Advice(
        "ClickHouse answers with an exception",
        "netcheck run --format json has its code and first words.",
    ),
    Cause.CLICKHOUSE_SILENT: Advice(
        "the connection opens and ClickHouse does not answer",
        "The wrong protocol for the port waits like that; otherwise the server is overloaded or waking.",
    ),
    Cause.CLICKHOUSE_MALFORMED: Advice(
        "the answer is not ClickHouse's native protocol",
        "Something else listens there; netcheck run --format json has its first bytes.",
    ),
    Cause.CLICKHOUSE_NOT_CLICKHOUSE: Advice(
        "what answers is not ClickHouse",
        "Compare host and port with ClickHouse's own page; a proxy may answer in its place.",
    ),
    Cause.PATH_NO_ROUTE: Advice(
        "no route leads there, or none leads back",
        "Add the route to the table that is named, or associate the subnet with a table that has it.",
    ),
    Cause.PATH_NO_INTERNET: Advice(
        "the way out to the internet does not work",
        "Put the workers into private subnets whose 0.0.0.0/0 leads to an available public NAT gateway, "
        "itself in a subnet whose 0.0.0.0/0 leads to an internet gateway.",
    ),
    Cause.PATH_SECURITY_GROUP: Advice(
        "no security group rule allows it",
        "Allow egress to the target's port in the workers' group, or ingress from the workers' group in "
        "the target's; name the other group rather than a range of addresses.",
    ),
    Cause.PATH_NETWORK_ACL: Advice(
        "a network ACL denies it",
        "Add an allow with a lower rule number than the deny; the reply goes to ports 1024-65535.",
    ),
    Cause.PATH_PARTIAL: Advice(
        "it works from some workers only",
        "Make route tables and network ACLs of the worker subnets alike, and allow the whole ephemeral "
        "range of ports.",
    ),
    Cause.PATH_UNKNOWN: Advice(
        "AWS's configuration is not known well enough",
        "Grant the IAM action that is named (netcheck only reads), or look at the component by hand.",
    ),
    Cause.VPC_DNS_OFF: Advice(
        "the VPC's DNS is switched off",
        "Switch enableDnsSupport and enableDnsHostnames on: aws ec2 modify-vpc-attribute --vpc-id VPC "
        "--enable-dns-support (then --enable-dns-hostnames). Private DNS of endpoints and private hosted "
        "zones need both.",
    ),
    Cause.RESOLVERS_MIXED: Advice(
        "the DHCP options name AWS's resolver and others side by side",
        "Each lookup may go to any of them, and only AWS's knows private zones and endpoints. Name "
        "AmazonProvidedDNS alone and forward your own domains by a Resolver rule.",
    ),
    Cause.DNS_SHADOWED: Advice(
        "a private hosted zone hides the name",
        "The zone is asked in place of public DNS and does not hold the name: add the record to it, or take "
        "the zone away from the workers' VPC (aws route53 disassociate-vpc-from-hosted-zone).",
    ),
    Cause.DNS_FIREWALL: Advice(
        "DNS Firewall blocks the name",
        "Add the name to a list that an ALLOW rule of lower priority number names, or take it off the list "
        "that blocks it.",
    ),
    Cause.ENDPOINT_PRIVATE_DNS_OFF: Advice(
        "the VPC endpoint is there, and the service's name does not lead to it",
        "Switch its private DNS on: aws ec2 modify-vpc-endpoint --vpc-endpoint-id VPCE "
        "--private-dns-enabled. The VPC needs enableDnsSupport and enableDnsHostnames for it.",
    ),
    Cause.ENDPOINT_NOT_AVAILABLE: Advice(
        "the VPC endpoint is not available",
        "pendingAcceptance: the service's owner has to accept it (for ClickHouse Cloud add the endpoint's id "
        "to the service's private endpoints). rejected, failed, expired: create it again.",
    ),
    Cause.ENDPOINT_POLICY: Advice(
        "the VPC endpoint's policy does not allow it",
        "Allow the connector's actions in the endpoint's policy; AWS answers AccessDenied without it, "
        "whatever the role allows.",
    ),
    Cause.ENDPOINT_UNUSED: Advice(
        "traffic leaves by NAT although a VPC endpoint is there",
        "It works, and costs twice; it ends when the NAT gateway goes. Switch the endpoint's private DNS on: "
        "aws ec2 modify-vpc-endpoint --vpc-endpoint-id VPCE --private-dns-enabled.",
    ),
    Cause.STS_GLOBAL_NAME: Advice(
        "sts.amazonaws.com is public, only the Region's own name is private",
        "Have the connector use the regional name: awsStsRegion in the JAAS configuration of "
        "aws-msk-iam-auth, AWS_STS_REGIONAL_ENDPOINTS=regional elsewhere; or give the workers a NAT gateway.",
    ),
    Cause.PRIVATELINK_NO_RECORD: Advice(
        "nothing in the workers' VPC answers for ClickHouse's private name",
        "Switch the endpoint's private DNS on, or associate a private hosted zone for the name with this VPC "
        "whose record is an alias of the endpoint.",
    ),
    Cause.PRIVATELINK_UNUSED: Advice(
        "ClickHouse is reached over the internet although PrivateLink is set up",
        "Put the service's private name (*.vpce.aws.clickhouse.cloud) into the connector's hostname.",
    ),
    Cause.CLICKHOUSE_ACCESS_LIST: Advice(
        "ClickHouse Cloud does not let the workers in",
        "Add the addresses of all NAT gateways to the service's IP access list, or, for PrivateLink, the id "
        "of the VPC endpoint to its private endpoints (Settings, Security).",
    ),
    Cause.CLICKHOUSE_STOPPED: Advice(
        "the ClickHouse Cloud service is stopped",
        "Start it in the console: a connection wakes an idle service, never a stopped one.",
    ),
    Cause.CLICKHOUSE_IDLE: Advice(
        "the ClickHouse Cloud service is idle",
        "The first connection wakes it, in 20 to 60 seconds: set timeoutSeconds=60 and retryCount=5 in the "
        "sink, or switch idling off.",
    ),
    Cause.VANTAGE_DIFFERS: Advice(
        "netcheck does not look from where the workers are",
        "Run it in one of the workers' subnets with the workers' security groups (the container or the "
        "Lambda function in deploy/).",
    ),
    Cause.SILENT_PAST_AWS: Advice(
        "AWS's configuration delivers it, and nothing answers",
        "Look past what AWS filters and routes: a host firewall on the target (iptables, firewalld, "
        "Windows Firewall), a target group without healthy targets, a firewall appliance on the way, an "
        "allow list of the other party, or a host that is gone or restarting. A VPC flow log of the "
        "target's network interface tells whether the packets arrive there.",
    ),
    Cause.CONFIG_OBSERVATION_MISMATCH: Advice(
        "what is observed and what AWS's configuration says do not fit",
        "One of both is wrong: the configuration has changed since it was collected, something in between "
        "answers in the target's place (a proxy, a service mesh), or netcheck takes this host for one of the "
        "workers' and it is not. Run again; if it stays, netcheck path shows the way that it computed.",
    ),
    Cause.AWS_UNEXPECTED_ANSWER: Advice(
        "what answers is not AWS",
        "A proxy or captive portal answers in place of the AWS endpoint: bypass it, or use a VPC endpoint.",
    ),
    Cause.CLOCK_SKEW: Advice(
        "this host's clock is wrong",
        "Set it by NTP (on AWS: chrony with 169.254.169.123); AWS refuses signatures five minutes off.",
    ),
    Cause.SETTING_WRONG: Advice(
        "a setting of the connector cannot work as it is written",
        "Write it as the finding says, and update the connector's configuration.",
    ),
    Cause.SETTING_MISSING: Advice(
        "a setting that the connector needs is missing",
        "Add the line that the finding gives to the connector's or to the worker's configuration.",
    ),
    Cause.SETTING_IGNORED: Advice(
        "nobody reads this setting",
        "Remove it, or write it in the place and under the name that is read.",
    ),
    Cause.SETTING_RISKY: Advice(
        "a setting that works, and not always",
        "Change it as the finding says, unless it is meant like that.",
    ),
    Cause.SETTINGS_CONTRADICT: Advice(
        "settings that contradict each other or the cluster",
        "Bring authentication, encryption and port into agreement. MSK Connect cannot change them later: "
        "create the connector anew.",
    ),
    Cause.SECRET_IN_CLEAR: Advice(
        "a password stands in the connector's configuration in clear text",
        "Keep it in AWS Secrets Manager and name it with a config provider: everybody who may call "
        "kafkaconnect:DescribeConnector reads it.",
    ),
    Cause.CLUSTER_NOT_USABLE: Advice(
        "the cluster offers no authentication that MSK Connect can use",
        "Enable IAM access control on the cluster (it may stay beside SCRAM or mutual TLS).",
    ),
    Cause.CONNECTOR_NOT_RUNNING: Advice(
        "the connector is not running",
        "The API tells no cause: the worker log does (netcheck run --worker-log FILE reads one), and so do "
        "the other findings.",
    ),
    Cause.CONNECTOR_OPERATION_FAILED: Advice(
        "the last operation on the connector failed",
        "The connector goes on with what it had before: mend what the operation's error names, and update "
        "again.",
    ),
    Cause.PLUGIN_UNUSABLE: Advice(
        "the custom plugin cannot be used",
        "Upload the connector's release as ZIP or JAR, with all its libraries, and create a plugin of it.",
    ),
    Cause.LOGS_NOT_DELIVERED: Advice(
        "worker logs are not kept",
        "Give the connector a log destination: without one MSK Connect tells no reason for any failure.",
    ),
    Cause.SUBNET_FULL: Advice(
        "a worker subnet is short of addresses",
        "Every worker takes one address: free some, or create the connector in larger subnets.",
    ),
    Cause.WORKER_LOG_ERROR: Advice(
        "the worker log shows a known failure",
        "The finding says what the lines mean, and which check looks at the same thing from here.",
    ),
    Cause.WORKER_LOG_DIFFERS: Advice(
        "the workers see something else than netcheck does from here",
        "Trust the workers' view, and run netcheck from one of their subnets with their resolver.",
    ),
    Cause.IAM_NOT_TRUSTED: Advice(
        "MSK Connect may not assume the execution role",
        "Name kafkaconnect.amazonaws.com as the Service in the role's trust policy; conditions on "
        "aws:SourceAccount and aws:SourceArn have to fit this account and this connector.",
    ),
    Cause.IAM_DENIED: Advice(
        "the execution role may not do what the connector needs",
        "Add the statement to a policy of the role; where a Deny or the policy of the resource decides, "
        "change that one: no Allow helps against it.",
    ),
    Cause.IAM_OVERLY_PERMISSIVE: Advice(
        "the execution role may do more than the connector needs",
        "Put the narrow statements in the place of the wide one, and restart the connector to be sure.",
    ),
    Cause.IAM_DISAGREES: Advice(
        "IAM's simulation and the policies as read do not agree",
        "IAM's own word counts: look for a policy of the organisation (SCP) that cannot be read from here.",
    ),
    Cause.IAM_SCRAM_SECRET: Advice(
        "a SCRAM secret that MSK cannot use",
        "The secret's name has to begin with AmazonMSK_, its key has to be a symmetric customer managed one, "
        "and it has to be associated with the cluster (aws kafka batch-associate-scram-secret).",
    ),
    Cause.IAM_UNKNOWN: Advice(
        "what the execution role may do is not known well enough",
        "Grant the IAM action that is named (netcheck only reads; `netcheck policy` lists them all).",
    ),
    Cause.NOT_ASKED: Advice(
        "not asked, as what it stands on is missing",
        "Mend what failed below it, and run again.",
    ),
    Cause.DEADLINE: Advice(
        "the run's time was over",
        "Give it more time with --deadline.",
    ),
    Cause.NOT_RECORDED: Advice(
        "the recording does not hold this",
        "Record again with this version of netcheck and the same targets.",
    ),
    Cause.INTERRUPTED: Advice(
        "the run was interrupted",
        "Run it again to the end.",
    ),
    Cause.CHECK_BUG: Advice(
        "a bug in a check",
        "This is ours, not the network's: report it with the line that netcheck run --format json has.",
    ),
    Cause.PLUGIN_BROKEN: Advice(
        "a plugin could not be loaded",
        "Mend or remove it; the rest of the run is not affected.",
    ),
    Cause.FACT_UNAVAILABLE: Advice(
        "something needed could not be found out",
        "The text says what is missing.",
    ),
    Cause.TOO_MANY_TARGETS: Advice(
        "too many targets",
        "Look at what advertises that many brokers.",
    ),
    Cause.RESOURCES: Advice(
        "this host ran out of sockets, ports or memory",
        "Raise ulimit -n, or run with fewer targets at once.",
    ),
}
