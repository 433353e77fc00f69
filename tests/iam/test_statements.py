"""One statement, one request: does it match? A table of actions, resources, variables and versions."""
from __future__ import annotations

import json

import pytest

from cloche.iam import Principal, Question, decide, parse
from cloche.iam.decide import Derived

A = "111111111111"
BOB = Principal(kind="user", arn=f"arn:aws:iam::{A}:user/dev/bob", account=A, id="AIDABOB", name="bob", tags={"team": "red", "Dept": "a*"})
ROLE = Principal(kind="role", arn=f"arn:aws:sts::{A}:assumed-role/w/job", account=A, id="AROAW:job", name="w", session="job", role_arn=f"arn:aws:iam::{A}:role/w",
                 issued=1767225600.0, mfa=False, source_identity="bob", tags={"cost": "7"})
OBJ = "arn:aws:s3:::bucket/home/bob/x"

# what the statement says besides Effect, the action asked, the resource asked, does it match
CASES = [
    ({"Action": "s3:GetObject"}, "s3:GetObject", OBJ, True), ({"Action": "s3:getobject"}, "S3:GetObject", OBJ, True), ({"Action": "s3:Get*"}, "s3:GetObjectAcl", OBJ, True),
    ({"Action": "s3:Get*"}, "s3:PutObject", OBJ, False), ({"Action": "*"}, "s3:PutObject", OBJ, True), ({"Action": "s3:*Object"}, "s3:GetObject", OBJ, True),
    ({"Action": "s3:*Object"}, "s3:GetObjectAcl", OBJ, False), ({"Action": "s3:?etObject"}, "s3:GetObject", OBJ, True), ({"Action": ["sqs:*", "s3:*"]}, "s3:GetObject", OBJ, True),
    ({"Action": []}, "s3:GetObject", OBJ, False), ({"Action": "*:GetObject"}, "s3:GetObject", OBJ, True), ({"Action": "s3"}, "s3:GetObject", OBJ, False),
    ({"NotAction": "s3:*"}, "s3:GetObject", OBJ, False), ({"NotAction": "s3:*"}, "sqs:SendMessage", OBJ, True), ({"NotAction": ["iam:*", "sts:*"]}, "s3:GetObject", OBJ, True),
    ({"NotAction": "*"}, "s3:GetObject", OBJ, False),
    ({"Resource": "*"}, "s3:GetObject", OBJ, True), ({"Resource": OBJ}, "s3:GetObject", OBJ, True), ({"Resource": OBJ.upper()}, "s3:GetObject", OBJ, False),
    ({"Resource": "arn:aws:s3:::bucket/*"}, "s3:GetObject", OBJ, True), ({"Resource": "arn:aws:s3:::bucket"}, "s3:GetObject", OBJ, False),
    ({"Resource": "arn:aws:s3:::bucket/home/*/x"}, "s3:GetObject", OBJ, True), ({"Resource": "arn:aws:s3:::*"}, "s3:GetObject", OBJ, True), ({"Resource": "arn:aws:s3:*"}, "s3:GetObject", OBJ, True),
    ({"Resource": "arn:*:s3:::bucket/home/bob/?"}, "s3:GetObject", OBJ, True), ({"Resource": ["arn:aws:s3:::a", OBJ]}, "s3:GetObject", OBJ, True), ({"Resource": []}, "s3:GetObject", OBJ, False),
    ({"NotResource": OBJ}, "s3:GetObject", OBJ, False), ({"NotResource": "arn:aws:s3:::other/*"}, "s3:GetObject", OBJ, True), ({"NotResource": ["arn:aws:s3:::o", OBJ]}, "s3:GetObject", OBJ, False),
    ({"NotResource": "arn:aws:s3:::bucket/*"}, "s3:GetObject", "arn:aws:s3:::bucket", True),
    ({"Resource": "*"}, "s3:ListAllMyBuckets", "*", True), ({"Resource": "arn:aws:s3:::*"}, "s3:ListAllMyBuckets", "*", False),
    ({"Resource": "arn:aws:s3:::bucket/home/${aws:username}/*"}, "s3:GetObject", OBJ, True), ({"Resource": "arn:aws:s3:::bucket/home/${aws:userid}/*"}, "s3:GetObject", OBJ, False),
    ({"Resource": "arn:aws:s3:::bucket/${aws:PrincipalTag/none}/*"}, "s3:GetObject", OBJ, False),
    ({"Resource": ["arn:aws:s3:::bucket/${aws:PrincipalTag/none}/*", OBJ]}, "s3:GetObject", OBJ, True),
    ({"Resource": "arn:aws:s3:::bucket/${aws:PrincipalTag/none, 'home'}/*"}, "s3:GetObject", OBJ, True),
    ({"Resource": "arn:aws:s3:::bucket/${aws:PrincipalTag/Dept}"}, "s3:GetObject", "arn:aws:s3:::bucket/abc", False),
    ({"Resource": "arn:aws:s3:::bucket/${aws:PrincipalTag/dept}"}, "s3:GetObject", "arn:aws:s3:::bucket/a*", True),
    ({"Resource": "arn:aws:s3:::bucket/${*}"}, "s3:GetObject", "arn:aws:s3:::bucket/*", True), ({"Resource": "arn:aws:s3:::bucket/${*}"}, "s3:GetObject", OBJ, False),
    ({"Resource": "arn:aws:s3:::bucket/${?}${$}"}, "s3:GetObject", "arn:aws:s3:::bucket/?$", True),
    ({"NotResource": "arn:aws:s3:::bucket/${aws:PrincipalTag/none}/*"}, "s3:GetObject", OBJ, False),
    ({"Version": "2008-10-17", "Resource": "arn:aws:s3:::bucket/home/${aws:username}/*"}, "s3:GetObject", OBJ, False),
    ({"Version": "2008-10-17", "Resource": "arn:aws:s3:::b/${aws:username}"}, "s3:GetObject", "arn:aws:s3:::b/${aws:username}", True),
    ({"Condition": {"StringEquals": {"aws:PrincipalTag/team": "red"}}}, "s3:GetObject", OBJ, True), ({"Condition": {"StringEquals": {"aws:PrincipalTag/TEAM": "red"}}}, "s3:GetObject", OBJ, True),
    ({"Condition": {"StringEquals": {"aws:PrincipalTag/team": "Red"}}}, "s3:GetObject", OBJ, False),
    ({"Condition": {"StringEquals": {"aws:username": "bob", "aws:userid": "AIDABOB"}}}, "s3:GetObject", OBJ, True),
    ({"Condition": {"StringEquals": {"aws:username": "bob", "aws:userid": "x"}}}, "s3:GetObject", OBJ, False),
    ({"Condition": {"StringEquals": {"aws:username": "bob"}, "Bool": {"aws:SecureTransport": "true"}}}, "s3:GetObject", OBJ, False),
    ({"Condition": {"Null": {"aws:MultiFactorAuthPresent": "true"}}}, "s3:GetObject", OBJ, True), ({"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}, "s3:GetObject", OBJ, False),
    ({"Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}, "s3:GetObject", OBJ, True),
    ({"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/dev/*"}}}, "s3:GetObject", OBJ, True),
    ({"Condition": {"StringEquals": {"aws:PrincipalAccount": A, "aws:PrincipalType": "User", "aws:ResourceAccount": A}}}, "s3:GetObject", OBJ, True),
    ({"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}}, "s3:GetObject", OBJ, True),
    ({"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}}, "s3:GetObject", OBJ, False),
    ({"Condition": {"NumericGreaterThan": {"aws:EpochTime": "1767225600"}}}, "s3:GetObject", OBJ, True),
    ({"Condition": {"Null": {"aws:TokenIssueTime": "true"}}}, "s3:GetObject", OBJ, True), ({"Condition": {"Bool": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"}}}, "s3:GetObject", OBJ, True),
    ({"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}, "s3:GetObject", OBJ, True),
    ({"Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}}, "s3:GetObject", OBJ, False),
]


@pytest.mark.parametrize("says, action, resource, matches", CASES, ids=[json.dumps(case[0])[:80] + " " + case[1] for case in CASES])
def test_a_statement_matches(says, action, resource, matches):
    says = dict(says)
    version = says.pop("Version", "2012-10-17")
    raw = {"Effect": "Allow", **({} if "NotAction" in says else {"Action": "s3:*"}), **({} if "NotResource" in says else {"Resource": "*"}), **says}
    policy = parse(json.dumps({"Version": version, "Statement": raw}))
    q = Question(principal=BOB, action=action, resource=resource, identity=[("p", "", policy)], now=1800000000.0,
                 context={"aws:SourceIp": "127.0.0.1", "aws:SecureTransport": False, "aws:RequestedRegion": "us-east-1"})
    assert decide(q).allowed is matches


@pytest.mark.parametrize("key, value", [
    ("aws:userid", "AROAW:job"), ("aws:username", None), ("aws:PrincipalArn", f"arn:aws:iam::{A}:role/w"), ("aws:PrincipalType", "AssumedRole"), ("aws:TokenIssueTime", "2026-01-01T00:00:00Z"),
    ("aws:MultiFactorAuthPresent", "false"), ("aws:MultiFactorAuthAge", None), ("aws:SourceIdentity", "bob"), ("aws:PrincipalTag/cost", "7"), ("aws:CurrentTime", "2026-01-01T00:01:00Z"),
    ("aws:EpochTime", "1767225660"),
])
def test_a_role_session_fills_the_global_keys(key, value):
    from cloche.iam import Context
    q = Question(principal=ROLE, action="s3:GetObject", now=1767225660.0)
    assert Context(beneath=Derived(q)).get(key.lower()) == (None if value is None else [value])
