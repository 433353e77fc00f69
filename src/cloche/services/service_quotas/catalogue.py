"""The quotas that Cloche keeps to, as AWS numbers and names them; what an account's value is now."""
from __future__ import annotations

from typing import NamedTuple

from cloche.kernel import Call, Record


class Quota(NamedTuple):
    service: str
    code: str
    name: str
    default: float
    unit: str = "None"
    adjustable: bool = True
    shown: bool = True  # AWS lists it

    @property
    def key(self) -> str:
        return f"{self.service}/{self.code}"


SERVICES = {"ec2": "Amazon Elastic Compute Cloud (Amazon EC2)", "lambda": "AWS Lambda", "vpc": "Amazon Virtual Private Cloud (Amazon VPC)"}
QUOTAS = {quota.key: quota for quota in (
    Quota("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5),
    Quota("lambda", "L-2ACBD22F", "Function and layer storage", 75, "Gigabytes"),
    Quota("lambda", "L-B99A9384", "Concurrent executions", 1000),
    Quota("lambda", "concurrency-scaling-rate", "New environments of a function in ten seconds", 1000, adjustable=False, shown=False),
    Quota("vpc", "L-407747CB", "Subnets per VPC", 200),
    Quota("vpc", "L-45FE3B85", "Egress-only internet gateways per Region", 5),
    Quota("vpc", "L-A4707A72", "Internet gateways per Region", 5),
    Quota("vpc", "L-F678F1CE", "VPCs per Region", 5),
)}


class Applied(Record, frozen=True):
    """A value other than AWS's default."""

    kind = "service-quotas.applied"
    quota: str
    value: float

    @property
    def key(self) -> str:
        return self.quota


def value(call: Call, key: str) -> float:
    """What the call's account and region may have."""
    applied = call.get(Applied, key)
    return applied.value if applied else QUOTAS[key].default
