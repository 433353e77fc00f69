"""Policy checks, and who from outside a policy lets in: tables."""
from __future__ import annotations

import json

import pytest

from cloche.iam import parse
from cloche.iam.external import openings
from cloche.iam.validate import check, place

A, B = "111111111111", "222222222222"
GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


def document(*statements, version="2012-10-17", **more):
    return json.dumps({"Version": version, "Statement": list(statements)} | more)


CHECKS = [
    # what it says, document, policy type, codes
    ("nothing wrong", document(GOOD), "IDENTITY_POLICY", []),
    ("no JSON", "{", "IDENTITY_POLICY", ["JSON_SYNTAX_ERROR"]),
    ("no version", json.dumps({"Statement": [GOOD]}), "IDENTITY_POLICY", ["MISSING_VERSION"]),
    ("wrong version", document(GOOD, version="2020-01-01"), "IDENTITY_POLICY", ["INVALID_VERSION"]),
    ("no statement", json.dumps({"Version": "2012-10-17"}), "IDENTITY_POLICY", ["MISSING_STATEMENT"]),
    ("empty statement list", document(), "IDENTITY_POLICY", ["MISSING_STATEMENT"]),
    ("unknown element", document(GOOD, Foo=1), "IDENTITY_POLICY", ["UNSUPPORTED_ELEMENT"]),
    ("unknown element of a statement", document({**GOOD, "Foo": 1}), "IDENTITY_POLICY", ["UNSUPPORTED_ELEMENT"]),
    ("no effect", document({"Action": "s3:*", "Resource": "*"}), "IDENTITY_POLICY", ["MISSING_EFFECT"]),
    ("wrong effect", document({**GOOD, "Effect": "allow"}), "IDENTITY_POLICY", ["INVALID_EFFECT"]),
    ("no action", document({"Effect": "Allow", "Resource": "*"}), "IDENTITY_POLICY", ["MISSING_ACTION"]),
    ("no resource", document({"Effect": "Allow", "Action": "s3:*"}), "IDENTITY_POLICY", ["MISSING_RESOURCE"]),
    ("both", document({**GOOD, "NotAction": "s3:*"}), "IDENTITY_POLICY", ["UNSUPPORTED_ELEMENT_COMBINATION"]),
    ("principal of an identity policy", document({**GOOD, "Principal": "*"}), "IDENTITY_POLICY", ["UNSUPPORTED_PRINCIPAL"]),
    ("no principal of a resource's", document(GOOD), "RESOURCE_POLICY", ["MISSING_PRINCIPAL"]),
    ("allow with not principal", document({**GOOD, "NotPrincipal": {"AWS": A}}), "RESOURCE_POLICY", ["ALLOW_WITH_NOT_PRINCIPAL"]),
    ("action without service", document({**GOOD, "Action": "GetObject"}), "IDENTITY_POLICY", ["INVALID_ACTION"]),
    ("redundant action", document({**GOOD, "Action": ["s3:Get*", "s3:GetObject"]}), "IDENTITY_POLICY", ["REDUNDANT_ACTION"]),
    ("no actions", document({**GOOD, "Action": []}), "IDENTITY_POLICY", ["EMPTY_ARRAY_ACTION"]),
    ("no resources", document({**GOOD, "Resource": []}), "IDENTITY_POLICY", ["EMPTY_ARRAY_RESOURCE"]),
    ("no ARN", document({**GOOD, "Resource": "bucket"}), "IDENTITY_POLICY", ["INVALID_ARN_PREFIX"]),
    ("short ARN", document({**GOOD, "Resource": "arn:aws:s3"}), "IDENTITY_POLICY", ["MISSING_ARN_FIELD"]),
    ("partition", document({**GOOD, "Resource": "arn:amazon:s3:::b"}), "IDENTITY_POLICY", ["INVALID_PARTITION"]),
    ("account", document({**GOOD, "Resource": "arn:aws:sqs:us-east-1:1234:q"}), "IDENTITY_POLICY", ["INVALID_ARN_ACCOUNT"]),
    ("region", document({**GOOD, "Resource": "arn:aws:s3:us-east-1::b"}), "IDENTITY_POLICY", ["ARN_REGION_NOT_ALLOWED"]),
    ("variables are fine", document({**GOOD, "Resource": "arn:aws:s3:::b/${aws:username}"}), "IDENTITY_POLICY", []),
    ("operator", document({**GOOD, "Condition": {"StringEqual": {"aws:x": "y"}}}), "IDENTITY_POLICY", ["INVALID_OPERATOR"]),
    ("key", document({**GOOD, "Condition": {"StringEquals": {"x": "y"}}}), "IDENTITY_POLICY", ["INVALID_CONDITION_KEY_FORMAT"]),
    ("empty condition", document({**GOOD, "Condition": {}}), "IDENTITY_POLICY", ["EMPTY_OBJECT_CONDITION"]),
    ("wildcard without like", document({**GOOD, "Condition": {"StringEquals": {"aws:x": "y*"}}}), "IDENTITY_POLICY", ["WILDCARD_WITHOUT_LIKE_OPERATOR"]),
    ("number", document({**GOOD, "Condition": {"NumericEquals": {"aws:x": "y"}}}), "IDENTITY_POLICY", ["TYPE_MISMATCH_NUMBER"]),
    ("boolean", document({**GOOD, "Condition": {"Bool": {"aws:x": "y"}}}), "IDENTITY_POLICY", ["TYPE_MISMATCH_BOOLEAN"]),
    ("range", document({**GOOD, "Condition": {"IpAddress": {"aws:SourceIp": "here"}}}), "IDENTITY_POLICY", ["TYPE_MISMATCH_IP_RANGE"]),
    ("twice the same sid", document({**GOOD, "Sid": "a"}, {**GOOD, "Sid": "a"}), "IDENTITY_POLICY", ["UNIQUE_SIDS_REQUIRED"]),
    ("pass any role", document({**GOOD, "Action": "iam:PassRole", "Resource": "*"}), "IDENTITY_POLICY", ["PASS_ROLE_WITH_STAR_IN_RESOURCE"]),
    ("pass any role to one service", document({**GOOD, "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "x"}}}), "IDENTITY_POLICY", []),
    ("do anything", document({**GOOD, "Action": "*", "Resource": "*"}), "IDENTITY_POLICY", ["PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE"]),
    ("all but", document({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}), "IDENTITY_POLICY", ["PASS_ROLE_WITH_NOT_ACTION_AND_STAR_IN_RESOURCE"]),
    ("any linked role", document({**GOOD, "Action": "iam:CreateServiceLinkedRole", "Resource": "*"}), "IDENTITY_POLICY", ["CREATE_SLR_WITH_STAR_IN_RESOURCE"]),
]


@pytest.mark.parametrize("text, kind, codes", [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS])
def test_a_policy_is_checked(text, kind, codes):
    assert [one.code for one in check(text, kind)] == codes


def test_a_trust_policy_has_a_principal_and_no_resource():
    trust = {"Effect": "Allow", "Principal": {"AWS": A}, "Action": "sts:AssumeRole"}
    assert check(document(trust), "RESOURCE_POLICY", trust=True) == []
    assert [one.code for one in check(document({**trust, "Resource": "*"}), "RESOURCE_POLICY", trust=True)] == ["UNSUPPORTED_RESOURCE_ELEMENT_FOR_TRUST_POLICY"]


def test_a_finding_has_its_place_in_the_text():
    text = '{ "Version" : "2012-10-17",\n "Statement": [ {"Effect":"Allow","Action":["s3:Get*" , "bad"],"Resource":"*"} ] }'
    [found] = check(text, "IDENTITY_POLICY")
    start, end = place(text, found.path)
    assert found.path == ("Statement", 0, "Action", 1) and text[start:end] == '"bad"'


OPENINGS = [
    # principal, condition, what comes of it: [(principal, public)]
    ("*", None, [({"AWS": "*"}, True)]), ({"AWS": "*"}, None, [({"AWS": "*"}, True)]), ({"AWS": A}, None, []), ({"AWS": f"arn:aws:iam::{A}:root"}, None, []),
    ({"AWS": [A, B]}, None, [({"AWS": B}, False)]), ({"AWS": f"arn:aws:iam::{B}:role/x"}, None, [({"AWS": f"arn:aws:iam::{B}:role/x"}, False)]),
    ({"Service": "sns.amazonaws.com"}, None, []), ({"Federated": "accounts.google.com"}, None, [({"Federated": "accounts.google.com"}, False)]),
    ("*", {"StringEquals": {"aws:PrincipalAccount": A}}, []), ("*", {"StringEquals": {"aws:SourceAccount": [A, B]}}, [({"AWS": "*"}, False)]),
    ("*", {"StringEquals": {"aws:PrincipalOrgID": "o-x"}}, []), ("*", {"StringEquals": {"aws:PrincipalOrgID": "o-y"}}, [({"AWS": "*"}, False)]),
    ("*", {"StringLike": {"aws:PrincipalArn": "*"}}, [({"AWS": "*"}, True)]), ("*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, [({"AWS": "*"}, True)]),
    ("*", {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, [({"AWS": "*"}, False)]), ("*", {"StringEqualsIfExists": {"aws:PrincipalAccount": A}}, [({"AWS": "*"}, True)]),
    ("*", {"StringNotEquals": {"aws:PrincipalAccount": B}}, [({"AWS": "*"}, True)]), ("*", {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:us-east-1:{A}:t"}}, []),
    ("*", {"Bool": {"aws:SecureTransport": "true"}}, [({"AWS": "*"}, True)]),
]


@pytest.mark.parametrize("principal, condition, expected", OPENINGS)
def test_outsiders_are_told_from_insiders(principal, condition, expected):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "*"} | ({"Condition": condition} if condition else {})
    found = openings(parse(document(statement)), frozenset([A]), "o-x")
    assert [(one.principal, one.public) for one in found] == expected
    assert openings(parse(document({**statement, "Effect": "Deny"})), frozenset([A]), "o-x") == []
