"""Bounds of CloudWatch, and what its statistics and functions make of values."""
import json

import pytest

from cloche.testing.people import refused

from .test_alarms import alarm, look, state
from .test_metrics import data, metric, minute, put, stats


def test_a_datum_has_thirty_dimensions_at_most_and_a_request_a_thousand_metrics(cloud):
    client = cloud.client("cloudwatch")
    dims = [{"Name": f"d{i:02}", "Value": "v"} for i in range(31)]
    client.put_metric_data(Namespace="App", MetricData=[{"MetricName": "m", "Value": 1, "Dimensions": dims[:30]}])
    assert len(client.list_metrics(Namespace="App")["Metrics"][0]["Dimensions"]) == 30
    assert "must not have a size greater than 30" in refused("InvalidParameterValue", client.put_metric_data, Namespace="App", MetricData=[{"MetricName": "m", "Value": 1, "Dimensions": dims}])
    client.put_metric_data(Namespace="Many", MetricData=[{"MetricName": "m", "Value": 1}] * 1000)
    assert stats(cloud, space="Many")[0]["SampleCount"] == 1000


@pytest.mark.parametrize("period, good", [(1, True), (5, True), (10, True), (30, True), (60, True), (120, True), (2, False), (15, False), (61, False), (90, False)])
def test_a_period_is_1_5_10_30_or_whole_minutes(cloud, period, good):
    put(cloud, Value=1, StorageResolution=1)
    if good:
        assert sum(p["Sum"] for p in stats(cloud, period=period)) == 1
    else:
        refused("InvalidParameterValue", stats, cloud, period=period)


def test_a_request_gives_1440_datapoints_and_no_more(cloud):
    put(cloud, Value=1)
    assert len(stats(cloud, back=86400 - 120, ahead=60)) == 1
    refused("InvalidParameterCombination", stats, cloud, back=86400 + 60, ahead=60)
    assert len(stats(cloud, back=86400 * 4, ahead=60, period=300)) == 1, "a longer period is fewer datapoints"


def test_trimmed_and_winsorized_statistics(cloud):
    put(cloud, Values=[1, 2, 3, 4, 100], at=minute(cloud))
    [point] = stats(cloud, Statistics=["Sum"], ExtendedStatistics=["p50", "p100", "tm80", "wm80", "ts80", "tc80", "PR(2:4)", "TM(20%:80%)", "TS(:3)"])
    found = point["ExtendedStatistics"]
    assert (found["p50"], found["p100"], found["tm80"], found["ts80"], found["tc80"]) == (3, 100, 2.5, 10, 4)
    assert found["wm80"] == pytest.approx(2.8) and found["PR(2:4)"] == pytest.approx(40) and found["TM(20%:80%)"] == pytest.approx(3) and found["TS(:3)"] == pytest.approx(6)


def test_five_hundred_queries_and_no_more(cloud):
    put(cloud, Value=1)
    assert len(data(cloud, *[metric(f"m{i}", "m") for i in range(500)])["MetricDataResults"]) == 500
    refused("ValidationError", data, cloud, *[metric(f"m{i}", "m") for i in range(501)])


def test_logical_operators_and_lists(cloud):
    at = minute(cloud)
    for i, (a, b) in enumerate(((1, 5), (2, 1), (3, 7))):
        put(cloud, "a", Value=a, at=at + 60 * i)
        put(cloud, "b", Value=b, at=at + 60 * i)

    def value(expression):
        got = data(cloud, metric("a", "a", ReturnData=False), metric("b", "b", ReturnData=False), {"Id": "x", "Expression": expression}, ScanBy="TimestampAscending")
        return [r["Values"] for r in got["MetricDataResults"]]

    assert value("a >= 2 AND b > 2") == [[0, 0, 1]] and value("a == 1 OR b == 1") == [[1, 1, 0]] and value("a != 2") == [[1, 0, 1]]
    assert value("STDDEV([a, b])")[0] == pytest.approx([2, .5, 2]) and value("AVG(METRICS())") == [[3, 1.5, 5]]
    assert value("SLICE(SORT(METRICS(), MAX, DESC), 0, 1)") == [[5, 1, 7]] and value("[a, b]") == [[1, 2, 3], [5, 1, 7]]


def test_alarms_on_dynamodb_ignore_what_is_missing(cloud):
    alarm(cloud, "table", Namespace="AWS/DynamoDB", MetricName="ThrottledRequests", Dimensions=[{"Name": "TableName", "Value": "none"}], TreatMissingData="breaching")
    alarm(cloud, "other", TreatMissingData="breaching")
    cloud.client("cloudwatch").set_alarm_state(AlarmName="table", StateValue="OK", StateReason="x")
    cloud.advance(minutes=5)
    assert (state(cloud, "table"), state(cloud, "other")) == ("OK", "ALARM")


def test_advancing_visits_every_evaluation_in_its_order(cloud):
    """One step of an hour passes by OK and ALARM as they were."""
    alarm(cloud, MetricName="m", TreatMissingData="notBreaching")
    for i in range(3):
        put(cloud, Value=50, name="m", at=cloud.now + 600 * (i + 1))
    cloud.advance(hours=1)
    items = cloud.client("cloudwatch").describe_alarm_history(AlarmName="a", HistoryItemType="StateUpdate", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [one["HistorySummary"].removeprefix("Alarm updated from ") for one in items] == ["INSUFFICIENT_DATA to OK"] + ["OK to ALARM", "ALARM to OK"] * 3
    assert [one["Timestamp"] for one in items] == sorted(one["Timestamp"] for one in items) and (items[3]["Timestamp"] - items[1]["Timestamp"]).total_seconds() == pytest.approx(600, abs=61)


def test_a_dashboard_that_is_no_json_is_an_invalid_input(cloud):
    client = cloud.client("cloudwatch")
    for body in ("{", "[]", '{"widgets": 7}'):
        with pytest.raises(client.exceptions.DashboardInvalidInputError):
            client.put_dashboard(DashboardName="d", DashboardBody=body)
    refused("ResourceNotFound", client.get_dashboard, DashboardName="d")


def test_rules_of_composites_know_constants_and_parentheses(cloud):
    client = cloud.client("cloudwatch")
    for name in ("a", "b"):
        alarm(cloud, name, MetricName=name, TreatMissingData="ignore")
    for rule, wanted in (("TRUE", "ALARM"), ("FALSE", "OK"), ("NOT (ALARM(a) OR OK(a))", "ALARM"), ("INSUFFICIENT_DATA(a) AND INSUFFICIENT_DATA(b)", "ALARM"), ("ALARM(a) OR FALSE", "OK")):
        client.put_composite_alarm(AlarmName="top", AlarmRule=rule)
        assert look(cloud, "top")["StateValue"] == wanted, rule


def test_a_topics_message_tells_the_metric_and_its_dimensions(cloud):
    from .test_alarms import messages, topic

    arn, url, _ = topic(cloud)
    alarm(cloud, Dimensions=[{"Name": "Host", "Value": "a"}], AlarmActions=[arn], DatapointsToAlarm=1)
    put(cloud, Value=99, dims={"Host": "a"})
    cloud.advance(60)
    [said] = messages(cloud, url)
    assert said["Trigger"]["Dimensions"] == [{"value": "a", "name": "Host"}] and said["Trigger"]["DatapointsToAlarm"] == 1 and said["Trigger"]["ComparisonOperator"] == "GreaterThanThreshold"
    assert said["NewStateReason"].startswith("Threshold Crossed") and said["StateChangeTime"].endswith("+0000") and said["Region"] == "US East (N. Virginia)"
    assert json.dumps(said)
