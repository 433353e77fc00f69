"""Event patterns, as tables: (pattern, event, matches?) and (pattern, reason it is refused)."""
import json

import pytest

from cloche.languages import event_pattern

CASES = [
    ({"source": ["aws.s3"]}, {"source": "aws.s3"}, True),
    ({"source": ["aws.s3"]}, {"source": "aws.ec2"}, False),
    ({"source": ["aws.s3"]}, {}, False),
    ({"source": ["aws.s3", "aws.ec2"]}, {"source": "aws.ec2"}, True),
    ({"a": [1]}, {"a": 1}, True),
    ({"a": [300]}, {"a": 300.0}, True),
    ({"a": [1]}, {"a": "1"}, False),
    ({"a": ["1"]}, {"a": 1}, False),
    ({"a": [1]}, {"a": True}, False),
    ({"a": [True]}, {"a": True}, True),
    ({"a": [True]}, {"a": 1}, False),
    ({"a": [False]}, {"a": 0}, False),
    ({"a": [None]}, {"a": None}, True),
    ({"a": [None]}, {"a": ""}, False),
    ({"a": [None]}, {}, False),
    ({"a": [""]}, {"a": ""}, True),
    # arrays and nesting
    ({"a": ["x"]}, {"a": ["y", "x"]}, True),
    ({"a": ["x"]}, {"a": [["y"], ["x"]]}, True),
    ({"a": ["x", "z"]}, {"a": ["y"]}, False),
    ({"a": {"b": ["x"]}}, {"a": {"b": "x"}}, True),
    ({"a": {"b": ["x"]}}, {"a": "x"}, False),
    ({"a": {"b": ["x"]}}, {"a": [{"b": "y"}, {"b": "x"}]}, True),
    ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1, "c": 3}, {"b": 2, "c": 2}]}, False),
    ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1, "c": 3}, {"b": 1, "c": 2}]}, True),
    ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "z"}, False),
    # prefix, suffix, case
    ({"a": [{"prefix": "eu-"}]}, {"a": "eu-west-1"}, True),
    ({"a": [{"prefix": "eu-"}]}, {"a": "us-east-1"}, False),
    ({"a": [{"prefix": "1"}]}, {"a": 12}, False),
    ({"a": [{"prefix": {"equals-ignore-case": "EU-"}}]}, {"a": "eu-west-1"}, True),
    ({"a": [{"suffix": ".png"}]}, {"a": "x.png"}, True),
    ({"a": [{"suffix": ".png"}]}, {"a": "x.PNG"}, False),
    ({"a": [{"suffix": {"equals-ignore-case": ".png"}}]}, {"a": "x.PNG"}, True),
    ({"a": [{"equals-ignore-case": "Alice"}]}, {"a": "aLICE"}, True),
    ({"a": [{"equals-ignore-case": "Alice"}]}, {"a": "alices"}, False),
    # anything-but
    ({"a": [{"anything-but": "x"}]}, {"a": "y"}, True),
    ({"a": [{"anything-but": "x"}]}, {"a": "x"}, False),
    ({"a": [{"anything-but": "x"}]}, {}, False),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "y"}, False),
    ({"a": [{"anything-but": [1, 2]}]}, {"a": 2}, False),
    ({"a": [{"anything-but": [1, 2]}]}, {"a": "2"}, True),
    ({"a": [{"anything-but": 1}]}, {"a": True}, True),
    ({"a": [{"anything-but": "x"}]}, {"a": None}, True),
    ({"a": [{"anything-but": "x"}]}, {"a": ["x", "y"]}, True),
    ({"a": [{"anything-but": {"prefix": "in"}}]}, {"a": "init"}, False),
    ({"a": [{"anything-but": {"prefix": ["in", "out"]}}]}, {"a": "other"}, True),
    ({"a": [{"anything-but": {"prefix": ["in", "out"]}}]}, {"a": "outer"}, False),
    ({"a": [{"anything-but": {"suffix": ".log"}}]}, {"a": "x.log"}, False),
    ({"a": [{"anything-but": {"suffix": [".log", ".txt"]}}]}, {"a": "x.md"}, True),
    ({"a": [{"anything-but": {"equals-ignore-case": ["Init", "Run"]}}]}, {"a": "INIT"}, False),
    ({"a": [{"anything-but": {"wildcard": "*/lib/*"}}]}, {"a": "x/lib/y"}, False),
    ({"a": [{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]}, {"a": "x/etc/y"}, True),
    # numeric
    ({"a": [{"numeric": ["=", 5]}]}, {"a": 5.0}, True),
    ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 5}, True),
    ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 0}, False),
    ({"a": [{"numeric": [">=", 0, "<", 5]}]}, {"a": 0}, True),
    ({"a": [{"numeric": ["<", 5]}]}, {"a": "4"}, False),
    ({"a": [{"numeric": ["<", 5]}]}, {"a": True}, False),
    ({"a": [{"numeric": ["<", -1.5]}]}, {"a": -2}, True),
    # exists
    ({"a": [{"exists": True}]}, {"a": None}, True),
    ({"a": [{"exists": True}]}, {}, False),
    ({"a": [{"exists": True}]}, {"a": {"b": 1}}, False),
    ({"a": [{"exists": False}]}, {}, True),
    ({"a": [{"exists": False}]}, {"a": 1}, False),
    ({"a": [{"exists": False}]}, {"a": []}, True),
    ({"a": [{"exists": False}]}, {"a": {"b": 1}}, True),
    ({"a": {"b": [{"exists": False}]}}, {}, True),
    ({"a": {"b": [{"exists": False}, "x"]}}, {"a": {"b": "x"}}, True),
    ({"a": {"b": [{"exists": False}, "x"]}}, {"a": {"b": "y"}}, False),
    # cidr
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.0.255"}, True),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.1.0"}, False),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "ten"}, False),
    ({"a": [{"cidr": "2001:db8::/32"}]}, {"a": "2001:db8::7"}, True),
    # wildcard
    ({"a": [{"wildcard": "*"}]}, {"a": ""}, True),
    ({"a": [{"wildcard": "a*c*e"}]}, {"a": "abcde"}, True),
    ({"a": [{"wildcard": "a*c*e"}]}, {"a": "abcdef"}, False),
    ({"a": [{"wildcard": "ab*ba"}]}, {"a": "aba"}, False),
    ({"a": [{"wildcard": "a\\*"}]}, {"a": "a*"}, True),
    ({"a": [{"wildcard": "a\\*"}]}, {"a": "ab"}, False),
    ({"a": [{"wildcard": "*a*a*a*a*b"}]}, {"a": "a" * 5000}, False),
    # $or
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, True),
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"a": 2, "b": 1}, False),
    ({"c": [3], "$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, False),
    ({"d": {"$or": [{"a": [1]}, {"b": {"c": [2]}}]}}, {"d": {"b": {"c": 2}}}, True),
    ({"$or": ["x"]}, {"$or": "x"}, True),
]

REFUSED = [
    ("[]", "Filter is not an object"),
    ("{}", "Empty objects are not allowed"),
    ('{"a": "x"}', '"a" must be an object or an array'),
    ('{"a": 1}', '"a" must be an object or an array'),
    ('{"a": []}', "Empty arrays are not allowed"),
    ('{"a": {}}', "Empty objects are not allowed"),
    ('{"a": [[1]]}', "Match value must be String, number, true, false, or null"),
    ('{"a": [{"foo": 1}]}', "Unrecognized match type foo"),
    ('{"a": [{}]}', "Match expression name not found"),
    ('{"a": [{"prefix": "x", "suffix": "y"}]}', "Only one key allowed in match expression"),
    ('{"a": [{"prefix": 1}]}', "prefix match pattern must be a string"),
    ('{"a": [{"prefix": {"x": "y"}}]}', "Unsupported prefix pattern: x"),
    ('{"a": [{"suffix": []}]}', "suffix match pattern must be a string"),
    ('{"a": [{"equals-ignore-case": 1}]}', "equals-ignore-case match pattern must be a string"),
    ('{"a": [{"exists": "yes"}]}', "exists match pattern must be either true or false."),
    ('{"a": [{"numeric": 1}]}', "Value of numeric must be an array."),
    ('{"a": [{"numeric": [1]}]}', "Invalid member in numeric match: 1"),
    ('{"a": [{"numeric": ["~", 1]}]}', "Unrecognized numeric range operator: ~"),
    ('{"a": [{"numeric": [">", "1"]}]}', "Value of > must be numeric"),
    ('{"a": [{"numeric": [">", 5, "<", 1]}]}', "Bottom must be less than top"),
    ('{"a": [{"numeric": ["=", 5, "<", 1]}]}', "Too many terms in numeric range expression"),
    ('{"a": [{"anything-but": [true]}]}', "Inside anything but list, start|null|boolean is not supported."),
    ('{"a": [{"anything-but": [1, "x"]}]}', "Inside anything but list, either all values are number or string, mixed type is not supported"),
    ('{"a": [{"anything-but": null}]}', "Value of anything-but must be an array or single string/number value."),
    ('{"a": [{"anything-but": {"numeric": [1]}}]}', "Unsupported anything-but pattern: numeric"),
    ('{"a": [{"cidr": "10.0.0.0/x"}]}', "Malformed CIDR, mask bits must be an integer"),
    ('{"a": [{"wildcard": "a**"}]}', "Consecutive wildcard characters at pos 1"),
    ('{"a": [{"wildcard": "a\\\\b"}]}', "Invalid escape character at pos 1"),
    (json.dumps({"$or": [{f"k{i}": [1]} for i in range(1001)]}), "Rule is too complex - try using fewer or smaller arrays"),
]


@pytest.mark.parametrize(("pattern", "event", "expected"), CASES)
def test_a_pattern_matches(pattern, event, expected):
    assert event_pattern.compile_pattern(json.dumps(pattern))(event) is expected


@pytest.mark.parametrize(("pattern", "reason"), REFUSED)
def test_a_bad_pattern_is_refused(pattern, reason):
    with pytest.raises(event_pattern.Invalid) as refused:
        event_pattern.compile_pattern(pattern)
    assert str(refused.value) == reason


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": [NaN'])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(event_pattern.Invalid):
        event_pattern.compile_pattern(text)
