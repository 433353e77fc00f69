import json


def test_the_default_bus_is_always_there(bridge):
    bus = bridge.events.describe_event_bus()
    assert bus["Name"] == "default" and bus["Arn"] == f"arn:aws:events:us-east-1:{bridge.cloud.account}:event-bus/default"


def test_a_bus_is_made_listed_changed_and_deleted(bridge, refused):
    arn = bridge.events.create_event_bus(Name="mine", Description="d", Tags=[{"Key": "a", "Value": "1"}])["EventBusArn"]
    assert refused(bridge.events.create_event_bus, Name="mine") == ("ResourceAlreadyExistsException", "Event bus mine already exists.")
    assert [b["Name"] for b in bridge.events.list_event_buses()["EventBuses"]] == ["default", "mine"]
    first = bridge.events.list_event_buses(Limit=1)
    assert [b["Name"] for b in bridge.events.list_event_buses(Limit=1, NextToken=first["NextToken"])["EventBuses"]] == ["mine"]
    bridge.events.update_event_bus(Name="mine", Description="e")
    assert bridge.events.describe_event_bus(Name=arn)["Description"] == "e"
    bridge.events.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    bridge.events.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert bridge.events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    bridge.rule(bus="mine", pattern={"source": ["x"]})
    assert refused(bridge.events.delete_event_bus, Name="mine") == ("ValidationException", "Event bus can't be deleted since it has rules.")
    bridge.events.delete_rule(Name="r", EventBusName="mine")
    bridge.events.delete_event_bus(Name="mine")
    bridge.events.delete_event_bus(Name="mine")
    assert refused(bridge.events.describe_event_bus, Name="mine") == ("ResourceNotFoundException", "Event bus mine does not exist.")
    assert refused(bridge.events.delete_event_bus, Name="default") == ("ValidationException", "Cannot delete event bus default.")


def test_a_bus_has_rules_of_its_own(bridge):
    bridge.events.create_event_bus(Name="mine")
    (url, arn), (other, other_arn) = bridge.queue(), bridge.queue("other")
    assert bridge.rule(bus="mine", pattern={"source": ["my.app"]}).endswith(":rule/mine/r")
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(bus="mine", arn=arn)
    bridge.target(arn=other_arn)
    bridge.put(bus="mine", detail={"n": 1})
    assert [e["detail"] for e in bridge.got(url)] == [{"n": 1}] and bridge.got(other) == []


def test_another_account_puts_events_when_the_bus_lets_it(bridge, cloud, refused):
    other, (url, arn) = cloud.other(), bridge.queue()
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=arn)
    bus = bridge.events.describe_event_bus()["Arn"]
    entry = {"Source": "my.app", "DetailType": "x", "Detail": "{}", "EventBusName": bus}
    assert refused(other.client("events").put_events, Entries=[entry])[0] == "AccessDeniedException"
    bridge.events.put_permission(StatementId="friend", Principal=other.account, Action="events:PutEvents")
    assert json.loads(bridge.events.describe_event_bus()["Policy"])["Statement"][0]["Sid"] == "friend"
    other.client("events").put_events(Entries=[entry])
    assert [e["account"] for e in bridge.got(url)] == [other.account]
    assert refused(bridge.events.remove_permission, StatementId="foe")[0] == "ResourceNotFoundException"
    bridge.events.remove_permission(StatementId="friend")
    assert refused(other.client("events").put_events, Entries=[entry])[0] == "AccessDeniedException"


def test_a_rule_forwards_to_another_bus(bridge):
    hub = bridge.events.create_event_bus(Name="hub")["EventBusArn"]
    url, arn = bridge.queue()
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=hub)
    bridge.rule("there", bus="hub", pattern={"source": ["my.app"]})
    bridge.target("there", arn, bus="hub")
    sent = bridge.put()
    assert [e["id"] for e in bridge.got(url)] == [sent["EventId"]]


def test_a_circle_of_buses_ends(bridge):
    bus = bridge.events.describe_event_bus()["Arn"]
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=bus)
    assert "EventId" in bridge.put()
