"""AWS JSON 1.0 and 1.1, and the JSON bodies of rest-json: values typed by the decoder itself.

A shape compiles to a msgspec type, so that reading, typing and dropping what the model lacks is one pass in C. Only what
msgspec cannot say (timestamps in text, lower-case wire names) needs a walk in Python; most shapes need none. Text that
does not fit its type is read again slowly, to be lenient as AWS is (null is absent, "NaN" is a number) or to refuse in its words.
"""
from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypedDict
from zlib import crc32

import msgspec

from ..http import Request, Response
from ..model import Model, Operation, Shape
from . import times
from .refusal import Invalid, malformed
from .xml import LEAVES

Convert = Callable[[Any], Any] | None
_UNMADE: Any = object()
_PENDING: Any = object()
_PLAIN = {"string": str, "character": str, "integer": int, "short": int, "byte": int, "long": int, "float": float, "double": float, "boolean": bool, "blob": bytes, "bigdecimal": float}
_NAMES = {"string": "String", "integer": "Integer", "long": "Long", "float": "Float", "double": "Double", "boolean": "Boolean", "blob": "ByteBuffer", "timestamp": "Timestamp"}


def wire_name(name: str, ref: dict[str, Any]) -> str:
    return ref.get("locationName") or name


# -- reading ----------------------------------------------------------------------------------------------------------


def typed(shape: Shape) -> Any:
    """The msgspec type of a shape. Recursive shapes are TypedDicts whose annotations are filled in afterwards."""
    made = shape.__dict__.get("_json_type", _UNMADE)
    if made is not _UNMADE:
        return made
    kind = shape.type
    if kind == "structure":
        if shape.spec.get("document"):
            made = Any
        else:
            made = TypedDict(shape.name, {}, total=False)  # type: ignore[operator]  # noqa: UP013
            shape.__dict__["_json_type"] = made
            fields = {wire_name(n, ref): _member_type(s, ref) for n, (s, ref) in shape.members.items() if "location" not in ref}
            made.__annotations__ = fields
            made.__optional_keys__ = frozenset(fields)
            return made
    elif kind == "list":
        inner = typed(shape.item)
        made = list[inner | None if shape.spec.get("sparse") else inner]  # type: ignore[valid-type]
    elif kind == "map":
        inner = typed(shape.value)
        made = dict[str, inner | None if shape.spec.get("sparse") else inner]  # type: ignore[valid-type]
    elif kind == "timestamp":
        made = float if times.style(shape, {}, "unixTimestamp") == "unixTimestamp" else str
    else:
        made = _PLAIN[kind]
    shape.__dict__["_json_type"] = made
    return made


def _member_type(shape: Shape, ref: dict[str, Any]) -> Any:
    if ref.get("jsonvalue"):
        return str
    return typed(shape)


def converter(shape: Shape) -> Convert:
    """What remains to be done after typed decoding; None for most shapes."""
    made = shape.__dict__.get("_json_in", _UNMADE)
    if made is _PENDING:
        return lambda value: c(value) if (c := shape.__dict__["_json_in"]) else value
    if made is _UNMADE:
        shape.__dict__["_json_in"] = _PENDING
        made = shape.__dict__["_json_in"] = _converter(shape) if _needs(shape, set()) else None
    return made


def _needs(shape: Shape, seen: set[str]) -> bool:
    if shape.name in seen or shape.spec.get("document"):
        return False
    seen.add(shape.name)
    if shape.type == "structure":
        return any(ref.get("locationName", n) != n or _needs(s, seen) for n, (s, ref) in shape.members.items() if "location" not in ref)
    if shape.type in ("list", "map"):
        return _needs(shape.item if shape.type == "list" else shape.value, seen)
    return shape.type == "timestamp" and times.style(shape, {}, "unixTimestamp") != "unixTimestamp"


def _converter(shape: Shape) -> Convert:
    if shape.type == "structure":
        parts = {wire_name(n, ref): (n, converter(s)) for n, (s, ref) in shape.members.items() if "location" not in ref}

        def structure(value: dict[str, Any]) -> dict[str, Any]:
            out = {}
            for wire, item in value.items():
                name, convert = parts[wire]
                out[name] = convert(item) if convert and item is not None else item
            return out

        return structure
    if shape.type == "list":
        one = converter(shape.item)
        return one and (lambda value: [v if v is None else one(v) for v in value])
    if shape.type == "map":
        each = converter(shape.value)
        return each and (lambda value: {k: v if v is None else each(v) for k, v in value.items()})
    return _moment


def _moment(text: Any) -> float:
    try:
        return times.parse(text)
    except ValueError:
        raise Invalid("SerializationException", f"Could not parse timestamp {text!r}") from None


_any = msgspec.json.Decoder().decode


