"""IAM logins to Amazon MSK: loading the AWS credentials, and signing the login with them (Signature
Version 4).

The two messages are those of https://github.com/aws/aws-msk-iam-auth (section "Details", mechanism
AWS_MSK_IAM) and https://github.com/aws/aws-msk-iam-sasl-signer-python (mechanism OAUTHBEARER); the
signature is that of https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html.
"""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from netcheck.core.context import Deadline
from netcheck.core.credentials import KafkaLogin
from netcheck.core.model import Cause
from netcheck.core.secret import Secret
from netcheck.probe.transport.failure import Failed
from netcheck.probe.transport.isolation import run_isolated, silence

_SERVICE = "kafka-cluster"
_ACTION = "kafka-cluster:Connect"
_SECONDS_VALID = 900
_USER_AGENT = "netcheck"
_MSK_HOST = re.compile(r"\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\.?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """AWS credentials. The access key id is not a secret; the other two are."""

    access_key: str
    secret_key: Secret
    token: Secret | None


def aws_keys(deadline: Deadline) -> AwsKeys:
    """The AWS credentials of the environment (variables, profile, container, instance).

    Loading them may call the instance metadata service or STS, so it is bounded by the deadline too.
    Raises Failed with KAFKA_NO_CREDENTIALS.
    """
    match run_isolated(deadline, _find_keys):
        case AwsKeys() as keys:
            return keys
        case Failed() as failure:
            raise failure
        case TimeoutError():
            detail = "loading AWS credentials took too long"
        case error:
            # Only its name: the message of a failed STS call may quote the request.
            detail = f"AWS credentials cannot be loaded: {type(error).__name__}"
    raise Failed(Cause.KAFKA_NO_CREDENTIALS, detail)


def _find_keys() -> AwsKeys:
    from botocore.session import Session

    silence("botocore", "urllib3")
    found = Session().get_credentials()
    keys = None if found is None else found.get_frozen_credentials()
    if keys is None or not keys.access_key or not keys.secret_key:
        detail = "no AWS credentials in variables, profile, container role or instance role"
        raise Failed(Cause.KAFKA_NO_CREDENTIALS, detail)
    return AwsKeys(keys.access_key, Secret(keys.secret_key), Secret(keys.token) if keys.token else None)


def region_of(login: KafkaLogin, host: str) -> str:
    """The Region to sign for: the login's, the one in the broker's name, AWS_REGION, AWS_DEFAULT_REGION.

    The broker's name takes precedence over the environment, as in aws-msk-iam-auth: otherwise a function in
    one Region could not log in to a cluster in another. Raises Failed with KAFKA_NO_CREDENTIALS.
    """
    named = _MSK_HOST.search(host)
    region = (
        login.region
        or (named and named[1].lower())
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
    )
    if not region:
        detail = f"no AWS Region: none is configured, and {host} is not an MSK broker's name"
        raise Failed(Cause.KAFKA_NO_CREDENTIALS, detail)
    return region


def payload(keys: AwsKeys, host: str, region: str) -> bytes:
    """The message of mechanism AWS_MSK_IAM, signed for this broker's host name."""
    message = {"version": "2020_10_22", "host": host, "user-agent": _USER_AGENT}
    signed = parse_qsl(urlsplit(_presigned(keys, host, region)).query)
    message |= {name.lower(): value for name, value in signed}
    return json.dumps(message, separators=(",", ":")).encode()


def token(keys: AwsKeys, region: str) -> str:
    """MSK's OAUTHBEARER token: a presigned URL of the Region's Kafka endpoint, in base64."""
    url = f"{_presigned(keys, f'kafka.{region}.amazonaws.com', region)}&User-Agent={_USER_AGENT}"
    return base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def _presigned(keys: AwsKeys, host: str, region: str) -> str:
    """The URL of a presigned GET of `https://host/`: signed by botocore, without a network call."""
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    silence("botocore")  # it logs what it signs, and the session token is part of that
    session_token = None if keys.token is None else keys.token.reveal()
    credentials = Credentials(keys.access_key, keys.secret_key.reveal(), session_token)
    request = AWSRequest("GET", f"https://{host}/?Action={quote(_ACTION, safe='')}")
    SigV4QueryAuth(credentials, _SERVICE, region, expires=_SECONDS_VALID).add_auth(request)
    return str(request.url)
