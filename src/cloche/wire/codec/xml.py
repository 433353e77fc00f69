"""Values <-> XML: writers build text, the reader is expat with everything dangerous refused.

A writer is a function `f(value) -> str` compiled per shape. The dialects (rest-xml, query, ec2) differ in how a member and
a list item are named and in the default form of a timestamp; `Dialect` says so once.
"""
from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from ..model import Shape
from . import times

Write = Callable[[Any], str]
LEAVES = frozenset(("header", "headers", "statusCode"))  # where members of an answer go that are not in its body
MAX_DEPTH, MAX_NODES = 64, 200_000


class Dialect:
    """`key` is where compiled writers are kept on a shape; `name(member, traits)` is the element's name."""

    __slots__ = ("flat", "key", "name", "timestamp")

    def __init__(self, key: str, name: Callable[[str, dict[str, Any]], str], timestamp: Callable[[float], str], flat: bool) -> None:
        self.key, self.name, self.timestamp, self.flat = key, name, timestamp, flat


def _by_location(name: str, ref: dict[str, Any]) -> str:
    return ref.get("queryName") or ref.get("locationName") or name


REST = Dialect("_xml_rest", lambda name, ref: ref.get("locationName") or name, times.iso8601_ms, True)
QUERY = Dialect("_xml_query", _by_location, times.iso8601_ms, True)
EC2 = Dialect("_xml_ec2", lambda name, ref: ref.get("locationName") or name, times.iso8601_ms, False)


def escape(text: str) -> str:
    """Text between tags. A carriage return must be spelt out, or parsers turn it into a newline."""
    if text.isprintable() and not ("&" in text or "<" in text or ">" in text or '"' in text):
        return text
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if '"' in text:
        text = text.replace('"', "&quot;")
    if "\r" in text:
        text = text.replace("\r", "&#13;")
    if not text.isprintable():
        text = "".join(c if c >= " " or c in "\n\t" else f"&#{ord(c)};" for c in text)
    return text


def writer(shape: Shape, dialect: Dialect) -> Write:
    """The content of an element of this shape."""
    made = shape.__dict__.get(dialect.key)
    if made is None:
        if dialect.key + "!" in shape.__dict__:  # recursive: look it up when it is needed
            return lambda value: shape.__dict__[dialect.key](value)
        shape.__dict__[dialect.key + "!"] = True
        made = shape.__dict__[dialect.key] = _writer(shape, dialect)
    return made


def _writer(shape: Shape, dialect: Dialect) -> Write:
    if shape.type == "structure":
        return _structure(shape, dialect)
    if shape.type == "list":
        body = _items(shape, {}, dialect, shape.spec.get("member", {}).get("locationName") or "member")
        return body
    if shape.type == "map":
        return _map(shape, {}, dialect, "entry")
    return _scalar(shape, {}, dialect)


def _scalar(shape: Shape, ref: dict[str, Any], dialect: Dialect) -> Write:
    kind = shape.type
    if kind in ("string", "character"):
        return escape
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    if kind == "timestamp":
        form = times.style(shape, ref, "")
        return times.WRITERS[form] if form and form != "iso8601" else dialect.timestamp
    if kind == "blob":
        return lambda value: base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
    if kind in ("float", "double"):
        return _float
    return str


