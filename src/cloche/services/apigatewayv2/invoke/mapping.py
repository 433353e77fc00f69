"""Parameter mapping: `$request.header.x`, `$context.y`, texts with `${...}` in them; and what they append, overwrite or remove."""
from __future__ import annotations

import json
import re
from typing import Any

from cloche.languages import jsonpath
from cloche.services.apigateway.public import read_json

from .exchange import Exchange

PLACE = re.compile(r"\$\{([^}]+)\}")


def value_of(x: Exchange, expression: str) -> str | None:
    """A single selection, or a text with selections in it."""
    if expression.startswith("$") and not expression.startswith("${"):
        return selected(x, expression[1:])
    return PLACE.sub(lambda m: selected(x, m[1]) or "", expression)


def selected(x: Exchange, name: str, response: Any = None) -> str | None:
    where, _, rest = name.partition(".")
    match where:
        case "context":
            found: Any = x.context()
            if rest.startswith("authorizer.") and rest.removeprefix("authorizer.") in found["authorizer"]:
                return text(found["authorizer"][rest.removeprefix("authorizer.")])
            for part in rest.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            return text(found)
        case "stageVariables":
            return x.variables.get(rest)
        case "request":
            kind, _, name = rest.partition(".")
            match kind:
                case "header":
                    return x.headers.get(name.lower())
                case "querystring":
                    return ",".join(x.query[name]) if name in x.query else None
                case "path":
                    return x.params.get(name) if name else x.path
                case "body":
                    return body(x.body, name)
        case "response" if response is not None:
            kind, _, name = rest.partition(".")
            if kind == "header":
                return next((v for n, v in response.headers if n.lower() == name.lower()), None)
            return body(response.body, name)
    return None


def text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def body(content: bytes, path: str) -> str | None:
    if not path:
        return content.decode("utf-8", "replace") if content else None
    try:
        return text(jsonpath.compile(f"$.{path}").get(read_json(content or b"null")))
    except ValueError:
        return None


def request(x: Exchange, rules: dict[str, str], headers: dict[str, str], query: dict[str, list[str]], path: str) -> str:
    """Change headers and query in place; the path comes back."""
    for target, expression in rules.items():
        action, _, place = target.partition(":")
        kind, _, name = place.partition(".")
        value = value_of(x, expression)
        if kind == "path":
            path = value or path
        elif action == "remove":
            headers.pop(name.lower(), None) if kind == "header" else query.pop(name, None)
        elif value is None:
            continue
        elif kind == "header":
            name = name.lower()
            headers[name] = f"{headers[name]},{value}" if action == "append" and name in headers else value
        else:
            query[name] = [*query.get(name, []), value] if action == "append" else [value]
    return path


def response(x: Exchange, rules: dict[str, str], answer: Any) -> None:
    for target, expression in rules.items():
        action, _, place = target.partition(":")
        kind, _, name = place.partition(".")
        found = selected(x, expression[1:], answer) if expression.startswith("$") and not expression.startswith("${") else PLACE.sub(lambda m: selected(x, m[1], answer) or "", expression)
        if kind == "statuscode":
            if found and found.isdigit():
                answer.status = int(found)
            continue
        kept = [h for h in answer.headers if h[0].lower() != name.lower()]
        if action == "remove":
            answer.headers = kept
        elif found is not None:
            answer.headers = [*(answer.headers if action == "append" else kept), (name, found)]
