"""CloudWatch Logs Insights."""
import json

import pytest

from cloche.testing.people import Person, allow, refused

LINES = [
    '{"level": "info", "ms": 10, "user": {"name": "ann"}, "tags": ["a", "b"], "ok": true}', '{"level": "error", "ms": 250, "user": {"name": "bob"}}', '{"level": "info", "ms": 30, "user": {"name": "ann"}}',
    "[INFO] user=eve, took:= 45 end", "plain",
]


@pytest.fixture
def logs(cloud):
    """Five lines in two streams of a group, a minute apart, the newest a minute ago."""
    made = cloud.client("logs")
    made.create_log_group(logGroupName="g")
    made.begin = int(cloud.now) // 300 * 300 - 600
    for stream in ("one", "two"):
        made.create_log_stream(logGroupName="g", logStreamName=stream)
    for i, line in enumerate(LINES):
        made.put_log_events(logGroupName="g", logStreamName="one" if i < 3 else "two", logEvents=[{"timestamp": (made.begin + 60 * i) * 1000, "message": line}])
    made.cloud = cloud
    return made


def results(logs, query, group="g", **more):
    id_ = logs.start_query(**({"logGroupName": group} if isinstance(group, str) else {"logGroupNames": group}), startTime=logs.begin - 60, endTime=logs.begin + 900, queryString=query, **more)["queryId"]
    for _ in range(200):
        got = logs.get_query_results(queryId=id_)
        if got["status"] not in ("Scheduled", "Running"):
            assert got["status"] == "Complete"
            return got
        logs.cloud.advance(0.05)
    raise AssertionError("the query does not end")


def rows(logs, query, **more):
    """Each row as a mapping, without the pointer."""
    return [{one["field"]: one["value"] for one in row if one["field"] != "@ptr"} for row in results(logs, query, **more)["results"]]


def test_a_query_is_scheduled_runs_and_is_complete(logs):
    started = logs.start_query(logGroupName="g", startTime=logs.begin, endTime=logs.begin + 600, queryString="fields @timestamp, @message | limit 2")
    assert logs.get_query_results(queryId=started["queryId"])["status"] in ("Scheduled", "Running", "Complete")
    got = results(logs, "fields @message")
    assert got["statistics"]["recordsMatched"] == got["statistics"]["recordsScanned"] == 5 and got["statistics"]["bytesScanned"] == sum(map(len, LINES))
    assert all(row[-1]["field"] == "@ptr" for row in got["results"])
    told = logs.describe_queries(logGroupName="g", status="Complete")["queries"]
    assert any(one["queryString"] == "fields @message" for one in told)
    refused("InvalidParameterException", logs.stop_query, queryId=told[0]["queryId"])
    refused("ResourceNotFoundException", logs.get_query_results, queryId="no-such-query")
    record = logs.get_log_record(logRecordPointer=got["results"][-1][-1]["value"])["logRecord"]
    assert record["@message"] == LINES[0] and record["user.name"] == "ann" and record["@logStream"] == "one"


