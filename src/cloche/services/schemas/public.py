"""What EventBridge tells the schema registry: an event of a bus that has a discoverer."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import discoverers


def learn(call: Call, discoverer: str, event: dict[str, Any]) -> None:
    here = call.of("schemas", discoverer.split(":")[4], discoverer.split(":")[3])
    discoverers.learn(here, event)
