"""Systems Manager's door: a session that another service opens for a command of its own (ECS Exec)."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import sessions


def open_session(call: Call, target: str, command: str, prefix: str) -> dict[str, Any]:
    """SessionId, TokenValue and StreamUrl; who connects with the token talks with the command."""
    return sessions.opened(call.of("ssm"), target, command, prefix)
