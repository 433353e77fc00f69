"""Requests as a server sees them, made from what botocore's signers make of them."""
from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest


@dataclass
class Seen:
    """The shape of wire.http.Request, as far as signatures look at it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    stream: object = None
    path: str = field(init=False)
    query: str = field(init=False)

    def __post_init__(self) -> None:
        self.path, _, self.query = self.target.partition("?")


def on_the_wire(request: AWSRequest) -> Seen:
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers = {"host": parts.netloc}
    for name, value in prepared.headers.items():
        text = value if isinstance(value, str) else value.decode("utf-8")
        headers[name.lower()] = text.encode("utf-8").decode("latin-1")
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    body = prepared.body or b""
    return Seen(prepared.method, target, headers, body.encode() if isinstance(body, str) else body)
