"""The query protocol: `Action=...&Filter.1.Name=...` in, XML out.

The flat names are first put into a tree by their dots, so that reading costs what was sent, not what could have been.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from ..http import Request, Response
from ..model import Model, Operation, Shape
from . import xml
from .refusal import Invalid, malformed
from .xml import QUERY, escape, from_text

Tree = dict[str, Any]  # "" holds a node's own text
Read = Callable[[Tree], Any]
MAX_ITEMS = 20_000


def pairs(request: Request) -> list[tuple[str, str]]:
    """The form in the body, and what a GET (or a mixed client) put in the query string."""
    out = []
    for text in (request.body.decode("utf-8", "replace") if request.body else "", request.query):
        for part in text.strip().split("&") if text else ():
            key, _, value = part.partition("=")
            if "%" in value or "+" in value:
                value = unquote_plus(value)
            out.append((unquote_plus(key) if "%" in key or "+" in key else key, value))
    return out


def tree(request: Request) -> Tree:
    root: Tree = {}
    for key, value in pairs(request):
        node, steps = root, key.split(".")
        if "" in steps:  # `Name.` names nothing
            continue
        for step in steps:
            node = node.setdefault(step, {})
        node.setdefault("", value)
    return root


def reader(shape: Shape, ec2: bool) -> Read:
    key = "_ec2_read" if ec2 else "_query_read"
    made = shape.__dict__.get(key)
    if made is None:
        if key + "!" in shape.__dict__:
            return lambda node: shape.__dict__[key](node)
        shape.__dict__[key + "!"] = True
        made = shape.__dict__[key] = _reader(shape, ec2)
    return made


def _reader(shape: Shape, ec2: bool) -> Read:
    if shape.type == "structure":
        return _structure(shape, ec2)
    if shape.type == "list":
        return _list(shape, ec2, "" if ec2 or shape.spec.get("flattened") else shape.spec["member"].get("locationName") or "member")
    if shape.type == "map":
        return _map(shape, ec2, "" if shape.spec.get("flattened") else "entry")
    convert = from_text(shape, {})
    return lambda node: convert(node[""]) if "" in node else None


def wire_name(name: str, target: Shape, ref: dict[str, Any], ec2: bool) -> str:
    if ref.get("queryName"):
        return ref["queryName"]
    if ec2:
        wire = ref.get("locationName") or name
        return wire[:1].upper() + wire[1:]
    if target.type == "list" and not ref.get("flattened") and target.spec.get("flattened") and target.spec["member"].get("locationName"):
        return target.spec["member"]["locationName"]  # a flattened list is called like its items
    return ref.get("locationName") or name


def _structure(shape: Shape, ec2: bool) -> Read:
    parts: dict[str, tuple[str, Read]] = {}
    for name, (target, ref) in shape.members.items():
        if target.type == "list" and (ref.get("flattened") and not ec2):
            part = _list(target, ec2, "")
        elif target.type == "map" and ref.get("flattened"):
            part = _map(target, ec2, "")
        elif target.type in ("structure", "list", "map"):
            part = reader(target, ec2)
        else:
            part = _scalar(name, target, ref)
        parts[wire_name(name, target, ref, ec2)] = (name, part)

    def read(node: Tree) -> Any:
        out = {}
        for wire, child in node.items():
            part = parts.get(wire)
            if part is not None:
                value = part[1](child)
                if value is not None:
                    out[part[0]] = value
        return out

    return read


def _scalar(name: str, target: Shape, ref: dict[str, Any]) -> Read:
    convert = from_text(target, ref)

    def read(node: Tree) -> Any:
        text = node.get("")
        if text is None:
            return None
        try:
            return convert(text)
        except (ValueError, OverflowError):
            raise Bad(name, text, target.type) from None

    return read


class Bad(ValueError):
    """A text that is not of its member's type."""

    def __init__(self, name: str, text: str, kind: str) -> None:
        super().__init__(name)
        self.name, self.text, self.kind = name, text, kind


