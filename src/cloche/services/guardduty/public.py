"""What IAM asks: does anything still need the service-linked role?"""
from __future__ import annotations

from cloche.kernel import Call

from .detectors import Detector, arn


def keeps_role(call: Call) -> list[str]:
    there = call.of("guardduty")
    return [arn(there, one.id) for one in there.all(Detector)]
