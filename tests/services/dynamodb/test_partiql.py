"""PartiQL statements: alone, in batches, in transactions."""
import pytest

from .conftest import item


@pytest.fixture
def run(ddb):
    return lambda statement, *parameters, **more: ddb.execute_statement(Statement=statement, **({"Parameters": list(parameters)} if parameters else {}), **more)


@pytest.fixture
def music(ddb, make, index):
    make(range="N", types={"g": "S"}, GlobalSecondaryIndexes=[index("byg", "g")])
    for p, r, g in (("a", 1, "x"), ("a", 2, "y"), ("a", 3, "x"), ("b", 1, "x")):
        ddb.put_item(TableName="table", Item=item(p, r, g=g, m={"M": {"k": {"L": [{"S": f"{p}{r}"}]}}}))


def found(answer):
    return [(i["p"]["S"], int(i["r"]["N"])) for i in answer["Items"]]


@pytest.mark.parametrize(("where", "rows"), [
    ("p = 'a'", [("a", 1), ("a", 2), ("a", 3)]), ("p = 'a' AND r > 1", [("a", 2), ("a", 3)]), ("p = 'a' AND r BETWEEN 1 AND 2", [("a", 1), ("a", 2)]),
    ("p = 'a' AND g = 'x'", [("a", 1), ("a", 3)]), ("p IN ['b', 'a'] AND r = 1", [("b", 1), ("a", 1)]), ("p = 'a' ORDER BY r DESC", [("a", 3), ("a", 2), ("a", 1)]),
    ("p = 'a' AND (g = 'y' OR r = 3)", [("a", 2), ("a", 3)]), ("p = 'a' AND NOT g = 'x'", [("a", 2)]), ("p = 'a' AND zzz IS MISSING AND r = 1", [("a", 1)]),
    ("p = 'a' AND begins_with(g, 'y')", [("a", 2)]), ("p = 'a' AND m.k[0] = 'a3'", [("a", 3)]), ("p = 'a' AND g <> 'x'", [("a", 2)])])
def test_a_select_finds_these(run, music, where, rows):
    assert found(run(f'SELECT * FROM "table" WHERE {where}')) == rows


def test_a_select_without_a_key_reads_everything(run, music):
    assert sorted(found(run('SELECT * FROM "table"'))) == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]
    assert sorted(found(run('SELECT * FROM "table" WHERE g = ?', {"S": "x"}))) == [("a", 1), ("a", 3), ("b", 1)]
    assert sorted(found(run('SELECT * FROM "table"."byg" WHERE g = \'x\''))) == [("a", 1), ("a", 3), ("b", 1)]


def test_a_select_shows_what_it_names(run, music):
    assert run('SELECT g FROM "table" WHERE p = \'a\' AND r = 2')["Items"] == [{"g": {"S": "y"}}]
    assert run('SELECT m.k, g FROM "table" WHERE p = \'a\' AND r = 2')["Items"] == [{"k": {"L": [{"S": "a2"}]}, "g": {"S": "y"}}]


def test_a_select_is_paged(run, music):
    seen, more = [], {}
    while True:
        page = run('SELECT * FROM "table" WHERE p IN [\'a\', \'b\']', Limit=2, **more)
        seen += found(page)
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert seen == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]


def test_an_insert_is_for_what_is_not_there(ddb, run, make, refuses):
    make()
    run("INSERT INTO \"table\" VALUE {'p': 'it''s', 'n': -1.50, 'l': [1, ?], 's': <<'a', 'b'>>, 'm': {'t': true, 'z': null}}", {"S": "given"})
    assert ddb.get_item(TableName="table", Key=item("it's"))["Item"] == {
        "p": {"S": "it's"}, "n": {"N": "-1.5"}, "l": {"L": [{"N": "1"}, {"S": "given"}]}, "s": {"SS": ["a", "b"]}, "m": {"M": {"t": {"BOOL": True}, "z": {"NULL": True}}}}
    with refuses("DuplicateItemException", "Duplicate primary key exists in table"):
        run("INSERT INTO \"table\" VALUE {'p': 'it''s'}")


def test_an_update_changes_what_is_there_and_nothing_else(ddb, run, make, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("a", n=1, gone="x", tags={"SS": ["q"]}, l={"L": []}))
    answer = run('UPDATE "table" SET n = n + 1 SET l = list_append(l, [7]) SET tags = set_add(tags, <<\'r\'>>) REMOVE gone RETURNING ALL NEW * WHERE p = \'a\' AND n = 1')
    assert answer["Items"] == [item("a", n=2, tags={"SS": ["q", "r"]}, l={"L": [{"N": "7"}]})]
    assert run("UPDATE \"table\" SET n = 9 WHERE p = 'a' RETURNING MODIFIED OLD *")["Items"] == [{"n": {"N": "2"}}]
    with refuses("ConditionalCheckFailedException", "The conditional request failed"):
        run("UPDATE \"table\" SET n = 9 WHERE p = 'nobody'")
    with refuses("ValidationException", "Where clause does not contain a mandatory equality on all key attributes"):
        run("UPDATE \"table\" SET n = 9 WHERE n = 1")


