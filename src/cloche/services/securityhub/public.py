"""What products of AWS bring in: `receive` takes a finding of a product (`aws/guardduty`) where a hub is there and wants it."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import findings, products
from .hub import Hub


def receive(call: Call, product: str, finding: dict[str, Any]) -> None:
    """`finding` lacks only its ProductArn."""
    if not call.cloud.store.scopes(Hub.kind):
        return
    here = call.of("securityhub")
    if here.get(Hub, "default") and products.takes(here, product):
        findings.take(here, {"SchemaVersion": "2018-10-08", "ProductArn": products.arn(here, product), "AwsAccountId": here.account, **finding})


def keeps_role(call: Call) -> list[str]:
    there = call.of("securityhub")
    return [there.arn("hub/default") for _ in there.all(Hub)]
