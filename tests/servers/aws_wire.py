"""AWS's wire formats, both ways, from botocore's own service models.

`read_request` finds out which operation an HTTP request calls and turns it into botocore's parameters;
`answer` and `error` turn an answer in botocore's terms (or an error code) into what AWS puts on the wire.
Protocols: json, rest-json, query, ec2, rest-xml; chosen by what the client sent, not by what we would send.
(https://smithy.io/2.0/aws/protocols/index.html)
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from functools import cache
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import OperationModel, ServiceModel
from botocore.utils import parse_timestamp

# botocore's stubs give no shape the members that its type_name promises.
Shape = Any
# SigV4 credential scopes that are not botocore's name of the service.
SCOPES = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2"}
REQUEST_ID = "11111111-2222-4333-8444-555555555555"


class NotOurs(Exception):
    """The request cannot be read: the endpoint, not the client, has to learn something."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, as it came."""

    method: str
    target: str
    headers: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One API call: service and operation in botocore's names, the Region signed for, the parameters, and the
    id of the access key that it was signed with.
    """

    service: str
    operation: str
    region: str
    params: dict[str, Any]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@cache
def model(service: str) -> ServiceModel:
    """botocore's model of a service."""
    return botocore.session.Session().get_service_model(service)


def operation(call: Call) -> OperationModel:
    """botocore's model of the operation called."""
    return model(call.service).operation_model(call.operation)


