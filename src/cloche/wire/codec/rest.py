"""What rest-json and rest-xml share: members in the path, the query string, the headers and the status code.

`Located` is compiled once per operation; the two protocols add only how a body becomes values and back.
"""
from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, unquote_plus

import msgspec

from ..http import Request, Response
from ..model import Operation, Shape
from . import times
from .refusal import Invalid
from .xml import from_text


class BadText(ValueError):
    """A path, query or header text that is not of its member's type."""

    def __init__(self, name: str, wire: str, text: str, kind: str) -> None:
        super().__init__(name)
        self.name, self.wire, self.text, self.kind = name, wire, text, kind


def _header_text(shape: Shape, ref: dict[str, Any]) -> Callable[[str], Any]:
    if ref.get("jsonvalue"):
        return lambda text: base64.b64decode(text).decode()
    if shape.type == "list":
        one = _header_text(shape.item, shape.spec.get("member", {}))
        if shape.item.type == "timestamp" and times.style(shape.item, {}, "rfc822") == "rfc822":
            return lambda text: [one(part) for part in _dates(text)]
        return lambda text: [one(part) for part in _commas(text)]
    if shape.type == "timestamp":
        return times.parse
    if shape.type == "blob":
        return lambda text: _b64(text)
    return from_text(shape, ref)


