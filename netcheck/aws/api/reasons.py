"""Why an AWS call failed, in one line: what happened, where, and what to do about it."""

from __future__ import annotations

import datetime
import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

DENIED = frozenset(
    {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthorizationError", "403"}
)
"""Error codes of a missing permission (EC2 API reference, Common client error codes)."""
THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "SlowDown",
        "EC2ThrottledException",
    }
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
UNSIGNED = frozenset(
    {
        "AuthFailure",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "RequestExpired",
        "RequestTimeTooSkewed",
    }
)
"""Codes of a signature that AWS does not accept: the wrong key, an old one, or the wrong time."""
TOLERATED_SKEW = datetime.timedelta(minutes=5)
"""AWS refuses a request signed more than five minutes ago or ahead (IAM user guide, SigV4)."""


class NotFromAws(Exception):
    """Something else answered in AWS's place."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that gave nothing. `denied`: for want of a permission, so other calls may well succeed.

    `code` is AWS's own, "" where AWS did not answer.
    """

    reason: str
    denied: bool = False
    code: str = ""


def failure(error: Exception, action: str, host: str) -> Failure:
    """Put any error of boto3's into one line. `action` is the IAM action, `host` the API's name."""
    match error:
        case aws.ClientError():
            return _refused(error.response, action, host)
        case NotFromAws() | ResponseParserError():
            reason = (
                f"{host} was answered by something that is not AWS: a captive portal or a proxy? "
                "Look at HTTPS_PROXY, or sign in to the network"
            )
        case aws.NoCredentialsError():
            reason = (
                "there are no AWS credentials: sign in (aws sso login), name a profile with --profile, "
                "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        case aws.PartialCredentialsError():
            reason = f"the AWS credentials are incomplete: {_line(error)}"
        case aws.ConnectTimeoutError():
            reason = (
                f"{host} does not answer on TCP: there is no way from here to the AWS API "
                f"(no NAT gateway and no interface endpoint for {action.partition(':')[0] or 'AWS'}, "
                "or a firewall)"
            )
        case aws.ReadTimeoutError():
            reason = f"{host} took the request and did not answer in time"
        case aws.ProxyConnectionError():
            reason = f"the proxy does not let us through to {host}: look at HTTPS_PROXY and NO_PROXY"
        case aws.SSLError():
            reason = (
                f"the TLS certificate that {host} shows is not trusted (a proxy that decrypts?): give its "
                f"authority in AWS_CA_BUNDLE. {_line(error)}"
            )
        case aws.EndpointConnectionError():
            reason = _unconnected(error, host)
        case aws.ConnectionClosedError() | aws.HTTPClientError():
            reason = f"the connection to {host} broke: {_line(error)}"
        case _:
            reason = _line(error)
    return Failure(reason)


def _unconnected(error: aws.EndpointConnectionError, host: str) -> str:
    cause = str(getattr(error, "kwargs", {}).get("error", ""))
    if re.search(r"resol|Name or service|nodename|getaddrinfo", cause):
        return f"the name {host} does not resolve: is the Region written right, and is there DNS here?"
    if "refused" in cause:
        return f"{host} refuses the connection"
    return f"cannot connect to {host}: there is no route to the AWS API from here"


def _refused(response: Mapping[str, Any], action: str, host: str) -> Failure:
    error, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    if not metadata.get("RequestId") and not code[:1].isalpha():
        return failure(NotFromAws(), action, host)  # a proxy's own 403, say
    if code in DENIED:
        return Failure(_denial(message, action), denied=True, code=code)
    skew = _skew(metadata)
    if code in UNSIGNED and skew is not None and abs(skew) > TOLERATED_SKEW:
        minutes = round(abs(skew).total_seconds() / 60)
        side = "behind" if skew > datetime.timedelta() else "ahead of"
        reason = (
            f"this machine's clock is {minutes} minutes {side} AWS's, so it refuses our signature: set it"
        )
    elif code in EXPIRED or code == "RequestExpired":
        reason = f"the AWS credentials have expired ({code}): sign in again"
    elif code in UNSIGNED or code == "OptInRequired":
        reason = (
            f"AWS does not accept these credentials ({code}): wrong or deleted key, or a Region that is not "
            "enabled in this account"
        )
    elif code in THROTTLED:
        reason = f"AWS kept asking us to slow down ({code}): try again later, or with a longer --deadline"
    else:
        reason = f"AWS answered {code}: {_short(message)}"
    return Failure(reason, code=code)


def _denial(message: str, action: str) -> str:
    who = re.search(r"User: (\S+)", message)
    explicit = re.search(r"with an explicit deny(?: in an? [\w -]+)?", message)
    reason = f"{who[1] if who else 'this identity'} may not call {action}"
    return f"{reason} ({explicit[0].strip()})" if explicit else reason


def _skew(metadata: Mapping[str, Any]) -> datetime.timedelta | None:
    """How far AWS's clock was ahead of ours when it answered (its Date header), None if it did not say."""
    try:
        theirs = email.utils.parsedate_to_datetime(metadata["HTTPHeaders"]["date"])
        return theirs - datetime.datetime.now(datetime.UTC)
    except (KeyError, TypeError, ValueError):
        return None


def _line(error: Exception) -> str:
    return _short(str(error) or type(error).__name__)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:297] + "..."
