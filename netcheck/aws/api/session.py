"""AWS sessions and clients: credentials, Region, proxies and endpoints as boto3 finds them."""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from netcheck.aws.api.calls import WORKERS, Deadline, within

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.loaders import Loader
    from botocore.session import Session as CoreSession

CONNECT_S = 4.0
READ_S = 15.0
ATTEMPTS = 2
"""One retry for a broken connection; throttled calls are retried separately (calls.MOST_ATTEMPTS)."""

_CREATING = threading.Lock()
"""Two clients created at once would both read the same service models, and not be faster."""


class NoAws(Exception):
    """AWS cannot be called at all, for a reason that the user can fix: credentials, profile or Region."""


def open_session(deadline: Deadline, region: str | None = None, profile: str | None = None) -> Session:
    """A boto3 session with credentials. `profile` is a profile's name, or the ARN of a role to
    assume with the credentials that boto3 finds. Raises NoAws, DeadlineExceeded.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        return within(deadline, lambda: _session(region, profile, deadline))
    except (BotoCoreError, ClientError, ResponseParserError) as error:  # assuming a role calls AWS
        raise NoAws(_reason(error)) from None


def ec2_client(session: Session, deadline: Deadline) -> Any:
    """An EC2 client that never waits past the deadline. Raises NoAws, DeadlineExceeded."""
    return service_client(session, "ec2", deadline)


def service_client(session: Session, service: str, deadline: Deadline) -> Any:
    """The same for any service; `call_all` makes at most calls.WORKERS calls at a time with it."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=deadline.remaining(CONNECT_S),
        read_timeout=deadline.remaining(READ_S),
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=WORKERS,
    )
    try:
        with _CREATING:  # the stubs need a literal name
            return session.client(service, config=config)  # type: ignore[call-overload]
    except (BotoCoreError, ValueError) as error:  # ValueError: an invalid endpoint URL
        raise NoAws(_reason(error)) from None


def new_session(**given: str | None) -> Session:
    """A boto3 session with boto3's arguments. All sessions share botocore's loaded service models. Raises
    what boto3 and botocore raise.
    """
    import boto3
    import botocore.session

    core = botocore.session.Session()
    session = boto3.session.Session(botocore_session=core, **given)
    # Only now: boto3 adds its folder to the session's loader, each time.
    _share(core)
    return session


def core_session() -> CoreSession:
    """A botocore session with the same sharing, for use without credentials. Raises what botocore raises."""
    from botocore.session import Session as Core

    core = Core()
    _share(core)
    return core


def _share(core: CoreSession) -> None:
    core.register_component("data_loader", _model_loader(core.get_config_variable("data_path")))


@cache
def _model_loader(data_path: str | None) -> Loader:
    """Loads botocore's models of services and Regions: files that do not change during a run, read once for
    all sessions. `data_path` is the user's (`AWS_DATA_PATH`, the profile's `data_path`).
    """
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _session(region: str | None, profile: str | None, deadline: Deadline) -> Session:
    from botocore.exceptions import NoCredentialsError

    if profile and profile.startswith("arn:"):
        return _assumed(_session(region, None, deadline), profile, deadline)
    # boto3 reads AWS_DEFAULT_REGION and the profile; the other SDKs and Lambda use AWS_REGION.
    session = new_session(profile_name=profile, region_name=region)
    if session.region_name is None and os.environ.get("AWS_REGION"):
        session = new_session(profile_name=profile, region_name=os.environ["AWS_REGION"])
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    credentials.get_frozen_credentials()
    return session


def _assumed(own: Session, role: str, deadline: Deadline) -> Session:
    """A session with an assumed role. Its credentials last an hour, which is longer than a run."""
    client = service_client(own, "sts", deadline)
    try:
        given = client.assume_role(RoleArn=role, RoleSessionName="netcheck")["Credentials"]
    finally:
        client.close()
    return new_session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=own.region_name,
    )


def _reason(error: Exception) -> str:
    from botocore import exceptions as aws

    from netcheck.aws.api.reasons import failure

    match error:
        case aws.NoRegionError():
            return "the Region is unknown: add --region, or set AWS_REGION or the profile's region"
        case aws.ProfileNotFound():
            return f"{error}: see `aws configure list-profiles`"
        case aws.InvalidRegionError():
            return f"{error} Write it like eu-west-1"
        case aws.ClientError():
            return f"no credentials: {failure(error, f'sts:{error.operation_name}', 'AWS STS').reason}"
        case _:
            return failure(error, "", "AWS").reason
