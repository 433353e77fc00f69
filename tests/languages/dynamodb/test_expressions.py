"""The expressions: what each evaluates to, what it changes, and the sentence with which a wrong one is refused."""
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.languages.dynamodb import conditions, keyconditions, keys, projections, request, updates
from cloche.languages.dynamodb.errors import Invalid

ITEM = {"s": {"S": "hello"}, "n": {"N": "5"}, "b": {"B": "AQI="}, "ss": {"SS": ["x", "y"]}, "l": {"L": [{"S": "one"}, {"N": "2"}, {"L": [{"N": "9"}]}]},
        "m": {"M": {"k": {"S": "v"}, "deep": {"M": {"z": {"N": "1"}}}}}, "t": {"BOOL": True}, "nul": {"NULL": True}}
VALUES = {":hello": {"S": "hello"}, ":he": {"S": "he"}, ":five": {"N": "5"}, ":one": {"N": "1"}, ":six": {"N": "6"}, ":x": {"S": "x"}, ":v": {"S": "v"},
          ":SS": {"S": "SS"}, ":yx": {"SS": ["y", "x"]}, ":two": {"N": "2"}, ":M": {"S": "M"}, ":true": {"BOOL": True}, ":bad": {"S": "ZZ"}, ":set": {"SS": ["q"]},
          ":byte": {"B": "AQ=="}, ":list": {"L": [{"S": "new"}]}}
NAMES = {"#s": "s", "#dot": "a.b", "#m": "m"}

TRUTH = [
    ("s = :hello", True), ("s <> :hello", False), ("n < :six", True), ("n <= :five", True), ("n > :six", False), ("n >= :five", True), ("n = :hello", False),
    ("gone = :hello", False), ("gone <> :hello", True), ("gone < :six", False), ("s < :six", False), (":one < n", True),
    ("n BETWEEN :one AND :six", True), ("n between :six AND :six", False), ("n IN (:one, :five)", True), ("n IN (:one)", False),
    ("attribute_exists(s)", True), ("attribute_exists(m.k)", True), ("attribute_exists(m.q)", False), ("attribute_not_exists(l[7])", True),
    ("attribute_exists(l[2][0])", True), ("attribute_type(ss, :SS)", True), ("attribute_type(m, :SS)", False), ("begins_with(s, :he)", True),
    ("begins_with(b, :byte)", True), ("contains(s, :he)", True), ("contains(ss, :x)", True), ("contains(l, :two)", True), ("contains(n, :five)", False),
    ("size(s) = :five", True), ("size(l) > :two", True), ("size(n) > :one", False), ("size(m) = :two", True), ("ss = :yx", True), ("t = :true", True),
    ("s = :hello AND n = :five OR n = :one", True), ("s = :he AND (n = :five OR n = :one)", False), ("NOT s = :he", True), ("NOT s = :he AND n = :one", False),
    ("not (s = :he or n = :one)", True), ("(s) = (:hello)", True), ("#s = :hello", True), ("attribute_not_exists(#dot)", True), ("#m.k = :v", True),
    ("l[1] = :two", True), ("m.deep.z < n", True), ("NOT NOT s = :hello", True), ("(s = :hello) AND ((n = :five) OR (n = :one))", True)]


@pytest.mark.parametrize(("text", "truth"), TRUTH)
def test_a_condition_is_true_or_false(text, truth):
    compiled = conditions.compile("ConditionExpression", text, NAMES)
    compiled.check(VALUES)
    assert compiled.run(ITEM, VALUES) is truth


