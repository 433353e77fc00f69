"""The decision as tables: who asks, whom the resource's policy names (rows), and what the caller's side has to say (columns).

`decisions.txt` holds some three thousand cells, each reviewed against "Policy evaluation logic" of AWS's IAM User Guide. A cell is `yes`, or who refused: `-` in silence,
`!` by an explicit deny; i identity, b boundary, s session, o service control policy, c resource control policy, r the resource's policy.
A row `!x` denies x what everybody else is allowed, `~x` denies everybody but x. A column `bnd` has a boundary that allows, `bnd/` one that is silent, `bnd!` one that denies,
`=bnd` a boundary that allows and nothing else; `ses0` a session that carries no policies and so may do nothing.
"""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from cloche.iam import ANONYMOUS, Principal, Question, decide, parse, root, service

A, B = "111111111111", "222222222222"
USER = Principal(kind="user", arn=f"arn:aws:iam::{A}:user/bob", account=A, id="AIDABOB", name="bob")
ROLE = Principal(kind="role", arn=f"arn:aws:sts::{A}:assumed-role/worker/s1", account=A, id="AROAWORKER:s1", name="worker", session="s1",
                 role_arn=f"arn:aws:iam::{A}:role/worker", issued=1000.0, mfa=False)
FEDERATED = Principal(kind="federated", arn=f"arn:aws:sts::{A}:federated-user/alice", account=A, id=f"{A}:alice", name="alice", role_arn=USER.arn, issued=1.0)
LINKED = Principal(kind="role", arn=f"arn:aws:sts::{A}:assumed-role/X/s", account=A, id="AROAX:s", name="X", session="s",
                   role_arn=f"arn:aws:iam::{A}:role/aws-service-role/ecs.amazonaws.com/X", issued=1.0)
CALLERS = {"user": USER, "role": ROLE, "federated": FEDERATED, "linked": LINKED, "root": root(A), "service": service("sns.amazonaws.com"), "anonymous": ANONYMOUS}
NAMED = {
    "user": {"AWS": USER.arn}, "user-id": {"AWS": USER.id}, "other-user": {"AWS": USER.arn + "by"}, "account": {"AWS": A}, "root-arn": {"AWS": f"arn:aws:iam::{A}:root"},
    "other-account": {"AWS": B}, "everyone": "*", "every-aws": {"AWS": "*"}, "role": {"AWS": ROLE.role_arn}, "role-id": {"AWS": "AROAWORKER"}, "session": {"AWS": ROLE.arn},
    "other-session": {"AWS": ROLE.arn + "x"}, "federated": {"AWS": FEDERATED.arn}, "sns": {"Service": "sns.amazonaws.com"}, "s3": {"Service": "s3.amazonaws.com"},
    "linked": {"AWS": LINKED.role_arn}, "list": {"AWS": [B, USER.arn], "Service": "s3.amazonaws.com"},
}


def policy(*statements):
    return parse(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def says(effect, action="s3:GetObject", **more):
    return {"Effect": effect, "Action": action, "Resource": "*", **more}


def one(*statements):
    return [("p", "inline", policy(*statements))]


ALLOWS, DENIES, SILENT = one(says("Allow")), one(says("Allow"), says("Deny")), one(says("Allow", "sqs:*"))
EVERYONE = {"Principal": "*"}
OPEN, SHUT, SILENT_RCP = one(says("Allow", "*", **EVERYONE)), one(says("Allow", "*", **EVERYONE), says("Deny", **EVERYONE)), one(says("Allow", "sqs:*", **EVERYONE))
COLUMNS = {
    "none": {}, "id": {"identity": ALLOWS}, "id/": {"identity": SILENT}, "id!": {"identity": DENIES},
    "bnd": {"identity": ALLOWS, "boundary": ALLOWS[0]}, "bnd/": {"identity": ALLOWS, "boundary": SILENT[0]}, "bnd!": {"identity": ALLOWS, "boundary": DENIES[0]}, "=bnd": {"boundary": ALLOWS[0]},
    "ses": {"identity": ALLOWS, "session": ALLOWS}, "ses/": {"identity": ALLOWS, "session": SILENT}, "ses!": {"identity": ALLOWS, "session": DENIES}, "ses0": {"identity": ALLOWS, "session": []},
    "scp": {"identity": ALLOWS, "scps": [ALLOWS]}, "scp/": {"identity": ALLOWS, "scps": [ALLOWS, SILENT]}, "scp!": {"identity": ALLOWS, "scps": [ALLOWS, DENIES]},
    "rcp": {"identity": ALLOWS, "rcps": [OPEN]}, "rcp/": {"identity": ALLOWS, "rcps": [SILENT_RCP]}, "rcp!": {"identity": ALLOWS, "rcps": [SHUT]},
}
LETTERS = {"identity": "i", "resource": "r", "boundary": "b", "session": "s", "scp": "o", "rcp": "c"}
TABLES = {"same account": (A, "normal"), "other account": (B, "normal"), "key": (A, "kms")}


def on_resource(named):
    if named == "nobody":
        return None
    if named[0] == "!":
        return "policy", policy(says("Allow", **EVERYONE), says("Deny", Principal=NAMED[named[1:]]))
    if named[0] == "~":
        return "policy", policy(says("Deny", NotPrincipal=NAMED[named[1:]]))
    return "policy", policy(says("Allow", Principal=NAMED[named]))


def rows():
    table, columns = "", []
    for line in (Path(__file__).parent / "decisions.txt").read_text().splitlines():
        if line.startswith("# "):
            table, columns = line[2:], []
        elif line and not columns:
            columns = line.split()
        elif line:
            caller, named, *cells = line.split()
            yield pytest.param(*TABLES[table], caller, named, dict(zip(columns, cells, strict=True)), id=f"{table}: {caller}, {named}")


@pytest.mark.parametrize("owner, rule, caller, named, cells", list(rows()))
def test_each_cell_of_the_tables(owner, rule, caller, named, cells):
    found = {}
    for column in cells:
        decision = decide(Question(principal=CALLERS[caller], action="s3:GetObject", resource="arn:aws:s3:::b/k", resource_account=owner, rule=rule,
                                   resource_policy=on_resource(named), **COLUMNS[column]))
        found[column] = "yes" if decision.allowed else ("!" if decision.explicit else "-") + LETTERS[decision.reason]
    assert found == cells
