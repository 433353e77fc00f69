"""CloudWatch: alarms."""
import json

import pytest

from cloche.services.cloudwatch.evaluating import judge
from cloche.testing.people import refused


def put(cloud, value, name="m", at=None, **more):
    cloud.client("cloudwatch").put_metric_data(Namespace="App", MetricData=[{"MetricName": name, "Value": value, "Timestamp": at or cloud.now} | more])


def alarm(cloud, name="a", **more):
    given = {
        "AlarmName": name, "Namespace": "App", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 10, "ComparisonOperator": "GreaterThanThreshold",
    } | more
    cloud.client("cloudwatch").put_metric_alarm(**{k: v for k, v in given.items() if v is not None})


def look(cloud, name="a"):
    answer = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return (answer["MetricAlarms"] + answer["CompositeAlarms"])[0]


def state(cloud, name="a"):
    return look(cloud, name)["StateValue"]


def queue(cloud, name="q"):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def topic(cloud):
    """A topic whose messages lie in a queue."""
    url, arn = queue(cloud)
    sns = cloud.client("sns")
    made = sns.create_topic(Name="alarms")["TopicArn"]
    sns.subscribe(TopicArn=made, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}, "Action": "sqs:SendMessage", "Resource": arn}]}
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    return made, url, arn


def messages(cloud, url):
    got = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for one in got:
        cloud.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return [json.loads(one["Body"]) for one in got]


def test_an_alarm_begins_with_insufficient_data_and_follows_its_metric(cloud):
    alarm(cloud)
    assert state(cloud) == "INSUFFICIENT_DATA"
    put(cloud, 50)
    cloud.advance(60)
    found = look(cloud)
    assert found["StateValue"] == "ALARM" and "1 datapoint [50.0 (" in found["StateReason"] and "greater than the threshold (10.0)" in found["StateReason"]
    put(cloud, 1)
    cloud.advance(60)
    assert state(cloud) == "OK"
    cloud.advance(minutes=10)
    assert state(cloud) == "INSUFFICIENT_DATA"


def test_m_out_of_n_datapoints_must_breach(cloud):
    alarm(cloud, EvaluationPeriods=3, DatapointsToAlarm=2)
    states = []
    for value in (50, 1, 50, 1, 1):
        put(cloud, value)
        cloud.advance(60)
        states.append(state(cloud))
    assert states == ["INSUFFICIENT_DATA", "OK", "ALARM", "OK", "OK"]


def row(text):
    """AWS's own notation: X breaches, 0 does not, - is missing; oldest first, the newest ends at 300."""
    return [(60 * i, {"X": 50.0, "0": 1.0}[c]) for i, c in enumerate(text.split()) if c != "-"]


