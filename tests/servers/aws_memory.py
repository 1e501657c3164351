"""What AWS keeps and passes on, for a World: S3 objects, DynamoDB items, SNS messages, EventBridge events.

    memory = Memory()
    World({}, memory.services())

Conditional writes are decided as the services document it: the ETag of an object, and the two condition
expressions that are sent here.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from tests.servers.aws_world import AwsError, FixtureError, Output


class Memory:
    """Attributes: objects by (bucket, key), items by (table, key), published, events, all as they were sent;
    history is every object that was ever written, secrets are texts by ARN. `lose_answers` writes are done
    and then answered with an error, as when a connection breaks.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.published: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.secrets: dict[str, str] = {}
        self.history: list[bytes] = []
        self.lose_answers = 0
        self._lock = threading.Lock()

    def services(self) -> dict[str, dict[str, Output]]:
        """For a World."""
        return {
            "s3": {"GetObject": self._get_object, "PutObject": self._put_object},
            "dynamodb": {"GetItem": self._get_item, "PutItem": self._put_item},
            "sns": {"Publish": self._publish},
            "events": {"PutEvents": self._put_events},
            "secretsmanager": {"GetSecretValue": self._get_secret},
        }

    def _get_object(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            body = self.objects.get((params["Bucket"], params["Key"]))
        if body is None:
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
        return {"Body": body, "ETag": _etag(body)}

    def _put_object(self, params: dict[str, Any]) -> dict[str, Any]:
        place, body = (params["Bucket"], params["Key"]), params.get("Body", b"")
        with self._lock:
            old = self.objects.get(place)
            if params.get("IfMatch") and old is None:
                raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
            taken = params.get("IfNoneMatch") == "*" and old is not None
            stale = params.get("IfMatch") and old is not None and params["IfMatch"] != _etag(old)
            if taken or stale:
                text = "At least one of the pre-conditions you specified did not hold"
                raise AwsError("PreconditionFailed", text, 412)
            self.objects[place] = body
            self.history.append(body)
            self._lose_answer()
        return {"ETag": _etag(body)}

    def _get_item(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            item = self.items.get((params["TableName"], params["Key"]["pipeline"]["S"]))
        return {} if item is None else {"Item": item}

    def _put_item(self, params: dict[str, Any]) -> dict[str, Any]:
        place = (params["TableName"], params["Item"]["pipeline"]["S"])
        with self._lock:
            old = self.items.get(place)
            match params.get("ConditionExpression"):
                case "attribute_not_exists(#key)":
                    holds = old is None and params["ExpressionAttributeNames"] == {"#key": "pipeline"}
                case "#tag = :tag":
                    wanted = params["ExpressionAttributeValues"][":tag"]
                    name = params["ExpressionAttributeNames"]["#tag"]
                    holds = old is not None and old.get(name) == wanted
                case other:
                    raise FixtureError(f"this DynamoDB cannot decide {other}")
            if not holds:
                raise AwsError("ConditionalCheckFailedException", "The conditional request failed")
            self.items[place] = params["Item"]
            self._lose_answer()
        return {}

    def _lose_answer(self) -> None:
        if self.lose_answers:
            self.lose_answers -= 1
            raise AwsError("InternalError", "We encountered an internal error. Please try again.", 500)

    def _publish(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.published.append(params)
        return {"MessageId": f"message-{len(self.published)}"}

    def _put_events(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.events += params["Entries"]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "event-1"} for _ in params["Entries"]]}

    def _get_secret(self, params: dict[str, Any]) -> dict[str, Any]:
        value = self.secrets.get(params["SecretId"])
        if value is None:
            raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return {"ARN": params["SecretId"], "SecretString": value}


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