def test_a_delete_may_have_a_condition(ddb, run, make, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("a", n=1))
    with refuses("ConditionalCheckFailedException"):
        run("DELETE FROM \"table\" WHERE p = 'a' AND n = 2")
    assert run("DELETE FROM \"table\" WHERE p = 'a' RETURNING ALL OLD *")["Items"] == [item("a", n=1)]
    assert run("DELETE FROM \"table\" WHERE p = 'a'").get("Items", []) == []


@pytest.mark.parametrize(("statement", "words"), [
    ("SELEKT * FROM t", "Statement wasn't well formed, can't be processed"), ('SELECT * FROM "table" WHERE', "Statement wasn't well formed"),
    ('SELECT * FROM "table" WHERE p = ?', "Number of parameters in request and statement don't match."),
    ('SELECT * FROM "table" ORDER BY r', "Must have WHERE clause in the statement when using ORDER BY clause."),
    ("SELECT * FROM \"table\" WHERE g = 'x' ORDER BY r", "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")])
def test_a_wrong_statement_is_refused(run, music, refuses, statement, words):
    with refuses("ValidationException", words):
        run(statement)


def test_a_batch_runs_each_statement_by_itself(ddb, make):
    make()
    ddb.put_item(TableName="table", Item=item("a", n=1))
    answer = ddb.batch_execute_statement(Statements=[
        {"Statement": "INSERT INTO \"table\" VALUE {'p': 'b'}"}, {"Statement": "INSERT INTO \"table\" VALUE {'p': 'a'}"}, {"Statement": 'SELECT * FROM "table" WHERE p = ?', "Parameters": [{"S": "a"}]},
        {"Statement": "SELECT * FROM \"nobody\" WHERE p = 'a'"}, {"Statement": "SELECT * FROM \"table\" WHERE n = 1"}])["Responses"]
    assert answer[0] == {"TableName": "table"} and answer[1]["Error"]["Code"] == "DuplicateItem"
    assert answer[2] == {"TableName": "table", "Item": item("a", n=1)} and answer[3]["Error"]["Code"] == "ResourceNotFound" and answer[4]["Error"]["Code"] == "ValidationError"


def test_a_transaction_of_statements_is_all_or_nothing(ddb, make, refuses):
    make()
    ddb.put_item(TableName="table", Item=item("a", n=1))
    insert, update = {"Statement": "INSERT INTO \"table\" VALUE {'p': 'b'}"}, {"Statement": "UPDATE \"table\" SET n = n + 1 WHERE p = 'a'"}
    with refuses("TransactionCanceledException", "[None, None, ConditionalCheckFailed]"):
        ddb.execute_transaction(TransactStatements=[insert, update, {"Statement": "EXISTS(SELECT * FROM \"table\" WHERE p = 'c')"}])
    ddb.execute_transaction(TransactStatements=[insert, update])
    answer = ddb.execute_transaction(TransactStatements=[{"Statement": f"SELECT * FROM \"table\" WHERE p = '{p}'"} for p in "abc"])
    assert answer["Responses"] == [{"Item": item("a", n=2)}, {"Item": item("b")}, {}]
    with refuses("ValidationException"):
        ddb.execute_transaction(TransactStatements=[insert, {"Statement": "SELECT * FROM \"table\" WHERE p = 'a'"}])


def test_capacity_is_that_of_the_query_it_means(run, music):
    assert run("SELECT * FROM \"table\" WHERE p = 'a'", ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]["CapacityUnits"] == 0.5
    assert run("INSERT INTO \"table\" VALUE {'p': 'z', 'r': 1}", ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"] == {"TableName": "table", "CapacityUnits": 1.0}


def test_statements_have_actions_of_their_own(cloud, ddb, make, refuses):
    import json
    make()
    iam = cloud.client("iam")
    iam.create_user(UserName="user")
    iam.put_user_policy(UserName="user", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "dynamodb:PartiQLSelect", "Resource": "*"},
        {"Effect": "Deny", "Action": "dynamodb:PartiQLSelect", "Resource": "*", "Condition": {"Bool": {"dynamodb:FullTableScan": "true"}}}]}))
    key = iam.create_access_key(UserName="user")["AccessKey"]
    theirs = cloud.client("dynamodb", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert theirs.execute_statement(Statement="SELECT * FROM \"table\" WHERE p = 'a'")["Items"] == []
    for statement in ('SELECT * FROM "table"', "INSERT INTO \"table\" VALUE {'p': 'a'}"):
        with refuses("AccessDeniedException"):
            theirs.execute_statement(Statement=statement)
    assert theirs.batch_execute_statement(Statements=[{"Statement": "DELETE FROM \"table\" WHERE p = 'a'"}])["Responses"][0]["Error"]["Code"] == "AccessDenied"
