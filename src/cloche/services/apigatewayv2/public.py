"""What the shared door calls for an HTTP API's request."""
from __future__ import annotations

from .invoke.pipeline import answer

__all__ = ["answer"]
