"""PartiQL statements: what they are read as, what they ask of a key, what is refused."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.languages.dynamodb.errors import Invalid
from cloche.languages.dynamodb.keys import Schema
from cloche.languages.partiql import plan
from cloche.languages.partiql.statements import Delete, Exists, Insert, Select, Update, parse

P, R = ("literal-path", ("p",)), ("literal-path", ("r",))
SCHEMA = Schema("p", "S", "r", "N")


def lit(x):
    return ("literal", {"S": x} if isinstance(x, str) else {"N": str(x)})


@pytest.mark.parametrize(("text", "statement"), [
    ("SELECT * FROM t", Select("t", None, None, None)),
    ('select p, "m"."k"[0] from "my-table"."idx" where p = \'a\'', Select("my-table", "idx", (("p",), ("m", "k", 0)), ("cmp", "=", P, lit("a")))),
    ("SELECT * FROM t WHERE p = 'a' AND r > 1 OR NOT r != 2", Select("t", None, None, (
        "or", ("and", ("cmp", "=", P, lit("a")), ("cmp", ">", R, lit(1))), ("not", ("cmp", "<>", R, lit(2)))))),
    ("SELECT * FROM t WHERE p IS NOT MISSING ORDER BY p, r DESC;", Select("t", None, None, ("call", "attribute_exists", (P,)), (("p", False), ("r", True)))),
    ("INSERT INTO t VALUE {'p': 'a', 'l': [1, -2.5], 's': <<1, 2>>, 'b': false}",
     Insert("t", {"p": {"S": "a"}, "l": {"L": [{"N": "1"}, {"N": "-2.5"}]}, "s": {"NS": ["1", "2"]}, "b": {"BOOL": False}})),
    ("UPDATE t SET p = r + 1 REMOVE r WHERE p = 'a' RETURNING ALL OLD *", Update("t", (("SET", P, ("+", R, lit(1))), ("REMOVE", R)), ("cmp", "=", P, lit("a")), "ALL OLD")),
    ("UPDATE t SET p = set_delete(p, <<'x'>>) WHERE p = 'a'", Update("t", (("DELETE", P, ("literal", {"SS": ["x"]})),), ("cmp", "=", P, lit("a")))),
    ("DELETE FROM t WHERE p IN ('a', 'b')", Delete("t", ("in", P, (lit("a"), lit("b"))))),
    ("EXISTS(SELECT * FROM t WHERE p = 'a')", Exists(Select("t", None, None, ("cmp", "=", P, lit("a")))))])
def test_a_statement_is_read_as_this(text, statement):
    assert parse(text) == statement


def test_question_marks_are_the_parameters_in_order():
    assert parse("INSERT INTO t VALUE {'p': ?, 'q': [?]}", [{"S": "1"}, {"N": "2.0"}]).item == {"p": {"S": "1"}, "q": {"L": [{"N": "2"}]}}


@pytest.mark.parametrize(("text", "words"), [
    ("", "wasn't well formed"), ("DROP TABLE t", "wasn't well formed"), ("SELECT FROM t", "wasn't well formed"), ("SELECT * FROM t WHERE p =", "wasn't well formed"),
    ("SELECT * FROM t WHERE p", "wasn't well formed"), ("SELECT * FROM t; x", "wasn't well formed"), ("UPDATE t WHERE p = 'a'", "wasn't well formed"), ("DELETE FROM t", "wasn't well formed"),
    ("INSERT INTO t VALUE {'s': <<1, 'a'>>}", "wasn't well formed"), ("INSERT INTO t VALUE {'s': 'open}", "wasn't well formed"), ("SELECT * FROM t WHERE p = ?", "Number of parameters")])
def test_what_is_no_statement_is_refused(text, words):
    with pytest.raises(Invalid, match=words):
        parse(text)


@pytest.mark.parametrize(("where", "partitions", "rest"), [
    ("p = 'a'", [{"p": ("EQ", [{"S": "a"}])}], None), ("r = 1", None, None), ("p = 'a' OR r = 1", None, None),
    ("'a' = p AND r BETWEEN 1 AND 2", [{"p": ("EQ", [{"S": "a"}]), "r": ("BETWEEN", [{"N": "1"}, {"N": "2"}])}], None),
    ("p IN ['a', 'b'] AND r >= 1", [{"p": ("EQ", [{"S": x}]), "r": ("GE", [{"N": "1"}])} for x in "ab"], None),
    ("p = 'a' AND r = 'text'", [{"p": ("EQ", [{"S": "a"}])}], ("cmp", "=", R, lit("text"))),
    ("p = 'a' AND r > 1 AND r < 5", [{"p": ("EQ", [{"S": "a"}]), "r": ("GT", [{"N": "1"}])}], ("cmp", "<", R, lit(5)))])
def test_a_where_clause_asks_for_partitions_and_leaves_a_rest(where, partitions, rest):
    asked = plan.partitions(parse(f"SELECT * FROM t WHERE {where}").where, SCHEMA)
    assert asked == (None if partitions is None else (partitions, rest))


def test_an_update_names_one_item():
    key, rest = plan.one_item(parse("DELETE FROM t WHERE r = 1 AND p = 'a' AND x = 2").where, SCHEMA)
    assert key == {"p": {"S": "a"}, "r": {"N": "1"}} and rest == ("cmp", "=", ("literal-path", ("x",)), lit(2))
    with pytest.raises(Invalid, match="mandatory equality on all key attributes"):
        plan.one_item(parse("DELETE FROM t WHERE p = 'a'").where, SCHEMA)


WORDS = st.sampled_from(["SELECT", "*", "FROM", "t", "WHERE", "p", "=", "'a'", "1", "?", "AND", "OR", "NOT", "(", ")", "[", "]", "<<", ">>", "{", "}", ":", ",", ".", "IN", "IS", "MISSING",
                         "NULL", "UPDATE", "SET", "REMOVE", "DELETE", "INSERT", "INTO", "VALUE", "RETURNING", "ALL", "OLD", "BETWEEN", "size", "EXISTS", "ORDER", "BY", '"q"', "-", "+", "\\"])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["", "SELECT * FROM t WHERE ", "UPDATE t SET p = ", "INSERT INTO t VALUE "]), st.lists(WORDS, max_size=12).map(" ".join))
def test_whatever_is_written_is_read_or_refused(start, text):
    try:
        parse(start + text, [{"S": "x"}])
    except Invalid:
        pass


@pytest.mark.parametrize("text", ["SELECT * FROM t WHERE " + "(" * 3000, "SELECT * FROM t WHERE " + "NOT " * 1500 + "p = 1", "INSERT INTO t VALUE {'p': " + "[" * 3000,
                                  "SELECT * FROM t WHERE " + " AND ".join(["p = 1"] * 900), "SELECT * FROM t WHERE p[" + "9" * 5000 + "] = 1"])
def test_what_is_too_deep_or_too_long_is_refused(text):
    with pytest.raises(Invalid):
        parse(text)
