"""TransactWriteItems and TransactGetItems: all or nothing."""
import pytest

from .conftest import item


@pytest.fixture
def table(make, ddb):
    make()
    ddb.put_item(TableName="table", Item=item("a", n=1))


def check(p, expression, **more):
    return {"ConditionCheck": {"TableName": "table", "Key": item(p), "ConditionExpression": expression, **more}}


def test_all_four_actions_happen_together(ddb, table):
    ddb.put_item(TableName="table", Item=item("old"))
    ddb.transact_write_items(TransactItems=[
        {"Put": {"TableName": "table", "Item": item("b", x="1")}}, {"Delete": {"TableName": "table", "Key": item("old")}}, check("nobody", "attribute_not_exists(p)"),
        {"Update": {"TableName": "table", "Key": item("a"), "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}}])
    answer = ddb.transact_get_items(TransactItems=[{"Get": {"TableName": "table", "Key": item(p)}} for p in ("a", "b", "old")])
    assert answer["Responses"] == [{"Item": item("a", n=2)}, {"Item": item("b", x="1")}, {}]


def test_one_failed_condition_cancels_everything_and_says_which(ddb, table, refuses):
    with refuses("TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]") as error:
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("b")}}, check("a", "attribute_not_exists(p)", ReturnValuesOnConditionCheckFailure="ALL_OLD")])
    assert error.value.response["CancellationReasons"] == [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": item("a", n=1)}]
    assert ddb.scan(TableName="table")["Count"] == 1


def test_an_impossible_update_is_a_reason_too(ddb, table, refuses):
    with refuses("TransactionCanceledException", "[ValidationError, None]") as error:
        ddb.transact_write_items(TransactItems=[
            {"Update": {"TableName": "table", "Key": item("a"), "UpdateExpression": "SET n = missing_one"}}, {"Put": {"TableName": "table", "Item": item("b")}}])
    assert error.value.response["CancellationReasons"][0]["Message"] == "The provided expression refers to an attribute that does not exist in the item"


def test_an_item_appears_once(ddb, table, refuses):
    with refuses("ValidationException", "Transaction request cannot include multiple operations on one item"):
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("a")}}, {"Delete": {"TableName": "table", "Key": item("a")}}])
    with refuses("ValidationException", "TransactItems can only contain one of Check, Put, Update or Delete"):
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("a")}, "Delete": {"TableName": "table", "Key": item("b")}}])


def test_a_token_makes_a_transaction_happen_once_in_ten_minutes(ddb, table, cloud, refuses):
    add = {"Update": {"TableName": "table", "Key": item("a"), "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}}
    for _ in range(3):
        answer = ddb.transact_write_items(TransactItems=[add], ClientRequestToken="once", ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == [{"TableName": "table", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}]
    assert ddb.get_item(TableName="table", Key=item("a"))["Item"] == item("a", n=2)
    with refuses("IdempotentParameterMismatchException"):
        ddb.transact_write_items(TransactItems=[{"Delete": {"TableName": "table", "Key": item("a")}}], ClientRequestToken="once", ReturnConsumedCapacity="TOTAL")
    cloud.advance(minutes=11)
    ddb.transact_write_items(TransactItems=[add], ClientRequestToken="once", ReturnConsumedCapacity="TOTAL")
    assert ddb.get_item(TableName="table", Key=item("a"))["Item"] == item("a", n=3)


def test_an_index_key_of_the_wrong_type_cancels(ddb, make, index, refuses):
    make(types={"g": "S"}, GlobalSecondaryIndexes=[index("byg", "g")])
    with refuses("TransactionCanceledException", "[None, ValidationError]"):
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("a")}}, {"Put": {"TableName": "table", "Item": item("b", g=1)}}])
    assert ddb.scan(TableName="table")["Count"] == 0


def test_a_transaction_weighs_four_megabytes_at_most(ddb, make, refuses):
    make()
    items = [item(f"k{n}", x="x" * 390_000) for n in range(11)]
    with refuses("ValidationException", "size cannot exceed 4 MB"):
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": i}} for i in items])
    for i in items:
        ddb.put_item(TableName="table", Item=i)
    ddb.transact_write_items(TransactItems=[{"Delete": {"TableName": "table", "Key": item(f"k{n}")}} for n in range(11)])  # what is asked weighs little
    assert ddb.scan(TableName="table", Select="COUNT")["Count"] == 0


def test_the_first_item_or_key_a_table_cannot_have_is_the_reason(ddb, table, refuses):
    bad, good = {"Put": {"TableName": "table", "Item": {"p": {"N": "7"}}}}, {"Put": {"TableName": "table", "Item": item("b"), "ConditionExpression": "attribute_exists(p)"}}
    with refuses("TransactionCanceledException", "specific reasons [None, ValidationError, None]") as error:
        ddb.transact_write_items(TransactItems=[good, bad, {"Delete": {"TableName": "table", "Key": {"q": {"S": "a"}}}}])
    assert [r.get("Message") for r in error.value.response["CancellationReasons"]] == [None, "One or more parameter values were invalid: Type mismatch for key p expected: S actual: N", None]
    with refuses("TransactionCanceledException", "[ValidationError]"):
        ddb.transact_get_items(TransactItems=[{"Get": {"TableName": "table", "Key": {"q": {"S": "a"}}}}])
    with refuses("TransactionCanceledException", "[ValidationError]"):
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("a", x="x" * 410_000)}}])
    with refuses("ValidationException", "An expression attribute name used in the document path is not defined"):
        ddb.transact_write_items(TransactItems=[{"Put": {"TableName": "table", "Item": item("a"), "ConditionExpression": "attribute_exists(#x)"}}])
