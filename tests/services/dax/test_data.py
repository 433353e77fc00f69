"""The data plane, through AWS's own client: what is answered from memory and what is not, and that everything comes back as it went."""
import re

import pytest

EVERYTHING = {
    "s": {"S": "é text"}, "n": {"N": "12.5"}, "i": {"N": "-7"}, "big": {"N": "123456789012345678901234567890"}, "b": {"B": b"\0\xff"}, "t": {"BOOL": True}, "f": {"BOOL": False},
    "nul": {"NULL": True}, "l": {"L": [{"S": "a"}, {"N": "1"}]}, "m": {"M": {"k": {"M": {"z": {"N": "1"}}}}}, "e": {"S": ""}}


@pytest.fixture
def both(bench):
    """The cluster's client, and the table's."""
    bench.table()
    bench.cluster()
    return bench.client(), bench.ddb


def item(p, **more):
    return {"p": {"S": p}, **{k: v if isinstance(v, dict) else {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in more.items()}}


def key(p):
    return {"TableName": "table", "Key": item(p)}


def x(answer):
    return answer["Item"]["x"]["S"] if "Item" in answer else None


def test_an_item_comes_back_as_it_went(both):
    cluster, table = both
    table.put_item(TableName="table", Item=item("a", **EVERYTHING))
    for _ in range(2):
        assert cluster.get_item(**key("a"))["Item"] == item("a", **EVERYTHING)
    cluster.put_item(TableName="table", Item=item("b", **EVERYTHING, ss={"SS": ["x", "y"]}, ns={"NS": ["1", "2.5"]}, bs={"BS": [b"q"]}))
    found = table.get_item(**key("b"))["Item"]
    assert found == cluster.get_item(**key("b"), ConsistentRead=True)["Item"] == cluster.get_item(**key("b"))["Item"] and set(found["ss"]["SS"]) == {"x", "y"} and found["n"] == {"N": "12.5"}


def test_a_read_is_answered_from_memory_for_five_minutes(both, cloud):
    cluster, table = both
    table.put_item(TableName="table", Item=item("a", x="old"))
    assert x(cluster.get_item(**key("a"))) == "old"
    table.put_item(TableName="table", Item=item("a", x="new"))  # not through the cluster, which does not know
    assert x(cluster.get_item(**key("a"))) == "old"
    assert x(cluster.get_item(**key("a"), ConsistentRead=True)) == "new"  # a strong read goes through
    assert x(cluster.get_item(**key("a"))) == "old"  # and leaves nothing behind
    cloud.advance(301)
    assert x(cluster.get_item(**key("a"))) == "new"


def test_that_there_is_no_item_is_remembered_too(both):
    cluster, table = both
    assert "Item" not in cluster.get_item(**key("a"))
    table.put_item(TableName="table", Item=item("a", x="1"))
    assert "Item" not in cluster.get_item(**key("a"))
    assert x(cluster.get_item(**key("a"), ConsistentRead=True)) == "1"


def test_writes_go_through_and_are_remembered(both):
    cluster, table = both
    cluster.put_item(TableName="table", Item=item("a", x="1", n=1))
    assert x(table.get_item(**key("a"))) == "1"
    table.put_item(TableName="table", Item=item("a", x="behind", n=1))
    assert x(cluster.get_item(**key("a"))) == "1"
    cluster.update_item(**key("a"), UpdateExpression="SET x = :x ADD n :one", ExpressionAttributeValues={":x": {"S": "2"}, ":one": {"N": "1"}})
    assert table.get_item(**key("a"))["Item"] == item("a", x="2", n=2)
    table.put_item(TableName="table", Item=item("a", x="behind"))
    assert cluster.get_item(**key("a"))["Item"] == item("a", x="2", n=2)
    cluster.delete_item(**key("a"))
    table.put_item(TableName="table", Item=item("a", x="behind"))
    assert "Item" not in cluster.get_item(**key("a"))


def test_a_refused_write_changes_nothing(both, refused):
    cluster, table = both
    cluster.put_item(TableName="table", Item=item("a", x="1"))
    code, _ = refused(cluster.put_item, TableName="table", Item=item("a", x="2"), ConditionExpression="attribute_not_exists(p)")
    assert code == "ConditionalCheckFailedException" and x(cluster.get_item(**key("a"))) == x(table.get_item(**key("a"))) == "1"


def test_answers_to_queries_are_remembered_by_what_was_asked_and_writes_do_not_change_them(bench, cloud):
    bench.table(range="N")
    bench.cluster()
    cluster, table = bench.client(), bench.ddb
    for n in range(5):
        table.put_item(TableName="table", Item=item("a", r=n, x=str(n)))
    asked = {"TableName": "table", "KeyConditionExpression": "p = :p AND r >= :r", "ExpressionAttributeValues": {":p": {"S": "a"}, ":r": {"N": "2"}}}

    def found(**more):
        return [i["x"]["S"] for i in cluster.query(**asked, **more)["Items"]]

    assert found() == ["2", "3", "4"]
    cluster.put_item(TableName="table", Item=item("a", r=9, x="9"))
    assert found() == ["2", "3", "4"]  # the write changed the item cache, not this answer
    assert cluster.get_item(TableName="table", Key=item("a", r=9))["Item"]["x"] == {"S": "9"}
    assert found(ConsistentRead=True) == ["2", "3", "4", "9"] and found(ScanIndexForward=False) == ["9", "4", "3", "2"]
    cloud.advance(301)
    assert found() == ["2", "3", "4", "9"]
    assert cluster.query(**asked, Select="COUNT")["Count"] == 4


def test_times_to_live_are_those_of_the_parameter_group(bench, cloud):
    bench.table()
    bench.dax.create_parameter_group(ParameterGroupName="short", Description="d")
    bench.dax.update_parameter_group(ParameterGroupName="short", ParameterNameValues=[
        {"ParameterName": "record-ttl-millis", "ParameterValue": "10000"}, {"ParameterName": "query-ttl-millis", "ParameterValue": "60000"}])
    bench.cluster(ParameterGroupName="short")
    cluster = bench.client()
    bench.ddb.put_item(TableName="table", Item=item("a", x="old"))
    assert x(cluster.get_item(**key("a"))) == "old" and cluster.scan(TableName="table")["Items"][0]["x"] == {"S": "old"}
    bench.ddb.put_item(TableName="table", Item=item("a", x="new"))
    cloud.advance(11)
    assert x(cluster.get_item(**key("a"))) == "new" and cluster.scan(TableName="table")["Items"][0]["x"] == {"S": "old"}
    cloud.advance(50)
    assert cluster.scan(TableName="table")["Items"][0]["x"] == {"S": "new"}


def test_pages_go_on_where_they_ended(bench):
    bench.table(range="N", attributes=[{"AttributeName": "g", "AttributeType": "S"}], GlobalSecondaryIndexes=[
        {"IndexName": "byg", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}])
    bench.cluster()
    cluster = bench.client()
    rows = [-10, -1.5, 0, 0.25, 3, 1000]
    for n in rows:
        bench.ddb.put_item(TableName="table", Item=item("a", r={"N": str(n)}, g="g"))

    def all_of(ask, **asked):
        seen, start = [], {}
        while True:
            page = ask(TableName="table", Limit=2, **asked, **start)
            seen += [float(i["r"]["N"]) for i in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return seen
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    values = {"ExpressionAttributeValues": {":v": {"S": "a"}}}
    assert all_of(cluster.query, KeyConditionExpression="p = :v", **values) == rows
    assert sorted(all_of(cluster.scan)) == rows
    assert sorted(all_of(cluster.query, IndexName="byg", KeyConditionExpression="g = :v", ExpressionAttributeValues={":v": {"S": "g"}})) == rows


@pytest.mark.parametrize(("hash", "one"), [("S", {"S": "é"}), ("N", {"N": "-12.5"}), ("B", {"B": b"\0\x01\xff"})])
@pytest.mark.parametrize(("range", "two"), [(None, None), ("S", {"S": "r"}), ("N", {"N": "0.001"}), ("B", {"B": b"\xff\0"})])
def test_keys_of_every_type(bench, hash, one, range, two):
    bench.table(hash=hash, range=range)
    bench.cluster()
    cluster = bench.client()
    at = {"p": one, **({"r": two} if range else {})}
    cluster.put_item(TableName="table", Item=at | {"x": {"S": "1"}})
    assert bench.ddb.get_item(TableName="table", Key=at)["Item"] == at | {"x": {"S": "1"}}
    assert cluster.scan(TableName="table")["Items"] == [at | {"x": {"S": "1"}}]


def test_a_projection_shows_parts_of_what_is_remembered(both):
    cluster, table = both
    table.put_item(TableName="table", Item=item("a", x="1", y="2", m={"M": {"k": {"L": [{"S": "z"}, {"S": "w"}]}}}))
    assert cluster.get_item(**key("a"), ProjectionExpression="x, m.k[1]")["Item"] == {"x": {"S": "1"}, "m": {"M": {"k": {"L": [{"S": "w"}]}}}}
    table.delete_item(**key("a"))
    assert cluster.get_item(**key("a"), ProjectionExpression="#y", ExpressionAttributeNames={"#y": "y"})["Item"] == {"y": {"S": "2"}}
    assert cluster.get_item(**key("a"))["Item"]["x"] == {"S": "1"}


@pytest.mark.parametrize(("text", "holds"), [
    ("x = :a AND (n > :one OR attribute_not_exists(p))", True), ("NOT x = :a", False), ("n BETWEEN :one AND :nine", True), ("x IN (:b, :a)", True), ("begins_with(x, :h) AND contains(tags, :red)", True),
    ("size(x) = :nine OR x = :a AND n = :one", False), ("attribute_type(m.k, :S)", True), ("l[0] = :a", False)])
def test_conditions_mean_what_they_say(both, refused, text, holds):
    cluster, table = both
    table.put_item(TableName="table", Item=item("a", x="hello", n=5, tags={"SS": ["red"]}, m={"M": {"k": {"S": "v"}}}, l={"L": [{"N": "1"}]}))
    values = {":a": {"S": "hello"}, ":b": {"S": "b"}, ":h": {"S": "he"}, ":one": {"N": "1"}, ":nine": {"N": "9"}, ":red": {"S": "red"}, ":S": {"S": "S"}}
    given = {name: values[name] for name in re.findall(r":\w+", text)}
    request = {**key("a"), "ConditionExpression": text, "ExpressionAttributeValues": given}
    if holds:
        cluster.delete_item(**request)
    else:
        assert refused(cluster.delete_item, **request)[0] == "ConditionalCheckFailedException"


def test_updates_do_what_they_say_and_return_what_is_asked_for(both):
    cluster, table = both
    table.put_item(TableName="table", Item=item("a", n=1, gone="x", l={"L": [{"S": "1"}]}, tags={"SS": ["a", "b"]}))
    answer = cluster.update_item(
        **key("a"), UpdateExpression="SET n = n + :two, l = list_append(l, :l), fresh = if_not_exists(fresh, :d) REMOVE gone ADD total :two DELETE tags :b", ReturnValues="ALL_NEW",
        ExpressionAttributeValues={":two": {"N": "2"}, ":l": {"L": [{"S": "2"}]}, ":d": {"S": "d"}, ":b": {"SS": ["b"]}})
    new = item("a", n=3, l={"L": [{"S": "1"}, {"S": "2"}]}, fresh="d", total=2, tags={"SS": ["a"]})
    assert answer["Attributes"] == new == table.get_item(**key("a"))["Item"]
    answer = cluster.update_item(**key("a"), UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "9"}}, ReturnValues="UPDATED_OLD")
    assert answer["Attributes"] == {"n": {"N": "3"}} and cluster.get_item(**key("a"))["Item"]["n"] == {"N": "9"}
    assert cluster.put_item(TableName="table", Item=item("a"), ReturnValues="ALL_OLD")["Attributes"]["fresh"] == {"S": "d"}
    assert cluster.delete_item(**key("a"), ReturnValues="ALL_OLD")["Attributes"] == item("a")


