"""What the shared door calls for a request to an HTTP or WebSocket API, and the connections that are open."""
from __future__ import annotations

from cloche.services.apigateway.public import source_ip

from .invoke.pipeline import answer
from .invoke.private import connect as dial
from .websocket.connections import NORMAL, Connection
from .websocket.connections import opened as connections
from .websocket.front import connect
from .websocket.management import answer as manage

__all__ = ["NORMAL", "Connection", "answer", "connect", "connections", "dial", "manage", "source_ip"]
