"""Mapping templates: `$input`, `$util`, `$context` and `$stageVariables` around a body."""
from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from cloche.languages import jsonpath, vtl
from cloche.languages.vtl.java import MISSING

from .exchange import Exchange, last, read_json
from .live import template

ESCAPES = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "'": "\\'"}


class Input(vtl.Native):
    """`$input`: the body at hand and the parameters of the request."""

    def __init__(self, x: Exchange, body: str, hide: bool = False) -> None:
        self.x, self.body, self.parsed = x, body, None
        self.fields = {"body": body if not hide else MISSING}
        self.methods = {"json": self.json, "path": self.path, "params": self.params, "getBody": lambda: body}

    def document(self) -> Any:
        if self.parsed is None:
            try:
                self.parsed = vtl.from_json(read_json(self.body)) if self.body.strip() else {}
            except (ValueError, RecursionError):
                self.parsed = self.body
        return self.parsed

    def at(self, path: str) -> Any:
        try:
            return jsonpath.compile(path).find(self.document())
        except jsonpath.NoSuchPath:
            return MISSING
        except jsonpath.InvalidPath as error:
            raise vtl.VtlError(str(error)) from None

    def json(self, path: str = "$") -> str:
        found = self.at(path)
        return json.dumps(found, separators=(",", ":"), ensure_ascii=False)

    def path(self, path: str = "$") -> Any:
        return self.at(path)                           # the very document: what a template changes in it, json() shows

    def params(self, name: str | None = None) -> Any:
        """All of them by place, those of one place, or one value: searched in path, query, headers."""
        x = self.x
        if name is None:
            return {"path": dict(x.params), "querystring": flat(x.query), "header": flat(x.headers)}
        match name:
            case "path":
                return dict(x.params)
            case "querystring":
                return flat(x.query)
            case "header":
                return flat(x.headers)
        if name in x.params:
            return x.params[name]
        if name in x.query:
            return x.query[name][-1]
        value = last(x.headers, name)
        return MISSING if value is None else value


def flat(multi: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in multi.items()}


class Util(vtl.Native):
    """`$util`."""

    def __init__(self) -> None:
        self.methods = {
            "escapeJavaScript": escape_javascript, "parseJson": parse_json, "urlEncode": lambda s: quote_plus(vtl.text(s), safe="*-._"), "urlDecode": lambda s: unquote_plus(vtl.text(s)),
            "base64Encode": lambda s: base64.b64encode(vtl.text(s).encode()).decode(), "base64Decode": base64_decode, "qr": lambda x: MISSING,
        }


def escape_javascript(value: Any) -> str:
    return "".join(ESCAPES.get(c) or (c if " " <= c <= "~" else f"\\u{ord(c):04X}" if ord(c) < 0x10000 else surrogates(c)) for c in vtl.text(value))


def surrogates(c: str) -> str:
    pair = c.encode("utf-16-be")
    return f"\\u{pair[:2].hex().upper()}\\u{pair[2:].hex().upper()}"


def parse_json(text: Any) -> Any:
    try:
        return vtl.from_json(read_json(vtl.text(text)))
    except (ValueError, RecursionError):
        raise vtl.VtlError("parseJson: not JSON") from None


def base64_decode(text: Any) -> str:
    try:
        return base64.b64decode(vtl.text(text) + "==", validate=False).decode("utf-8", "replace")
    except ValueError:
        raise vtl.VtlError("base64Decode: not base64") from None


UTIL = Util()


def render(x: Exchange, source: str, body: str, *, hide_body: bool = False) -> str:
    """In a MOCK's response template the request's body is not to be seen."""
    names = {"input": Input(x, body, hide_body), "util": UTIL, "context": x.context, "stageVariables": dict(x.variables)}
    return template(source).render(names)


def body_at(x: Exchange, path: str) -> str | None:
    """`method.request.body` or `method.request.body.JSONPath` in a parameter mapping."""
    if not path:
        return x.text()
    try:
        found = jsonpath.compile(f"$.{path}").find(read_json(x.body or b"{}"))
    except (ValueError, LookupError):
        return None
    return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))


def interpolated(text: str, variables: dict[str, str]) -> str:
    """`${stageVariables.name}` in URIs and ARNs."""
    if "${stageVariables." not in text:
        return text
    for name, value in variables.items():
        text = text.replace("${stageVariables." + name + "}", value)
    return text
