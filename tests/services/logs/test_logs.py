"""CloudWatch Logs through boto3."""
from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

DAY = 86_400_000


def code(error) -> str:
    return error.value.response["Error"]["Code"]


@pytest.fixture
def logs(cloud):
    return cloud.client("logs")


@pytest.fixture
def group(logs):
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    return "g"


@pytest.fixture
def now(cloud):
    return int(cloud.now * 1000)


def put(logs, lines, stream="s", group="g"):
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": t, "message": m} for t, m in lines])


def messages(answer):
    return [e["message"] for e in answer["events"]]


class TestGroups:
    def test_a_group_is_created_once_and_described(self, logs, cloud):
        logs.create_log_group(logGroupName="/aws/x", tags={"a": "b"})
        with pytest.raises(ClientError) as error:
            logs.create_log_group(logGroupName="/aws/x")
        assert code(error) == "ResourceAlreadyExistsException"
        (found,) = logs.describe_log_groups(logGroupNamePrefix="/aws")["logGroups"]
        assert found["arn"] == f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/aws/x:*"
        assert found["storedBytes"] == 0 and found["logGroupClass"] == "STANDARD" and "retentionInDays" not in found

    def test_groups_are_listed_by_name_in_pages(self, logs):
        for n in ("ccc", "aaa", "bbb"):
            logs.create_log_group(logGroupName=n)
        pages = list(logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 2}))
        assert [[g["logGroupName"] for g in p["logGroups"]] for p in pages] == [["aaa", "bbb"], ["ccc"]]
        assert [g["logGroupName"] for g in logs.list_log_groups(logGroupNamePattern="^bbb")["logGroups"]] == ["bbb"]

    def test_prefix_and_pattern_exclude_each_other(self, logs):
        with pytest.raises(ClientError) as error:
            logs.describe_log_groups(logGroupNamePrefix="a", logGroupNamePattern="b")
        assert code(error) == "InvalidParameterException"

    def test_a_name_of_forbidden_characters_is_refused_in_aws_words(self, logs):
        with pytest.raises(ClientError) as error:
            logs.create_log_group(logGroupName="a b")
        assert code(error) == "InvalidParameterException"
        assert "Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern" in str(error.value)

    def test_deleting_a_group_deletes_its_events(self, logs, group, now):
        put(logs, [(now, "x")])
        logs.delete_log_group(logGroupName="g")
        with pytest.raises(ClientError) as error:
            logs.describe_log_streams(logGroupName="g")
        assert code(error) == "ResourceNotFoundException"
        logs.create_log_group(logGroupName="g")
        assert logs.filter_log_events(logGroupName="g")["events"] == []

    def test_a_protected_group_is_not_deleted(self, logs, group):
        logs.put_log_group_deletion_protection(logGroupIdentifier="g", deletionProtectionEnabled=True)
        with pytest.raises(ClientError):
            logs.delete_log_group(logGroupName="g")

    def test_tags_by_arn_and_by_name_are_the_same_tags(self, logs, group, cloud):
        arn = f"arn:aws:logs:us-east-1:{cloud.account}:log-group:g"
        logs.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
        logs.tag_log_group(logGroupName="g", tags={"c": "3"})
        logs.untag_resource(resourceArn=arn, tagKeys=["a"])
        logs.untag_log_group(logGroupName="g", tags=["b"])
        assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == logs.list_tags_log_group(logGroupName="g")["tags"] == {"c": "3"}


class TestRetention:
    def test_only_certain_periods_are_taken(self, logs, group):
        with pytest.raises(ClientError) as error:
            logs.put_retention_policy(logGroupName="g", retentionInDays=2)
        assert code(error) == "InvalidParameterException"
        logs.put_retention_policy(logGroupName="g", retentionInDays=7)
        assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 7
        logs.delete_retention_policy(logGroupName="g")
        assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]

    def test_events_disappear_when_their_time_is_over(self, logs, group, now, cloud):
        logs.put_retention_policy(logGroupName="g", retentionInDays=1)
        put(logs, [(now - DAY + 3_600_000, "old"), (now, "new")])
        assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] > 26
        cloud.advance(hours=2)
        assert messages(logs.filter_log_events(logGroupName="g")) == ["new"]
        assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 29