def _list(shape: Shape, ec2: bool, step: str) -> Read:
    one = reader(shape.item, ec2)

    def read(node: Tree) -> Any:
        if step:
            if step not in node:
                return [] if node.get("") == "" else None
            node = node[step]
        numbered = [(int(k), v) for k, v in node.items() if k.isdigit()]
        if len(numbered) > MAX_ITEMS:
            raise ValueError("too many items")
        if not numbered:
            return [] if node.get("") == "" else None
        numbered.sort(key=lambda pair: pair[0])
        return [item for _, v in numbered if (item := one(v)) is not None]

    return read


def _map(shape: Shape, ec2: bool, step: str) -> Read:
    key = shape.spec["key"].get("locationName") or "key"
    name = shape.spec["value"].get("locationName") or "value"
    one = reader(shape.value, ec2)

    def read(node: Tree) -> Any:
        if step:
            node = node.get(step) or {}
        numbered = sorted((int(k), v) for k, v in node.items() if k.isdigit()) if len(node) < 2 else sorted(((int(k), v) for k, v in node.items() if k.isdigit()), key=lambda p: p[0])
        out = {}
        for _, entry in numbered:
            if key in entry:
                value = one(entry[name]) if name in entry else None
                out[entry[key].get("", "")] = "" if value is None else value
        return out or None

    return read


def read(op: Operation, request: Request, ec2: bool = False) -> dict[str, Any]:
    if op.input is None:
        return {}
    try:
        return reader(op.input, ec2)(tree(request))
    except Bad as bad:
        raise bad_value(op, bad, ec2) from None
    except ValueError as error:
        raise malformed(op.model.name, "ec2" if ec2 else "query", str(error)) from None


def bad_value(op: Operation, bad: Bad, ec2: bool) -> Invalid:
    if ec2:
        return Invalid("InvalidParameterValue", f"Invalid value '{bad.text}' for {bad.name}. Must be a valid {bad.kind}")
    if bad.kind in ("integer", "long", "double", "float", "boolean"):
        return Invalid("MalformedInput", f"{bad.text!r} is not a valid {bad.kind}".replace("'", '"'))
    return Invalid("MalformedInput", f"Invalid value for {bad.name}")


# -- writing ----------------------------------------------------------------------------------------------------------


def _head(request_id: str) -> list[tuple[str, str]]:
    return [("x-amzn-requestid", request_id), ("content-type", "text/xml")]


def _namespace(model: Model) -> str:
    return f' xmlns="{model.meta["xmlNamespace"]}"' if isinstance(model.meta.get("xmlNamespace"), str) else ""


def write(op: Operation, value: Any, request_id: str) -> Response:
    name, wrapped = op.name, ""
    if op.output is not None:
        wrapper = op.spec["output"].get("resultWrapper") or f"{name}Result"
        inner = xml.writer(op.output, QUERY)(value or {})
        wrapped = f"<{wrapper}>{inner}</{wrapper}>" if inner or op.output.members else ""
        if not inner and (op.output.members or "resultWrapper" in op.spec["output"]):  # clients look for it, empty or not
            wrapped = f"<{wrapper}/>"
    text = f"<{name}Response{_namespace(op.model)}>{wrapped}<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>"
    return Response(200, _head(request_id), text.encode())


def write_error(model: Model, error: Any, request_id: str) -> Response:
    shape = model.errors.get(error.code)
    code = getattr(error, "query_code", None) or (shape.code if shape else error.code)
    extra = ""
    if error.extra:
        extra = xml.writer(shape, QUERY)(error.extra) if shape is not None else "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in error.extra.items())
    kind = "Sender" if error.status < 500 else "Receiver"
    text = (
        f"<ErrorResponse{_namespace(model)}><Error><Type>{kind}</Type><Code>{escape(code)}</Code><Message>{escape(error.message)}</Message>{extra}</Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Response(error.status, [*_head(request_id), *dict(error.headers or {}).items()], text.encode())