def test_batches(both):
    cluster, table = both
    for p in "ab":
        table.put_item(TableName="table", Item=item(p, x="old"))
    keys = {"Keys": [item(p) for p in "abc"]}
    found = cluster.batch_get_item(RequestItems={"table": keys})
    assert sorted(i["p"]["S"] for i in found["Responses"]["table"]) == ["a", "b"] and found["UnprocessedKeys"] == {}
    table.put_item(TableName="table", Item=item("a", x="new"))
    table.put_item(TableName="table", Item=item("c", x="new"))
    assert {i["p"]["S"]: x({"Item": i}) for i in cluster.batch_get_item(RequestItems={"table": keys})["Responses"]["table"]} == {"a": "old", "b": "old"}
    assert len(cluster.batch_get_item(RequestItems={"table": keys | {"ConsistentRead": True}})["Responses"]["table"]) == 3
    assert cluster.batch_get_item(RequestItems={"table": {"Keys": [item("a")], "ProjectionExpression": "x"}})["Responses"]["table"] == [{"x": {"S": "old"}}]
    cluster.batch_write_item(RequestItems={"table": [{"PutRequest": {"Item": item("a", x="batch")}}, {"DeleteRequest": {"Key": item("b")}}]})
    assert x(cluster.get_item(**key("a"))) == x(table.get_item(**key("a"))) == "batch"
    table.put_item(TableName="table", Item=item("b", x="behind"))
    assert "Item" not in cluster.get_item(**key("b"))


