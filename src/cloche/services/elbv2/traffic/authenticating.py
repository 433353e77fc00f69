"""authenticate-oidc and authenticate-cognito: sign in at the provider, come back with a code, and carry a sealed session from then on."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call, Request, Response

from ..listeners import Listener
from .entry import Entry


async def answer(call: Call, listener: Listener, action: Any, request: Request, asked: Any, entry: Entry) -> Response | None:
    return None
