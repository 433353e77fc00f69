from datetime import datetime
from itertools import pairwise


def test_a_rate_fires_first_one_period_after_its_rule_was_made(bridge, cloud):
    url, arn = bridge.queue()
    rule = bridge.rule(ScheduleExpression="rate(30 minutes)")
    bridge.target(arn=arn)
    cloud.advance(minutes=29)
    assert bridge.got(url) == []
    cloud.advance(minutes=2)
    [event] = bridge.got(url)
    assert event["source"] == "aws.events" and event["detail-type"] == "Scheduled Event" and event["detail"] == {} and event["resources"] == [rule]
    cloud.advance(minutes=90)
    moments = [datetime.fromisoformat(e["time"]) for e in bridge.got(url)]
    assert [(b - a).total_seconds() for a, b in pairwise(moments)] == [1800, 1800]


def test_cron_fires_at_its_minutes(bridge, cloud):
    url, arn = bridge.queue()
    bridge.rule(ScheduleExpression="cron(0/15 * * * ? *)")
    bridge.target(arn=arn, Input='"now"')
    cloud.advance(hours=1)
    assert bridge.got(url) == ["now"] * 4


def test_a_disabled_schedule_rests_and_a_deleted_one_is_over(bridge, cloud):
    url, arn = bridge.queue()
    bridge.rule(ScheduleExpression="rate(1 minute)")
    bridge.target(arn=arn)
    bridge.events.disable_rule(Name="r")
    cloud.advance(minutes=5)
    assert bridge.got(url) == []
    bridge.events.enable_rule(Name="r")
    cloud.advance(seconds=70)
    assert len(bridge.got(url)) == 1
    bridge.events.remove_targets(Rule="r", Ids=["t"])
    bridge.events.delete_rule(Name="r")
    cloud.advance(minutes=5)
    assert bridge.got(url) == []


def test_putting_a_rule_again_keeps_its_rhythm_unless_its_times_change(bridge, cloud):
    url, arn = bridge.queue()
    bridge.rule(ScheduleExpression="rate(10 minutes)")
    bridge.target(arn=arn)
    cloud.advance(minutes=6)
    bridge.rule(ScheduleExpression="rate(10 minutes)", Description="changed")
    cloud.advance(minutes=5)
    assert len(bridge.got(url)) == 1
    bridge.rule(ScheduleExpression="rate(1 hour)")
    cloud.advance(minutes=30)
    assert bridge.got(url) == []
