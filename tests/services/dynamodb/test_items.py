"""One item: put, get, update, delete; conditions; what comes back; what is refused."""
import pytest

from .conftest import item


@pytest.fixture
def table(make):
    return make()


def get(ddb, p="a", **more):
    return ddb.get_item(TableName="table", Key=item(p), **more).get("Item")


EVERYTHING = {"p": {"S": "a"}, "n": {"N": "1.5"}, "b": {"B": b"\x00\xff"}, "t": {"BOOL": True}, "nul": {"NULL": True}, "l": {"L": [{"S": "x"}, {"L": []}]},
              "m": {"M": {"k": {"N": "0"}, "": {"S": ""}}}, "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": [b"1", b"2"]}, "é": {"S": "ü€𝄞"}}


def test_what_is_put_is_what_is_got(ddb, table):
    assert "Attributes" not in ddb.put_item(TableName="table", Item=EVERYTHING)
    assert get(ddb) == EVERYTHING
    assert get(ddb, "nobody") is None


def test_numbers_come_back_in_canonical_form(ddb, table):
    ddb.put_item(TableName="table", Item=item("a", x={"N": "1.50e1"}, s={"NS": ["0010", "1e-2"]}))
    assert get(ddb)["x"] == {"N": "15"} and sorted(get(ddb)["s"]["NS"]) == ["0.01", "10"]


def test_a_number_as_a_key_is_the_same_key_however_it_is_written(ddb, make):
    make(hash="N")
    ddb.put_item(TableName="table", Item={"p": {"N": "10"}})
    assert ddb.get_item(TableName="table", Key={"p": {"N": "1.0e1"}})["Item"] == {"p": {"N": "10"}}


def test_put_replaces_the_whole_item_and_can_return_the_old_one(ddb, table):
    ddb.put_item(TableName="table", Item=item("a", x="1"))
    assert ddb.put_item(TableName="table", Item=item("a", y="2"), ReturnValues="ALL_OLD")["Attributes"] == item("a", x="1")
    assert get(ddb) == item("a", y="2")
    with pytest.raises(ddb.exceptions.ClientError, match="ReturnValues can only be ALL_OLD or NONE"):
        ddb.put_item(TableName="table", Item=item("a"), ReturnValues="ALL_NEW")


@pytest.mark.parametrize(("bad", "words"), [
    ({"x": {"S": "1"}}, "One or more parameter values were invalid: Missing the key p in the item"),
    ({"p": {"N": "1"}}, "One or more parameter values were invalid: Type mismatch for key p expected: S actual: N"),
    ({"p": {"S": ""}}, "The AttributeValue for a key attribute cannot contain an empty string value. Key: p"),
    ({"p": {"S": "x" * 2049}}, "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
    (item("a", x={"N": "abc"}), "The parameter cannot be converted to a numeric value: abc"),
    (item("a", x={"SS": []}), "An string set  may not be empty"), (item("a", x={"SS": ["q", "q"]}), "Input collection [q, q] contains duplicates."),
    (item("a", x={"N": "1e126"}), "Number overflow. Attempting to store a number with magnitude larger than supported range"),
    (item("a", x={"N": "1" * 39}), "Attempting to store more than 38 significant digits in a Number"),
    (item("a", x={"S": "x" * 409600}), "Item size has exceeded the maximum allowed size")])
def test_an_item_that_cannot_be_stored_is_refused(ddb, table, refuses, bad, words):
    with refuses("ValidationException", words):
        ddb.put_item(TableName="table", Item=bad)
    assert ddb.scan(TableName="table")["Count"] == 0


def test_an_item_may_weigh_exactly_400_kilobytes(ddb, table):
    ddb.put_item(TableName="table", Item=item("a", x="x" * (409600 - 3)))
    assert len(get(ddb)["x"]["S"]) == 409597


@pytest.mark.parametrize("key", [{"q": {"S": "a"}}, {"p": {"N": "1"}}, {"p": {"S": "a"}, "r": {"S": "a"}}])
def test_a_key_must_be_the_tables_key(ddb, table, refuses, key):
    for call in (ddb.get_item, ddb.delete_item):
        with refuses("ValidationException", "The provided key element does not match the schema"):
            call(TableName="table", Key=key)
    with refuses("ValidationException", "The provided key element does not match the schema"):
        ddb.update_item(TableName="table", Key=key, UpdateExpression="SET z = p")


def test_a_projection_shows_parts(ddb, table):
    ddb.put_item(TableName="table", Item=EVERYTHING)
    assert get(ddb, ProjectionExpression="m.k, l[0], #n", ExpressionAttributeNames={"#n": "n"}) == {"m": {"M": {"k": {"N": "0"}}}, "l": {"L": [{"S": "x"}]}, "n": {"N": "1.5"}}
    assert get(ddb, AttributesToGet=["p", "n"]) == {"p": {"S": "a"}, "n": {"N": "1.5"}}


def test_a_condition_guards_a_put(ddb, table, refuses):
    ddb.put_item(TableName="table", Item=item("a", n=1), ConditionExpression="attribute_not_exists(p)")
    with refuses("ConditionalCheckFailedException", "The conditional request failed"):
        ddb.put_item(TableName="table", Item=item("a", n=2), ConditionExpression="attribute_not_exists(p)")
    with refuses("ConditionalCheckFailedException") as error:
        ddb.put_item(TableName="table", Item=item("a", n=2), ConditionExpression="n > :n", ExpressionAttributeValues={":n": {"N": "5"}}, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert error.value.response["Item"] == item("a", n=1)
    assert get(ddb) == item("a", n=1)


def test_expected_guards_as_a_condition_does(ddb, table, refuses):
    ddb.put_item(TableName="table", Item=item("a", n=1), Expected={"p": {"Exists": False}})
    with refuses("ConditionalCheckFailedException"):
        ddb.put_item(TableName="table", Item=item("a", n=2), Expected={"n": {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "1"}]}})
    with refuses("ValidationException", "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} "
                 "Expression parameters: {ConditionExpression}"):
        ddb.put_item(TableName="table", Item=item("a"), Expected={"p": {"Exists": False}}, ConditionExpression="attribute_exists(p)")


