"""The permissions that an event's own keys need, in addition to the read-only policy. Pure."""

from __future__ import annotations

from netcheck.awslambda.store import S3Store, TableStore
from netcheck.core.arn import parse_arn


def statements(
    state: S3Store | TableStore | None = None,
    topic: str | None = None,
    bus: str | None = None,
    report_bucket: str | None = None,
    secret: str | None = None,
) -> list[dict[str, object]]:
    """The policy statements for these keys of an event, each limited to the resource that it names."""
    found: list[dict[str, object]] = []
    match state:
        case S3Store(bucket, prefix):
            objects = f"arn:aws:s3:::{bucket}/{prefix}*"
            found.append(_allow("State", ["s3:GetObject", "s3:PutObject"], objects))
            # Without it, S3 returns AccessDenied for an object that does not exist yet.
            listing = _allow("StateIsAbsent", ["s3:ListBucket"], f"arn:aws:s3:::{bucket}")
            found.append({**listing, "Condition": {"StringLike": {"s3:prefix": f"{prefix}*"}}})
        case TableStore(table):
            resource = f"arn:aws:dynamodb:*:*:table/{table}"
            found.append(_allow("State", ["dynamodb:GetItem", "dynamodb:PutItem"], resource))
    if topic:
        found.append(_allow("Topic", ["sns:Publish"], topic))
    if bus:
        resource = bus if parse_arn(bus) else f"arn:aws:events:*:*:event-bus/{bus}"
        found.append(_allow("Bus", ["events:PutEvents"], resource))
    if report_bucket:
        found.append(_allow("Reports", ["s3:PutObject"], f"arn:aws:s3:::{report_bucket}/*"))
    if secret:
        found.append(_allow("Logins", ["secretsmanager:GetSecretValue"], secret))
    return found


def _allow(sid: str, actions: list[str], resource: str) -> dict[str, object]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
