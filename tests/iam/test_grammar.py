"""What a policy of each kind must and must not contain: tables of documents and AWS's words."""
from __future__ import annotations

import json

import pytest

from cloche.iam import MalformedPolicy, grammar, parse
from cloche.iam.policy import positions

GOOD = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
SYNTAX = "Syntax errors in policy."


def text(*statements, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)} | more)


def but(**more):
    return {key: value for key, value in (GOOD | more).items() if value is not ...}


IDENTITY = [
    (text(GOOD), None), (json.dumps({"Version": "2012-10-17", "Statement": GOOD}), None), (text(but(Action=["s3:*", "*"])), None), (text(but(Action="S3:get*")), None),
    (text(but(Action=..., NotAction="iam:*")), None), (text(but(Resource=..., NotResource="arn:aws:s3:::b")), None), (text(but(Sid="")), None),
    (text(but(Resource="arn:aws:s3:::b/${aws:username}/*")), None), (text(but(Resource="${aws:PrincipalTag/arn}")), None), (text(but(Resource="arn:*:s3:::b")), None),
    (text(but(Resource=["arn:aws:sqs:*:*:q", "arn:aws-cn:s3:::b"])), None), (text(but(Resource="arn:aws:s3:*")), None), (text(but(Condition={})), None),
    (text(but(Condition={"StringEquals": {"aws:x": ["a", 1, True]}})), None), (text(but(Condition={"ForAnyValue:StringLikeIfExists": {"aws:x": "a"}})), None),
    (text(GOOD, Id="some-id"), None), (json.dumps({"Version": "2008-10-17", "Statement": [GOOD]}), None), (json.dumps({"Statement": [GOOD]}), None),
    (text(but(Action="execute-api:Invoke")), None), (text(but(Action="*:Get*")), None), (text(but(Resource="ar*")), None),
    ("", SYNTAX), ("[]", SYNTAX), ("null", SYNTAX), ("{}", SYNTAX), ("{", SYNTAX), ('"a"', SYNTAX), (text(), SYNTAX), (text("a"), SYNTAX), (text(GOOD, Extra="x"), SYNTAX),
    (text(GOOD, Version="2012-10-18"), SYNTAX), (text(GOOD, Version=2012), SYNTAX), (json.dumps({"Version": "2012-10-17", "Statement": "x"}), SYNTAX),
    (text(but(Effect="allow")), SYNTAX), (text(but(Effect=...)), SYNTAX), (text(but(Effect=["Allow"])), SYNTAX), (text(but(Extra="x")), SYNTAX), (text(but(Sid=5)), SYNTAX),
    (text(but(NotAction="s3:*")), SYNTAX), (text(but(NotResource="*")), SYNTAX), (text(but(Action=5)), SYNTAX), (text(but(Action=[["s3:*"]])), SYNTAX),
    (text(but(Condition=[])), SYNTAX), (text(but(Condition={"StringEquals": []})), SYNTAX), (text(but(Condition={"StringEquals": {"aws:x": {}}})), SYNTAX),
    (text(but(Action=...)), "Policy statement must contain actions."), (text(but(Action=[])), "Policy statement must contain actions."),
    (text(but(Resource=...)), "Policy statement must contain resources."), (text(but(Resource=[])), "Policy statement must contain resources."),
    (text(but(Principal="*")), "Policy document should not specify a principal."), (text(but(NotPrincipal={"AWS": "*"})), "Policy document should not specify a principal."),
    (text(but(Action="GetObject")), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    (text(but(Action="")), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    (text(but(Condition={"StringEquals": {"x": "a"}})), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    (text(but(Action="s3:a:b")), "Actions/Condition can contain only one colon."), (text(but(Action="s 3:a")), "Vendor s 3 is not valid"),
    (text(but(Resource="bucket")), 'Resource bucket must be in ARN format or "*".'), (text(but(Resource="")), 'Resource  must be in ARN format or "*".'),
    (text(but(Resource="arn:aws:s3")), "The policy failed legacy parsing"), (text(but(Resource="arn:moon:s3:::b")), 'Partition "moon" is not valid for resource "arn:moon:s3:::b".'),
    (text(but(Resource="arn:aws:s3:us-east-1::b")), "Resource arn:aws:s3:us-east-1::b can not contain region information."),
    (text(but(Resource="arn:aws:iam:us-east-1::user/b")), "IAM resource arn:aws:iam:us-east-1::user/b cannot contain region information."),
    (text(but(Sid="a"), but(Sid="a")), "Statement IDs (SID) in a single policy must be unique."),
    (text(but(Condition={"StringMatches": {"aws:x": "a"}})), "Invalid Condition type : StringMatches."),
    (text(but(Condition={"ForSome:StringEquals": {"aws:x": "a"}})), "Invalid Condition type : ForSome:StringEquals."),
]


@pytest.mark.parametrize("document, complaint", IDENTITY)
def test_identity_policies(document, complaint):
    assert said(grammar.identity, document) == complaint


def said(check, *args):
    try:
        check(*args)
    except MalformedPolicy as error:
        return error.message
    return None


TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}


def trusting(**more):
    return text({key: value for key, value in (TRUST | more).items() if value is not ...})


@pytest.mark.parametrize("document, complaint", [
    (trusting(), None), (trusting(Principal="*"), None), (trusting(Principal={"AWS": "*"}), None), (trusting(Action=["sts:AssumeRole", "sts:TagSession"]), None),
    (trusting(Action="sts:*"), None), (trusting(Action=..., NotAction="sts:TagSession"), None), (trusting(Principal=..., NotPrincipal={"AWS": "111111111111"}), None),
    (json.dumps({"Statement": [TRUST]}), None), (json.dumps({"Version": "2008-10-17", "Statement": [TRUST]}), None),
    ("{", "This policy contains invalid Json"), (trusting(Resource="*"), "Has prohibited field Resource"), (trusting(NotResource="*"), "Has prohibited field Resource"),
    (trusting(Principal=...), "Missing required field Principal"), (trusting(Action="s3:*"), "AssumeRole policy may only specify STS AssumeRole actions."),
    (trusting(Action="sts:GetCallerIdentity"), "AssumeRole policy may only specify STS AssumeRole actions."), (trusting(Action=...), "Policy statement must contain actions."),
    (trusting(Principal="me"), 'Invalid principal in policy: "AWS":"me"'), (trusting(Principal={"AWS": "unknown"}), 'Invalid principal in policy: "AWS":"unknown"'),
    (trusting(Principal={"Service": "unknown"}), 'Invalid principal in policy: "SERVICE":"unknown"'), (trusting(Principal={"Robot": "x"}), 'Invalid principal in policy: "Robot"'),
    (trusting(Principal={}), SYNTAX), (trusting(Principal=[]), SYNTAX), (trusting(Principal={"AWS": "arn:aws:iam::1:user/*"}), 'Invalid principal in policy: "AWS":"arn:aws:iam::1:user/*"'),
])
def test_trust_policies(document, complaint):
    assert said(grammar.trust, document, lambda kind, value: value != "unknown") == complaint


@pytest.mark.parametrize("document, complaint", [
    (text(but(Principal="*")), None), (text(but(Principal={"AWS": ["111111111111", "222222222222"]})), None), (text(but(Principal="*", Sid="any words here")), None),
    (text(GOOD), "Missing required field Principal"), (text(but(Principal="*", Resource=...)), "Missing required field Resource"), ("[", "This policy contains invalid Json"),
    (text(but(Principal="*", Action="Get")), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
])
def test_resource_policies(document, complaint):
    assert said(grammar.resource, document) == complaint


def test_a_managed_policy_must_be_of_the_current_version():
    assert said(grammar.identity, json.dumps({"Statement": [GOOD]}), True) == "Policy document must be version 2012-10-17 or greater."


def test_a_deeply_nested_document_is_malformed_not_fatal():
    assert said(parse, "[" * 100000) == "This policy contains invalid Json"


@pytest.mark.parametrize("document", ['{"Statement":{"a":1}}', '{ "Version" : "x" , "Statement" :\n [ {"a":[1]} ,\t{"a":1} ], "Id":"y"}', '{"Statement":[]}', '{"Id":{"Statement":[1]},"Statement":[{}]}'])
def test_statements_are_found_where_they_stand(document):
    raw = json.loads(document)["Statement"]
    assert [json.loads(document[start:end]) for start, end in positions(document)] == (raw if isinstance(raw, list) else [raw])
