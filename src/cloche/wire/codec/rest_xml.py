"""rest-xml: located members, and an XML document (or one raw payload) in the body. S3 is most of it."""
from __future__ import annotations

from typing import Any

from ..http import Request, Response
from ..model import Model, Operation, Shape
from . import rest, stream, xml
from .refusal import malformed
from .xml import REST, escape

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def read(op: Operation, request: Request) -> dict[str, Any]:
    shape = op.input
    if shape is None:
        return {}
    where = rest.located(op)
    try:
        value = where.read(request)
    except rest.BadText as bad:
        raise rest.bad_text(op, bad) from None
    try:
        if where.payload:
            _payload(op, where.payload, request, value)
        elif where.body and request.body:
            value = xml.reader(shape)(xml.parse(request.body)) | value
    except (xml.Malformed, ValueError, OverflowError) as error:
        raise malformed(op.model.name, "rest-xml", str(error)) from None
    return value


def _payload(op: Operation, member: str, request: Request, value: dict[str, Any]) -> None:
    target, ref = op.input.members[member]  # type: ignore[union-attr]
    if target.spec.get("eventstream"):
        value[member] = stream.incoming(target, request, "rest-xml")
    elif target.type == "blob":
        if op.streaming_input and request.stream is not None:
            value[member] = request.stream
        elif request.body or op.streaming_input:
            value[member] = request.body
    elif target.type in ("string", "character"):
        if request.body:
            value[member] = request.body.decode()
    elif request.body:
        root = xml.parse(request.body)
        wanted = ref.get("locationName") or target.spec.get("locationName") or target.name
        if op.model.name == "s3" and root.tag != wanted and root.tag not in _ALIASES.get(wanted, ()):
            raise xml.Malformed(f"unexpected root {root.tag}")
        value[member] = xml.reader(target)(root)


# Roots that S3 takes besides the model's own name
_ALIASES = {"LifecycleConfiguration": ("BucketLifecycleConfiguration",), "CreateBucketConfiguration": ("CreateBucketRequest",), "CompleteMultipartUpload": ("CompleteMultipartUploadResult",)}


def _head(model: Model, request_id: str) -> list[tuple[str, str]]:
    if model.name == "s3":
        return [("x-amz-request-id", request_id), ("x-amz-id-2", host_id(request_id)), ("Server", "AmazonS3")]
    return [("x-amzn-requestid", request_id)]


def host_id(request_id: str) -> str:
    """S3's second, longer request id: anything opaque, here made of the first."""
    return (request_id.replace("-", "") * 4)[:75] + "="


def _plain_namespace(model: Model) -> str:
    ns = model.meta.get("xmlNamespace")
    return f' xmlns="{ns if isinstance(ns, str) else ns["uri"]}"' if ns else ""


def _root(op: Operation) -> tuple[str, str, Any]:
    """Opening tag, closing tag and content writer of the answer's document. Compiled once."""
    made = op.__dict__.get("_root")
    if made is None:
        shape: Shape = op.output  # type: ignore[assignment]
        payload = shape.spec.get("payload")
        target, ref = shape.members[payload] if payload else (shape, op.spec["output"])
        name = ref.get("locationName") or target.spec.get("locationName") or target.name
        ns = xml.namespace(ref) or xml.namespace(target.spec) or _plain_namespace(op.model)
        attributes = xml._attributes(target)
        made = op.__dict__["_root"] = (f"{DECLARATION}<{name}{ns}", f"</{name}>", xml.writer(target, REST), attributes)
    return made


def write(op: Operation, value: Any, request_id: str) -> Response:
    value = value or {}
    shape = op.output
    lead = rest.leaving(shape, op)
    headers = _head(op.model, request_id)
    lead.write(value, headers)
    body: Any = b""
    if lead.payload:
        target, _ = shape.members[lead.payload]  # type: ignore[union-attr]
        item = value.get(lead.payload)
        if target.spec.get("eventstream"):
            headers.append(("content-type", "application/vnd.amazon.eventstream"))
            body = stream.outgoing(target, item, "rest-xml")
        elif target.type == "blob":
            body = rest.stream_body(item)
            if not any(k.lower() == "content-type" for k, _ in headers):
                headers.append(("content-type", "binary/octet-stream"))
        elif target.type in ("string", "character"):
            body = b"" if item is None else item.encode()
            if not any(k.lower() == "content-type" for k, _ in headers):
                headers.append(("content-type", "application/json" if op.model.name == "s3" else "text/plain"))
        elif item is not None:
            body = _document(op, item)
            headers.append(("content-type", "application/xml"))
    elif lead.body:
        body = _document(op, value)
        headers.append(("content-type", "application/xml"))
    return rest.finish(op, value, lead, headers, body)


def _document(op: Operation, value: dict[str, Any]) -> bytes:
    open_, close, content, attributes = _root(op)  # type: ignore[misc]
    if op.spec["output"].get("unwrapped"):
        return f"{open_}>{''.join(escape(str(v)) for v in value.values() if v)}{close}".encode()
    return f"{open_}{attributes(value) if attributes else ''}>{content(value)}{close}".encode()


def write_error(model: Model, error: Any, request_id: str) -> Response:
    shape = model.errors.get(error.code)
    headers = [*_head(model, request_id), *dict(error.headers or {}).items()]
    extra = dict(error.extra or {})
    if error.status in (204, 304):
        return Response(error.status, headers, b"")
    lead = rest.leaving(shape, shape) if shape is not None else None
    if lead and extra:
        lead.write(extra, headers)
        extra = {k: v for k, v in extra.items() if k not in {n for _, n, _ in lead.headers}}
    headers.append(("content-type", "application/xml" if model.name == "s3" else "text/xml"))
    known = shape is not None and extra and all(k in shape.members for k in extra)
    inner = xml.writer(shape, REST)(extra) if known else "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in extra.items())  # type: ignore[arg-type]
    if model.name == "s3":
        text = f"{DECLARATION}<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>{inner}<RequestId>{request_id}</RequestId><HostId>{host_id(request_id)}</HostId></Error>"
    else:
        kind = "Sender" if error.status < 500 else "Receiver"
        text = (
            f"{DECLARATION}<ErrorResponse{_plain_namespace(model)}><Error><Type>{kind}</Type><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>{inner}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return Response(error.status, headers, text.encode())
