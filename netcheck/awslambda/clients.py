"""The function's own AWS clients: made once for each container, and used again by its next invocations.

The checks' own calls have sessions of their own, so that one run shares nothing with the next.
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
    """Something after the checks could not be done; the text says why. `code` is AWS's, "" where AWS did not
    answer.
    """

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


@cache
def client(service: str, region: str | None = None) -> Any:
    """A client of one service. Lambda runs one invocation at a time in a container, and its credentials stay
    the same for as long as the container lives.
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
    """One call, `operation` as AWS names it; a stream in the answer is read. Raises Undelivered, also when
    the deadline passes.
    """
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    from netcheck.aws.api.reasons import failure

    action = f"{service}:{operation}"

    def answer() -> Mapping[str, Any]:
        found: dict[str, Any] = getattr(client(service, region), xform_name(operation))(**params)
        if "Body" in found:
            with found["Body"] as stream:
                found["Body"] = stream.read(LARGEST_BYTES + 1)
        return found

    try:
        return within(deadline, answer)
    except DeadlineExceeded:
        raise Undelivered(f"no time was left for {action}") from None
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        failed = failure(error, action, service)
        raise Undelivered(f"{action}: {failed.reason}", failed.code) from None
