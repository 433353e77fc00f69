"""Every operator, its prefixes, the suffix, and what a missing key means: a table."""
from __future__ import annotations

import pytest

from cloche.iam.conditions import Condition, Context, split

POSITIVE = ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "NumericEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan",
            "NumericGreaterThanEquals", "DateEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals", "Bool", "BinaryEquals",
            "IpAddress", "ArnEquals", "ArnLike"]
NEGATIVE = ["StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "NumericNotEquals", "DateNotEquals", "NotIpAddress", "ArnNotEquals", "ArnNotLike"]

# operator, value(s) of the policy, value(s) of the request (None: the key is missing), does it hold
CASES = [
    ("StringEquals", "a", "a", True), ("StringEquals", "a", "A", False), ("StringEquals", ["a", "b"], "b", True), ("StringEquals", ["a", "b"], "c", False),
    ("StringEquals", "a*", "ab", False), ("StringEquals", "a*", "a*", True), ("StringEquals", [], "a", False), ("StringEquals", "", "", True),
    ("StringEquals", "true", True, True), ("StringEquals", "5", 5, True), ("stringequals", "a", "a", True),
    ("StringNotEquals", "a", "a", False), ("StringNotEquals", "a", "b", True), ("StringNotEquals", ["a", "b"], "b", False), ("StringNotEquals", ["a", "b"], "c", True),
    ("StringEqualsIgnoreCase", "aB", "Ab", True), ("StringEqualsIgnoreCase", "aB", "Abc", False),
    ("StringNotEqualsIgnoreCase", "aB", "Ab", False), ("StringNotEqualsIgnoreCase", "aB", "x", True),
    ("StringLike", "a*", "abc", True), ("StringLike", "a*", "Abc", False), ("StringLike", "*c", "abc", True), ("StringLike", "a?c", "abc", True),
    ("StringLike", "a?c", "ac", False), ("StringLike", "*", "", True), ("StringLike", "?", "", False), ("StringLike", "a*c*e", "abcde", True),
    ("StringLike", "a*c*e", "abcd", False), ("StringLike", "a*b*b", "ab", False), ("StringLike", "a*b*b", "abb", True), ("StringLike", "**", "x", True),
    ("StringLike", "home/*", "home/a/b", True), ("StringLike", "a.c", "abc", False), ("StringLike", "a\nb*", "a\nbc", True), ("StringLike", "[ab]", "a", False),
    ("StringNotLike", "a*", "abc", False), ("StringNotLike", "a*", "bc", True), ("StringNotLike", ["a*", "b*"], "bc", False),
    ("NumericEquals", "5", "5.0", True), ("NumericEquals", "5", "6", False), ("NumericEquals", 5, "5", True), ("NumericEquals", "x", "5", False),
    ("NumericNotEquals", "5", "5", False), ("NumericNotEquals", "5", "6", True),
    ("NumericLessThan", "5", "4", True), ("NumericLessThan", "5", "5", False), ("NumericLessThanEquals", "5", "5", True), ("NumericLessThanEquals", "5", "6", False),
    ("NumericGreaterThan", "5", "6", True), ("NumericGreaterThan", "5", "5", False), ("NumericGreaterThanEquals", "5", "5", True),
    ("NumericGreaterThanEquals", "5", "4", False), ("NumericLessThan", "10", "9", True), ("NumericLessThan", "5", "abc", False),
    ("NumericEquals", ["1", "2"], "2", True),
    ("DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True), ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", True),
    ("DateEquals", "1767225600", "2026-01-01T00:00:00Z", True), ("DateEquals", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z", True),
    ("DateNotEquals", "2026-01-01", "2026-01-01T00:00:00Z", False), ("DateNotEquals", "2026-01-01", "2026-01-02T00:00:00Z", True),
    ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", True), ("DateLessThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
    ("DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True), ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", True),
    ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False), ("DateGreaterThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
    ("DateGreaterThan", "nonsense", "2026-01-01T00:00:00Z", False),
    ("Bool", "true", "true", True), ("Bool", "true", "True", True), ("Bool", True, True, True), ("Bool", "false", True, False), ("Bool", "false", "false", True),
    ("BinaryEquals", "aGk=", "aGk=", True), ("BinaryEquals", "aGk=", "aGs=", False), ("BinaryEquals", "!!", "!!", False),
    ("IpAddress", "10.0.0.0/8", "10.1.2.3", True), ("IpAddress", "10.0.0.0/8", "11.1.2.3", False), ("IpAddress", "10.1.2.3", "10.1.2.3", True),
    ("IpAddress", ["10.0.0.0/8", "192.168.0.0/16"], "192.168.7.1", True), ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
    ("IpAddress", "2001:db8::/32", "10.0.0.1", False), ("IpAddress", "0.0.0.0/0", "1.2.3.4", True), ("IpAddress", "0.0.0.0/0", "::1", False),
    ("IpAddress", "10.0.0.1/8", "10.9.9.9", True), ("IpAddress", "nonsense", "10.9.9.9", False), ("IpAddress", "10.0.0.0/8", "nonsense", False),
    ("NotIpAddress", "10.0.0.0/8", "10.1.2.3", False), ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True), ("NotIpAddress", ["10.0.0.0/8", "11.0.0.0/8"], "11.1.2.3", False),
    ("ArnEquals", "arn:aws:sns:us-east-1:1:t", "arn:aws:sns:us-east-1:1:t", True), ("ArnEquals", "arn:aws:sns:*:1:t", "arn:aws:sns:us-east-1:1:t", True),
    ("ArnLike", "arn:aws:sns:*:*:t*", "arn:aws:sns:us-east-1:1:topic", True), ("ArnLike", "arn:aws:*:t", "arn:aws:sns:us-east-1:1:t", False),
    ("ArnLike", "arn:aws:s3:::b/*", "arn:aws:s3:::b/x:y/z", True), ("ArnLike", "arn:*:*:*:*:*", "arn:aws:sns:us-east-1:1:t", True),
    ("ArnLike", "*", "arn:aws:sns:us-east-1:1:t", True), ("ArnLike", "arn:aws:sns:us-*-1:1:t", "arn:aws:sns:us-east:1:1:t", False),
    ("ArnLike", "arn:aws:sns:us-east-1:1:t", "nonsense", False),
    ("ArnNotEquals", "arn:aws:sns:*:1:t", "arn:aws:sns:us-east-1:1:t", False), ("ArnNotLike", "arn:aws:sns:*:2:t", "arn:aws:sns:us-east-1:1:t", True),
    ("Null", "true", None, True), ("Null", "true", "x", False), ("Null", "false", "x", True), ("Null", "false", None, False), ("Null", True, None, True),
    ("Null", "true", [], True),
    # set operators
    ("ForAllValues:StringEquals", ["a", "b"], ["a"], True), ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False), ("ForAllValues:StringEquals", ["a"], None, True), ("ForAllValues:StringEquals", ["a"], [], True),
    ("ForAllValues:StringLike", ["a*"], ["ab", "ac"], True), ("ForAllValues:StringNotEquals", ["a"], ["b", "c"], True),
    ("ForAllValues:StringNotEquals", ["a"], ["b", "a"], False), ("forallvalues:stringequals", "a", "a", True),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True), ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False), ("ForAnyValue:StringEquals", ["a"], None, False),
    ("ForAnyValue:StringEquals", ["a"], [], False), ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], True), ("ForAnyValue:StringNotEquals", ["a"], ["a"], False),
    ("ForAnyValue:StringNotEquals", ["a"], None, False), ("ForAllValues:StringEqualsIfExists", ["a"], None, True), ("ForAnyValue:StringEqualsIfExists", ["a"], None, True),
    ("ForAnyValue:ArnLike", ["arn:aws:iam::*:role/x"], ["arn:aws:iam::1:role/x"], True),
    *((name, "1", None, False) for name in POSITIVE), *((name, "1", None, True) for name in NEGATIVE),
    *((name + "IfExists", "1", None, True) for name in POSITIVE + NEGATIVE),
    *(("ForAllValues:" + name, "1", None, True) for name in POSITIVE + NEGATIVE), *(("ForAnyValue:" + name, "1", None, False) for name in POSITIVE + NEGATIVE),
    ("StringEqualsIfExists", "a", "b", False), ("StringEqualsIfExists", "a", "a", True), ("StringNotEqualsIfExists", "a", "a", False), ("BoolIfExists", "true", "false", False),
]