class TestStreams:
    def test_a_stream_belongs_to_a_group_and_has_one_name(self, logs, group, cloud):
        with pytest.raises(ClientError) as error:
            logs.create_log_stream(logGroupName="g", logStreamName="s")
        assert code(error) == "ResourceAlreadyExistsException"
        with pytest.raises(ClientError) as error:
            logs.create_log_stream(logGroupName="none", logStreamName="s")
        assert code(error) == "ResourceNotFoundException"
        (found,) = logs.describe_log_streams(logGroupName="g")["logStreams"]
        assert found["arn"] == f"arn:aws:logs:us-east-1:{cloud.account}:log-group:g:log-stream:s" and "lastEventTimestamp" not in found

    def test_streams_are_ordered_by_name_or_by_their_last_event(self, logs, group, now):
        for i, name in enumerate("zab"):
            logs.create_log_stream(logGroupName="g", logStreamName=name)
            put(logs, [(now - i * 1000, "x")], name)
        by = lambda **k: [s["logStreamName"] for s in logs.describe_log_streams(logGroupName="g", **k)["logStreams"]]
        assert by() == ["a", "b", "s", "z"]
        assert by(orderBy="LastEventTime", descending=True) == ["z", "a", "b", "s"]
        assert by(logStreamNamePrefix="a") == ["a"]
        with pytest.raises(ClientError):
            by(logStreamNamePrefix="a", orderBy="LastEventTime")
        for order in ("LogStreamName", "LastEventTime"):
            pages = logs.get_paginator("describe_log_streams").paginate(logGroupName="g", orderBy=order, descending=True, PaginationConfig={"PageSize": 3})
            assert [len(p["logStreams"]) for p in pages] == [3, 1]

    def test_a_deleted_stream_takes_its_events_along(self, logs, group, now):
        put(logs, [(now, "x")])
        logs.delete_log_stream(logGroupName="g", logStreamName="s")
        assert logs.filter_log_events(logGroupName="g")["events"] == []
        with pytest.raises(ClientError) as error:
            put(logs, [(now, "x")])
        assert code(error) == "ResourceNotFoundException"


class TestPut:
    def test_events_must_be_in_order_and_within_a_day(self, logs, group, now):
        for lines in ([(now, "b"), (now - 1, "a")], [(now - DAY - 1, "a"), (now, "b")]):
            with pytest.raises(ClientError) as error:
                put(logs, lines)
            assert code(error) == "InvalidParameterException"

    def test_what_is_too_old_or_too_new_is_rejected_by_index_and_the_rest_taken(self, logs, group, now):
        answer = put(logs, [(now - 15 * DAY, "a"), (now - 14 * DAY - 60_000, "b"), (now - 14 * DAY + 60_000, "c")])
        assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2}
        answer = put(logs, [(now, "d"), (now + 3 * 3_600_000, "e")])
        assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
        assert messages(logs.filter_log_events(logGroupName="g")) == ["c", "d"]

    def test_a_batch_is_a_megabyte_at_most(self, logs, group, now):
        with pytest.raises(ClientError) as error:
            put(logs, [(now, "x" * 600_000)] * 2)
        assert "Upload too large: 1200052 bytes exceeds limit of 1048576" in str(error.value)

    def test_more_than_ten_thousand_events_are_refused(self, logs, group, now):
        with pytest.raises(ClientError) as error:
            put(logs, [(now, "x")] * 10_001)
        assert "Member must have length less than or equal to 10000" in str(error.value)