def _float(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return str(value)


def _structure(shape: Shape, dialect: Dialect) -> Write:
    """Generated: one f-string per member, so that a listing of a thousand keys is a matter of a fraction of a millisecond."""
    scope: dict[str, Any] = {"escape": escape}
    safe = re.compile(r"[\w:.-]+").fullmatch
    lines = ["def write(value):", " get = value.get", " out = ''"]
    for i, (name, (target, ref)) in enumerate(shape.members.items()):
        if ref.get("location") in LEAVES or ref.get("xmlAttribute"):
            continue
        lines.append(f" v = get({name!r})")
        tag = dialect.name(name, ref)
        plain = not (ref.get("xmlNamespace") or target.spec.get("xmlNamespace"))
        if plain and target.type in ("string", "character"):
            known = target.spec.get("enum") or ref.get("enum")
            text = "v" if known and all(map(safe, known)) else "escape(v)"
            lines.append(f" if v is not None: out += f'<{tag}>{{{text}}}</{tag}>'")
        elif plain and target.type in ("integer", "long"):
            lines.append(f" if v is not None: out += f'<{tag}>{{v}}</{tag}>'")
        else:
            scope[f"w{i}"] = member(name, target, ref, dialect) if target.type != "timestamp" or not plain else _scalar(target, ref, dialect)
            if target.type == "timestamp" and plain:
                lines.append(f" if v is not None: out += f'<{tag}>{{w{i}(v)}}</{tag}>'")
            else:
                lines.append(f" if v is not None: out += w{i}(v)")
    lines.append(" return out")
    exec("\n".join(lines), scope)
    return scope["write"]


def _attributes(shape: Shape) -> Callable[[dict[str, Any]], str] | None:
    """`xsi:type` of S3's Grantee: the one attribute in all of AWS's models, and whatever else has the trait."""
    parts = [(n, ref.get("locationName") or n) for n, (_, ref) in shape.members.items() if ref.get("xmlAttribute")] if shape.type == "structure" else []
    return (lambda value: "".join(f' {wire}="{escape(str(value[n]))}"' for n, wire in parts if value.get(n) is not None)) if parts else None


def namespace(ref: dict[str, Any]) -> str:
    """The xmlns attribute of a member or shape that asks for one."""
    ns = ref.get("xmlNamespace")
    if not ns:
        return ""
    if isinstance(ns, str):
        return f' xmlns="{ns}"'
    prefix = f":{ns['prefix']}" if ns.get("prefix") else ""
    return f' xmlns{prefix}="{ns["uri"]}"'


def member(name: str, target: Shape, ref: dict[str, Any], dialect: Dialect) -> Write:
    """A member with its own element around it, or its items where it is flattened."""
    tag = dialect.name(name, ref)
    flattened = dialect.flat and (target.spec.get("flattened") or ref.get("flattened"))
    if target.type == "list" and flattened:
        return _items(target, ref, dialect, flat_name(tag, target, ref))
    if target.type == "map" and flattened:
        return _map(target, ref, dialect, tag)
    open_, close = f"<{tag}{namespace(ref) or namespace(target.spec)}", f"</{tag}>"
    attributes = _attributes(target)
    if target.type in ("structure", "list", "map"):
        body = writer(target, dialect)
        if attributes:
            return lambda value: f"{open_}{attributes(value)}>{body(value)}{close}"
    else:
        body = _scalar(target, ref, dialect)
    open_ += ">"
    return lambda value: f"{open_}{body(value)}{close}"


def flat_name(tag: str, target: Shape, ref: dict[str, Any]) -> str:
    """The element of a flattened list's items: the member's name, unless the list itself is flat and names its items."""
    return tag if ref.get("flattened") else target.spec["member"].get("locationName") or tag


def _items(shape: Shape, ref: dict[str, Any], dialect: Dialect, tag: str) -> Write:
    item = shape.spec.get("member", {})
    target, close = shape.item, f"</{tag}>"
    open_ = f"<{tag}{namespace(item) or namespace(target.spec)}"
    attributes = _attributes(target)
    body = writer(target, dialect) if target.type in ("structure", "list", "map") else _scalar(target, item, dialect)
    if attributes:
        return lambda value: "".join([f"{open_}{attributes(v)}>{body(v)}{close}" for v in value])
    open_ += ">"
    return lambda value: "".join([f"{open_}{body(v)}{close}" for v in value if v is not None])


def _map(shape: Shape, ref: dict[str, Any], dialect: Dialect, tag: str) -> Write:
    key = shape.spec["key"].get("locationName") or "key"
    name = shape.spec["value"].get("locationName") or "value"
    body = writer(shape.value, dialect) if shape.value.type in ("structure", "list", "map") else _scalar(shape.value, shape.spec["value"], dialect)
    key_ns, value_ns = namespace(shape.spec["key"]), namespace(shape.spec["value"])
    return lambda value: "".join([f"<{tag}><{key}{key_ns}>{escape(k)}</{key}><{name}{value_ns}>{body(v)}</{name}></{tag}>" for k, v in value.items() if v is not None])


# -- reading ----------------------------------------------------------------------------------------------------------


class Malformed(ValueError):
    pass


class Node:
    __slots__ = ("attributes", "children", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes, self.children, self.text = tag, attributes, [], ""  # type: ignore[var-annotated]


def parse(body: bytes) -> Node:
    """Elements by local name. No DTD, no entities but the five, bounded depth and number."""
    root: list[Node] = []
    stack: list[Node] = []
    text: list[str] = []
    count = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(stack) >= MAX_DEPTH or count > MAX_NODES:
            raise Malformed("too deep or too many elements")
        node = Node(tag.rpartition(" ")[2], {k.rpartition(" ")[2]: v for k, v in attributes.items()} if attributes else attributes)
        if stack:
            stack[-1].children.append(node)
        else:
            root.append(node)
        stack.append(node)
        text.clear()

    def end(tag: str) -> None:
        node = stack.pop()
        if not node.children:
            node.text = "".join(text)
        text.clear()

    def refuse(*_: Any) -> None:
        raise Malformed("DTDs are not allowed")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text.append
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError) as error:  # LookupError: an encoding that nobody knows
        raise Malformed(str(error)) from None
    return root[0]


Read = Callable[[Node], Any]


def reader(shape: Shape) -> Read:
    """Node -> value, by the names of rest-xml."""
    made = shape.__dict__.get("_xml_read")
    if made is None:
        if "_xml_read!" in shape.__dict__:
            return lambda node: shape.__dict__["_xml_read"](node)
        shape.__dict__["_xml_read!"] = True
        made = shape.__dict__["_xml_read"] = _reader(shape, {})
    return made


def _reader(shape: Shape, ref: dict[str, Any]) -> Read:
    if shape.type == "structure":
        return _read_structure(shape)
    if shape.type == "list":
        one = reader(shape.item)
        return lambda node: [one(n) for n in node.children]
    if shape.type == "map":
        return _read_map(shape)
    convert = from_text(shape, ref)
    return lambda node: convert(node.text)


def _read_structure(shape: Shape) -> Read:
    parts: dict[str, tuple[str, Read, str]] = {}
    attributes: dict[str, str] = {}
    for name, (target, ref) in shape.members.items():
        if "location" in ref:
            continue
        wire = ref.get("locationName") or name
        if ref.get("xmlAttribute"):
            attributes[wire.rpartition(":")[2]] = name
            continue
        flattened = target.spec.get("flattened") or ref.get("flattened")
        if target.type == "list" and flattened:
            parts[flat_name(wire, target, ref)] = (name, reader(target.item), "many")
        elif target.type == "map" and flattened:
            parts[wire] = (name, reader(target), "entry")
        elif target.type in ("structure", "list", "map"):
            parts[wire] = (name, reader(target), "")
        else:
            parts[wire] = (name, _reader(target, ref), "")

    def read(node: Node) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for child in node.children:
            part = parts.get(child.tag)
            if part is None:
                continue
            name, convert, how = part
            if not how:
                out[name] = convert(child)
            elif how == "many":
                out.setdefault(name, []).append(convert(child))
            else:
                holder = Node("", {})
                holder.children = [child]
                out.setdefault(name, {}).update(convert(holder))
        for wire, name in attributes.items():
            if wire in node.attributes:
                out[name] = node.attributes[wire]
        return out

    return read


def _read_map(shape: Shape) -> Read:
    key = shape.spec["key"].get("locationName") or "key"
    name = shape.spec["value"].get("locationName") or "value"
    one = reader(shape.value)

    def read(node: Node) -> dict[str, Any]:
        out = {}
        for entry in node.children:
            fields = {c.tag: c for c in entry.children}
            if key in fields:
                out[fields[key].text] = one(fields[name]) if name in fields else None
        return out

    return read


def from_text(shape: Shape, ref: dict[str, Any]) -> Callable[[str], Any]:
    """Text in an element, a query pair, a header or a path -> value. Raises ValueError for what is not of the type."""
    kind = shape.type
    if kind in ("integer", "long", "short", "byte"):
        return lambda text: int(text)
    if kind in ("float", "double", "bigdecimal"):
        return lambda text: float(text)
    if kind == "boolean":
        return _boolean
    if kind == "timestamp":
        return times.parse
    if kind == "blob":
        return _base64
    return lambda text: text


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in ("true", "1"):
        return True
    if word in ("false", "0"):
        return False
    raise ValueError(text)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError as error:
        raise ValueError(str(error)) from None
