"""The reason of a failed AWS call, in one line: what happened, where, and what to do."""

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
"""Error codes of a rejected signature: a wrong or deleted key, or a wrong clock."""
TOLERATED_SKEW = datetime.timedelta(minutes=5)
"""AWS rejects a request signed more than five minutes ago or ahead (IAM user guide, SigV4)."""


class NotFromAws(Exception):
    """Something else responded in place of AWS."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason of a failed call. `denied`: a permission is missing, so other calls may succeed.

    `code` is AWS's error code, "" where AWS did not respond.
    """

    reason: str
    denied: bool = False
    code: str = ""


def failure(error: Exception, action: str, host: str) -> Failure:
    """Describe any error of boto3 in one line. `action` is the IAM action, `host` the API's host name."""
    match error:
        case aws.ClientError():
            return _refused(error.response, action, host)
        case NotFromAws() | ResponseParserError():
            reason = (
                f"something other than AWS responded for {host}, such as a captive portal or a proxy: "
                "check HTTPS_PROXY, or sign in to the network"
            )
        case aws.NoCredentialsError():
            reason = (
                "no AWS credentials: sign in (aws sso login), name a profile with --profile, "
                "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        case aws.PartialCredentialsError():
            reason = f"the AWS credentials are incomplete: {_line(error)}"
        case aws.ConnectTimeoutError():
            reason = (
                f"{host} does not answer on TCP: this host cannot reach the AWS API "
                f"(no NAT gateway and no interface endpoint for {action.partition(':')[0] or 'AWS'}, "
                "or a firewall)"
            )
        case aws.ReadTimeoutError():
            reason = f"{host} accepted the request and did not respond in time"
        case aws.ProxyConnectionError():
            reason = f"the proxy does not allow connections to {host}: check HTTPS_PROXY and NO_PROXY"
        case aws.SSLError():
            reason = (
                f"the TLS certificate of {host} is not trusted (a proxy that intercepts TLS?): set "
                f"AWS_CA_BUNDLE to its CA. {_line(error)}"
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
        return f"{host} does not resolve: check the spelling of the Region, and this host's DNS"
    if "refused" in cause:
        return f"{host} refuses the connection"
    return f"cannot connect to {host}: no route to the AWS API from this host"


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
        reason = f"this host's clock is {minutes} minutes {side} AWS's, so AWS rejects signatures: set it"
    elif code in EXPIRED or code == "RequestExpired":
        reason = f"the AWS credentials have expired ({code}): sign in again"
    elif code in UNSIGNED or code == "OptInRequired":
        reason = (
            f"AWS rejects these credentials ({code}): wrong or deleted key, or a Region that is not "
            "enabled in this account"
        )
    elif code in THROTTLED:
        reason = f"AWS kept throttling the call ({code}): try again later, or increase --deadline"
    else:
        reason = f"AWS returned {code}: {_short(message)}"
    return Failure(reason, code=code)


def _denial(message: str, action: str) -> str:
    who = re.search(r"User: (\S+)", message)
    explicit = re.search(r"with an explicit deny(?: in an? [\w -]+)?", message)
    reason = f"{who[1] if who else 'this identity'} may not call {action}"
    return f"{reason} ({explicit[0].strip()})" if explicit else reason


def _skew(metadata: Mapping[str, Any]) -> datetime.timedelta | None:
    """How far AWS's clock is ahead of ours, by the response's Date header; None without one."""
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
