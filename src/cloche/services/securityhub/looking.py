"""How a control looks: it calls public operations as the account's root from within, and tells what it saw of each resource."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from cloche.iam import MalformedPolicy, parse
from cloche.iam.external import openings
from cloche.kernel import AwsError, Call

PASSED, FAILED, WARNING = "PASSED", "FAILED", "WARNING"


class Seen(NamedTuple):
    kind: str                                          # as ASFF names it: AwsS3Bucket
    id: str
    status: str
    details: dict[str, Any] = {}
    tags: dict[str, str] = {}
    reason: tuple[str, str] | None = None              # why there is no PASSED nor FAILED: (code, words)


def verdict(good: Any) -> str:
    return PASSED if good else FAILED


class Eye:
    """One look at an account and region. What several controls ask is asked once."""

    def __init__(self, call: Call) -> None:
        self.call = call.as_root()
        self.account, self.region, self.now = call.account, call.region, call.now
        self.known: dict[Any, Any] = {}

    def used(self, package: str) -> bool:
        """Has anything of the service ever been here? A service nobody used is not loaded to say so."""
        there = self.call
        if package in there.cloud.services or package == "ec2":
            return True
        store = there.cloud.store
        store.settle_dirty()
        return store.run("SELECT 1 FROM record WHERE kind >= ? AND kind < ? LIMIT 1", (f"{package}.", f"{package}/")).fetchone() is not None

    def ask(self, service: str, operation: str, **req: Any) -> Any:
        key = (service, operation, json.dumps(req, sort_keys=True))
        if key not in self.known:
            self.known[key] = self.call.do(service, operation, **req) or {}
        return self.known[key]

    def maybe(self, service: str, operation: str, **req: Any) -> Any:
        """{} where the service says that there is no such thing."""
        try:
            return self.ask(service, operation, **req)
        except AwsError as error:
            if error.status >= 500:
                raise
            return {}

    def every(self, service: str, operation: str, rows: str, token: str = "NextToken", sent: str = "", **req: Any) -> list[Any]:
        key = (service, operation, "every", json.dumps(req, sort_keys=True))
        if key not in self.known:
            found, more = [], {}
            while True:
                answer = self.call.do(service, operation, **req, **more) or {}
                found += answer.get(rows) or []
                if not answer.get(token):
                    break
                more = {sent or token: answer[token]}
            self.known[key] = found
        return self.known[key]  # type: ignore[no-any-return]

    def parameter(self, control: str, name: str) -> Any:
        from . import parameters
        return parameters.value(self.call.of("securityhub"), control, name)

    def arn(self, rest: str, service: str = "ec2") -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def of_account(self, status: str) -> Seen:
        return Seen("AwsAccount", f"AWS::::Account:{self.account}", status)

    def public(self, text: str | None) -> bool:
        """Does the policy let in everybody?"""
        if not text:
            return False
        try:
            return any(one.public for one in openings(parse(text), frozenset((self.account,))))
        except MalformedPolicy:
            return False

    def buckets(self) -> Iterator[str]:
        from cloche.services.s3 import public as s3
        if self.used("s3"):
            yield from sorted(one.name for one in s3.buckets(self.call.of("s3")))


def told(tags: Any) -> dict[str, str]:
    return {one["Key"]: one.get("Value", "") for one in tags or ()}