def read_request(request: Request) -> tuple[str, Call]:
    """The protocol the client speaks, and the call. Raises NotOurs."""
    service, region, key = _signed_for(request)
    url = urllib.parse.urlsplit(request.target)
    target = request.headers.get("X-Amz-Target")
    if target is not None:
        return "json", Call(
            service, target.rpartition(".")[2], region, json.loads(request.body or b"{}"), key
        )
    if request.headers.get("Smithy-Protocol"):
        raise NotOurs(f"{service}: the {request.headers['Smithy-Protocol']} protocol is not spoken here")
    form = dict(urllib.parse.parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
    if request.method == "POST" and url.path == "/" and "Action" in form:
        protocol = "ec2" if service == "ec2" else "query"
        shape = model(service).operation_model(form["Action"]).input_shape
        params = {} if shape is None else _from_form(shape, form, "", protocol == "ec2") or {}
        return protocol, Call(service, form["Action"], region, params, key)
    op = _routed(model(service), request, url)
    params = {} if op.input_shape is None else _from_rest(op, request, url)
    return str(model(service).metadata["protocol"]), Call(service, op.name, region, params, key)


def _signed_for(request: Request) -> tuple[str, str, str]:
    signed = re.search(
        r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request", request.headers.get("Authorization", "")
    )
    if signed is None:
        raise NotOurs(f"not signed with SigV4: {request.method} {request.target}")
    return SCOPES.get(signed[3], signed[3]), signed[2], signed[1]


# Requests


def _from_form(shape: Shape, form: Mapping[str, str], prefix: str, ec2: bool) -> Any:
    match shape.type_name:
        case "structure":
            given = {}
            for name, member in shape.members.items():
                key = _form_name(name, member, ec2)
                value = _from_form(member, form, f"{prefix}.{key}" if prefix else key, ec2)
                if value is not None:
                    given[name] = value
            return given or None
        case "list":
            flat = ec2 or shape.serialization.get("flattened")
            if not flat:
                prefix = f"{prefix}.{shape.member.serialization.get('name', 'member')}"
            places = [f"{prefix}.{i}" for i in range(1, 1 + _longest(form, prefix))]
            return [_from_form(shape.member, form, place, ec2) for place in places] or None
        case "map":
            prefix = prefix if shape.serialization.get("flattened") else f"{prefix}.entry"
            places = [f"{prefix}.{i}" for i in range(1, 1 + _longest(form, prefix))]
            key, value = (
                part.serialization.get("name", word)
                for part, word in ((shape.key, "key"), (shape.value, "value"))
            )
            return {
                form[f"{p}.{key}"]: _from_form(shape.value, form, f"{p}.{value}", ec2) for p in places
            } or None
        case kind:
            return None if prefix not in form else _scalar(kind, form[prefix])


def _form_name(name: str, member: Shape, ec2: bool) -> str:
    if not ec2:
        return str(member.serialization.get("name", name))
    given = member.serialization.get("name", name)
    return str(member.serialization.get("queryName") or given[0].upper() + given[1:])


def _longest(form: Iterable[str], prefix: str) -> int:
    numbers = (key[len(prefix) + 1 :].partition(".")[0] for key in form if key.startswith(prefix + "."))
    return max((int(number) for number in numbers if number.isdigit()), default=0)


def _scalar(kind: str, text: str) -> Any:
    match kind:
        case "boolean":
            return text == "true"
        case "integer" | "long":
            return int(text)
        case "float" | "double":
            return float(text)
        case "blob":
            return base64.b64decode(text)
        case _:
            return text


def _routed(service: ServiceModel, request: Request, url: urllib.parse.SplitResult) -> OperationModel:
    """The operation of a REST service: whose path, fixed query and required members fit, the most exact if
    several do.
    """
    query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
    fitting = []
    for name in service.operation_names:
        op = service.operation_model(name)
        path, _, fixed = op.http["requestUri"].partition("?")
        wanted = dict(urllib.parse.parse_qsl(fixed, keep_blank_values=True))
        if (
            op.http["method"] == request.method
            and wanted.items() <= query.items()
            and re.fullmatch(_path_pattern(path), url.path)
            and _has_required(op, request, query)
        ):
            fitting.append((len(wanted), -path.count("{"), _asked(op, query), op))
    if not fitting:
        raise NotOurs(f"{service.service_name} has no operation for {request.method} {url.path}?{url.query}")
    return max(fitting, key=lambda found: found[:3])[3]


def _has_required(op: OperationModel, request: Request, query: Mapping[str, str]) -> bool:
    """Whether what must be in the headers and the query is there: copying an object differs from writing one
    in nothing else.
    """
    shape: Shape = op.input_shape
    for name in [] if shape is None else shape.required_members:
        place = shape.members[name].serialization
        places: dict[str, Any] = {"header": request.headers, "querystring": query}
        given = places.get(place.get("location", ""))
        if given is not None and place.get("name", name) not in given:
            return False
    return True


def _asked(op: OperationModel, query: Mapping[str, str]) -> int:
    members = {} if op.input_shape is None else op.input_shape.members
    known = {m.serialization.get("name") for m in members.values()} | set(
        dict(urllib.parse.parse_qsl(op.http["requestUri"].partition("?")[2], keep_blank_values=True))
    )
    return -len(set(query) - known)


@cache
def _path_pattern(path: str) -> str:
    parts = re.split(r"(\{\w+\+?\})", path.rstrip("/"))
    return (
        "".join(
            f"(?P<{part.strip('{}+')}>{'.+' if '+' in part else '[^/]+'})"
            if part.startswith("{")
            else re.escape(part)
            for part in parts
        )
        + "/?"
    )


def _from_rest(op: OperationModel, request: Request, url: urllib.parse.SplitResult) -> dict[str, Any]:
    shape: Shape = op.input_shape
    labels = re.fullmatch(_path_pattern(op.http["requestUri"].partition("?")[0]), url.path)
    assert labels is not None
    query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
    params: dict[str, Any] = {}
    in_body = {}
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri":
                params[name] = _scalar(member.type_name, urllib.parse.unquote(labels[wire]))
            case "querystring" if wire in query:
                values = query[wire]
                params[name] = values if member.type_name == "list" else _scalar(member.type_name, values[0])
            case "header" if wire in request.headers:
                params[name] = _scalar(member.type_name, request.headers[wire])
            case None:
                in_body[wire] = name
    payload = shape.serialization.get("payload")
    if payload is not None and shape.members[payload].type_name in ("blob", "string"):
        params[payload] = request.body
    elif request.body[:1] == b"{":
        sent = json.loads(request.body)
        params |= {in_body.get(key, key): value for key, value in sent.items()}
    elif request.body:
        params |= _from_xml(
            shape.members[payload] if payload else shape, ElementTree.fromstring(request.body)
        )
    return params


def _from_xml(shape: Shape, node: ElementTree.Element) -> Any:
    match shape.type_name:
        case "structure":
            found = {}
            for name, member in shape.members.items():
                wire = member.serialization.get("name", name)
                children = [child for child in node if child.tag.rpartition("}")[2] == wire]
                if children and member.type_name == "list" and member.serialization.get("flattened"):
                    found[name] = [_from_xml(member.member, child) for child in children]
                elif children:
                    found[name] = _from_xml(member, children[0])
            return found
        case "list":
            return [_from_xml(shape.member, child) for child in node]
        case kind:
            return _scalar(kind, node.text or "")


# Answers


def answer(protocol: str, call: Call, output: Mapping[str, Any]) -> Reply:
    """What AWS would send for this output, which fits the operation's output shape."""
    shape = operation(call).output_shape
    match protocol:
        case "json":
            body = json.dumps({} if shape is None else _to_json(shape, output)).encode()
            return Reply(200, _headers("application/x-amz-json-1.1"), body)
        case "ec2":
            inner = "" if shape is None else _members_xml(shape, output)
            return _xml_reply(call, f"<requestId>{REQUEST_ID}</requestId>{inner}")
        case "query":
            inner = "" if shape is None else _members_xml(shape, output)
            wrapper = None if shape is None else shape.serialization.get("resultWrapper")
            inner = f"<{wrapper}>{inner}</{wrapper}>" if wrapper else inner
            metadata = f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
            return _xml_reply(call, inner + metadata)
        case _:
            return _rest_answer(protocol, call, shape, output)


def _headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "x-amzn-RequestId": REQUEST_ID}


def _xml_reply(call: Call, inner: str) -> Reply:
    namespace = model(call.service).metadata.get("xmlNamespace", "")
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{call.operation}Response xmlns="{namespace}">'
    text = f"{body}{inner}</{call.operation}Response>"
    return Reply(200, _headers("text/xml;charset=UTF-8"), text.encode())


