"""Bounds of CloudWatch Logs, and its filter patterns as a client meets them."""
import pytest

from cloche.testing.people import refused

DAY = 86_400_000


@pytest.fixture
def logs(cloud):
    made = cloud.client("logs")
    made.create_log_group(logGroupName="g")
    made.create_log_stream(logGroupName="g", logStreamName="s")
    made.now = int(cloud.now * 1000)
    return made


def put(logs, *lines):
    return logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": logs.now + at, "message": text} for at, text in lines])


def test_an_event_has_a_megabyte_and_a_batch_too_with_26_bytes_an_event(logs):
    put(logs, (0, "x" * (1_048_576 - 26)))
    refused("InvalidParameterException", put, logs, (0, "x" * (1_048_576 - 25)))
    put(logs, (0, "x" * (524_288 - 26)), (0, "x" * (524_288 - 26)))
    refused("InvalidParameterException", put, logs, (0, "x" * (524_288 - 26)), (0, "x" * (524_288 - 25)))


def test_ten_thousand_events_are_taken_and_sequence_tokens_are_ignored(logs):
    assert "rejectedLogEventsInfo" not in put(logs, *[(i, "x") for i in range(10_000)])
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": logs.now, "message": "y"}], sequenceToken="anything")


def test_events_older_than_the_retention_are_expired(logs):
    logs.put_retention_policy(logGroupName="g", retentionInDays=3)
    told = put(logs, (-15 * DAY, "old"), (-4 * DAY, "expired"), (-1000, "good"), (3 * 3_600_000, "new"))["rejectedLogEventsInfo"]
    assert told["expiredLogEventEndIndex"] == 2 and told["tooNewLogEventStartIndex"] == 3
    assert [one["message"] for one in logs.filter_log_events(logGroupName="g")["events"]] == ["good"]
    logs.delete_retention_policy(logGroupName="g")
    assert put(logs, (-14 * DAY - 60_000, "old"), (-14 * DAY + 60_000, "good"))["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}


def test_valid_events_of_a_batch_span_a_day_at_most(logs):
    put(logs, (-DAY, "a"), (0, "b"))
    refused("InvalidParameterException", put, logs, (-DAY - 1, "a"), (0, "b"))
    refused("InvalidParameterException", put, logs, (0, "b"), (-1, "a"))


def test_retention_is_one_of_twenty_two_periods(logs):
    for days in (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653):
        logs.put_retention_policy(logGroupName="g", retentionInDays=days)
    for days in (2, 10, 366, 3654):
        refused("InvalidParameterException", logs.put_retention_policy, logGroupName="g", retentionInDays=days)


@pytest.mark.parametrize("pattern, good, bad", [
    ("ERROR", ["an ERROR here"], ["an error here", "fine"]), ("ERROR timeout", ["ERROR: timeout"], ["ERROR", "timeout"]), ("?ERROR ?WARN", ["ERROR x", "WARN x"], ["INFO x"]),
    ("ERROR -timeout", ["ERROR x"], ["ERROR timeout"]), ('"disk is full"', ["the disk is full now"], ["disk full is"]), ("%4[0-9]{2}%", ["status 404"], ["status 500"]),
    ('{ $.a.b[0] = "x*" }', ['{"a": {"b": ["xyz"]}}'], ['{"a": {"b": ["yx"]}}', "xyz"]), ("{ $.n >= 3 && ($.k = 1 || $.z NOT EXISTS) }", ['{"n": 3, "k": 1, "z": 0}', '{"n": 4}'], ['{"n": 2}', '{"n": 3, "k": 2, "z": 0}']),
    ("{ $.a IS NULL }", ['{"a": null}'], ['{"a": 1}', "{}"]), ("{ $.a IS TRUE }", ['{"a": true}'], ['{"a": false}', '{"a": 1}']), ("{ $.a != 1 }", ['{"a": 2}'], ['{"a": 1}']),
    ("{ $.ip = %10\\.0\\.% }", ['{"ip": "10.0.1.1"}'], ['{"ip": "10.1.0.1"}']),
    ("[ip, user=eve, ..., status=4*]", ["1.1.1.1 eve x y 404", "1.1.1.1 eve 400"], ["1.1.1.1 bob x 404", "1.1.1.1 eve x 200"]), ("[a, b > 3]", ["x 4"], ["x 3", "x"]),
])
def test_filter_patterns(logs, pattern, good, bad):
    matches = logs.test_metric_filter(filterPattern=pattern, logEventMessages=[*good, *bad])["matches"]
    assert [one["eventMessage"] for one in matches] == good
    put(logs, *[(i, text) for i, text in enumerate([*bad, *good])])
    assert [one["message"] for one in logs.filter_log_events(logGroupName="g", filterPattern=pattern)["events"]] == good


def test_a_metric_filter_has_a_value_a_default_or_dimensions(logs, cloud):
    change = {"metricName": "m", "metricNamespace": "N", "metricValue": "$.ms"}
    put_filter = lambda **more: logs.put_metric_filter(logGroupName="g", filterName="f", filterPattern="{ $.ms = * }", metricTransformations=[change | more])
    refused("InvalidParameterException", put_filter, defaultValue=0, dimensions={"Host": "$.host"})
    put_filter(dimensions={"Host": "$.host"})
    put(logs, (0, '{"ms": 5, "host": "a"}'), (0, '{"ms": 7, "host": "b"}'), (0, '{"other": 1}'))
    client = cloud.client("cloudwatch")
    at = {"StartTime": cloud.now - 600, "EndTime": cloud.now + 60, "Period": 60, "Statistics": ["Sum", "SampleCount"], "Namespace": "N", "MetricName": "m"}
    assert [p["Sum"] for p in client.get_metric_statistics(**at, Dimensions=[{"Name": "Host", "Value": "b"}])["Datapoints"]] == [7]
    assert client.get_metric_statistics(**at)["Datapoints"] == [], "with dimensions there is no sum over them"


def test_a_group_has_two_subscription_filters(cloud):
    from tests.services.lambda_.conftest import Bench

    bench, logs = Bench(cloud), cloud.client("logs")
    arn = bench.deploy("sink", "def handler(event, context):\n    pass\n")["FunctionArn"]
    bench.client.add_permission(FunctionName="sink", StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com")
    logs.create_log_group(logGroupName="g")
    for name in ("one", "two", "one"):
        logs.put_subscription_filter(logGroupName="g", filterName=name, filterPattern="", destinationArn=arn)
    refused("LimitExceededException", logs.put_subscription_filter, logGroupName="g", filterName="three", filterPattern="", destinationArn=arn)
