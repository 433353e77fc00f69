import json

import pytest


def test_a_rule_is_described_as_it_was_put(bridge, refused):
    arn = bridge.rule(pattern={"source": ["a"]}, Description="d", State="DISABLED", Tags=[{"Key": "k", "Value": "v"}])
    assert arn == f"arn:aws:events:us-east-1:{bridge.cloud.account}:rule/r"
    rule = bridge.events.describe_rule(Name="r")
    assert rule["EventPattern"] == '{"source": ["a"]}' and rule["State"] == "DISABLED" and rule["Description"] == "d" and rule["EventBusName"] == "default"
    assert bridge.events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    bridge.events.enable_rule(Name="r")
    assert bridge.events.describe_rule(Name="r")["State"] == "ENABLED"
    bridge.events.disable_rule(Name="r")
    assert bridge.events.describe_rule(Name="r")["State"] == "DISABLED"
    assert refused(bridge.events.describe_rule, Name="none") == ("ResourceNotFoundException", "Rule none does not exist on EventBus default.")


def test_a_rule_needs_a_pattern_or_a_schedule(bridge, refused):
    assert refused(bridge.events.put_rule, Name="r") == ("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")
    assert refused(bridge.rule, ScheduleExpression="rate(1 minutes)") == ("ValidationException", "Parameter ScheduleExpression is not valid.")
    assert refused(bridge.rule, pattern={"source": "x"}) == ("InvalidEventPatternException", 'Event pattern is not valid. Reason: "source" must be an object or an array')
    bridge.events.create_event_bus(Name="mine")
    assert refused(bridge.rule, bus="mine", ScheduleExpression="rate(5 minutes)") == ("ValidationException", "ScheduleExpression is supported only on the default event bus.")
    assert refused(bridge.rule, bus="none", pattern={"source": ["x"]}) == ("ResourceNotFoundException", "Event bus none does not exist.")


def test_rules_are_listed_by_prefix_page_and_target(bridge):
    _, arn = bridge.queue()
    for name in ("a1", "a2", "b1"):
        bridge.rule(name, pattern={"source": ["x"]})
    bridge.target("a2", arn)
    assert [r["Name"] for r in bridge.events.list_rules(NamePrefix="a")["Rules"]] == ["a1", "a2"]
    first = bridge.events.list_rules(Limit=2)
    assert [r["Name"] for r in bridge.events.list_rules(Limit=2, NextToken=first["NextToken"])["Rules"]] == ["b1"]
    assert bridge.events.list_rule_names_by_target(TargetArn=arn)["RuleNames"] == ["a2"]


def test_a_rule_with_targets_is_not_deleted(bridge, refused):
    _, arn = bridge.queue()
    bridge.rule(pattern={"source": ["x"]})
    bridge.target(arn=arn)
    assert refused(bridge.events.delete_rule, Name="r") == ("ValidationException", "Rule can't be deleted since it has targets.")
    assert bridge.events.remove_targets(Rule="r", Ids=["t", "none"])["FailedEntries"][0]["TargetId"] == "none"
    assert bridge.events.list_targets_by_rule(Rule="r")["Targets"] == []
    bridge.events.delete_rule(Name="r")
    bridge.events.delete_rule(Name="r")


def test_targets_are_checked(bridge, refused):
    _, arn = bridge.queue()
    bridge.rule(pattern={"source": ["x"]})
    assert refused(bridge.target, "none", arn) == ("ResourceNotFoundException", "Rule none does not exist on EventBus default.")
    assert refused(bridge.target, arn="queue")[1] == "Parameter TargetArn is not valid. Reason: Provided Arn is not in correct format."
    assert refused(bridge.target, arn=arn, Input="{") == ("ValidationException", "JSON syntax error in input for target t")
    assert refused(bridge.target, arn=arn, Input="1", InputPath="$.detail")[1] == "Only one of Input, InputPath, or InputTransformer must be provided for target t."
    assert refused(bridge.target, arn=arn, InputPath="detail") == ("ValidationException", "Invalid InputPath for target t.")
    assert refused(bridge.target, arn=arn, InputTransformer={"InputTemplate": '"<who>"'})[1].startswith("Invalid InputTemplate for target t")
    assert refused(bridge.target, arn=arn + ".fifo")[1] == "Parameter(s) SqsParameters must be specified for target: t."
    assert refused(bridge.target, arn="arn:aws:batch:us-east-1:000000000000:job-queue/x")[0] == "NotImplemented"
    for i in range(5):
        bridge.target(arn=arn, id=str(i))
    assert refused(bridge.target, arn=arn, id="6") == ("LimitExceededException", "The requested resource exceeds the maximum number allowed.")


EVENT = {"id": "1", "account": "000000000000", "source": "a", "time": "2025-01-01T00:00:00Z", "region": "us-east-1", "resources": [], "detail-type": "t", "detail": {"n": 5}}


@pytest.mark.parametrize(("pattern", "result"), [({"source": ["a"]}, True), ({"detail": {"n": [{"numeric": ["<", 5]}]}}, False), ({"detail-type": [{"prefix": "t"}]}, True)])
def test_a_pattern_can_be_tried(bridge, pattern, result):
    assert bridge.events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(EVENT))["Result"] is result


def test_trying_a_pattern_needs_a_whole_event(bridge, refused):
    test = bridge.events.test_event_pattern
    assert refused(test, EventPattern='{"source": ["a"]}', Event='{"source": "a"}')[0] == "ValidationException"
    assert refused(test, EventPattern='{"source": [{"x": 1}]}', Event=json.dumps(EVENT)) == ("InvalidEventPatternException", "Event pattern is not valid. Reason: Unrecognized match type x")
