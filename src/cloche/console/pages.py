"""The console's files, as they lie beside this module."""
from __future__ import annotations

from pathlib import Path

from ..wire.http import Response

FILES = {"": ("index.html", "text/html; charset=utf-8"), "console.js": ("console.js", "text/javascript"), "console.css": ("console.css", "text/css"), "icon.svg": ("icon.svg", "image/svg+xml")}


def page(name: str) -> Response:
    found = FILES.get(name)
    if found is None:
        return Response(404, [("content-type", "text/plain")], b"no such page\n")
    headers = [("content-type", found[1]), ("cache-control", "no-cache"), ("content-security-policy", "default-src 'self'")]
    return Response(200, headers, (Path(__file__).parent / found[0]).read_bytes())
