"""How a domain answers: JSON, a redirect, a page, or an OAuth refusal."""
from __future__ import annotations

import html
import json
from typing import Any

from cloche.kernel import Response


class Refused(Exception):
    """An OAuth error, with its status."""

    def __init__(self, error: str, status: int = 400, about: str = "") -> None:
        self.error, self.status, self.about = error, status, about


def say(status: int, value: Any, *headers: tuple[str, str]) -> Response:
    return Response(status, [("content-type", "application/json;charset=UTF-8"), ("cache-control", "no-store"), *headers], json.dumps(value).encode())


def go(url: str) -> Response:
    return Response(302, [("location", url), ("cache-control", "no-store")], b"")


def page(title: str, body: str, status: int = 200) -> Response:
    text = f'<!doctype html><meta charset="utf-8"><title>{html.escape(title)}</title><h1>{html.escape(title)}</h1>{body}'
    return Response(status, [("content-type", "text/html;charset=UTF-8"), ("cache-control", "no-store")], text.encode())
