"""Where the state is kept between runs: an object in S3, or an item in DynamoDB.

Both are written on condition that nobody else has written since it was read, so of two runs at the same time
one learns that it is not alone; and both take a write as a whole or not at all, so that a run that is killed
leaves the old state or the new one.
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html)
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any, Protocol

from netcheck.awslambda.clients import Undelivered, call
from netcheck.core.context import Deadline

CONFLICTS = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409"})
"""How S3 says that somebody else was faster (S3 API reference, PutObject)."""
ABSENT = frozenset({"NoSuchKey", "404"})
KEY = "pipeline"
"""The DynamoDB table's partition key, a String."""


class Conflict(Exception):
    """The state was written by somebody else since it was read."""


@dataclass(frozen=True, slots=True)
class Held:
    """A state as it was read: its text, None where there is none yet, and what tells this version of it."""

    text: str | None
    tag: str | None


class Store(Protocol):
    """Keeps one text for each pipeline. All methods raise Undelivered for what AWS does not do."""

    def read(self, deadline: Deadline, name: str) -> Held: ...

    def write(self, deadline: Deadline, name: str, text: str, tag: str | None) -> str:
        """Write if the state is still that of `tag` (None: if there is none), and return its new tag. Raises
        Conflict.
        """


@dataclass(frozen=True, slots=True)
class S3Store:
    """`s3://BUCKET/PREFIX`: one object a pipeline, PREFIX/NAME.json."""

    bucket: str
    prefix: str

    def read(self, deadline: Deadline, name: str) -> Held:
        try:
            found = call(deadline, "s3", "GetObject", Bucket=self.bucket, Key=self._key(name))
        except Undelivered as error:
            if error.code in ABSENT:
                return Held(None, None)
            raise
        return Held(found["Body"].decode(errors="replace"), str(found["ETag"]))

    def write(self, deadline: Deadline, name: str, text: str, tag: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            done = call(
                deadline,
                "s3",
                "PutObject",
                Bucket=self.bucket,
                Key=self._key(name),
                Body=text.encode(),
                ContentType="application/json",
                **condition,
            )
        except Undelivered as error:
            # An object that was deleted since is a conflict too, for what was to replace it.
            if error.code in CONFLICTS or (tag is not None and error.code in ABSENT):
                raise Conflict from None
            raise
        return str(done["ETag"])

    def _key(self, name: str) -> str:
        return f"{self.prefix}{name}.json"


@dataclass(frozen=True, slots=True)
class TableStore:
    """`dynamodb://TABLE`: one item a pipeline."""

    table: str

    def read(self, deadline: Deadline, name: str) -> Held:
        key = {KEY: {"S": name}}
        found = call(deadline, "dynamodb", "GetItem", TableName=self.table, Key=key, ConsistentRead=True)
        item: dict[str, Any] = found.get("Item") or {}
        if not item:
            return Held(None, None)
        return Held(item.get("state", {}).get("S", ""), item.get("tag", {}).get("S", ""))

    def write(self, deadline: Deadline, name: str, text: str, tag: str | None) -> str:
        new = uuid.uuid4().hex
        condition: dict[str, Any] = {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": KEY},
        }
        if tag is not None:
            condition = {
                "ConditionExpression": "#tag = :tag",
                "ExpressionAttributeNames": {"#tag": "tag"},
                "ExpressionAttributeValues": {":tag": {"S": tag}},
            }
        item = {KEY: {"S": name}, "tag": {"S": new}, "state": {"S": text}}
        try:
            call(deadline, "dynamodb", "PutItem", TableName=self.table, Item=item, **condition)
        except Undelivered as error:
            if error.code == "ConditionalCheckFailedException":
                raise Conflict from None
            raise
        return new


def parse_store(url: str) -> S3Store | TableStore:
    """The store of `s3://BUCKET/PREFIX` or `dynamodb://TABLE`. Raises ValueError."""
    kind, _, rest = url.partition("://")
    place, _, prefix = rest.partition("/")
    if kind == "s3" and re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", place):
        prefix = prefix.strip("/")
        return S3Store(place, f"{prefix}/" if prefix else "")
    if kind == "dynamodb" and not prefix and re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", place):
        return TableStore(place)
    raise ValueError("s3://BUCKET/PREFIX or dynamodb://TABLE is wanted")