C, U, P, K = "ConditionExpression", "UpdateExpression", "ProjectionExpression", "KeyConditionExpression"
REFUSED = [
    (C, "", "The expression can not be empty;"), (C, "   ", "The expression can not be empty;"),
    (C, "a = ", 'Syntax error; token: "<EOF>", near: "="'), (C, "a b = :one", 'Syntax error; token: "b", near: "a b ="'), (C, "a", 'Syntax error; token: "<EOF>", near: "a"'),
    (C, "a = 1", 'Syntax error; token: "1", near: "= 1"'), (C, "a = $x", 'Syntax error; token: "$", near: "= $x"'),
    (C, "a = :one)", 'Syntax error; token: ")", near: ":one)"'), (C, "a[:one] = :one", 'Syntax error; token: ":one", near: "[:one]"'),
    (C, "name = :one", "Attribute name is a reserved keyword; reserved keyword: name"), (C, "a.Size = :one", "Attribute name is a reserved keyword; reserved keyword: Size"),
    (C, "#q = :one", "An expression attribute name used in the document path is not defined; attribute name: #q"),
    (C, "a = :q", "An expression attribute value used in expression is not defined; attribute value: :q"),
    (C, "foo(a)", "Invalid function name; function: foo"), (C, "Contains(a, :one)", "Invalid function name; function: Contains"),
    (C, "size(a)", "The function is not allowed to be used this way in an expression; function: size"),
    (C, "attribute_exists(a) = :one", "The function is not allowed to be used this way in an expression; function: attribute_exists"),
    (C, "if_not_exists(a, :one) = :one", "The function is not allowed in a condition expression; function: if_not_exists"),
    (C, "begins_with(a)", "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1"),
    (C, "attribute_exists(a, b)", "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2"),
    (C, "begins_with(a, :one)", "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"),
    (C, "a < :true", "Incorrect operand type for operator or function; operator: <, operand type: BOOL"),
    (C, "size(:one) = :one", "Incorrect operand type for operator or function; operator or function: size, operand type: N"),
    (C, "attribute_type(a, :one)", "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N"),
    (C, "attribute_type(a, :bad)", "Invalid attribute type name found; type: ZZ, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"),
    (C, "attribute_exists(:one)", "Operator or function requires a document path; operator or function: attribute_exists"),
    (C, "a = a", "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]"),
    (C, "a BETWEEN :six AND :one", "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
        "lower bound operand: AttributeValue: {N:6}, upper bound operand: AttributeValue: {N:1}"),
    (C, "a BETWEEN :he AND :one", "The BETWEEN operator requires same data type for lower and upper bounds; "
        "lower bound operand: AttributeValue: {S:he}, upper bound operand: AttributeValue: {N:1}"),
    (C, "((a = :one))", "The expression has redundant parentheses;"), (C, "a = :one AND ((b = :one))", "The expression has redundant parentheses;"),
    (U, "", "The expression can not be empty;"), (U, "SET", 'Syntax error; token: "<EOF>", near: "SET"'), (U, "a = :one", 'Syntax error; token: "a", near: "a ="'),
    (U, "SET a = :one SET b = :one", 'The "SET" section can only be used once in an update expression;'),
    (U, "SET a = :one REMOVE a", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"),
    (U, "SET a = :one, a.b = :one", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"),
    (U, "SET a.b[1] = :one, a.b = :one", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b, [1]], path two: [a, b]"),
    (U, "SET a.b = :one, a[0] = :one", "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]"),
    (U, "ADD a :he", "Incorrect operand type for operator or function; operator: ADD, operand type: STRING"),
    (U, "DELETE a :one", "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER"),
    (U, "SET a = b + :he", "Incorrect operand type for operator or function; operator or function: +, operand type: S"),
    (U, "SET a = list_append(b, :one)", "Incorrect operand type for operator or function; operator or function: list_append, operand type: N"),
    (U, "SET a = attribute_exists(b)", "The function is not allowed in an update expression; function: attribute_exists"),
    (U, "SET a = foo(b)", "Invalid function name; function: foo"), (U, "SET status = :one", "Attribute name is a reserved keyword; reserved keyword: status"),
    (U, "SET a = if_not_exists(:one, :one)", "Operator or function requires a document path; operator or function: if_not_exists"),
    (U, "ADD a b", 'Syntax error; token: "b", near: "a b"'), (U, "REMOVE a b", 'Syntax error; token: "b", near: "a b"'),
    (P, "a,", 'Syntax error; token: "<EOF>", near: ","'), (P, "a, a.b", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"),
    (P, "a..b", 'Syntax error; token: ".", near: "..b"'), (P, "_a", 'Syntax error; token: "_", near: "_a"'),
    (K, "a = :one OR b = :one", "Invalid operator used in KeyConditionExpression: OR"), (K, "a <> :one", "Invalid operator used in KeyConditionExpression: <>"),
    (K, "attribute_exists(a)", "Invalid operator used in KeyConditionExpression: attribute_exists"), (K, "NOT a = :one", "Invalid operator used in KeyConditionExpression: NOT"),
    (K, "a = :one AND a = :six", "KeyConditionExpressions must only contain one condition per key"), (K, "a.b = :one", "KeyConditionExpressions cannot have conditions on nested attributes"),
    (K, "size(a) = :one", "KeyConditionExpressions cannot contain nested operations")]


@pytest.mark.parametrize(("kind", "text", "sentence"), REFUSED)
def test_a_wrong_expression_is_refused_in_these_words(kind, text, sentence):
    with pytest.raises(Invalid) as refused:
        compile_any(kind, text).check(VALUES)
    assert refused.value.message == f"Invalid {kind}: {sentence}"


def compile_any(kind, text):
    if kind == C:
        return conditions.compile(C, text, NAMES)
    return {U: updates, P: projections, K: keyconditions}[kind].compile(text, NAMES)


CHANGES = [
    ("SET x = :one", {"x": {"N": "1"}}), ("SET n = n + :one", {"n": {"N": "6"}}), ("SET n = :one - n", {"n": {"N": "-4"}}), ("ADD n :one", {"n": {"N": "6"}}),
    ("ADD fresh :one", {"fresh": {"N": "1"}}), ("ADD ss :yx", {}), ("ADD ss :set", {"ss": {"SS": ["x", "y", "q"]}}), ("DELETE ss :yx", {"ss": None}),
    ("DELETE nothing :yx", {}), ("REMOVE s, gone", {"s": None}), ("SET #m.k = :one", {"m": {"M": {"k": {"N": "1"}, "deep": {"M": {"z": {"N": "1"}}}}}}),
    ("SET l[9] = :x", {"l": {"L": [{"S": "one"}, {"N": "2"}, {"L": [{"N": "9"}]}, {"S": "x"}]}}), ("REMOVE l[0], l[1]", {"l": {"L": [{"L": [{"N": "9"}]}]}}),
    ("REMOVE l[0] SET l[1] = :x", {"l": {"L": [{"S": "x"}, {"L": [{"N": "9"}]}]}}), ("SET s = n, n = s", {"s": {"N": "5"}, "n": {"S": "hello"}}),
    ("SET l = list_append(:list, l)", {"l": {"L": [{"S": "new"}, {"S": "one"}, {"N": "2"}, {"L": [{"N": "9"}]}]}}),
    ("SET q = if_not_exists(q, :one) + :one", {"q": {"N": "2"}}), ("SET q = if_not_exists(n, :one)", {"q": {"N": "5"}}),
    ("SET c = m.deep, m.deep.z = :six", {"c": {"M": {"z": {"N": "1"}}}, "m": {"M": {"k": {"S": "v"}, "deep": {"M": {"z": {"N": "6"}}}}}}),
    ("set x = :one remove s add n :two", {"x": {"N": "1"}, "s": None, "n": {"N": "7"}}), ("REMOVE l[99]", {})]


@pytest.mark.parametrize(("text", "changes"), CHANGES)
def test_an_update_changes_this(text, changes):
    update, item = updates.compile(text, NAMES), copy.deepcopy(ITEM)
    update.check(VALUES)
    update.run(item, VALUES)
    assert item == {k: x for k, x in {**ITEM, **changes}.items() if x is not None}


@pytest.mark.parametrize(("text", "words"), [
    ("SET x = gone", "refers to an attribute that does not exist in the item"), ("SET x = s + :one", "An operand in the update expression has an incorrect data type"),
    ("ADD s :one", "An operand in the update expression has an incorrect data type"), ("SET gone.k = :one", "is invalid for update"),
    ("SET s.k = :one", "is invalid for update"), ("REMOVE gone.k", "is invalid for update"), ("SET l[0].k = :one", "is invalid for update")])
def test_an_update_the_item_does_not_allow(text, words):
    with pytest.raises(Invalid, match=words):
        updates.compile(text, NAMES).run(copy.deepcopy(ITEM), VALUES)


@pytest.mark.parametrize(("text", "part"), [
    ("s, gone", {"s": {"S": "hello"}}), ("m.k", {"m": {"M": {"k": {"S": "v"}}}}), ("l[1], l[0]", {"l": {"L": [{"S": "one"}, {"N": "2"}]}}),
    ("l[2][0], m.deep.z", {"l": {"L": [{"L": [{"N": "9"}]}]}, "m": {"M": {"deep": {"M": {"z": {"N": "1"}}}}}}), ("m.nope", {}), ("s.x", {})])
def test_a_projection_shows_this(text, part):
    assert projections.compile(text).run(ITEM) == part


SCHEMA = keys.Schema("p", "S", "r", "S")


@pytest.mark.parametrize(("text", "inside", "outside"), [
    ("p = :x", ["", "a", "zz"], []), ("p = :x AND r = :he", ["he"], ["h", "hea"]), ("r > :he AND p = :x", ["hea", "i"], ["he", "a"]), ("p = :x AND r <= :he", ["he", "a"], ["hea"]),
    ("p = :x AND begins_with(r, :he)", ["he", "hello"], ["hf", "h"]), ("p = :x AND r BETWEEN :he AND :v", ["he", "v"], ["h", "va"]), ("p = :x AND :he < r", ["hea"], ["he"])])
def test_a_key_condition_is_a_range(text, inside, outside):
    if ":he < r" in text:  # the attribute must come first
        with pytest.raises(Invalid):
            keyconditions.bounds(keyconditions.compile("p = :x AND :he BETWEEN r AND :v").run(VALUES), SCHEMA)
    asked = keyconditions.bounds(keyconditions.compile(text).run(VALUES), SCHEMA)

    def within(key):
        raw = key.encode()
        return (asked.low is None or raw >= asked.low) and (asked.high is None or raw < asked.high)

    assert all(map(within, inside)) and not any(map(within, outside))


@pytest.mark.parametrize(("text", "sentence"), [
    ("r = :x", "Query condition missed key schema element: p"), ("p > :x", "Query key condition not supported"), ("p = :x AND z = :x", "Query condition missed key schema element: r"),
    ("p = :one", "One or more parameter values were invalid: Condition parameter type does not match schema type")])
def test_a_key_condition_must_fit_the_key(text, sentence):
    with pytest.raises(Invalid) as refused:
        keyconditions.bounds(keyconditions.compile(text).run(VALUES), SCHEMA)
    assert refused.value.message == sentence


PUT = ("ConditionExpression",)


@pytest.mark.parametrize(("req", "kinds", "sentence"), [
    ({"Expected": {}, "ConditionExpression": "a = :a"}, PUT,
     "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"),
    ({"ExpressionAttributeNames": {"#a": "a"}}, PUT, "ExpressionAttributeNames can only be specified when using expressions"),
    ({"ExpressionAttributeValues": {":a": {"S": "a"}}}, PUT, "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"),
    ({"ExpressionAttributeValues": {":a": {"S": "a"}}}, ("UpdateExpression", "ConditionExpression"),
     "ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null"),
    ({"ConditionExpression": "a = :a", "ExpressionAttributeValues": {}}, PUT, "ExpressionAttributeValues must not be empty"),
    ({"ConditionExpression": "a = :a", "ExpressionAttributeNames": {}}, PUT, "ExpressionAttributeNames must not be empty"),
    ({"ConditionExpression": "a = :a", "ExpressionAttributeValues": {"a": {"S": "a"}}}, PUT, 'ExpressionAttributeValues contains invalid key: Syntax error; key: "a"'),
    ({"ConditionExpression": "a = :a", "ExpressionAttributeNames": {"a": "a"}}, PUT, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"'),
    ({"ConditionExpression": "a = :a", "ExpressionAttributeValues": {":a": {}}}, PUT,
     "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes for key :a"),
    ({"ConditionExpression": "a = :a", "ExpressionAttributeValues": {":a": {"S": "a"}, ":b": {"S": "b"}}}, PUT,
     "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}"),
    ({"ConditionExpression": "a = :a", "ExpressionAttributeNames": {"#b": "b"}, "ExpressionAttributeValues": {":a": {"S": "a"}}}, PUT,
     "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}"),
    ({"Expected": {"a": {"Exists": True}}}, PUT, "One or more parameter values were invalid: Value must be provided when Exists is true for Attribute: a"),
    ({"Expected": {"a": {"ComparisonOperator": "EQ"}}}, PUT, "One or more parameter values were invalid: Invalid number of argument(s) for the EQ ComparisonOperator"),
    ({"Expected": {"a": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [{"N": "1"}]}}}, PUT,
     "One or more parameter values were invalid: ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type")])
def test_the_parameters_of_a_request_must_agree(req, kinds, sentence):
    with pytest.raises(Invalid) as refused:
        request.bind(req, kinds)
    assert refused.value.message == sentence


@pytest.mark.parametrize(("wanted", "operator", "truth"), [
    ({"n": {"Value": {"N": "5"}}}, None, True), ({"zz": {"Exists": False}}, None, True), ({"n": {"Exists": False}}, None, False),
    ({"n": {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "4"}]}}, None, True), ({"s": {"ComparisonOperator": "NOT_CONTAINS", "AttributeValueList": [{"S": "z"}]}}, None, True),
    ({"s": {"ComparisonOperator": "NULL"}}, None, False), ({"s": {"ComparisonOperator": "NOT_NULL"}, "zz": {"ComparisonOperator": "NOT_NULL"}}, "OR", True),
    ({"s": {"ComparisonOperator": "NOT_NULL"}, "zz": {"ComparisonOperator": "NOT_NULL"}}, None, False),
    ({"n": {"ComparisonOperator": "IN", "AttributeValueList": [{"N": "1"}, {"N": "5"}]}}, None, True),
    ({"n": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "1"}, {"N": "5"}]}}, None, True)])