def test_an_update_makes_the_item_if_it_is_not_there(ddb, table):
    ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="SET x = :x ADD n :one", ExpressionAttributeValues={":x": {"S": "y"}, ":one": {"N": "1"}})
    assert get(ddb) == item("a", x="y", n=1)
    ddb.update_item(TableName="table", Key=item("b"))
    assert get(ddb, "b") == item("b")


def test_an_update_that_only_takes_away_makes_no_item(ddb, table):
    answer = ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="REMOVE x", ReturnValues="ALL_NEW")
    assert "Attributes" not in answer and get(ddb) is None
    ddb.update_item(TableName="table", Key=item("a"), AttributeUpdates={"x": {"Action": "DELETE"}})
    ddb.transact_write_items(TransactItems=[{"Update": {"TableName": "table", "Key": item("a"), "UpdateExpression": "REMOVE x"}}])
    assert ddb.scan(TableName="table")["Count"] == 0


@pytest.mark.parametrize(("wanted", "attributes"), [
    ("NONE", None), ("ALL_OLD", item("a", n=1, k="v")), ("ALL_NEW", item("a", n=2, k="v")), ("UPDATED_OLD", item(None, n=1)), ("UPDATED_NEW", item(None, n=2))])
def test_an_update_returns_what_is_asked_for(ddb, table, wanted, attributes):
    ddb.put_item(TableName="table", Item=item("a", n=1, k="v"))
    answer = ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}}, ReturnValues=wanted)
    expected = attributes and {k: v for k, v in attributes.items() if v != {"N": "None"}}
    assert answer.get("Attributes") == expected


def test_an_atomic_counter_counts(ddb, table):
    for n in range(1, 6):
        answer = ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="ADD hits :one", ExpressionAttributeValues={":one": {"N": "1"}}, ReturnValues="UPDATED_NEW")
        assert answer["Attributes"] == {"hits": {"N": str(n)}}


def test_an_update_cannot_touch_the_key(ddb, table, refuses):
    with refuses("ValidationException", "One or more parameter values were invalid: Cannot update attribute p. This attribute is part of the key"):
        ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="SET p = :x", ExpressionAttributeValues={":x": {"S": "y"}})


def test_an_update_that_fails_leaves_the_item_as_it_was(ddb, table, refuses):
    ddb.put_item(TableName="table", Item=item("a", x="1"))
    with refuses("ValidationException", "The provided expression refers to an attribute that does not exist in the item"):
        ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="SET y = :y, z = nope", ExpressionAttributeValues={":y": {"S": "y"}})
    with refuses("ValidationException", "Item size to update has exceeded the maximum allowed size"):
        ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="SET y = :y", ExpressionAttributeValues={":y": {"S": "y" * 409600}})
    assert get(ddb) == item("a", x="1")


