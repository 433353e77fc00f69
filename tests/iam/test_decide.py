"""The order of a decision, one sentence a test."""
from __future__ import annotations

import json

import pytest

from cloche.iam import ANONYMOUS, Principal, Question, decide, parse, root, service

A, B = "111111111111", "222222222222"
BOB = Principal(kind="user", arn=f"arn:aws:iam::{A}:user/bob", account=A, id="AIDABOB", name="bob")
ROLE = Principal(kind="role", arn=f"arn:aws:sts::{A}:assumed-role/worker/s1", account=A, id="AROAWORKER:s1", name="worker", session="s1",
                 role_arn=f"arn:aws:iam::{A}:role/worker", issued=1000.0, mfa=False)
ALICE = Principal(kind="federated", arn=f"arn:aws:sts::{A}:federated-user/alice", account=A, id=f"{A}:alice", name="alice", role_arn=BOB.arn, issued=1.0)


def policy(*statements, version="2012-10-17"):
    return parse(json.dumps({"Version": version, "Statement": list(statements)}))


def allow(**more):
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"} | more


def deny(**more):
    return {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"} | more


def named(*policies):
    return [(f"p{i}", "inline", p) for i, p in enumerate(policies)]


YES, NO, OTHER = policy(allow()), policy(deny()), policy(allow(Action="sqs:*"))
ANYTHING = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})


def to(principal, effect="Allow"):
    return "bucket", policy({"Effect": effect, "Principal": principal, "Action": "s3:*", "Resource": "*"})


def on(statement):
    return "bucket", policy(statement)


