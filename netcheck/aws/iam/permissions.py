"""Every AWS operation that netcheck calls, and the least-privilege policy for them. Pure.

All of them only read. One test compares the list with the calls in this package, another runs everything
under exactly this policy.
"""

from __future__ import annotations

from collections.abc import Mapping

from netcheck.aws.ec2.snapshot import ACTIONS

OPERATIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Network": {"ec2": tuple(sorted({action.removeprefix("ec2:") for action in ACTIONS.values()}))},
    "Pipeline": {
        "kafka": (
            "DescribeClusterV2",
            "GetBootstrapBrokers",
            "ListClustersV2",
            "ListNodes",
            "ListScramSecrets",
            "ListVpcConnections",
        ),
        "kafkaconnect": (
            "DescribeConnector",
            "DescribeConnectorOperation",
            "DescribeCustomPlugin",
            "DescribeWorkerConfiguration",
            "ListConnectorOperations",
            "ListConnectors",
        ),
    },
    "ExecutionRole": {
        "iam": (
            "GetPolicy",
            "GetPolicyVersion",
            "GetRole",
            "GetRolePolicy",
            "ListAttachedRolePolicies",
            "ListRolePolicies",
            "SimulatePrincipalPolicy",
        ),
        "kafka": ("GetClusterPolicy",),
        "kms": ("DescribeKey", "GetKeyPolicy"),
        "s3": ("GetBucketPolicy",),
        "secretsmanager": ("DescribeSecret", "GetResourcePolicy"),
    },
    "Names": {
        "route53": ("ListHostedZonesByVPC", "ListResourceRecordSets"),
        "route53resolver": (
            "ListFirewallDomainLists",
            "ListFirewallDomains",
            "ListFirewallRuleGroupAssociations",
            "ListFirewallRules",
            "ListResolverRuleAssociations",
            "ListResolverRules",
        ),
    },
    "WorkerLogs": {"logs": ("FilterLogEvents",)},
    "WhereNetcheckRuns": {"lambda": ("GetFunctionConfiguration",)},
}
"""Purpose, botocore's name of the service, operations. IAM uses the same names for all of these."""

FREE: Mapping[str, tuple[str, ...]] = {"sts": ("GetCallerIdentity",)}
"""Operations that need no permission (AWS STS API reference, GetCallerIdentity)."""

OF_ANOTHER_ROLE: Mapping[str, tuple[str, ...]] = {"sts": ("AssumeRole",)}
"""Needed only where `--profile` or `--role-arn` names a role, on that role: not part of the policy."""


def actions(purpose: str) -> list[str]:
    """The IAM actions for one purpose."""
    return sorted(f"{service}:{name}" for service, names in OPERATIONS[purpose].items() for name in names)


def policy() -> dict[str, object]:
    """The policy document. It cannot be narrowed further without knowing in advance what will be found."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": purpose, "Effect": "Allow", "Action": actions(purpose), "Resource": "*"}
            for purpose in OPERATIONS
        ],
    }