def test_attribute_updates_still_work(ddb, table):
    ddb.put_item(TableName="table", Item=item("a", n=1, x="1", s={"SS": ["a", "b"]}))
    answer = ddb.update_item(TableName="table", Key=item("a"), ReturnValues="ALL_NEW", AttributeUpdates={
        "n": {"Action": "ADD", "Value": {"N": "4"}}, "x": {"Action": "DELETE"}, "s": {"Action": "DELETE", "Value": {"SS": ["a"]}}, "name": {"Value": {"S": "new"}}})
    assert answer["Attributes"] == item("a", n=5, s={"SS": ["b"]}, name="new")
    with pytest.raises(ddb.exceptions.ClientError, match="Type mismatch for attribute to update"):
        ddb.update_item(TableName="table", Key=item("a"), AttributeUpdates={"name": {"Action": "ADD", "Value": {"N": "4"}}})


def test_delete_takes_an_item_away_once_and_again(ddb, table, refuses):
    ddb.put_item(TableName="table", Item=item("a", x="1"))
    with refuses("ConditionalCheckFailedException"):
        ddb.delete_item(TableName="table", Key=item("a"), ConditionExpression="x = :x", ExpressionAttributeValues={":x": {"S": "2"}})
    assert ddb.delete_item(TableName="table", Key=item("a"), ReturnValues="ALL_OLD")["Attributes"] == item("a", x="1")
    assert "Attributes" not in ddb.delete_item(TableName="table", Key=item("a"), ReturnValues="ALL_OLD")


@pytest.mark.parametrize(("expression", "values", "words"), [
    ("a = :v", {":v": {"S": "x"}, ":w": {"S": "x"}}, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"),
    ("name = :v", {":v": {"S": "x"}}, "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: name"),
    ("a = :w", {":v": {"S": "x"}}, "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :w"),
    ("a = ", {":v": {"S": "x"}}, 'Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "="'),
    ("a = :v", {":v": {}}, "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes for key :v")])
def test_a_wrong_expression_is_a_validation_error(ddb, table, refuses, expression, values, words):
    with refuses("ValidationException", words):
        ddb.put_item(TableName="table", Item=item("a"), ConditionExpression=expression, ExpressionAttributeValues=values)


def test_a_table_that_is_not_there_has_no_items(ddb, refuses):
    for call in (lambda: ddb.get_item(TableName="nobody", Key=item("a")), lambda: ddb.put_item(TableName="nobody", Item=item("a"))):
        with refuses("ResourceNotFoundException", "Requested resource not found"):
            call()


def test_an_item_survives_its_table_being_read_by_a_binary_sort_key(ddb, make):
    make(range="B")
    for raw in (b"\x00", b"\xff\xff", b"\x01"):
        ddb.put_item(TableName="table", Item={"p": {"S": "a"}, "r": {"B": raw}})
    rows = ddb.query(TableName="table", KeyConditionExpression="p = :p", ExpressionAttributeValues={":p": {"S": "a"}})["Items"]
    assert [i["r"]["B"] for i in rows] == [b"\x00", b"\x01", b"\xff\xff"]


def test_taking_away_below_an_item_that_is_not_there_is_ignored(ddb, table, refuses):
    ddb.update_item(TableName="table", Key=item("nobody"), UpdateExpression="REMOVE x.y, l[3]")
    assert "Item" not in ddb.get_item(TableName="table", Key=item("nobody"))
    ddb.put_item(TableName="table", Item=item("a"))
    with refuses("ValidationException", "The document path provided in the update expression is invalid for update"):
        ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="REMOVE x.y")


def test_lists_are_joined_two_at_a_time(ddb, table, refuses):
    lists = {":a": {"L": [{"S": "a"}]}, ":b": {"L": [{"S": "b"}]}}
    ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="SET l = list_append(if_not_exists(l, :a), :b)", ExpressionAttributeValues=lists)
    assert get(ddb)["l"] == {"L": [{"S": "a"}, {"S": "b"}]}
    with refuses("ValidationException", "The function is not allowed to be used this way in an expression; function: list_append"):
        ddb.update_item(TableName="table", Key=item("a"), UpdateExpression="SET l = list_append(list_append(:a, :b), :a)", ExpressionAttributeValues=lists)