def _rest_answer(protocol: str, call: Call, shape: Shape | None, output: Mapping[str, Any]) -> Reply:
    xml = protocol == "rest-xml"
    headers = _headers("application/xml" if xml else "application/json")
    if xml:
        headers["x-amz-request-id"] = REQUEST_ID
    status = int(operation(call).http.get("responseCode", 200))
    if shape is None:
        return Reply(status, headers)
    for name, member in shape.members.items():
        if name in output and member.serialization.get("location") == "header":
            headers[member.serialization["name"]] = _header(member, output[name])
    body_members = {k: v for k, v in output.items() if not shape.members[k].serialization.get("location")}
    payload = shape.serialization.get("payload")
    if payload is not None and shape.members[payload].type_name in ("blob", "string"):
        content = output.get(payload, b"")
        return Reply(status, headers, content if isinstance(content, bytes) else str(content).encode())
    inner, value = (shape, body_members) if payload is None else (shape.members[payload], output[payload])
    if not xml:
        return Reply(status, headers, json.dumps(_to_json(inner, value)).encode())
    root = inner.serialization.get("name", inner.name)
    namespace = model(call.service).metadata.get("xmlNamespace", "")
    if call.operation == "GetBucketLocation":  # the one answer whose root is its only member
        return Reply(status, headers, _members_xml(inner, value).encode())
    text = f'<{root} xmlns="{namespace}">{_members_xml(inner, value)}</{root}>' if body_members else ""
    return Reply(status, headers, text.encode())


def _header(shape: Shape, value: Any) -> str:
    if shape.type_name == "timestamp":
        return _moment(value).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moment(value: Any) -> datetime.datetime:
    moment = value if isinstance(value, datetime.datetime) else parse_timestamp(value)
    return moment.astimezone(datetime.UTC)


def _iso(value: Any) -> str:
    return _moment(value).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _members_xml(shape: Shape, value: Mapping[str, Any]) -> str:
    return "".join(
        _to_xml(member, member.serialization.get("name", name), value[name])
        for name, member in shape.members.items()
        if value.get(name) is not None
    )


def _to_xml(shape: Shape, name: str, value: Any) -> str:
    match shape.type_name:
        case "structure":
            return f"<{name}>{_members_xml(shape, value)}</{name}>"
        case "list":
            if shape.serialization.get("flattened"):
                return "".join(_to_xml(shape.member, name, item) for item in value)
            each = shape.member.serialization.get("name", "member")
            inner = "".join(_to_xml(shape.member, each, item) for item in value)
            return f"<{name}>{inner}</{name}>"
        case "map":
            key_name = shape.key.serialization.get("name", "key")
            value_name = shape.value.serialization.get("name", "value")
            entries = "".join(
                f"<entry>{_to_xml(shape.key, key_name, k)}{_to_xml(shape.value, value_name, v)}</entry>"
                for k, v in value.items()
            )
            return f"<{name}>{entries}</{name}>"
        case "boolean":
            text = "true" if value else "false"
        case "timestamp":
            text = _iso(value)
        case "blob":
            text = base64.b64encode(value).decode()
        case _:
            text = escape(str(value))
    return f"<{name}>{text}</{name}>"


def _to_json(shape: Shape, value: Any) -> Any:
    match shape.type_name:
        case "structure" if getattr(shape, "is_document_type", False):
            return value
        case "structure":
            return {
                member.serialization.get("name", name): _to_json(member, value[name])
                for name, member in shape.members.items()
                if value.get(name) is not None
            }
        case "list":
            return [_to_json(shape.member, item) for item in value]
        case "map":
            return {key: _to_json(shape.value, item) for key, item in value.items()}
        case "timestamp":
            iso = shape.serialization.get("timestampFormat") == "iso8601"
            return _iso(value) if iso else _moment(value).timestamp()
        case "blob":
            return base64.b64encode(value).decode()
        case _:
            return value


def error(protocol: str, call: Call, code: str, message: str, status: int) -> Reply:
    """An error as the service sends it."""
    outcome = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    match protocol:
        case "ec2":
            inner = f"<Errors><Error>{outcome}</Error></Errors><RequestID>{REQUEST_ID}</RequestID>"
            text = f"<Response>{inner}</Response>"
            return Reply(status, _headers("text/xml;charset=UTF-8"), text.encode())
        case "rest-xml" if call.service == "s3":
            text = f"<Error>{outcome}<RequestId>{REQUEST_ID}</RequestId></Error>"
            return Reply(status, _headers("application/xml"), text.encode())
        case "query" | "rest-xml":
            inner = f"<Error><Type>Sender</Type>{outcome}</Error><RequestId>{REQUEST_ID}</RequestId>"
            return Reply(status, _headers("text/xml"), f"<ErrorResponse>{inner}</ErrorResponse>".encode())
        case _:
            headers = _headers("application/x-amz-json-1.1") | {"x-amzn-ErrorType": code}
            if "awsQueryCompatible" in model(call.service).metadata:
                headers["x-amzn-query-error"] = f"{code};Sender"
            return Reply(status, headers, json.dumps({"__type": code, "message": message}).encode())