# from the user guide, "Configuring how CloudWatch alarms treat missing data": (datapoints, M, N, missing, ignore, breaching, notBreaching); "keep" is the state it had
@pytest.mark.parametrize("points, m, n, wanted", [
    ("0 - X - X", 3, 3, ("OK", "OK", "OK", "OK")),
    ("- - - - 0", 3, 3, ("OK", "OK", "OK", "OK")),
    ("- - - - -", 3, 3, ("INSUFFICIENT_DATA", "keep", "ALARM", "OK")),
    ("0 X X - X", 3, 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("- - X - -", 3, 3, ("ALARM", "keep", "ALARM", "OK")),
    ("0 - X - X", 2, 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("0 0 X 0 X", 2, 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("0 - X - -", 2, 3, ("OK", "OK", "ALARM", "OK")),
    ("- - - - 0", 2, 3, ("OK", "OK", "ALARM", "OK")),
    ("- - - X -", 2, 3, ("ALARM", "keep", "ALARM", "OK")),
])
def test_missing_data_is_treated_as_the_user_guide_tabulates(points, m, n, wanted):
    for treat, expected in zip(("missing", "ignore", "breaching", "notBreaching"), wanted, strict=True):
        config = {"EvaluationPeriods": n, "DatapointsToAlarm": m, "Threshold": 10.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": treat, "Period": 60}
        for before in ("OK", "ALARM"):
            assert judge(config, row(points), before, 300)[0] == (before if expected == "keep" else expected), (points, treat)


def test_silence_may_breach(cloud):
    alarm(cloud, "dead", MetricName="heartbeat", ComparisonOperator="LessThanThreshold", Threshold=1, TreatMissingData="breaching")
    alarm(cloud, "fine", MetricName="heartbeat", TreatMissingData="notBreaching")
    cloud.advance(60)
    assert (state(cloud, "dead"), state(cloud, "fine")) == ("ALARM", "OK")


def test_a_change_is_told_to_a_topic_once(cloud):
    arn, url, _ = topic(cloud)
    alarm(cloud, AlarmActions=[arn], OKActions=[arn], AlarmDescription="too much")
    for _ in range(3):
        put(cloud, 99)
        cloud.advance(60)
    [said] = messages(cloud, url)
    assert (said["AlarmName"], said["OldStateValue"], said["NewStateValue"], said["AlarmDescription"], said["AWSAccountId"]) == ("a", "INSUFFICIENT_DATA", "ALARM", "too much", cloud.account)
    trigger = said["Trigger"]
    assert (trigger["MetricName"], trigger["Namespace"], trigger["Statistic"], trigger["Period"], trigger["EvaluationPeriods"], trigger["Threshold"]) == ("m", "App", "SUM", 60, 1, 10.0)
    put(cloud, 1)
    cloud.advance(60)
    assert [m["NewStateValue"] for m in messages(cloud, url)] == ["OK"]
    history = cloud.client("cloudwatch").describe_alarm_history(AlarmName="a")["AlarmHistoryItems"]
    assert "Alarm updated from ALARM to OK" in [h["HistorySummary"] for h in history if h["HistoryItemType"] == "StateUpdate"]
    assert [h["HistorySummary"] for h in history if h["HistoryItemType"] == "Action"] == [f"Successfully executed action {arn}"] * 2
    assert [h["HistorySummary"] for h in history if h["HistoryItemType"] == "ConfigurationUpdate"] == ['Alarm "a" created']
    first = cloud.client("cloudwatch").describe_alarm_history(AlarmName="a", MaxRecords=1, ScanBy="TimestampAscending")
    assert first["AlarmHistoryItems"][0]["HistoryItemType"] == "ConfigurationUpdate" and first["NextToken"]


def test_switched_off_actions_are_not_run(cloud):
    arn, url, _ = topic(cloud)
    client = cloud.client("cloudwatch")
    alarm(cloud, AlarmActions=[arn], OKActions=[arn])
    client.disable_alarm_actions(AlarmNames=["a"])
    client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="test")
    assert messages(cloud, url) == [] and look(cloud)["ActionsEnabled"] is False
    client.enable_alarm_actions(AlarmNames=["a"])
    client.set_alarm_state(AlarmName="a", StateValue="OK", StateReason="test")
    cloud.advance(1)
    assert len(messages(cloud, url)) == 1


def test_a_state_that_is_set_lasts_until_the_next_evaluation(cloud):
    alarm(cloud)
    put(cloud, 1)
    cloud.advance(60)
    client = cloud.client("cloudwatch")
    client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a drill", StateReasonData='{"by": "me"}')
    assert (look(cloud)["StateValue"], look(cloud)["StateReason"]) == ("ALARM", "a drill")
    cloud.advance(60)
    assert state(cloud) == "OK"
    refused("ResourceNotFound", client.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="x")
    refused("InvalidFormat", client.set_alarm_state, AlarmName="a", StateValue="OK", StateReason="x", StateReasonData="{")


def test_a_change_of_state_is_an_event(cloud):
    _, url, arn = topic(cloud)
    events = cloud.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"], "detail": {"state": {"value": ["ALARM"]}}}))
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    alarm(cloud)
    put(cloud, 99)
    cloud.advance(60)
    [event] = messages(cloud, url)
    assert event["detail"]["alarmName"] == "a" and event["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA" and event["resources"] == [look(cloud)["AlarmArn"]]
    assert event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"] == {"namespace": "App", "name": "m", "dimensions": {}}


def test_an_alarm_on_an_expression(cloud):
    def one(id_, name):
        return {"Id": id_, "MetricStat": {"Metric": {"Namespace": "App", "MetricName": name}, "Period": 60, "Stat": "Sum"}, "ReturnData": False}

    alarm(cloud, Namespace=None, MetricName=None, Statistic=None, Period=None, Threshold=5, Metrics=[one("e", "errors"), one("c", "calls"), {"Id": "rate", "Expression": "100 * e / c"}])
    put(cloud, 1, "errors")
    put(cloud, 10, "calls")
    cloud.advance(60)
    assert state(cloud) == "ALARM"
    put(cloud, 0, "errors")
    put(cloud, 10, "calls")
    cloud.advance(60)
    assert state(cloud) == "OK"


def test_an_alarm_on_a_percentile(cloud):
    alarm(cloud, Statistic=None, ExtendedStatistic="p90", Threshold=80)
    cloud.client("cloudwatch").put_metric_data(Namespace="App", MetricData=[{"MetricName": "m", "Values": list(range(1, 101)), "Timestamp": cloud.now}])
    cloud.advance(60)
    assert state(cloud) == "ALARM"


def test_a_five_minute_alarm_adds_up_over_its_period(cloud):
    alarm(cloud, Period=300)
    for _ in range(5):
        put(cloud, 3)
        cloud.advance(60)
    assert state(cloud) == "ALARM"


def test_a_ten_second_alarm_sees_high_resolution_metrics(cloud):
    alarm(cloud, Period=10)
    put(cloud, 50, StorageResolution=1)
    cloud.advance(10)
    assert state(cloud) == "ALARM"


def test_a_silent_alarm_costs_nothing_while_time_goes_by(cloud):
    import time
    for i in range(20):
        alarm(cloud, f"idle{i}", MetricName=f"m{i}")
    cloud.advance(minutes=5)
    begun = time.perf_counter()
    cloud.advance(days=365)
    assert time.perf_counter() - begun < 2


def test_a_composite_alarm_follows_its_rule(cloud):
    client = cloud.client("cloudwatch")
    arn, url, _ = topic(cloud)
    for name in "abc":
        alarm(cloud, name, MetricName=name)
    client.put_composite_alarm(AlarmName="top", AlarmRule='ALARM("a") AND (ALARM(b) OR NOT OK(c))', AlarmActions=[arn])
    assert state(cloud, "top") == "OK"
    client.set_alarm_state(AlarmName="c", StateValue="OK", StateReason="x")
    client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="x")
    assert state(cloud, "top") == "OK"
    client.set_alarm_state(AlarmName="b", StateValue="ALARM", StateReason="x")
    assert state(cloud, "top") == "ALARM"
    cloud.advance(1)
    [said] = messages(cloud, url)
    assert said["AlarmRule"] and {t["Arn"].rsplit(":", 1)[1] for t in said["TriggeringChildren"]} == {"a", "b"}
    assert [a["AlarmName"] for a in client.describe_alarms(ChildrenOfAlarmName="top")["MetricAlarms"]] == ["a", "b", "c"]
    assert [a["AlarmName"] for a in client.describe_alarms(ParentsOfAlarmName="a")["CompositeAlarms"]] == ["top"]
    refused("ValidationError", client.delete_alarms, AlarmNames=["a"])
    client.delete_alarms(AlarmNames=["top"])
    client.delete_alarms(AlarmNames=["a", "b", "c", "unknown"])
    assert client.describe_alarms()["MetricAlarms"] == []


@pytest.mark.parametrize("rule", ["ALARM(a", "ALARM(a) AND", "MAYBE(a)", "ALARM(nobody)", "ALARM(top)", "a AND b"])
def test_a_rule_that_cannot_be_is_refused(cloud, rule):
    alarm(cloud, "a")
    refused("ValidationError", cloud.client("cloudwatch").put_composite_alarm, AlarmName="top", AlarmRule=rule)


def test_composites_may_not_go_in_circles(cloud):
    client = cloud.client("cloudwatch")
    alarm(cloud, "a")
    client.put_composite_alarm(AlarmName="one", AlarmRule="ALARM(a)")
    client.put_composite_alarm(AlarmName="two", AlarmRule="ALARM(one)")
    refused("ValidationError", client.put_composite_alarm, AlarmName="one", AlarmRule="ALARM(two)")


def test_a_suppressor_holds_actions_back_and_its_end_lets_them_go(cloud):
    client = cloud.client("cloudwatch")
    arn, url, _ = topic(cloud)
    alarm(cloud, "a", MetricName="a", TreatMissingData="ignore")
    alarm(cloud, "maintenance", MetricName="x", TreatMissingData="ignore")
    client.set_alarm_state(AlarmName="maintenance", StateValue="ALARM", StateReason="x")
    client.put_composite_alarm(AlarmName="top", AlarmRule="ALARM(a)", AlarmActions=[arn], ActionsSuppressor="maintenance", ActionsSuppressorWaitPeriod=10, ActionsSuppressorExtensionPeriod=20)
    client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="x")
    assert look(cloud, "top")["ActionsSuppressedBy"] == "Alarm" and messages(cloud, url) == []
    client.set_alarm_state(AlarmName="maintenance", StateValue="OK", StateReason="x")
    assert look(cloud, "top")["ActionsSuppressedBy"] == "ExtensionPeriod"
    client.disable_alarm_actions(AlarmNames=["maintenance"])
    cloud.advance(25)
    assert [m["AlarmName"] for m in messages(cloud, url)] == ["top"]


def test_describe_alarms_by_prefix_state_action_and_metric(cloud):
    client = cloud.client("cloudwatch")
    arn, _, _ = topic(cloud)
    alarm(cloud, "web-1", AlarmActions=[arn])
    alarm(cloud, "web-2", MetricName="n", Tags=[{"Key": "team", "Value": "x"}])
    alarm(cloud, "db")

    def names(**more):
        return [a["AlarmName"] for a in client.describe_alarms(**more)["MetricAlarms"]]

    assert names() == ["db", "web-1", "web-2"] and names(AlarmNamePrefix="web") == ["web-1", "web-2"] and names(ActionPrefix=arn) == ["web-1"] and names(StateValue="OK") == []
    page = client.describe_alarms(MaxRecords=2)
    assert [a["AlarmName"] for a in client.describe_alarms(MaxRecords=2, NextToken=page["NextToken"])["MetricAlarms"]] == ["web-2"]
    assert [a["AlarmName"] for a in client.describe_alarms_for_metric(Namespace="App", MetricName="m")["MetricAlarms"]] == ["db", "web-1"]
    of = look(cloud, "web-2")["AlarmArn"]
    assert of == f"arn:aws:cloudwatch:us-east-1:{cloud.account}:alarm:web-2"
    client.tag_resource(ResourceARN=of, Tags=[{"Key": "stage", "Value": "prod"}])
    client.untag_resource(ResourceARN=of, TagKeys=["team"])
    assert client.list_tags_for_resource(ResourceARN=of)["Tags"] == [{"Key": "stage", "Value": "prod"}]
    refused("ResourceNotFoundException", client.list_tags_for_resource, ResourceARN=of + "x")


@pytest.mark.parametrize("more", [
    {"Period": 45}, {"Statistic": None}, {"DatapointsToAlarm": 2}, {"TreatMissingData": "maybe"}, {"Period": 3600, "EvaluationPeriods": 200}, {"AlarmActions": ["nonsense"]},
    {"Metrics": [{"Id": "e", "Expression": "1"}]}, {"Namespace": None}])
def test_an_alarm_that_cannot_be_is_refused(cloud, more):
    from botocore.exceptions import ClientError
    with pytest.raises(ClientError) as error:
        alarm(cloud, **more)
    assert error.value.response["Error"]["Code"] in ("ValidationError", "MissingParameter")


def test_a_function_is_called_by_an_alarm_it_lets_in(cloud):
    client = cloud.client("cloudwatch")
    arn = f"arn:aws:lambda:us-east-1:{cloud.account}:function:nobody"
    alarm(cloud, AlarmActions=[arn])
    client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="x")
    [item] = client.describe_alarm_history(AlarmName="a", HistoryItemType="Action")["AlarmHistoryItems"]
    assert item["HistorySummary"] == f"Failed to execute action {arn}" and json.loads(item["HistoryData"])["actionState"] == "Failed"