def decoder(shape: Shape) -> Callable[[bytes], Any]:
    """bytes -> values of the shape. Compiled once and kept on the shape."""
    made = shape.__dict__.get("_json_read")
    if made is None:
        fast, convert = msgspec.json.Decoder(typed(shape)).decode, converter(shape)

        def read(body: bytes) -> Any:
            try:
                value = fast(body)
            except msgspec.ValidationError:
                return lenient(shape, _any(body), {}, "")
            return convert(value) if convert else value

        made = shape.__dict__["_json_read"] = read
    return made


def lenient(shape: Shape, value: Any, ref: dict[str, Any], path: str) -> Any:
    """The slow way, for text that is not exactly the type: forgive what AWS forgives, refuse the rest in its words."""
    kind = shape.type
    if shape.spec.get("document"):
        return value
    if kind == "structure":
        if not isinstance(value, dict):
            raise _wrong(value, "structure")
        out = {}
        for name, (target, member) in shape.members.items():
            item = value.get(wire_name(name, member))
            if item is not None and "location" not in member:
                out[name] = lenient(target, item, member, name)
        return out
    if kind == "list":
        if not isinstance(value, list):
            raise _wrong(value, "list")
        sparse = shape.spec.get("sparse")
        return [None if v is None else lenient(shape.item, v, {}, path) for v in value if v is not None or sparse]
    if kind == "map":
        if not isinstance(value, dict):
            raise _wrong(value, "map")
        sparse = shape.spec.get("sparse")
        return {k: None if v is None else lenient(shape.value, v, {}, path) for k, v in value.items() if v is not None or sparse}
    if kind in ("string", "character"):
        if not isinstance(value, str):
            raise _wrong(value, "String")
        return value
    if kind == "boolean":
        if not isinstance(value, bool):
            raise _wrong(value, "Boolean")
        return value
    if kind in ("integer", "long", "short", "byte"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong(value, _NAMES.get(kind, "Integer"))
        return int(value)
    if kind in ("float", "double", "bigdecimal"):
        if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong(value, _NAMES.get(kind, "Double"))
        return float(value)
    if kind == "timestamp":
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise _wrong(value, "Timestamp")
        return _moment(value)
    if not isinstance(value, str):
        raise _wrong(value, "ByteBuffer")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise Invalid("SerializationException", "Invalid base64 encoding") from None


def _wrong(value: Any, wanted: str) -> Invalid:
    if isinstance(value, bool):
        found = "TRUE_VALUE" if value else "FALSE_VALUE"
    elif isinstance(value, int):
        found = "NUMBER_VALUE"
    elif isinstance(value, float):
        found = "DECIMAL_VALUE"
    elif isinstance(value, str):
        found = "STRING_VALUE"
    elif value is None:
        found = "NULL_VALUE"
    else:
        found = ""
    if found:
        if wanted in ("list", "structure", "map"):
            return Invalid("SerializationException", "Unexpected field type" if wanted != "list" else "Expected list or null")
        return Invalid("SerializationException", f"{found} can not be converted to {'an' if wanted[0] in 'AEIOU' else 'a'} {wanted}")
    start = "Start of list found where not expected" if isinstance(value, list) else "Start of structure or map found where not expected."
    return Invalid("SerializationException", start)


def read(op: Operation, request: Request) -> dict[str, Any]:
    shape, body = op.input, request.body
    if shape is None or not body:
        return {}
    try:
        return decoder(shape)(body)
    except msgspec.DecodeError as error:
        raise malformed(op.model.name, "json", str(error)) from None
    except UnicodeDecodeError:
        raise malformed(op.model.name, "json", "Invalid UTF-8") from None
    except RecursionError:
        raise malformed(op.model.name, "json", "Too deeply nested") from None


# -- writing ----------------------------------------------------------------------------------------------------------

encode = msgspec.json.Encoder().encode


def outgoing(shape: Shape) -> Convert:
    """msgspec writes bytes as base64 and moments as numbers; only other names, text timestamps and NaN need a walk."""
    made = shape.__dict__.get("_json_out", _UNMADE)
    if made is _PENDING:
        return lambda value: c(value) if (c := shape.__dict__["_json_out"]) else value
    if made is _UNMADE:
        shape.__dict__["_json_out"] = _PENDING
        made = shape.__dict__["_json_out"] = _outgoing(shape) if _needs_out(shape, set()) else None
    return made


def _needs_out(shape: Shape, seen: set[str]) -> bool:
    if shape.type in ("float", "double"):
        return True  # NaN and the infinities are words in AWS's JSON
    if shape.name in seen or shape.spec.get("document"):
        return False
    seen.add(shape.name)
    if shape.type == "structure":
        return any(ref.get("locationName", n) != n or _needs_out(s, seen) for n, (s, ref) in shape.members.items() if ref.get("location") not in LEAVES)
    if shape.type in ("list", "map"):
        return _needs_out(shape.item if shape.type == "list" else shape.value, seen)
    return shape.type == "timestamp" and times.style(shape, {}, "unixTimestamp") != "unixTimestamp"


def _outgoing(shape: Shape) -> Convert:
    if shape.type == "structure":
        parts = {n: (wire_name(n, ref), outgoing(s)) for n, (s, ref) in shape.members.items() if ref.get("location") not in LEAVES}

        def structure(value: dict[str, Any]) -> dict[str, Any]:
            out = {}
            for name, item in value.items():
                if item is not None and (part := parts.get(name)) is not None:
                    wire, convert = part
                    out[wire] = convert(item) if convert else item
            return out

        return structure
    if shape.type == "list":
        one = outgoing(shape.item)
        return one and (lambda value: [v if v is None else one(v) for v in value])
    if shape.type == "map":
        each = outgoing(shape.value)
        return each and (lambda value: {k: v if v is None else each(v) for k, v in value.items()})
    if shape.type == "timestamp":
        return times.WRITERS[times.style(shape, {}, "unixTimestamp")]
    return _number


def _number(value: float) -> Any:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def to_bytes(shape: Shape | None, value: Any) -> bytes:
    if shape is None or value is None:
        return b"{}"
    convert = outgoing(shape)
    return encode(convert(value) if convert else value)


def _head(model: Model, request_id: str, body: bytes) -> list[tuple[str, str]]:
    head = model.__dict__.get("_json_type_header")
    if head is None:
        head = model.__dict__["_json_type_header"] = ("content-type", f"application/x-amz-json-{model.meta.get('jsonVersion') or '1.0'}")
    if model.name in ("dynamodb", "dynamodbstreams"):
        return [("x-amzn-requestid", request_id), ("x-amz-crc32", str(crc32(body))), head]
    return [("x-amzn-requestid", request_id), head]


def write(op: Operation, value: Any, request_id: str) -> Response:
    output = op.output
    if output is None:
        # operations without any output answer with nothing at all
        return Response(200, _head(op.model, request_id, b""), b"")
    if member := op.eventstream_output:
        from . import stream

        first = {k: v for k, v in value.items() if k != member}
        headers = [("x-amzn-requestid", request_id), ("content-type", "application/vnd.amazon.eventstream")]
        return Response(200, headers, stream.outgoing(output.members[member][0], value.get(member), "json", to_bytes(output, first)))
    body = to_bytes(output, value)
    return Response(200, _head(op.model, request_id, body), body)


def write_error(model: Model, error: Any, request_id: str) -> Response:
    shape = model.errors.get(error.code)
    out: dict[str, Any] = {"__type": error_type(model, error.code)}
    out[message_key(model, shape)] = error.message
    if error.extra:
        convert = outgoing(shape) if shape else None
        out |= convert(dict(error.extra)) if convert else error.extra
    body = encode(out)
    headers = _head(model, request_id, body)
    if "awsQueryCompatible" in model.meta:
        headers.append(("x-amzn-query-error", query_error(model, error)))
    headers.extend(dict(error.headers or {}).items())
    return Response(error.status, headers, body)


def query_error(model: Model, error: Any) -> str:
    shape = model.errors.get(error.code)
    code = getattr(error, "query_code", None) or (shape.code if shape else error.code)
    return f"{code};{'Sender' if error.status < 500 else 'Receiver'}"


# Answers of these services have a namespace before the error's name, as recorded from AWS
_NAMESPACES = {
    "dynamodb": "com.amazonaws.dynamodb.v20120810#",
    "dynamodbstreams": "com.amazonaws.dynamodb.v20120810#",
    "sqs": "com.amazonaws.sqs#",
    "stepfunctions": "",
}
_CORAL = {"ValidationException", "SerializationException", "UnknownOperationException", "AccessDeniedException", "ThrottlingException", "UnrecognizedClientException", "MissingAuthenticationToken", "IncompleteSignature", "InvalidSignatureException", "ExpiredTokenException"}


def error_type(model: Model, code: str) -> str:
    namespace = _NAMESPACES.get(model.name, "")
    if not namespace:
        return code
    if code == "ValidationException" and model.name.startswith("dynamodb"):
        return "com.amazon.coral.validate#ValidationException"
    if code in _CORAL and code not in model.errors:
        return f"com.amazon.coral.service#{code}"
    return namespace + code


def message_key(model: Model, shape: Shape | None) -> str:
    """`message` or `Message`: as the error's own shape spells it."""
    if shape is not None:
        for name, (_, ref) in shape.members.items():
            if name.lower() == "message" or name in ("errorMessage",):
                return wire_name(name, ref)
    return "message"
