"""What a load balancer counts, for CloudWatch (namespaces AWS/ApplicationELB and AWS/NetworkELB)."""
from __future__ import annotations

from cloche.kernel import Call

from .entry import Entry


def count(call: Call, entry: Entry) -> None:
    """Nothing yet: there is no CloudWatch."""
