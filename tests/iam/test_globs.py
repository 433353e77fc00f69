"""Wildcards and variables."""
from __future__ import annotations

import time

import pytest

from cloche.iam.conditions import Context
from cloche.iam.globs import Template, Unresolved, glob


@pytest.mark.parametrize("pattern, text, matches", [
    ("*", "", True), ("*", "a:b/c\n", True), ("", "", True), ("", "a", False), ("a", "a", True), ("a", "aa", False), ("a*", "a", True), ("a*", "ab", True), ("a*", "ba", False),
    ("*a", "ba", True), ("*a", "ab", False), ("a*b", "ab", True), ("a*b", "aXb", True), ("a*b", "aXbX", False), ("a*b*c", "abc", True), ("a*b*c", "aXbXbXc", True),
    ("a*b*c", "acb", False), ("*a*", "xax", True), ("*a*", "x", False), ("?", "a", True), ("?", "", False), ("??", "a", False), ("a?", "ab", True), ("a?*", "a", False),
    ("*?", "", False), ("*?", "a", True), ("***", "x", True), ("a**b", "ab", True), ("a.b", "axb", False), ("a+", "aa", False), ("(a)", "(a)", True), ("[a]", "a", False),
    ("a\\", "a\\", True), ("^a$", "a", False), ("*aa", "aaa", True), ("a*a", "a", False), ("ab*ba", "aba", False), ("*ab*ab", "abab", True), ("*ab*ab", "ab", False),
    ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y", True), ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False), ("arn:aws:sqs:*:1:q", "arn:aws:sqs:us-east-1:1:q", True),
])
def test_glob(pattern, text, matches):
    assert glob(pattern)(text) is matches


def test_folding_ignores_case_on_both_sides():
    assert glob("S3:Get*", True)("s3:GETobject") and not glob("S3:Get*", True)("s3:put")


def test_no_pattern_is_slow():
    began = time.perf_counter()
    assert not glob("*a" * 40 + "b")("a" * 4000)
    assert not glob("a*" * 30 + "?b")("a" * 4000)
    assert time.perf_counter() - began < 0.5


def test_values_of_variables_are_literal():
    context = Context({"k": "a*", "many": ["x", "y"]})
    assert Template("x/${k}/*").test(context)("x/a*/anything")
    assert not Template("x/${k}/*").test(context)("x/abc/anything")
    assert Template("${*}${?}${$}").plain(context) == "*?$"
    assert Template("${none, 'd'}").plain(context) == "d"
    for text in ("${none}", "${many}", "${none,d}", "${many, 'd'}"):
        with pytest.raises(Unresolved):
            Template(text).plain(context)