CASES = [
    # who, question, (allowed, explicit, reason)
    ("nobody allows", BOB, {}, (False, False, "identity")),
    ("identity allows", BOB, {"identity": named(YES)}, (True, False, "identity")),
    ("identity denies", BOB, {"identity": named(YES, NO)}, (False, True, "identity")),
    ("other action", BOB, {"identity": named(OTHER)}, (False, False, "identity")),
    ("root may", root(A), {}, (True, False, "root")),
    ("root of another account", root(B), {"resource_account": A}, (False, False, "resource")),
    ("root of another account, allowed", root(B), {"resource_account": A, "resource_policy": to({"AWS": B})}, (True, False, "root")),
    ("root denied by resource", root(A), {"resource_policy": to("*", "Deny")}, (False, True, "resource")),
    ("root under a control policy", root(A), {"scps": [named(OTHER)]}, (False, False, "scp")),
    ("root under a full control policy", root(A), {"scps": [named(ANYTHING)]}, (True, False, "root")),
    ("one level without allow", BOB, {"identity": named(YES), "scps": [named(ANYTHING), named(OTHER)]}, (False, False, "scp")),
    ("every level allows", BOB, {"identity": named(YES), "scps": [named(ANYTHING), named(OTHER, YES)]}, (True, False, "identity")),
    ("control policy denies", BOB, {"identity": named(YES), "scps": [named(ANYTHING, NO)]}, (False, True, "scp")),
    ("service linked role is free of control policies",
     Principal(kind="role", arn=f"arn:aws:sts::{A}:assumed-role/X/s", account=A, id="AROAX:s", role_arn=f"arn:aws:iam::{A}:role/aws-service-role/ecs.amazonaws.com/X", issued=1.0),
     {"identity": named(YES), "scps": [named(NO)]}, (True, False, "identity")),
    ("boundary does not allow", BOB, {"identity": named(YES), "boundary": named(OTHER)[0]}, (False, False, "boundary")),
    ("boundary denies", BOB, {"identity": named(YES), "boundary": named(NO)[0]}, (False, True, "boundary")),
    ("boundary allows alone", BOB, {"boundary": named(YES)[0]}, (False, False, "identity")),
    ("both allow", BOB, {"identity": named(YES), "boundary": named(ANYTHING)[0]}, (True, False, "identity")),
    ("session does not allow", ROLE, {"identity": named(YES), "session": named(OTHER)}, (False, False, "session")),
    ("session allows", ROLE, {"identity": named(YES), "session": named(OTHER, YES)}, (True, False, "identity")),
    ("empty session policies", ALICE, {"identity": named(YES), "session": []}, (False, False, "session")),
    ("session denies", ROLE, {"identity": named(YES), "session": named(ANYTHING, NO)}, (False, True, "session")),
    ("resource names user", BOB, {"resource_policy": to({"AWS": BOB.arn})}, (True, False, "resource")),
    ("resource names user, boundary silent", BOB, {"resource_policy": to({"AWS": BOB.arn}), "boundary": named(OTHER)[0]}, (True, False, "resource")),
    ("resource names user, boundary denies", BOB, {"resource_policy": to({"AWS": BOB.arn}), "boundary": named(NO)[0]}, (False, True, "boundary")),
    ("resource names user id", BOB, {"resource_policy": to({"AWS": "AIDABOB"})}, (True, False, "resource")),
    ("resource names account", BOB, {"resource_policy": to({"AWS": A})}, (False, False, "identity")),
    ("resource names account root", BOB, {"resource_policy": to({"AWS": f"arn:aws:iam::{A}:root"}), "identity": named(YES)}, (True, False, "identity")),
    ("resource names everyone", BOB, {"resource_policy": to("*")}, (True, False, "resource")),
    ("resource names every AWS", BOB, {"resource_policy": to({"AWS": "*"})}, (True, False, "resource")),
    ("resource names role", ROLE, {"resource_policy": to({"AWS": ROLE.role_arn})}, (True, False, "resource")),
    ("resource names role, boundary silent", ROLE, {"resource_policy": to({"AWS": ROLE.role_arn}), "boundary": named(OTHER)[0]}, (False, False, "boundary")),
    ("resource names role, session silent", ROLE, {"resource_policy": to({"AWS": ROLE.role_arn}), "session": named(OTHER)}, (False, False, "session")),
    ("resource names session, session silent", ROLE, {"resource_policy": to({"AWS": ROLE.arn}), "session": named(OTHER)}, (True, False, "resource")),
    ("resource names another session", ROLE, {"resource_policy": to({"AWS": ROLE.arn + "x"})}, (False, False, "identity")),
    ("resource names issuing user", ALICE, {"resource_policy": to({"AWS": BOB.arn}), "session": []}, (False, False, "session")),
    ("resource names federated user", ALICE, {"resource_policy": to({"AWS": ALICE.arn}), "session": []}, (True, False, "resource")),
    ("cross account, only identity", BOB, {"identity": named(YES), "resource_account": B}, (False, False, "resource")),
    ("cross account, only resource", BOB, {"resource_policy": to({"AWS": BOB.arn}), "resource_account": B}, (False, False, "identity")),
    ("cross account, both", BOB, {"identity": named(YES), "resource_policy": to({"AWS": A}), "resource_account": B}, (True, False, "identity")),
    ("cross account, boundary silent", BOB, {"identity": named(YES), "boundary": named(OTHER)[0], "resource_policy": to({"AWS": BOB.arn}), "resource_account": B}, (False, False, "boundary")),
    ("anonymous", ANONYMOUS, {"resource_account": A}, (False, False, "resource")),
    ("anonymous, public", ANONYMOUS, {"resource_account": A, "resource_policy": to("*")}, (True, False, "resource")),
    ("anonymous, account only", ANONYMOUS, {"resource_account": A, "resource_policy": to({"AWS": A})}, (False, False, "resource")),
    ("service", service("sns.amazonaws.com"), {"resource_account": A, "resource_policy": to({"Service": "sns.amazonaws.com"})}, (True, False, "resource")),
    ("other service", service("s3.amazonaws.com"), {"resource_account": A, "resource_policy": to({"Service": "sns.amazonaws.com"})}, (False, False, "resource")),
    ("user is no service", BOB, {"resource_policy": to({"Service": "sns.amazonaws.com"})}, (False, False, "identity")),
    ("key without key policy", BOB, {"identity": named(YES), "rule": "kms"}, (False, False, "resource")),
    ("key policy names account", BOB, {"identity": named(YES), "rule": "kms", "resource_policy": to({"AWS": A})}, (True, False, "identity")),
    ("key policy names account, no identity", BOB, {"rule": "kms", "resource_policy": to({"AWS": A})}, (False, False, "identity")),
    ("key policy names user", BOB, {"rule": "kms", "resource_policy": to({"AWS": BOB.arn})}, (True, False, "resource")),
    ("root without key policy", root(A), {"rule": "kms", "resource_policy": to({"AWS": B})}, (False, False, "resource")),
    ("trust names nobody", BOB, {"identity": named(YES), "rule": "trust", "resource_policy": to({"Service": "ec2.amazonaws.com"})}, (False, False, "trust")),
    ("not principal allows others", BOB, {"resource_policy": on({"Effect": "Allow", "NotPrincipal": {"AWS": ROLE.role_arn}, "Action": "s3:*", "Resource": "*"})}, (True, False, "resource")),
    ("not principal denies others", BOB, {"identity": named(YES), "resource_policy": on({"Effect": "Deny", "NotPrincipal": {"AWS": ROLE.role_arn}, "Action": "s3:*", "Resource": "*"})}, (False, True, "resource")),
    ("not principal spares", ROLE, {"identity": named(YES), "resource_policy": on({"Effect": "Deny", "NotPrincipal": {"AWS": ROLE.role_arn}, "Action": "s3:*", "Resource": "*"})}, (True, False, "identity")),
    ("endpoint silent", BOB, {"identity": named(YES), "endpoint": ("vpce", "endpoint", policy(allow(Action="sqs:*", Principal="*")))}, (False, False, "endpoint")),
    ("endpoint open", BOB, {"identity": named(YES), "endpoint": ("vpce", "endpoint", policy(allow(Action="*", Principal="*")))}, (True, False, "identity")),
    ("resource control denies", BOB, {"identity": named(YES), "rcps": [[("r", "rcp", policy(deny(Principal="*")))]]}, (False, True, "rcp")),
]


@pytest.mark.parametrize("who, question, expected", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_first_step_that_decides_wins(who, question, expected):
    found = decide(Question(principal=who, action="s3:GetObject", resource="arn:aws:s3:::b/k", **question))
    assert (found.allowed, found.explicit, found.reason) == expected
