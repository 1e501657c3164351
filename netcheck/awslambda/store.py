"""Stores the state between runs: an object in S3 or an item in DynamoDB.

Writes are conditional on the version that was read, so one of two concurrent runs gets a conflict. Writes are
atomic, so a run that is killed leaves the old state or the new one.
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
"""S3's errors for a write that lost to another one (S3 API reference, PutObject)."""
ABSENT = frozenset({"NoSuchKey", "404"})
KEY = "pipeline"
"""The partition key of the DynamoDB table, a String."""


class Conflict(Exception):
    """The state was written by another run since it was read."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A state as read: its text, None if there is none yet, and the tag of this version."""

    text: str | None
    tag: str | None


class Store(Protocol):
    """Stores one text per pipeline. All methods raise Undelivered if AWS fails."""

    def read(self, deadline: Deadline, name: str) -> Stored: ...

    def write(self, deadline: Deadline, name: str, text: str, tag: str | None) -> str:
        """Write if the state still has this tag (None: if there is no state), and return its new tag. Raises
        Conflict.
        """


@dataclass(frozen=True, slots=True)
class S3Store:
    """`s3://BUCKET/PREFIX`: one object per pipeline, PREFIX/NAME.json."""

    bucket: str
    prefix: str

    def read(self, deadline: Deadline, name: str) -> Stored:
        try:
            found = call(deadline, "s3", "GetObject", Bucket=self.bucket, Key=self._key(name))
        except Undelivered as error:
            if error.code in ABSENT:
                return Stored(None, None)
            raise
        return Stored(found["Body"].decode(errors="replace"), str(found["ETag"]))

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
            # An object that was deleted since it was read is a conflict as well.
            if error.code in CONFLICTS or (tag is not None and error.code in ABSENT):
                raise Conflict from None
            raise
        return str(done["ETag"])

    def _key(self, name: str) -> str:
        return f"{self.prefix}{name}.json"


@dataclass(frozen=True, slots=True)
class TableStore:
    """`dynamodb://TABLE`: one item per pipeline."""

    table: str

    def read(self, deadline: Deadline, name: str) -> Stored:
        key = {KEY: {"S": name}}
        found = call(deadline, "dynamodb", "GetItem", TableName=self.table, Key=key, ConsistentRead=True)
        item: dict[str, Any] = found.get("Item") or {}
        if not item:
            return Stored(None, None)
        return Stored(item.get("state", {}).get("S", ""), item.get("tag", {}).get("S", ""))

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
    raise ValueError("give s3://BUCKET/PREFIX or dynamodb://TABLE")
