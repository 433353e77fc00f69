"""SNS filter policies: (policy, scope, attributes, message, delivered?)."""
import json

import pytest

from cloche.languages import filter_policy
from cloche.languages.filter_policy import ATTRIBUTES, BODY


def s(value, kind="String"):
    return {"DataType": kind, "StringValue": value}


CASES = [
    ({}, ATTRIBUTES, {}, "x", True),
    ({"store": ["a"]}, ATTRIBUTES, {"store": s("a")}, "x", True),
    ({"store": ["a"]}, ATTRIBUTES, {"store": s("b")}, "x", False),
    ({"store": ["a"]}, ATTRIBUTES, {}, '{"store": "a"}', False),
    ({"store": [{"exists": False}]}, ATTRIBUTES, {}, "x", True),
    ({"store": [{"exists": False}]}, ATTRIBUTES, {"store": s("a")}, "x", False),
    ({"n": [{"numeric": [">", 5]}]}, ATTRIBUTES, {"n": s("6", "Number")}, "x", True),
    ({"n": [{"numeric": [">", 5]}]}, ATTRIBUTES, {"n": s("6")}, "x", False),
    ({"n": [6]}, ATTRIBUTES, {"n": s("6.0", "Number")}, "x", True),
    ({"n": ["6"]}, ATTRIBUTES, {"n": s("6", "Number")}, "x", False),
    ({"i": ["b"]}, ATTRIBUTES, {"i": s('["a", "b"]', "String.Array")}, "x", True),
    ({"i": [{"anything-but": ["a", "b"]}]}, ATTRIBUTES, {"i": s('["a", "b"]', "String.Array")}, "x", False),
    ({"i": [True]}, ATTRIBUTES, {"i": s("[true]", "String.Array")}, "x", True),
    ({"b": [{"exists": True}]}, ATTRIBUTES, {"b": {"DataType": "Binary", "BinaryValue": b"x"}}, "x", False),
    ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, ATTRIBUTES, {"b": s("y")}, "x", True),
    ({"a": {"b": ["x"]}}, BODY, {}, '{"a": {"b": ["w", "x"]}}', True),
    ({"a": {"b": ["x"]}}, BODY, {}, '{"a": [{"b": "x"}]}', True),
    ({"a": ["x"]}, BODY, {"a": s("x")}, "{}", False),
    ({"a": ["x"]}, BODY, {}, "not json", False),
    ({"a": [{"prefix": "x"}]}, BODY, {}, '{"a": "xyz"}', True),
]

REFUSED = [
    ("{", ATTRIBUTES, "failed to parse JSON."),
    ('{"a": {"b": ["x"]}}', ATTRIBUTES, "Filter policy scope MessageAttributes does not support nested filter policy"),
    (json.dumps({k: ["x"] for k in "abcdef"}), ATTRIBUTES, "Filter policy can not have more than 5 keys"),
    (json.dumps({"a": list(range(13)), "b": list(range(12))}), ATTRIBUTES, "Filter policy is too complex"),
    (json.dumps({"a": {"b": {"c": list("abcd")}}, "d": {"e": list("abcdefg")}}), BODY, "Filter policy is too complex"),
    ('{"a": [{"foo": 1}]}', ATTRIBUTES, "Unrecognized match type foo"),
    ('{"a": "x"}', ATTRIBUTES, '"a" must be an object or an array'),
]


@pytest.mark.parametrize(("policy", "scope", "attributes", "message", "delivered"), CASES)
def test_a_policy_lets_through(policy, scope, attributes, message, delivered):
    assert filter_policy.compile_policy(json.dumps(policy), scope)(attributes, message) is delivered


@pytest.mark.parametrize(("policy", "scope", "reason"), REFUSED)
def test_a_bad_policy_is_refused(policy, scope, reason):
    with pytest.raises(filter_policy.Invalid) as refused:
        filter_policy.compile_policy(policy, scope)
    assert str(refused.value) == reason


def test_nesting_multiplies_the_measure_of_a_policy():
    """AWS's own example: 4 values x 3 levels, times 3 values x 2 levels."""
    filter_policy.compile_policy(json.dumps({"a": {"b": {"c": list("wxyz")}}, "d": {"e": list("xyz")}}), BODY)
