"""What is known of one request: filled on its way, told in the access log and counted in the metrics."""
from __future__ import annotations

import asyncio
from typing import Any

from cloche.kernel import Call, Request

from ..balancers import LoadBalancer
from ..listeners import Listener
from . import rewriting
from .rewriting import Door


class Entry:
    def __init__(self, call: Call, balancer: LoadBalancer, listener: Listener, request: Request, door: Door, node: Any) -> None:
        self.balancer, self.listener, self.request, self.door, self.node = balancer, listener, request, door, node
        self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw] or list(request.headers.items())
        self.began, self.moment = asyncio.get_running_loop().time(), call.now
        self.asked_at = self.answered_at = self.ended = 0.0   # of the target
        self.status = self.target_status = 0
        self.received, self.sent = len(request.body), 0
        self.group = self.target = self.redirect = self.error = ""
        self.version, self.cipher, self.certificate, self.asked_name = tls_of(request)
        self.priority = "-"
        self.done: list[str] = []
        self.own = self.fresh = False                         # an error of the load balancer's own; a new connection to the target
        self.claims: list[tuple[str, str]] = []               # x-amzn-oidc-...: who was authenticated
        given = next((value for name, value in self.headers if name.lower() == "x-amzn-trace-id"), "")
        self.trace = rewriting.trace_id(given, call.now, call.id(digits=24))


def tls_of(request: Request) -> tuple[str, str, str, str]:
    """Protocol, cipher, the certificate that was shown, and the name that was asked for; "" where there is no TLS."""
    tls: Any = request.tls
    if tls is None or not (cipher := tls.cipher()):
        return "", "", "", ""
    return tls.version() or "", cipher[0], getattr(tls, "chosen", ""), getattr(tls, "asked", "")