def test_newest_come_first_with_time_and_message_if_nothing_is_said(logs):
    found = rows(logs, "filter @message like /INFO|plain/")
    assert [one["@message"] for one in found] == [LINES[4], LINES[3]] and set(found[0]) == {"@timestamp", "@message"}
    import datetime
    assert found[0]["@timestamp"] == datetime.datetime.fromtimestamp(logs.begin + 240, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.000")


@pytest.mark.parametrize("query, wanted", [
    ("fields user.name as who, tags.1, @logStream | filter level = 'info' | sort ms desc", [{"who": "ann", "@logStream": "one"}, {"who": "ann", "tags.1": "b", "@logStream": "one"}]),
    ("fields ms | filter ms > 20 and ms <= 250 | sort ms asc", [{"ms": "30"}, {"ms": "250"}]),
    ("fields ms | filter level != 'info'", [{"ms": "250"}]),
    ("fields ms | filter level in ['error', 'fatal'] or ok = 1 | sort @timestamp asc", [{"ms": "10"}, {"ms": "250"}]),
    ("fields @message | filter not ispresent(level) and @message like 'user='", [{"@message": LINES[3]}]),
    ("fields level | filter @message not like /\\[INFO\\]/ and ispresent(level) | dedup level | sort level asc", [{"level": "error"}, {"level": "info"}]),
    ("stats count(*) as n, sum(ms), avg(ms) as mean, max(ms), min(ms), pct(ms, 50) by level | filter ispresent(level) | sort n desc",
     [{"level": "info", "n": "2", "sum(ms)": "40", "mean": "20", "max(ms)": "30", "min(ms)": "10", "pct(ms, 50)": "10"}, {"level": "error", "n": "1", "sum(ms)": "250", "mean": "250", "max(ms)": "250", "min(ms)": "250", "pct(ms, 50)": "250"}]),
    ("stats count_distinct(user.name) as who, latest(ms) as last, earliest(ms) as first, sum(ms) / count(ms) as each", [{"who": "2", "last": "30", "first": "10", "each": "96.6667"}]),
    ("filter @logStream = 'one' | stats count(*) by bin(10m)", [{"count(*)": "3"}]),
    ('parse @message "user=*, took:= * end" as who, took | filter ispresent(who) | display who, took, took * 2 as twice', [{"who": "eve", "took": "45", "twice": "90"}]),
    ("parse @message /user=(?<who>\\w+), took:= (?<took>\\d+)/ | filter took > 40 | fields concat(toupper(who), '-', strlen(who)) as s, abs(0 - took) as a", [{"s": "EVE-3", "a": "45"}]),
    ("fields coalesce(nothing, level, 'none') as l, ms % 4 + 2 ^ 3 as m | filter ms = 250 # a comment", [{"l": "error", "m": "10"}]),
    ("fields replace(level, 'o', '0') as r, substr(level, 1, 3) as s, strcontains(level, 'rr') as c | filter ms = 250", [{"r": "err0r", "s": "rro", "c": "1"}]),
    ("stats count(*) as n by level | stats max(n) as most", [{"most": "2"}]),
    ("filter level = 'nobody' | stats count(*) as n", [{"n": "0"}]),
])
def test_the_language(logs, query, wanted):
    found = rows(logs, query)
    assert [{k: v for k, v in one.items() if not k.startswith("bin(")} for one in found] == wanted


def test_bins_are_moments(logs):
    found = rows(logs, "stats count(*) as n by bin(5m) as at | sort at asc")
    assert [one["n"] for one in found] == ["5"] and found[0]["at"].endswith(":00.000")
    assert len(rows(logs, "stats count(*) by bin(1m)")) == 5


def test_lambdas_lines_have_fields_of_their_own(logs):
    line = "REPORT RequestId: 6d2a3a10-0000-4000-8000-00000000000a\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\tInit Duration: 99.5 ms\t"
    logs.put_log_events(logGroupName="g", logStreamName="two", logEvents=[{"timestamp": (logs.begin + 300) * 1000, "message": line}])
    [one] = rows(logs, 'filter @type = "REPORT" | fields @requestId, @duration, @billedDuration, @memorySize / 1000 / 1000 as mb, @maxMemoryUsed / 1000 / 1000 as used, @initDuration')
    assert one == {"@requestId": "6d2a3a10-0000-4000-8000-00000000000a", "@duration": "12.5", "@billedDuration": "13", "mb": "128", "used": "40", "@initDuration": "99.5"}


def test_several_groups_are_searched_within_the_time_asked_for(logs):
    logs.create_log_group(logGroupName="h")
    logs.create_log_stream(logGroupName="h", logStreamName="s")
    logs.put_log_events(logGroupName="h", logStreamName="s", logEvents=[{"timestamp": (logs.begin + 90) * 1000, "message": "other"}])
    found = rows(logs, "fields @message, @log | sort @timestamp asc", group=["g", "h"])
    assert [one["@message"] for one in found] == [*LINES[:2], "other", *LINES[2:]] and found[2]["@log"] == f"{logs.cloud.account}:h"
    id_ = logs.start_query(logGroupIdentifiers=[f"arn:aws:logs:us-east-1:{logs.cloud.account}:log-group:g"], startTime=logs.begin + 50, endTime=logs.begin + 130, queryString="fields @message", limit=1)["queryId"]
    for _ in range(200):
        if (got := logs.get_query_results(queryId=id_))["status"] == "Complete":
            break
        logs.cloud.advance(0.05)
    assert [row[0]["value"] for row in got["results"]] == [LINES[2]] and got["statistics"]["recordsScanned"] == 2


@pytest.mark.parametrize("query", ["", "nonsense", "filter", "fields @message | wat", "filter a >", "stats ms", "fields nope(a)", "sort @timestamp upwards", "limit many", "filter a like /(/", 'parse "a*b*" as x', "fields a b"])
def test_what_is_no_query_is_malformed(logs, query):
    if not query:
        query = " "
    refused("MalformedQueryException", logs.start_query, logGroupName="g", startTime=logs.begin, endTime=logs.begin + 60, queryString=query)


def test_what_start_query_refuses(logs):
    ask = {"startTime": logs.begin, "endTime": logs.begin + 60, "queryString": "fields @message"}
    refused("ResourceNotFoundException", logs.start_query, **ask, logGroupName="none")
    refused("InvalidParameterException", logs.start_query, **ask)
    refused("InvalidParameterException", logs.start_query, **ask, logGroupName="g", logGroupNames=["g"])
    refused("InvalidParameterException", logs.start_query, **{**ask, "endTime": logs.begin - 1}, logGroupName="g")
    reader = Person(logs.cloud, "reader", allow("logs:StartQuery", Resource=f"arn:aws:logs:us-east-1:{logs.cloud.account}:log-group:g:*"))
    logs.create_log_group(logGroupName="closed")
    reader.client("logs").start_query(**ask, logGroupName="g")
    refused("AccessDeniedException", reader.client("logs").start_query, **ask, logGroupName="closed")


def test_definitions_of_queries_are_kept(logs):
    one = logs.put_query_definition(name="app/errors", queryString="filter level = 'error'", logGroupNames=["g"])["queryDefinitionId"]
    logs.put_query_definition(name="other", queryString="fields @message")
    [found] = logs.describe_query_definitions(queryDefinitionNamePrefix="app/")["queryDefinitions"]
    assert (found["queryDefinitionId"], found["name"], found["queryString"], found["logGroupNames"]) == (one, "app/errors", "filter level = 'error'", ["g"])
    assert logs.put_query_definition(queryDefinitionId=one, name="app/e", queryString="limit 1")["queryDefinitionId"] == one
    refused("ResourceNotFoundException", logs.put_query_definition, queryDefinitionId="none", name="x", queryString="limit 1")
    assert logs.delete_query_definition(queryDefinitionId=one)["success"] is True
    assert [d["name"] for d in logs.describe_query_definitions()["queryDefinitions"]] == ["other"]
    refused("ResourceNotFoundException", logs.delete_query_definition, queryDefinitionId=one)


def test_thousands_of_events_are_counted_and_limited(logs):
    big = [{"timestamp": (logs.begin + 300) * 1000, "message": json.dumps({"n": i, "pad": "x" * 20})} for i in range(9_000)]
    logs.put_log_events(logGroupName="g", logStreamName="one", logEvents=big)
    assert rows(logs, "stats count(*) as n, sum(n) as total") == [{"n": "9005", "total": str(sum(range(9_000)))}]
    first = results(logs, "fields n | filter ispresent(n) | sort n asc", limit=10_000)["results"]
    assert len(first) == 9_000 and first[0][0]["value"] == "0"
    assert len(results(logs, "fields n")["results"]) == 9_005 and len(results(logs, "fields n | limit 7", limit=3)["results"]) == 7
