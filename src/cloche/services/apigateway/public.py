"""What HTTP APIs share with REST APIs: the door, the way to functions, buckets, and how a request is read."""
from __future__ import annotations

from .access import asked, filled
from .apis import LETTERS, Endpoint
from .invoke import functions
from .invoke.access_log import put as log_access
from .invoke.authorize import fault_of
from .invoke.exchange import clf, headers_of, last, query_of, read_json, source_ip
from .invoke.reach import reach
from .invoke.responses import clean, passed
from .invoke.throttle import take

__all__ = ["LETTERS", "Endpoint", "asked", "clean", "clf", "fault_of", "filled", "functions", "headers_of", "last", "log_access", "passed", "query_of", "reach", "read_json", "source_ip", "take"]
