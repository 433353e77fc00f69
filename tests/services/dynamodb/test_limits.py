"""The limits of values, keys, expressions and requests, each tried on both sides."""
import re

import pytest

from cloche.languages.dynamodb.reserved import WORDS

from .conftest import item


@pytest.fixture
def table(make):
    make()


def get(ddb, p="a"):
    return ddb.get_item(TableName="table", Key=item(p))["Item"]


def test_a_table_is_provisioned_unless_it_says_otherwise(ddb, refuses):
    spec = {"TableName": "table", "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}]}
    with refuses("ValidationException", "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"):
        ddb.create_table(**spec)
    told = ddb.create_table(**spec, ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6})["TableDescription"]
    assert (told["ProvisionedThroughput"]["ReadCapacityUnits"], told["ProvisionedThroughput"]["WriteCapacityUnits"]) == (5, 6) and "BillingModeSummary" not in told


def test_nothing_is_told_of_capacity_unless_it_is_asked_for(ddb, table):
    for more in ({}, {"ReturnConsumedCapacity": "NONE"}):
        assert "ConsumedCapacity" not in ddb.put_item(TableName="table", Item=item("a"), **more)
        assert "ConsumedCapacity" not in ddb.get_item(TableName="table", Key=item("a"), **more)
        assert "ConsumedCapacity" not in ddb.batch_get_item(RequestItems={"table": {"Keys": [item("a")]}}, **more)
    assert ddb.scan(TableName="table", ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"] == {"TableName": "table", "CapacityUnits": 0.5, "Table": {"CapacityUnits": 0.5}}


def test_each_item_of_a_batch_is_rounded_by_itself(ddb, table):
    for n in range(3):
        ddb.put_item(TableName="table", Item=item(f"k{n}", x="x" * 5000))
    used = ddb.batch_get_item(RequestItems={"table": {"Keys": [item(f"k{n}") for n in range(3)]}}, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert used == [{"TableName": "table", "CapacityUnits": 3.0}]  # three times 2 halves; together they would be 4 halves


@pytest.mark.parametrize(("value", "size"), [
    ({"S": "é" * 500}, 1000), ({"N": "1234567890"}, 6), ({"N": "-12"}, 3), ({"B": b"\0" * 900}, 900), ({"BOOL": True}, 1), ({"NULL": True}, 1),
    ({"L": [{"S": "a" * 100}] * 9}, 3 + 9 + 900), ({"M": {"key": {"S": "a" * 90}}}, 3 + 1 + 93)])
def test_an_item_weighs_its_names_and_values(ddb, table, value, size):
    """Filled up to exactly one unit, it costs one; with one byte more it costs two."""
    rest = 1024 - size - len("p") - len("k") - len("x") - len("f")
    for more, units in ((0, 1), (1, 2)):
        used = ddb.put_item(TableName="table", Item=item("k", x=value, f="f" * (rest + more)), ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]["CapacityUnits"]
        assert used == units
        ddb.delete_item(TableName="table", Key=item("k"))


def test_numbers_have_38_digits_and_a_range(ddb, table, refuses):
    for good in ("9" * 38, "1E-130", "-9.9999999999999999999999999999999999999E+125", "0"):
        ddb.put_item(TableName="table", Item=item("a", n={"N": good}))
    for bad, words in (("1" * 39, "Attempting to store more than 38 significant digits in a Number"), ("1E126", "Number overflow"), ("1E-131", "Number underflow")):
        with refuses("ValidationException", words):
            ddb.put_item(TableName="table", Item=item("a", n={"N": bad}))


def nested(levels):
    value = {"S": "x"}
    for _ in range(levels):
        value = {"M": {"m": value}}
    return value


def test_values_are_nested_32_levels_deep_at_most(ddb, table, refuses):
    ddb.put_item(TableName="table", Item=item("a", m=nested(31)))
    with refuses("ValidationException", "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"):
        ddb.put_item(TableName="table", Item=item("a", m=nested(33)))


def test_keys_have_2048_and_1024_bytes(ddb, make, refuses):
    make(range="S")
    ddb.put_item(TableName="table", Item=item("p" * 2048, "r" * 1024))
    with refuses("ValidationException", "Size of hashkey has exceeded the maximum size limit of2048 bytes"):
        ddb.put_item(TableName="table", Item=item("p" * 2049, "r"))
    with refuses("ValidationException", "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"):
        ddb.put_item(TableName="table", Item=item("p", "r" * 1025))


def test_empty_text_is_a_value_but_not_a_key(ddb, table, refuses):
    ddb.put_item(TableName="table", Item=item("a", x="", y={"B": b""}, z={"L": [{"S": ""}]}))
    assert get(ddb) == item("a", x="", y={"B": b""}, z={"L": [{"S": ""}]})
    with refuses("ValidationException", "The AttributeValue for a key attribute cannot contain an empty string value. Key: p"):
        ddb.put_item(TableName="table", Item=item(""))


def test_573_words_are_reserved_in_any_case(ddb, table, refuses):
    assert len(WORDS) == 573
    for word in [*sorted(WORDS)[::19], "name", "Status", "tTl", "YEAR", "size"]:
        with refuses("ValidationException", f"Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: {word}"):
            ddb.put_item(TableName="table", Item=item("a"), ConditionExpression=f"{word} = :v", ExpressionAttributeValues={":v": {"S": "x"}})
        ddb.put_item(TableName="table", Item=item("a"), ConditionExpression="#w <> :v", ExpressionAttributeNames={"#w": word}, ExpressionAttributeValues={":v": {"S": "x"}})


def test_an_expression_has_4_kilobytes_and_300_operators(ddb, table, refuses):
    name = "a" * (4096 - len("attribute_not_exists()"))
    ddb.put_item(TableName="table", Item=item("a"), ConditionExpression=f"attribute_not_exists({name})")
    with refuses("ValidationException", "Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; expression size: 4097"):
        ddb.put_item(TableName="table", Item=item("a"), ConditionExpression=f"attribute_not_exists({name}a)")
    values = {":v": {"S": "x"}}
    ddb.put_item(TableName="table", Item=item("a"), ConditionExpression=" and ".join(["x<>:v"] * 150), ExpressionAttributeValues=values)  # 150 comparisons, 149 words between
    with refuses("ValidationException", "Invalid ConditionExpression: The expression contains too many operators; operator count: 301"):
        ddb.put_item(TableName="table", Item=item("a"), ConditionExpression=" and ".join(["x<>:v"] * 151), ExpressionAttributeValues=values)


CONDITIONS = [
    ("attribute_exists(x)", True), ("attribute_not_exists(x)", False), ("attribute_type(x, :S)", True), ("begins_with(x, :he)", True), ("contains(x, :ll)", True), ("contains(tags, :red)", True),
    ("size(x) = :five", True), ("n BETWEEN :one AND :five", True), ("n IN (:one, :five)", False), ("x = :hello OR n = :five AND n = :one", True), ("NOT n = :five", True),
    ("(x = :hello OR n = :five) AND n = :one", False)]
VALUES = {":S": {"S": "S"}, ":he": {"S": "he"}, ":ll": {"S": "ll"}, ":red": {"S": "red"}, ":five": {"N": "5"}, ":one": {"N": "1"}, ":hello": {"S": "hello"}}


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_a_condition_holds_or_does_not(ddb, table, condition, holds, refuses):
    ddb.put_item(TableName="table", Item=item("a", x="hello", n=2, tags={"SS": ["red", "blue"]}))
    given = {name: VALUES[name] for name in re.findall(r":\w+", condition)}
    request = {"TableName": "table", "Key": item("a"), "ConditionExpression": condition, **({"ExpressionAttributeValues": given} if given else {})}
    if holds:
        ddb.delete_item(**request)
    else:
        with refuses("ConditionalCheckFailedException", "The conditional request failed"):
            ddb.delete_item(**request)


UPDATES = [
    ("SET x = y, y = x", {"x": {"S": "2"}, "y": {"S": "1"}}), ("SET l[9] = :v", {"l": {"L": [{"S": "a"}, {"S": "new"}]}}), ("DELETE tags :tags", {"tags": None}),
    ("REMOVE l[0]", {"l": {"L": []}}), ("SET n = if_not_exists(n, :zero) + :one", {"n": {"N": "1"}}), ("SET l = list_append(l, l)", {"l": {"L": [{"S": "a"}] * 2}})]


@pytest.mark.parametrize(("update", "changes"), UPDATES)
def test_an_update_reads_the_old_item_and_writes_the_new(ddb, table, update, changes):
    old = item("a", x="1", y="2", l={"L": [{"S": "a"}]}, tags={"SS": ["red"]})
    ddb.put_item(TableName="table", Item=old)
    given = {k: v for k, v in ((":v", {"S": "new"}), (":tags", {"SS": ["red", "green"]}), (":zero", {"N": "0"}), (":one", {"N": "1"})) if k in update}
    ddb.update_item(TableName="table", Key=item("a"), UpdateExpression=update, **({"ExpressionAttributeValues": given} if given else {}))
    assert get(ddb) == {k: v for k, v in {**old, **changes}.items() if v is not None}


@pytest.mark.parametrize(("update", "words"), [
    ("SET a = :v SET b = :v", 'Invalid UpdateExpression: The "SET" section can only be used once in an update expression;'),
    ("SET a = :v, a.b = :v", "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"),
    ("SET p = :v", "One or more parameter values were invalid: Cannot update attribute p. This attribute is part of the key"),
    ("SET a.b = :v", "The document path provided in the update expression is invalid for update"),
    ("SET a = b + :v", "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: +, operand type: S"),
    ("SET a = nothing", "The provided expression refers to an attribute that does not exist in the item"),
    ("ADD x :n", "An operand in the update expression has an incorrect data type")])
def test_an_update_that_cannot_be_is_refused(ddb, table, refuses, update, words):
    ddb.put_item(TableName="table", Item=item("a", x="text"))
    given = {":v": {"S": "new"}} if ":v" in update else {":n": {"N": "1"}} if ":n" in update else None
    with refuses("ValidationException", words):
        ddb.update_item(TableName="table", Key=item("a"), UpdateExpression=update, **({"ExpressionAttributeValues": given} if given else {}))
    assert get(ddb) == item("a", x="text")


def test_a_transaction_has_100_actions_at_most(ddb, table, refuses):
    puts = [{"Put": {"TableName": "table", "Item": item(f"k{n}")}} for n in range(101)]
    ddb.transact_write_items(TransactItems=puts[:100])
    with refuses("ValidationException", "Member must have length less than or equal to 100"):
        ddb.transact_write_items(TransactItems=puts)
    assert ddb.scan(TableName="table", Select="COUNT")["Count"] == 100


def test_a_batch_of_writes_has_16_megabytes_at_most(ddb, table, refuses):
    batch = [{"PutRequest": {"Item": item(f"k{n}", x={"L": [{"S": "x" * 780_000}]})}} for n in range(25)]
    with pytest.raises(ddb.exceptions.ClientError) as error:
        ddb.batch_write_item(RequestItems={"table": batch})
    assert error.value.response["Error"]["Code"] in ("ValidationException", "RequestEntityTooLarge", "413")
    assert ddb.scan(TableName="table", Select="COUNT")["Count"] == 0
