"""Attribute values, numbers and keys: tables of what DynamoDB accepts, refuses, measures and orders."""
import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.languages.dynamodb import keys, numbers, reserved, values
from cloche.languages.dynamodb.capacity import read_units, write_units
from cloche.languages.dynamodb.errors import Invalid

CANONICAL = [("1", "1"), ("1.0", "1"), ("-0", "0"), ("007", "7"), ("1e3", "1000"), ("1E-7", "0.0000001"), ("123.450", "123.45"), ("+5", "5"),
             (".5", "0.5"), ("-12.50e1", "-125"), ("1e125", "1" + "0" * 125), ("9" * 38, "9" * 38), ("0e500", "0"), ("1e-130", "0." + "0" * 129 + "1")]


@pytest.mark.parametrize(("text", "canonical"), CANONICAL)
def test_a_number_is_given_back_in_canonical_form(text, canonical):
    assert numbers.canonical(text)[0] == canonical


@pytest.mark.parametrize(("text", "words"), [
    ("abc", "cannot be converted to a numeric value: abc"), ("", "cannot be converted to a numeric value"), ("1_0", "cannot be converted"),
    ("NaN", "cannot be converted"), ("1 ", "cannot be converted"), ("٣", "cannot be converted"),
    ("1" * 39, "more than 38 significant digits"), ("1e126", "Number overflow"), ("-1e126", "Number overflow"), ("1e-131", "Number underflow")])
def test_a_number_out_of_range_is_refused(text, words):
    with pytest.raises(Invalid, match=words):
        numbers.canonical(text)


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-9e120"), max_value=Decimal("9e120"), places=8).map(
    lambda d: str(d.normalize(__import__("decimal").Context(prec=38))))


@given(NUMBERS, NUMBERS)
def test_bytes_of_numbers_sort_as_the_numbers_do(one, two):
    assert (numbers.order(one) < numbers.order(two)) == (Decimal(one) < Decimal(two))
    assert (numbers.order(one) == numbers.order(two)) == (Decimal(one) == Decimal(two))


@given(st.integers(-10**20, 10**20), st.integers(-10**20, 10**20))
def test_sums_are_exact(one, two):
    assert numbers.add(str(one), str(two)) == str(one + two)
    assert numbers.add(str(one), str(two), -1) == str(one - two)


def test_a_sum_of_fractions_is_exact():
    assert numbers.add("0.1", "0.2") == "0.3"
    assert numbers.add("1.5", "1.5") == "3"
    with pytest.raises(Invalid, match="Number overflow"):
        numbers.add("1" + "0" * 40, "1")


@pytest.mark.parametrize(("value", "size"), [
    ({"S": "hello"}, 5), ({"S": "é"}, 2), ({"S": ""}, 0), ({"N": "1"}, 2), ({"N": "-12"}, 3), ({"N": "123"}, 3), ({"N": "1000"}, 2), ({"N": "0"}, 1),
    ({"B": "AAEC"}, 3), ({"BOOL": False}, 1), ({"NULL": True}, 1), ({"L": []}, 3), ({"M": {}}, 3), ({"L": [{"S": "ab"}]}, 6),
    ({"M": {"ab": {"S": "c"}}}, 7), ({"SS": ["a", "bc"]}, 3), ({"NS": ["1", "22"]}, 4), ({"BS": ["AAEC", "AQ=="]}, 4)])
def test_a_value_has_this_size(value, size):
    assert values.measure(value) == size


def nested(depth):
    value = {"S": "x"}
    for _ in range(depth):
        value = {"L": [value]}
    return value


@pytest.mark.parametrize(("value", "words"), [
    ({}, "is empty, must contain exactly one"), ({"S": "a", "N": "1"}, "more than one datatypes set"), ({"SS": []}, "An string set  may not be empty"),
    ({"NS": []}, "An number set  may not be empty"), ({"BS": []}, "Binary sets should not be empty"), ({"NULL": False}, "must have the value of true"),
    ({"SS": ["a", "a"]}, r"Input collection \[a, a\] contains duplicates."), ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
    ({"BS": ["AQ==", "AQ=="]}, "of type BS contains duplicates"), (nested(33), "Nesting Levels have exceeded supported limits")])
def test_what_is_no_value_is_refused(value, words):
    with pytest.raises(Invalid, match=words):
        values.measure(value)


def test_nesting_of_32_levels_is_accepted():
    assert values.measure(nested(32)) > 0


def test_numbers_inside_an_item_are_made_canonical():
    item = {"a": {"L": [{"N": "1.0"}, {"M": {"b": {"N": "2e1"}}}]}, "c": {"NS": ["1.50", "0010"]}}
    values.measure_item(item)
    assert item == {"a": {"L": [{"N": "1"}, {"M": {"b": {"N": "20"}}}]}, "c": {"NS": ["1.5", "10"]}}


def test_sets_are_equal_in_any_order_at_any_depth():
    assert values.same({"L": [{"SS": ["a", "b"]}]}, {"L": [{"SS": ["b", "a"]}]})
    assert not values.same({"SS": ["a"]}, {"SS": ["a", "b"]})
    assert not values.same({"S": "1"}, {"N": "1"})


@given(st.binary(min_size=0, max_size=6), st.binary(max_size=4))
def test_everything_with_a_prefix_lies_below_what_comes_after_it(prefix, rest):
    end = keys.after(prefix)
    assert end is None or prefix <= prefix + rest < end


def test_segments_cover_every_hash_once():
    for total in (1, 2, 3, 7, 1000):
        bounds = [keys.segment(n, total) for n in range(total)]
        assert bounds[0][0] == b"\0\0\0\0" and bounds[-1][1] is None
        assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))


SCHEMA = keys.Schema("p", "S", "n", "N")


@pytest.mark.parametrize(("key", "words"), [
    ({"p": {"S": "a"}}, "does not match the schema"), ({"p": {"S": "a"}, "n": {"S": "1"}}, "does not match the schema"),
    ({"p": {"S": "a"}, "n": {"N": "1"}, "x": {"S": "1"}}, "does not match the schema"), ({"p": {"S": ""}, "n": {"N": "1"}}, "empty string value. Key: p"),
    ({"p": {"S": "a" * 2049}, "n": {"N": "1"}}, "limit of2048 bytes"), ({"p": {}, "n": {"N": "1"}}, "must contain exactly one")])
def test_a_key_must_match_the_schema(key, words):
    with pytest.raises(Invalid, match=words):
        SCHEMA.exact(key)


def test_573_words_are_reserved():
    assert len(reserved.WORDS) == 573


@pytest.mark.parametrize(("size", "write", "strong", "eventual"), [(1, 1, 1, 0.5), (1024, 1, 1, 0.5), (1025, 2, 1, 0.5), (4096, 4, 1, 0.5), (4097, 5, 2, 1), (0, 1, 1, .5)])
def test_units(size, write, strong, eventual):
    assert (write_units(size), read_units(size, True), read_units(size, False)) == (write, strong, eventual)


def test_two_writings_of_the_same_bytes_are_one_value():
    value = {"L": [{"B": "AR=="}, {"BS": ["AQ=="]}]}
    values.measure(value)
    assert value == {"L": [{"B": "AQ=="}, {"BS": ["AQ=="]}]}
    with pytest.raises(Invalid, match="duplicates"):
        values.measure({"BS": ["AQ==", "AR=="]})
