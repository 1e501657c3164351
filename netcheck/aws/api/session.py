"""Opens the way to the EC2 API: credentials, Region, proxies and endpoints as boto3 finds them."""

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
"""One retry for a connection that broke; throttling is waited for separately (calls.MOST_ATTEMPTS)."""

_MAKING = threading.Lock()
"""Two clients made at once would both read the same descriptions, and be no sooner done for it."""


class NoAws(Exception):
    """AWS cannot be asked at all, for a reason that the user can mend: credentials, profile or Region."""


def open_session(deadline: Deadline, region: str | None = None, profile: str | None = None) -> Session:
    """A boto3 session whose credentials are there. `profile` is a profile's name, or the ARN of a role to
    assume with the credentials that boto3 finds. Raises NoAws, DeadlineExceeded.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        return within(deadline, lambda: _session(region, profile, deadline))
    except (BotoCoreError, ClientError, ResponseParserError) as error:  # a role is assumed by asking AWS
        raise NoAws(_told(error)) from None


def ec2_client(session: Session, deadline: Deadline) -> Any:
    """An EC2 client that never waits longer than the deadline leaves. Raises NoAws, DeadlineExceeded."""
    return service_client(session, "ec2", deadline)


def service_client(session: Session, service: str, deadline: Deadline) -> Any:
    """A client of any service, in the same way; `ask` makes at most calls.WORKERS calls at a time with it."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=deadline.remaining(CONNECT_S),
        read_timeout=deadline.remaining(READ_S),
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=WORKERS,
    )
    try:
        with _MAKING:  # the type: by name, as botocore has it
            return session.client(service, config=config)  # type: ignore[call-overload]
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint URL that is none
        raise NoAws(_told(error)) from None


def new_session(**given: str | None) -> Session:
    """A boto3 session with arguments as boto3's own, which shares what it reads of botocore with all others.
    Raises what boto3 and botocore raise.
    """
    import boto3
    import botocore.session

    core = botocore.session.Session()
    session = boto3.session.Session(botocore_session=core, **given)
    # Not before: boto3 adds a folder of its own to the loader that it finds, each time.
    _share(core)
    return session


def core_session() -> CoreSession:
    """A botocore session that shares the same, for what needs no credentials. Raises what botocore raises."""
    from botocore.session import Session as Core

    core = Core()
    _share(core)
    return core


def _share(core: CoreSession) -> None:
    core.register_component("data_loader", _descriptions(core.get_config_variable("data_path")))


@cache
def _descriptions(data_path: str | None) -> Loader:
    """What botocore knows of AWS's services and Regions: files that never change while we run, read once for
    all sessions. `data_path` is the user's own (`AWS_DATA_PATH`, the profile's `data_path`).
    """
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _session(region: str | None, profile: str | None, deadline: Deadline) -> Session:
    from botocore.exceptions import NoCredentialsError

    if profile and profile.startswith("arn:"):
        return _assumed(_session(region, None, deadline), profile, deadline)
    # boto3 reads AWS_DEFAULT_REGION and the profile; the SDKs' own variable is AWS_REGION, as Lambda sets it.
    session = new_session(profile_name=profile, region_name=region)
    if session.region_name is None and os.environ.get("AWS_REGION"):
        session = new_session(profile_name=profile, region_name=os.environ["AWS_REGION"])
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    credentials.get_frozen_credentials()
    return session


def _assumed(own: Session, role: str, deadline: Deadline) -> Session:
    """A session in a role of another account. The role's own limit of an hour is more than a run takes."""
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


def _told(error: Exception) -> str:
    from botocore import exceptions as aws

    from netcheck.aws.api.reasons import failure

    match error:
        case aws.NoRegionError():
            return "which Region? Give --region, or set AWS_REGION or the profile's region"
        case aws.ProfileNotFound():
            return f"{error}: see `aws configure list-profiles`"
        case aws.InvalidRegionError():
            return f"{error} Write it as in eu-west-1"
        case aws.ClientError():
            return f"no credentials: {failure(error, f'sts:{error.operation_name}', 'AWS STS').reason}"
        case _:
            return failure(error, "", "AWS").reason
