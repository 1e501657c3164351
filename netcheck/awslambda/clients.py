"""The function's own AWS clients: created once per container and reused by its next invocations.

The checks use separate sessions, so that runs share nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from netcheck.aws.api.calls import within
from netcheck.core.context import Deadline, DeadlineExceeded

CONNECT_S = 1.5
READ_S = 2.5
LARGEST_BYTES = 1 << 20


class Undelivered(Exception):
    """A step after the checks failed; the text is the reason. `code` is AWS's error code, "" if there was no
    response.
    """

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


@cache
def client(service: str, region: str | None = None) -> Any:
    """A client of one service. A container runs one invocation at a time, and its credentials stay the same
    for its lifetime.
    """
    from botocore.config import Config

    from netcheck.aws.api.session import new_session

    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=1,
    )
    session = new_session(region_name=region)
    return session.client(service, config=config)  # type: ignore[call-overload]  # by name


def call(
    deadline: Deadline, service: str, operation: str, region: str | None = None, /, **params: object
) -> Mapping[str, Any]:
    """One API call; `operation` is AWS's name. A stream in the response is read.

    Raises Undelivered, also when the deadline passes.
    """
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    from netcheck.aws.api.reasons import failure

    action = f"{service}:{operation}"

    def respond() -> Mapping[str, Any]:
        found: dict[str, Any] = getattr(client(service, region), xform_name(operation))(**params)
        if "Body" in found:
            with found["Body"] as stream:
                found["Body"] = stream.read(LARGEST_BYTES + 1)
        return found

    try:
        return within(deadline, respond)
    except DeadlineExceeded:
        raise Undelivered(f"{action}: the deadline passed") from None
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        failed = failure(error, action, service)
        raise Undelivered(f"{action}: {failed.reason}", failed.code) from None