def test_expected_means_what_a_condition_means(wanted, operator, truth):
    req = {"Expected": wanted} | ({"ConditionalOperator": operator} if operator else {})
    assert request.bind(req, PUT).condition.run(ITEM, {}) is truth


def test_attribute_updates_put_add_and_delete():
    item = copy.deepcopy(ITEM)
    bound = request.bind({"AttributeUpdates": {"n": {"Action": "ADD", "Value": {"N": "2"}}, "s": {"Action": "DELETE"}, "name": {"Value": {"S": "q"}},
                                               "l": {"Action": "ADD", "Value": {"L": [{"S": "z"}]}}, "ss": {"Action": "DELETE", "Value": {"SS": ["x"]}}}}, ("UpdateExpression",))
    bound.update.run(item, {})
    assert item["n"] == {"N": "7"} and "s" not in item and item["name"] == {"S": "q"} and item["l"]["L"][-1] == {"S": "z"} and item["ss"] == {"SS": ["y"]}


WORDS = st.sampled_from(["a", "#s", ":one", ":q", "(", ")", "[", "]", "0", "99", ".", ",", "=", "<>", "<", "AND", "OR", "NOT", "IN", "BETWEEN", "size", "contains", "begins_with",
                         "attribute_type", "attribute_exists", "if_not_exists", "list_append", "SET", "REMOVE", "ADD", "DELETE", "+", "-", "$", "name", "é"])


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=14).map(" ".join), st.sampled_from([C, U, P, K]))
def test_whatever_is_written_is_compiled_or_refused(text, kind):
    try:
        compiled = compile_any(kind, text)
        compiled.check(VALUES)
        compiled.run(*{C: (ITEM, VALUES), U: (copy.deepcopy(ITEM), VALUES), P: (ITEM,), K: (VALUES,)}[kind])
    except Invalid:
        pass


@pytest.mark.parametrize("text", ["(" * 2000, "NOT " * 1000 + "a = :one", "size(" * 800, " AND ".join(["a = :one"] * 350), "a" + "[0]" * 1200 + " = :one", "a[99999999999999] = :one"])
def test_what_is_too_deep_or_too_long_is_refused(text):
    with pytest.raises(Invalid):
        compile_any(C, text)