class TestGet:
    def test_tokens_lead_forward_to_the_end_and_backward_to_the_start(self, logs, group, now):
        put(logs, [(now + i, f"m{i}") for i in range(10)])
        get = lambda **k: logs.get_log_events(logGroupName="g", logStreamName="s", limit=4, **k)
        first = get(startFromHead=True)
        assert messages(first) == ["m0", "m1", "m2", "m3"]
        second = get(nextToken=first["nextForwardToken"])
        third = get(nextToken=second["nextForwardToken"])
        end = get(nextToken=third["nextForwardToken"])
        assert messages(third) == ["m8", "m9"] and messages(end) == []
        assert end["nextForwardToken"] == third["nextForwardToken"]
        assert messages(get(nextToken=second["nextBackwardToken"])) == messages(first)
        put(logs, [(now + 20, "later")])
        assert messages(get(nextToken=end["nextForwardToken"])) == ["later"]

    def test_without_from_head_the_latest_come_in_order_of_time(self, logs, group, now):
        put(logs, [(now + i, f"m{i}") for i in range(5)])
        assert messages(logs.get_log_events(logGroupName="g", logStreamName="s", limit=2)) == ["m3", "m4"]

    def test_start_is_inclusive_and_end_exclusive(self, logs, group, now):
        put(logs, [(now + i, f"m{i}") for i in range(5)])
        assert messages(logs.get_log_events(logGroupName="g", logStreamName="s", startTime=now + 1, endTime=now + 3, startFromHead=True)) == ["m1", "m2"]

    def test_a_foreign_token_is_refused(self, logs, group):
        with pytest.raises(ClientError) as error:
            logs.get_log_events(logGroupName="g", logStreamName="s", nextToken="x")
        assert str(error.value).endswith("The specified nextToken is invalid.")


class TestFilter:
    def test_streams_are_interleaved_by_time_and_filtered(self, logs, group, now):
        logs.create_log_stream(logGroupName="g", logStreamName="t")
        put(logs, [(now, "ERROR one"), (now + 2, "fine")])
        put(logs, [(now + 1, "ERROR two"), (now + 3, "ERROR three")], "t")
        everything = lambda **k: [(e["logStreamName"], e["message"]) for p in logs.get_paginator("filter_log_events").paginate(logGroupName="g", **k) for e in p["events"]]
        assert everything(filterPattern="ERROR") == [("s", "ERROR one"), ("t", "ERROR two"), ("t", "ERROR three")]
        assert everything(logStreamNames=["s"]) == [("s", "ERROR one"), ("s", "fine")]
        assert everything(logStreamNamePrefix="t", startTime=now + 2) == [("t", "ERROR three")]
        assert everything(filterPattern="ERROR", PaginationConfig={"PageSize": 1}) == everything(filterPattern="ERROR")

    def test_a_bad_pattern_is_refused(self, logs, group):
        with pytest.raises(ClientError) as error:
            logs.filter_log_events(logGroupName="g", filterPattern="{ $.a = }")
        assert code(error) == "InvalidParameterException"

    def test_a_metric_filter_is_kept_and_tested(self, logs, group):
        change = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
        logs.put_metric_filter(logGroupName="g", filterName="f", filterPattern="{ $.a = 1 }", metricTransformations=[change])
        (found,) = logs.describe_metric_filters(metricName="m", metricNamespace="n")["metricFilters"]
        assert found["metricTransformations"] == [change] and found["logGroupName"] == "g"
        assert logs.describe_log_groups()["logGroups"][0]["metricFilterCount"] == 1
        logs.delete_metric_filter(logGroupName="g", filterName="f")
        with pytest.raises(ClientError):
            logs.delete_metric_filter(logGroupName="g", filterName="f")
        matches = logs.test_metric_filter(filterPattern="{ $.a = * }", logEventMessages=['{"b": 1}', '{"a": "x"}'])["matches"]
        assert matches == [{"eventNumber": 2, "eventMessage": '{"a": "x"}', "extractedValues": {"$.a": "x"}}]


