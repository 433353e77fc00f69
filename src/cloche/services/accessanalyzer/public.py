"""What IAM asks: does anything still need the service-linked role?"""
from __future__ import annotations

from cloche.kernel import Call

from .analyzers import Analyzer, arn


def keeps_role(call: Call) -> list[str]:
    there = call.of("accessanalyzer")
    return [arn(there, one.name) for one in there.all(Analyzer)]
