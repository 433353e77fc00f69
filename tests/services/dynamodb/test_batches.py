"""BatchGetItem and BatchWriteItem."""
import pytest

from .conftest import item


def put(p, **more):
    return {"PutRequest": {"Item": item(p, **more)}}


def test_a_batch_writes_and_deletes_in_several_tables(ddb, make):
    make()
    make("other")
    ddb.put_item(TableName="table", Item=item("gone"))
    answer = ddb.batch_write_item(RequestItems={"table": [put("a"), put("b"), {"DeleteRequest": {"Key": item("gone")}}], "other": [put("c")]})
    assert answer["UnprocessedItems"] == {}
    assert ddb.scan(TableName="table")["Count"] == 2 and ddb.scan(TableName="other")["Count"] == 1


def test_a_batch_gets_what_is_there(ddb, make):
    make()
    make("other")
    ddb.batch_write_item(RequestItems={"table": [put("a", x="1", y="2"), put("b")], "other": [put("c")]})
    answer = ddb.batch_get_item(RequestItems={"table": {"Keys": [item("a"), item("nope")], "ProjectionExpression": "x"}, "other": {"Keys": [item("c")]}})
    assert answer["Responses"] == {"table": [{"x": {"S": "1"}}], "other": [item("c")]} and answer["UnprocessedKeys"] == {}


def test_a_batch_that_makes_no_sense_writes_nothing(ddb, make, refuses):
    make()
    with refuses("ValidationException", "Provided list of item keys contains duplicates"):
        ddb.batch_write_item(RequestItems={"table": [put("a"), put("a", x="1")]})
    with refuses("ValidationException", "Missing the key p in the item"):
        ddb.batch_write_item(RequestItems={"table": [put("a"), {"PutRequest": {"Item": {"x": {"S": "1"}}}}]})
    with refuses("ResourceNotFoundException"):
        ddb.batch_write_item(RequestItems={"table": [put("a")], "nobody": [put("a")]})
    with refuses("ValidationException", "Provided list of item keys contains duplicates"):
        ddb.batch_get_item(RequestItems={"table": {"Keys": [item("a"), item("a")]}})
    assert ddb.scan(TableName="table")["Count"] == 0


@pytest.mark.parametrize("count", [26])
def test_a_batch_has_25_writes_at_most(ddb, make, refuses, count):
    make()
    make("other")
    with refuses("ValidationException"):
        ddb.batch_write_item(RequestItems={"table": [put(f"k{n}") for n in range(count)]})
    with refuses("ValidationException", "Too many items requested for the BatchWriteItem call"):
        ddb.batch_write_item(RequestItems={"table": [put(f"k{n}") for n in range(20)], "other": [put(f"k{n}") for n in range(6)]})


def test_a_batch_has_100_reads_at_most(ddb, make, refuses):
    make()
    make("other")
    with refuses("ValidationException", "Too many items requested for the BatchGetItem call"):
        ddb.batch_get_item(RequestItems={"table": {"Keys": [item(f"k{n}") for n in range(60)]}, "other": {"Keys": [item(f"k{n}") for n in range(60)]}})


def test_an_answer_has_16_megabytes_at_most(ddb, make):
    make()
    for n in range(45):
        ddb.put_item(TableName="table", Item=item(f"k{n}", x="x" * 400_000))
    answer = ddb.batch_get_item(RequestItems={"table": {"Keys": [item(f"k{n}") for n in range(45)]}})
    got, left = len(answer["Responses"]["table"]), len(answer["UnprocessedKeys"]["table"]["Keys"])
    assert got + left == 45 and 40 <= got <= 42