def ident(case):
    return " ".join(str(part) for part in case[:3])


@pytest.mark.parametrize("operator, wanted, given, holds", CASES, ids=map(ident, CASES))
def test_operator(operator, wanted, given, holds):
    values = [str(v).lower() if isinstance(v, bool) else str(v) for v in (wanted if isinstance(wanted, list) else [wanted])]
    assert Condition(operator, "x:Key", values, True).holds(Context({"X:kEY": given})) is holds


KNOWN = {"aws:username": "bob", "aws:PrincipalTag/team": "red", "aws:PrincipalTag/star": "*", "many": ["a", "b"], "s3:prefix": "home/bob/x", "aws:userid": "AROA:s"}
# operator, value with variables, key, does it hold
VARIABLES = [
    ("StringLike", "home/${aws:username}/*", "s3:prefix", True), ("StringLike", "home/${aws:UserName}/*", "s3:prefix", True),
    ("StringEquals", "${aws:PrincipalTag/team}", "aws:PrincipalTag/team", True), ("StringEquals", "${aws:username}", "aws:PrincipalTag/team", False),
    ("StringEquals", "${aws:PrincipalTag/none, 'red'}", "aws:PrincipalTag/team", True), ("StringEquals", "${aws:PrincipalTag/team, 'blue'}", "aws:PrincipalTag/team", True),
    ("StringEquals", "${aws:PrincipalTag/none}", "aws:PrincipalTag/team", False), ("StringNotEquals", "${aws:PrincipalTag/none}", "aws:PrincipalTag/team", False),
    ("StringNotEquals", "${aws:PrincipalTag/none}", "missing", False), ("StringEqualsIfExists", "${aws:PrincipalTag/none}", "missing", True),
    ("StringEquals", "${many}", "aws:username", False), ("StringLike", "${aws:PrincipalTag/star}", "aws:username", False),
    ("StringLike", "${aws:PrincipalTag/star}", "aws:PrincipalTag/star", True), ("StringLike", "${*}", "aws:username", False),
    ("StringLike", "${*}", "aws:PrincipalTag/star", True), ("StringEquals", "${*}", "aws:PrincipalTag/star", True), ("StringLike", "b${?}b", "aws:username", False),
    ("StringLike", "${$}{x}", "aws:username", False), ("ArnLike", "arn:aws:iam::1:user/${aws:username}", "arn", True), ("ArnLike", "arn:aws:iam::*:user/${aws:username}", "arn", True),
    ("ArnNotLike", "arn:aws:iam::*:user/${aws:username}", "arn", False),
]


@pytest.mark.parametrize("operator, value, key, holds", VARIABLES)
def test_a_variable_is_filled_from_the_request(operator, value, key, holds):
    context = Context(KNOWN, {"arn": "arn:aws:iam::1:user/bob"})
    assert Condition(operator, key, [value], True).holds(context) is holds


def test_a_variable_is_literal_text_before_2012():
    assert Condition("StringEquals", "k", ["${aws:username}"], False).holds(Context({"k": "${aws:username}"}))


@pytest.mark.parametrize("operator", ["StringMatches", "ForSomeValues:StringEquals", "NullIfExists", "", "String"])
def test_no_operator_of_awss(operator):
    assert split(operator) is None


def test_layers_of_a_context_are_read_at_the_first_question_only():
    asked = []
    context = Context({"a": "1"}, lambda: asked.append(1) or {"A": "2", "b": lambda: "3"})
    assert not asked
    assert (context.get("a"), context.get("b"), context.get("c")) == (["1"], ["3"], None)
    assert asked == [1]