def _b64(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError as error:
        raise ValueError(str(error)) from None


def _dates(text: str) -> list[str]:
    parts = [p.strip() for p in text.split(",")]
    return [f"{a}, {b}" for a, b in zip(parts[::2], parts[1::2])]


def _commas(text: str) -> list[str]:
    """`a, "b, c"` -> [a, `b, c`]."""
    if not text.strip():
        return []
    if '"' not in text:
        return [p.strip() for p in text.split(",")]
    out, word, quoted, i = [], "", False, 0
    while i < len(text):
        c = text[i]
        if quoted and c == "\\" and i + 1 < len(text):
            i += 1
            word += text[i]
        elif c == '"':
            quoted = not quoted
        elif c == "," and not quoted:
            out.append(word.strip())
            word = ""
        else:
            word += c
        i += 1
    return [*out, word.strip()]


class Located:
    """Where the members of one input live."""

    def __init__(self, op: Operation) -> None:
        self.labels: list[tuple[int, str, str, Callable[[str], Any], str]] = []  # segment, member, wire name, convert, kind
        self.greedy: tuple[int, int, str] | None = None  # first segment, segments after it, member
        self.headers: dict[str, tuple[str, Callable[[str], Any] | None, str]] = {}
        self.prefixes: list[tuple[str, str]] = []
        self.query: dict[str, tuple[str, Callable[[str], Any], bool, str]] = {}
        self.query_map: tuple[str, bool] | None = None
        shape = op.input
        members = shape.members if shape else {}
        path = op.http["requestUri"].partition("?")[0]
        by_label = {(ref.get("locationName") or n): (n, s, ref) for n, (s, ref) in members.items() if ref.get("location") == "uri"}
        segments = path.strip("/").split("/")
        self.literal_query = {part.partition("=")[0] for part in op.http["requestUri"].partition("?")[2].split("&") if part}
        for i, segment in enumerate(segments):
            if segment.startswith("{") and segment.endswith("}"):
                label = segment[1:-1].removesuffix("+")
                name, target, ref = by_label[label]
                if segment.endswith("+}"):
                    self.greedy = (i, len(segments) - i - 1, name)
                else:
                    at = i if self.greedy is None else i - len(segments)
                    self.labels.append((at, name, label, from_text(target, ref), target.type))
        for name, (target, ref) in members.items():
            where = ref.get("location")
            wire = ref.get("locationName") or name
            if where == "header":
                plain = target.type in ("string", "character") and not ref.get("jsonvalue")
                self.headers[wire.lower()] = (name, None if plain else _header_text(target, ref), target.type)
            elif where == "headers":
                self.prefixes.append(((ref.get("locationName") or "").lower(), name))
            elif where == "querystring":
                if target.type == "map":
                    self.query_map = (name, target.value.type == "list")
                elif target.type == "list":
                    self.query[wire] = (name, from_text(target.item, target.spec.get("member", {})), True, target.item.type)
                else:
                    self.query[wire] = (name, from_text(target, ref), False, target.type)
        self.payload: str | None = shape.spec.get("payload") if shape else None
        self.body = any("location" not in ref for _, ref in members.values()) and not self.payload

    def read(self, request: Request) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if self.labels or self.greedy:
            raw = request.path[1:]
            segments = raw.split("/")
            if self.greedy:
                first, after, member = self.greedy
                text = "/".join(segments[first : len(segments) - after] if after else segments[first:])
                try:
                    out[member] = unquote(text, errors="strict")
                except UnicodeDecodeError:
                    raise BadText(member, member, text, "path") from None
            elif segments[-1] == "" and len(segments) > 1:
                segments.pop()
            for at, name, wire, convert, kind in self.labels:
                text = segments[at]
                if "%" in text:
                    text = unquote(text)
                try:
                    out[name] = convert(text)
                except (ValueError, OverflowError):
                    raise BadText(name, wire, text, kind) from None
        if request.query and (self.query or self.query_map):
            self._read_query(request.query, out)
        headers = request.headers
        if self.headers:
            known = self.headers
            for wire, text2 in headers.items():  # what came, not what could have come: PutObject knows forty headers
                if (found2 := known.get(wire)) is not None:
                    name, convert2, kind = found2
                    try:
                        out[name] = convert2(text2) if convert2 is not None else text2
                    except (ValueError, OverflowError):
                        raise BadText(name, wire, text2, kind) from None
        for prefix, name in self.prefixes:
            found = {k[len(prefix) :]: v for k, v in headers.items() if k.startswith(prefix)}
            if found:
                out[name] = found
        return out

    def _read_query(self, query: str, out: dict[str, Any]) -> None:
        rest: dict[str, Any] = {}
        for part in query.split("&"):
            wire, _, text = part.partition("=")
            if "%" in wire or "+" in wire:
                wire = unquote_plus(wire)
            if "%" in text or "+" in text:
                text = unquote_plus(text)
            known = self.query.get(wire)
            if known is not None:
                name, convert, many, kind = known
                try:
                    value = convert(text)
                except (ValueError, OverflowError):
                    raise BadText(name, wire, text, kind) from None
                if many:
                    out.setdefault(name, []).append(value)
                else:
                    out[name] = value
            elif self.query_map and wire and wire not in self.literal_query:
                if self.query_map[1]:
                    rest.setdefault(wire, []).append(text)
                else:
                    rest.setdefault(wire, text)
        if rest and self.query_map:
            out[self.query_map[0]] = rest


def located(op: Operation) -> Located:
    made = op.__dict__.get("_located")
    if made is None:
        made = op.__dict__["_located"] = Located(op)
    return made


def bad_text(op: Operation, bad: BadText) -> Invalid:
    if op.model.name == "s3":
        if bad.kind == "path":
            return Invalid("InvalidURI", "Couldn't parse the specified URI.", extra={"URI": bad.text})
        if bad.kind in ("integer", "long"):
            return Invalid("InvalidArgument", f"Provided {bad.wire} not an integer or within integer range", extra={"ArgumentName": bad.wire, "ArgumentValue": bad.text})
        return Invalid("InvalidArgument", f"The {bad.wire} you specified is not valid", extra={"ArgumentName": bad.wire, "ArgumentValue": bad.text})
    if op.model.name in ("apigateway", "apigatewayv2"):
        return Invalid("BadRequestException", f"Invalid value '{bad.text}' for {bad.wire}")
    name = bad.name[:1].lower() + bad.name[1:]
    return Invalid("ValidationException", f"1 validation error detected: Value '{bad.text}' at '{name}' failed to satisfy constraint: Member must be of type {bad.kind}")


# -- out --------------------------------------------------------------------------------------------------------------


class Leaving:
    """Where the members of one output (or error) go."""

    def __init__(self, shape: Shape | None) -> None:
        self.status: str | None = None
        self.headers: list[tuple[str, str, Callable[[Any], str]]] = []
        self.prefixes: list[tuple[str, str]] = []
        self.payload: str | None = shape.spec.get("payload") if shape else None
        self.body = False
        for name, (target, ref) in (shape.members if shape else {}).items():
            where = ref.get("location")
            if where == "statusCode":
                self.status = name
            elif where == "header":
                self.headers.append((ref.get("locationName") or name, name, _to_header(target, ref)))
            elif where == "headers":
                self.prefixes.append((ref.get("locationName") or "", name))
            elif not self.payload:
                self.body = True

    def write(self, value: dict[str, Any], headers: list[tuple[str, str]]) -> None:
        for wire, name, convert in self.headers:
            if (v := value.get(name)) is not None:
                headers.append((wire, convert(v)))
        for prefix, name in self.prefixes:
            for key, text in (value.get(name) or {}).items():
                headers.append((prefix + key, str(text)))


def _to_header(shape: Shape, ref: dict[str, Any]) -> Callable[[Any], str]:
    if ref.get("jsonvalue"):
        return lambda value: base64.b64encode(value.encode() if isinstance(value, str) else msgspec.json.encode(value)).decode()
    if shape.type == "timestamp":
        return times.WRITERS[times.style(shape, ref, "rfc822")]
    if shape.type == "boolean":
        return lambda value: "true" if value else "false"
    if shape.type == "blob":
        return lambda value: base64.b64encode(value).decode()
    if shape.type == "list":
        one = _to_header(shape.item, {})
        if shape.item.type == "string":
            return lambda value: ", ".join(_quoted(v) for v in value)
        return lambda value: ", ".join(map(one, value))
    if shape.type in ("float", "double"):
        return lambda value: "NaN" if value != value else "Infinity" if value == float("inf") else "-Infinity" if value == float("-inf") else str(value)
    return str


def _quoted(text: str) -> str:
    if "," in text or '"' in text:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def leaving(shape: Shape | None, key: Any) -> Leaving:
    made = key.__dict__.get("_leaving")
    if made is None:
        made = key.__dict__["_leaving"] = Leaving(shape)
    return made


def stream_body(value: Any) -> Any:
    """What goes on the socket for a streaming blob."""
    return b"" if value is None else value.encode() if isinstance(value, str) else value


def finish(op: Operation, value: dict[str, Any], lead: Leaving, headers: list[tuple[str, str]], body: Any) -> Response:
    status = value.get(lead.status) if lead.status else None
    return Response(int(status) if status else op.http.get("responseCode") or 200, headers, body)