def test_transactions_go_through(both, refused):
    cluster, table = both
    table.put_item(TableName="table", Item=item("a", n=1))
    cluster.get_item(**key("a"))
    cluster.transact_write_items(TransactItems=[
        {"Put": {"TableName": "table", "Item": item("b", x="1")}}, {"ConditionCheck": {**key("c"), "ConditionExpression": "attribute_not_exists(p)"}},
        {"Update": {**key("a"), "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}}])
    assert cluster.get_item(**key("a"))["Item"] == item("a", n=2) and x(cluster.get_item(**key("b"))) == "1"
    table.put_item(TableName="table", Item=item("b", x="behind"))
    found = cluster.transact_get_items(TransactItems=[{"Get": key("a")}, {"Get": {**key("b"), "ProjectionExpression": "x"}}, {"Get": key("none")}])["Responses"]
    assert found == [{"Item": item("a", n=2)}, {"Item": {"x": {"S": "behind"}}}, {}] and x(cluster.get_item(**key("b"))) == "1"
    code, _ = refused(cluster.transact_write_items, TransactItems=[{"Delete": {**key("a"), "ConditionExpression": "attribute_not_exists(p)"}}])
    assert code == "TransactionCanceledException"


def test_capacity_is_told_and_memory_costs_none(both):
    cluster, table = both
    table.put_item(TableName="table", Item=item("a", x="1"))
    asked = {**key("a"), "ReturnConsumedCapacity": "TOTAL"}
    assert cluster.get_item(**asked)["ConsumedCapacity"] == {"TableName": "table", "CapacityUnits": 0.5}
    assert cluster.get_item(**asked)["ConsumedCapacity"]["CapacityUnits"] == 0
    assert cluster.put_item(TableName="table", Item=item("a"), ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"] == {"TableName": "table", "CapacityUnits": 1, "Table": {"CapacityUnits": 1}}
    answer = cluster.transact_get_items(TransactItems=[{"Get": key("a")}], ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == [{"TableName": "table", "CapacityUnits": 2, "ReadCapacityUnits": 2}]


def test_dynamodbs_refusals_come_through(both, refused):
    cluster, _ = both
    code, words = refused(cluster.update_item, **key("a"), UpdateExpression="SET x = nothing")
    assert code == "ValidationException" and "refers to an attribute that does not exist" in words
    assert refused(cluster.get_item, TableName="nobody", Key=item("a"))[0] == "ResourceNotFoundException"


def test_whoever_asks_needs_a_permission_on_the_cluster_and_the_cluster_one_on_the_table(bench, cloud, refused):
    from cloche.testing.people import Person, allow
    bench.table()
    bench.cluster()
    reader = Person(cloud, "reader", allow(["dax:GetItem"]))
    bench.ddb.put_item(TableName="table", Item=item("a", x="1"))
    theirs = bench.client(key=reader.key, secret=reader.secret)
    assert x(theirs.get_item(**key("a"))) == "1"  # no permission on the table is needed
    code, words = refused(theirs.put_item, TableName="table", Item=item("a"))
    assert code == "AccessDeniedException" and "dax:PutItem" in words
    bench.allow("role-cache", ["dynamodb:DescribeTable", "dynamodb:GetItem"])
    mine = bench.client()
    assert refused(mine.put_item, TableName="table", Item=item("a"))[0] == "AccessDeniedException"
    assert x(bench.ddb.get_item(**key("a"))) == "1"


def test_a_wrong_secret_is_refused(bench, refused):
    bench.table()
    bench.cluster()
    from cloche.testing.people import Person, allow
    person = Person(bench.cloud, "person", allow("dax:*"))
    assert refused(bench.client, key=person.key, secret="wrong")[0] == "InvalidSignatureException"
    assert refused(bench.client, key="AKIA0000000000000000")[0] == "UnrecognizedClientException"


def test_a_rebooted_node_has_forgotten(both, bench, cloud):
    cluster, table = both
    table.put_item(TableName="table", Item=item("a", x="old"))
    assert x(cluster.get_item(**key("a"))) == "old"
    table.put_item(TableName="table", Item=item("a", x="new"))
    told = bench.dax.reboot_node(ClusterName="cache", NodeId="cache-a")["Cluster"]
    assert told["Nodes"][0]["NodeStatus"] == "rebooting"
    assert x(cluster.get_item(**key("a"))) == "new"
    cloud.advance(61)
    assert bench.describe()["Nodes"][0]["NodeStatus"] == "available"


def test_two_clusters_are_two_memories_at_two_addresses(bench):
    bench.table()
    one, two = bench.cluster("one"), bench.cluster("two")
    assert one["ClusterDiscoveryEndpoint"]["Address"] != two["ClusterDiscoveryEndpoint"]["Address"]
    first, second = bench.client("one"), bench.client("two")
    bench.ddb.put_item(TableName="table", Item=item("a", x="old"))
    assert x(first.get_item(**key("a"))) == "old"
    bench.ddb.put_item(TableName="table", Item=item("a", x="new"))
    assert (x(first.get_item(**key("a"))), x(second.get_item(**key("a")))) == ("old", "new")




def test_a_cluster_may_speak_tls_with_a_certificate_for_its_address(bench, cloche_server, monkeypatch):
    bench.table()
    endpoint = bench.cluster(ClusterEndpointEncryptionType="TLS")["ClusterDiscoveryEndpoint"]
    assert endpoint["Port"] == 9111 and endpoint["URL"] == f"daxs://{endpoint['Address']}:9111"
    monkeypatch.setenv("SSL_CERT_FILE", str(cloche_server.bell.data / "ca.pem"))
    cluster = bench.client()
    cluster.put_item(TableName="table", Item=item("a", x="1"))
    assert x(cluster.get_item(**key("a"))) == x(bench.ddb.get_item(**key("a"))) == "1"