class TestSubscriptions:
    def test_a_function_that_does_not_let_logs_in_is_refused(self, logs, group, cloud):
        with pytest.raises(ClientError) as error:
            logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="", destinationArn=f"arn:aws:lambda:us-east-1:{cloud.account}:function:none")
        assert code(error) == "InvalidParameterException" and "Could not execute the lambda function" in str(error.value)
        assert logs.describe_subscription_filters(logGroupName="g")["subscriptionFilters"] == []
        with pytest.raises(ClientError) as error:
            logs.delete_subscription_filter(logGroupName="g", filterName="f")
        assert code(error) == "ResourceNotFoundException"


class TestPolicies:
    POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}]}'

    def test_resource_policies_are_named_documents(self, logs):
        for bad in ("{", "{}", '{"Statement": [{"Effect": "Allow"}]}'):
            with pytest.raises(ClientError) as error:
                logs.put_resource_policy(policyName="p", policyDocument=bad)
            assert code(error) == "InvalidParameterException"
        logs.put_resource_policy(policyName="p", policyDocument=self.POLICY)
        assert [(p["policyName"], p["policyDocument"]) for p in logs.describe_resource_policies()["resourcePolicies"]] == [("p", self.POLICY)]
        logs.delete_resource_policy(policyName="p")
        with pytest.raises(ClientError) as error:
            logs.delete_resource_policy(policyName="p")
        assert code(error) == "ResourceNotFoundException"

    def test_a_rule_writes_to_a_group_only_if_a_resource_policy_lets_it(self, logs, cloud):
        events = cloud.client("events")
        logs.create_log_group(logGroupName="/aws/events/g")
        events.put_rule(Name="r", EventPattern='{"source": ["app"]}')
        events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/aws/events/g"}])
        say = lambda detail: (events.put_events(Entries=[{"Source": "app", "DetailType": "t", "Detail": detail}]), cloud.advance(1))
        say('{"n": 1}')
        assert logs.filter_log_events(logGroupName="/aws/events/g")["events"] == []
        logs.put_resource_policy(policyName="p", policyDocument=self.POLICY)
        say('{"n": 2}')
        assert '{"n":2}' in logs.filter_log_events(logGroupName="/aws/events/g", filterPattern="{ $.detail.n = 2 }")["events"][0]["message"].replace(" ", "")

    def test_a_group_names_a_key_that_exists(self, logs, group, cloud):
        open_to_logs = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {
            "AWS": f"arn:aws:iam::{cloud.account}:root", "Service": "logs.us-east-1.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}]})
        key = cloud.client("kms").create_key(Policy=open_to_logs)["KeyMetadata"]["Arn"]
        logs.associate_kms_key(logGroupName="g", kmsKeyId=key)
        assert logs.describe_log_groups()["logGroups"][0]["kmsKeyId"] == key
        logs.disassociate_kms_key(logGroupName="g")
        assert "kmsKeyId" not in logs.describe_log_groups()["logGroups"][0]
        with pytest.raises(ClientError) as error:
            logs.associate_kms_key(logGroupName="g", kmsKeyId=f"{key}x")
        assert code(error) == "InvalidParameterException"


class TestLiveTail:
    def test_what_arrives_is_streamed(self, cloud, logs, group, now):
        from botocore.config import Config

        live = cloud.client("logs", config=Config(inject_host_prefix=False))
        arn = f"arn:aws:logs:us-east-1:{cloud.account}:log-group:g"
        put(logs, [(now, "ERROR before")])
        stream = iter(live.start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="ERROR")["responseStream"])
        assert next(stream)["sessionStart"]["logGroupIdentifiers"] == [arn]
        put(logs, [(now, "fine"), (now, "ERROR after")])
        seen = []
        while not seen:
            seen = next(stream)["sessionUpdate"]["sessionResults"]
        assert [(e["logStreamName"], e["message"]) for e in seen] == [("s", "ERROR after")]
        with pytest.raises(ClientError) as error:
            live.start_live_tail(logGroupIdentifiers=[f"{arn}-none"])
        assert code(error) == "ResourceNotFoundException"
