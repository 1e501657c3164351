"""IAM logins to Amazon MSK: where the credentials come from, and what is signed with them (Signature
Version 4).

The two messages are those of https://github.com/aws/aws-msk-iam-auth (section "Details", mechanism
AWS_MSK_IAM) and https://github.com/aws/aws-msk-iam-sasl-signer-python (mechanism OAUTHBEARER); the
signature is that of https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from netcheck.core.context import Deadline
from netcheck.core.credentials import KafkaLogin
from netcheck.core.model import Cause
from netcheck.core.secret import Secret
from netcheck.probe.transport.failure import Failed
from netcheck.probe.transport.isolation import run_isolated, silence

_SERVICE = "kafka-cluster"
_ACTION = "kafka-cluster:Connect"
_ALGORITHM = "AWS4-HMAC-SHA256"
_SECONDS_VALID = 900
_USER_AGENT = "netcheck"
_MSK_HOST = re.compile(r"\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\.?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """AWS credentials. The access key id is no secret; the other two are."""

    access_key: str
    secret_key: Secret
    token: Secret | None


def aws_keys(deadline: Deadline) -> AwsKeys:
    """The credentials that the AWS environment gives (variables, profile, container, instance).

    Looking for them may go to the instance's metadata service or to STS, so it has the deadline too.
    Raises Failed with KAFKA_NO_CREDENTIALS.
    """
    match run_isolated(deadline, _find_keys):
        case AwsKeys() as keys:
            return keys
        case Failed() as failure:
            raise failure
        case TimeoutError():
            detail = "looking for AWS credentials took longer than this step has"
        case error:
            # Its name only: the message of a failed STS call may quote what was sent.
            detail = f"AWS credentials cannot be loaded: {type(error).__name__}"
    raise Failed(Cause.KAFKA_NO_CREDENTIALS, detail)


def _find_keys() -> AwsKeys:
    from botocore.session import Session

    silence("botocore", "urllib3")
    found = Session().get_credentials()
    keys = None if found is None else found.get_frozen_credentials()
    if keys is None or not keys.access_key or not keys.secret_key:
        detail = "no AWS credentials: no variables, no profile, no role of the container or instance"
        raise Failed(Cause.KAFKA_NO_CREDENTIALS, detail)
    return AwsKeys(keys.access_key, Secret(keys.secret_key), Secret(keys.token) if keys.token else None)


def region_of(login: KafkaLogin, host: str) -> str:
    """The region to sign for: the login's own, the one in the broker's name, AWS_REGION,
    AWS_DEFAULT_REGION.

    The broker's name goes before the environment, as in aws-msk-iam-auth: a function in one region that
    looks at a cluster in another would else be refused. Raises Failed with KAFKA_NO_CREDENTIALS.
    """
    named = _MSK_HOST.search(host)
    region = (
        login.region
        or (named and named[1].lower())
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
    )
    if not region:
        detail = f"no AWS region: none is configured, and {host} is no name of an MSK broker"
        raise Failed(Cause.KAFKA_NO_CREDENTIALS, detail)
    return region


def payload(keys: AwsKeys, host: str, region: str) -> bytes:
    """The one message of mechanism AWS_MSK_IAM, signed for this broker's host name."""
    message = {"version": "2020_10_22", "host": host, "user-agent": _USER_AGENT}
    message |= {name.lower(): value for name, value in _signed(keys, host, region).items()}
    return json.dumps(message, separators=(",", ":")).encode()


def token(keys: AwsKeys, region: str) -> str:
    """An OAUTHBEARER token that MSK takes: a presigned URL of the region's Kafka endpoint, in base64."""
    host = f"kafka.{region}.amazonaws.com"
    url = f"https://{host}/?{_query(_signed(keys, host, region))}&User-Agent={_USER_AGENT}"
    return base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def _signed(keys: AwsKeys, host: str, region: str) -> dict[str, str]:
    """The query parameters of a presigned GET of `https://host/`, the signature among them."""
    now = datetime.now(UTC)
    day = now.strftime("%Y%m%d")
    scope = f"{day}/{region}/{_SERVICE}/aws4_request"
    parameters = {
        "Action": _ACTION,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{keys.access_key}/{scope}",
        "X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ"),
        "X-Amz-Expires": str(_SECONDS_VALID),
        "X-Amz-SignedHeaders": "host",
    }
    if keys.token is not None:
        parameters["X-Amz-Security-Token"] = keys.token.reveal()
    request = "\n".join(["GET", "/", _query(parameters), f"host:{host}\n", "host", _sha256(b"")])
    to_sign = "\n".join([_ALGORITHM, parameters["X-Amz-Date"], scope, _sha256(request.encode())])
    key = f"AWS4{keys.secret_key.reveal()}".encode()
    for part in (day, region, _SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return parameters | {"X-Amz-Signature": hmac.digest(key, to_sign.encode(), "sha256").hex()}


def _query(parameters: dict[str, str]) -> str:
    return "&".join(
        f"{quote(name, safe='')}={quote(parameters[name], safe='')}" for name in sorted(parameters)
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
