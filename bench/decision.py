"""What one decision costs: a principal with ten policies of twenty statements, compiled and cached, on one core.

    PYTHONPATH=src python bench/decision.py

Four questions: allowed by the last policy, allowed by a template with conditions, denied in silence, denied explicitly; each asked of resources that differ, so that nothing but
the compiled policies is remembered from one to the next. The figure of the issue: under 15 us.
"""
from __future__ import annotations

import json
import time
from typing import Any

from cloche.iam import Bundle, Principal, Question, decide, parse

LIMIT_US = 15.0
ACCOUNT = "111111111111"
BOB = Principal(kind="user", arn=f"arn:aws:iam::{ACCOUNT}:user/bob", account=ACCOUNT, id="AIDABOB", name="bob", tags={"team": "red"})
SERVICES = ("s3", "sqs", "dynamodb", "lambda", "kms", "sns", "ec2", "logs", "events", "states")


def statement(policy: int, i: int) -> dict[str, Any]:
    service = SERVICES[(policy + i) % len(SERVICES)]
    found: dict[str, Any] = {"Sid": f"S{policy}x{i}", "Effect": "Deny" if i % 7 == 6 else "Allow", "Action": [f"{service}:Get*", f"{service}:List*", f"{service}:Put{i}"],
                             "Resource": [f"arn:aws:{service}:::p{policy}-{i}/*", f"arn:aws:{service}:*:{ACCOUNT}:p{policy}-{i}-*"]}
    if i % 3 == 0:
        found["Condition"] = {"StringEquals": {"aws:PrincipalTag/team": "red"}, "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]}}
    if i % 5 == 4:
        found["Resource"] = [f"arn:aws:{service}:::home-{policy}-{i}/${{aws:username}}/*"]
    return found


def held() -> Bundle:
    """Ten policies; statement 19 of the last allows what the first question asks, 14 what the second does, 13 denies what the fourth asks."""
    return Bundle((f"policy-{p}", "managed", parse(json.dumps({"Version": "2012-10-17", "Statement": [statement(p, i) for i in range(20)]}))) for p in range(10))


def asked(policies: Bundle, n: int) -> list[Question]:
    def of(action: str, resource: str) -> Question:
        return Question(principal=BOB, action=action, resource=resource, resource_account=ACCOUNT, now=1.7e9, identity=policies,
                        context=lambda: {"aws:RequestedRegion": "us-east-1", "aws:SourceIp": "127.0.0.1", "aws:SecureTransport": True, "aws:UserAgent": "bench"})
    service = SERVICES
    return [question for i in range(n) for question in (
        of(f"{service[(9 + 18) % 10]}:GetObject", f"arn:aws:{service[(9 + 18) % 10]}:::p9-18/key-{i}"),
        of(f"{service[(9 + 9) % 10]}:GetObject", f"arn:aws:{service[(9 + 9) % 10]}:::home-9-9/bob/key-{i}"),
        of("s3:GetObject", f"arn:aws:s3:::elsewhere/key-{i}"),
        of(f"{service[(9 + 13) % 10]}:GetObject", f"arn:aws:{service[(9 + 13) % 10]}:::p9-13/key-{i}"))]


def measure(rounds: int = 7, n: int = 500) -> tuple[float, list[tuple[bool, bool]]]:
    """(the least disturbed round in microseconds a decision, the four answers)."""
    policies = held()
    answers = [(found.allowed, found.explicit) for found in map(decide, asked(policies, 1))]
    taken = []
    for _ in range(rounds):
        questions = asked(policies, n)
        begun = time.process_time()
        for question in questions:
            decide(question)
        taken.append((time.process_time() - begun) / len(questions) * 1e6)
    return min(taken), answers


if __name__ == "__main__":
    figure, answers = measure()
    print(f"{figure:.2f} us a decision (limit {LIMIT_US:.0f}); the four answers: {answers}")
