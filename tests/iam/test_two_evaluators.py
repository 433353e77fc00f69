"""Two evaluators, one fast and one naive, never disagree about anything that hypothesis can think of."""
from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.iam import Bundle, Principal, Question, decide, parse
from cloche.iam import policy as policies_

sys.path.insert(0, str(Path(__file__).parent))
import naive

EXAMPLES = int(os.environ.get("EXAMPLES", "250"))
A, B = "111111111111", "222222222222"
BOB, ROLE, SESSION = f"arn:aws:iam::{A}:user/bob", f"arn:aws:iam::{A}:role/w", f"arn:aws:sts::{A}:assumed-role/w/s"
WHO = [
    {"kind": "user", "arn": BOB, "account": A, "role": "", "service": ""}, {"kind": "role", "arn": SESSION, "account": A, "role": ROLE, "service": ""},
    {"kind": "federated", "arn": f"arn:aws:sts::{A}:federated-user/al", "account": A, "role": BOB, "service": "", "id": f"{A}:al"},
    {"kind": "root", "arn": f"arn:aws:iam::{A}:root", "account": A, "role": "", "service": ""},
    {"kind": "service", "arn": "sns.amazonaws.com", "account": "", "role": "", "service": "sns.amazonaws.com"},
    {"kind": "anonymous", "arn": "*", "account": "", "role": "", "service": ""},
]
text = st.sampled_from(["a", "ab", "abc", "b", "*", "a*", "*b", "a?c", "?", "", "A", "${k}", "${n,'a'}", "x${k}*", "${*}", "1", "2", "10", "true", "false", "${many}"])
plain = st.sampled_from(["a", "ab", "abc", "b", "*", "", "A", "xa", "1", "2", "10", "true", "false"])
texts = st.one_of(text, st.lists(text, min_size=1, max_size=3))
action = st.sampled_from(["s3:GetObject", "s3:PutObject", "s3:Get*", "S3:getobject", "s3:*", "*", "sqs:*", "s?:GetObject", "*:Get*"])
resource = st.sampled_from(["arn:aws:s3:::b/k", "arn:aws:s3:::b/*", "arn:aws:s3:::*", "*", "arn:aws:s3:::c/*", "arn:aws:s3:::b/${k}", "arn:aws:s3:::b/${none}", "arn:aws:s3:::b/${none,'k'}",
                            "arn:aws:s3:::?/k", "arn:aws:s3:::b/${*}"])
principal = st.one_of(st.just("*"), st.dictionaries(
    st.sampled_from(["AWS", "Service"]), st.lists(st.sampled_from(["*", A, B, f"arn:aws:iam::{A}:root", BOB, ROLE, SESSION, "sns.amazonaws.com", "s3.amazonaws.com"]), min_size=1, max_size=2),
    min_size=1))
operator = st.builds(
    lambda prefix, name, suffix: f"{prefix}{name}{suffix if name != 'Null' else ''}", st.sampled_from(["", "", "ForAllValues:", "ForAnyValue:"]),
    st.sampled_from(["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike", "NumericLessThan", "Bool", "Null"]),
    st.sampled_from(["", "", "IfExists"]))
block = st.dictionaries(operator, st.dictionaries(st.sampled_from(["x:k", "x:many", "x:none", "x:n"]), texts, min_size=1, max_size=2), max_size=2)


@st.composite
def statement(draw, by_principal=False):
    found = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])), draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(st.lists(action, min_size=1, max_size=2))}
    found[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(st.lists(resource, min_size=1, max_size=2))
    if by_principal:
        found[draw(st.sampled_from(["Principal", "Principal", "Principal", "NotPrincipal"]))] = draw(principal)
    if draw(st.booleans()):
        found["Condition"] = draw(block)
    return found


def policy(by_principal=False):
    return st.builds(lambda version, statements: {"Version": version, "Statement": statements}, st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"]),
                     st.lists(statement(by_principal), min_size=1, max_size=3))


policies = st.lists(policy(), max_size=2)
contexts = st.dictionaries(st.sampled_from(["x:k", "k", "x:many", "many", "x:n"]), st.lists(plain, min_size=1, max_size=2), max_size=4)


def compiled(found):
    return Bundle((f"p{i}", "", parse(json.dumps(one))) for i, one in enumerate(found))


@settings(max_examples=EXAMPLES, deadline=None)
@given(who=st.sampled_from(WHO), asked=st.sampled_from(["s3:GetObject", "S3:PUTOBJECT", "sqs:SendMessage"]), on=st.sampled_from(["arn:aws:s3:::b/k", "arn:aws:s3:::b/*", "arn:aws:s3:::c/d"]),
       owner=st.sampled_from([A, A, B]), context=contexts, identity=policies, boundary=st.none() | policy(), session=st.none() | policies,
       on_resource=st.none() | policy(by_principal=True), scps=st.none() | st.lists(policies, max_size=2), rule=st.sampled_from(["normal", "normal", "kms", "trust"]), indexed=st.booleans())
def test_they_never_disagree(who, asked, on, owner, context, identity, boundary, session, on_resource, scps, rule, indexed):
    expected = naive.decide(who, asked, on, owner, context, identity, boundary, session, on_resource, scps, rule)
    caller = Principal(kind=who["kind"], arn=who["arn"], account=who["account"], id=who.get("id", "AIDAX"), name="bob", role_arn=who["role"], service=who["service"])
    before, policies_.OFTEN = policies_.OFTEN, 1 if indexed else policies_.OFTEN    # the index that busy policies get, from the first question on
    found = decide(Question(
        principal=caller, action=asked, resource=on, resource_account=owner, context=context, identity=compiled(identity),
        boundary=compiled([boundary])[0] if boundary else None, session=None if session is None else compiled(session), rule=rule,
        resource_policy=("r", parse(json.dumps(on_resource))) if on_resource else None, scps=None if scps is None else [compiled(level) for level in scps]))
    policies_.OFTEN = before
    assert (found.allowed, found.explicit) == expected
