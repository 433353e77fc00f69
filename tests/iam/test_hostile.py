"""No document and no request, however odd, breaks the policy language: it is refused, or it means something."""
from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.iam import MalformedPolicy, Principal, Question, decide, explain, grammar, parse
from cloche.iam.policy import positions

word = st.sampled_from(["Allow", "Deny", "*", "s3:Get*", "sts:AssumeRole", "arn:aws:s3:::b", "AWS", "Service", "StringEquals", "Null", "IpAddress", "ForAllValues:", "aws:x", "${", "${}",
                        "${a,}", "${a,'", "", ":", "::::::", "111111111111", "2012-10-17", "true", "\x00", "é", "arn:", "IfExists", "NumericEquals", "DateLessThan", "nan", "1e999"])
leaf = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), word, st.text(max_size=5))
key = st.one_of(st.sampled_from(["Version", "Id", "Statement", "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"]), word)
anything = st.recursive(leaf, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(key, inner, max_size=4)), max_leaves=12)
statement = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"]) | anything},
    optional={name: word | st.lists(word, max_size=2) | anything for name in ("Sid", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal")} | {
        "Condition": st.dictionaries(word, st.dictionaries(word, anything, max_size=2) | anything, max_size=2) | anything})
document = st.one_of(anything, st.fixed_dictionaries({"Statement": st.lists(statement, max_size=3) | statement | anything}, optional={"Version": word, "Id": leaf}))
WHO = Principal(kind="user", arn="arn:aws:iam::111111111111:user/b", account="111111111111", id="AIDA", name="b", tags={"t": "é"})


@settings(max_examples=400, deadline=None)
@given(document, anything, st.text(max_size=10) | word)
def test_every_document_is_refused_or_understood(found, value, text):
    raw = json.dumps(found)
    for check in (parse, grammar.identity, lambda raw: grammar.trust(raw, lambda kind, value: True), grammar.resource):
        try:
            policy = check(raw)
        except MalformedPolicy as error:
            assert error.message
            continue
        assert len(positions(raw)) == len(policy.statements)
        context = {"aws:x": value if not isinstance(value, dict) else "y", "a": text}
        q = Question(principal=WHO, action=text, resource=text, context=context, identity=[("p", "", policy)], resource_policy=("r", policy), now=1.0)
        decision = decide(q)
        decision.story = explain.story(q)
        assert explain.text(decision) and isinstance(decision.allowed, bool)
        assert decision.allowed or decision.message(WHO, text, text)
        for one in policy.statements:
            one.asks()
