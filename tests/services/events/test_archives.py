from datetime import UTC, datetime, timedelta


def test_an_archive_keeps_events_and_a_replay_brings_them_back_marked(bridge, cloud, refused):
    bus, (url, arn) = bridge.events.describe_event_bus()["Arn"], bridge.queue()
    bridge.rule(pattern={"source": ["my.app"]})
    bridge.target(arn=arn)
    archive = bridge.events.create_archive(ArchiveName="a", EventSourceArn=bus, EventPattern='{"detail": {"keep": [true]}}', RetentionDays=1)["ArchiveArn"]
    for keep in (True, False):
        bridge.put(detail={"keep": keep})
    assert len(bridge.got(url)) == 2
    described = bridge.events.describe_archive(ArchiveName="a")
    assert described["EventCount"] == 1 and described["State"] == "ENABLED" and described["RetentionDays"] == 1
    now = datetime.fromtimestamp(cloud.now, UTC)
    window = {"EventStartTime": now - timedelta(hours=1), "EventEndTime": now + timedelta(hours=1)}
    bridge.events.start_replay(ReplayName="again", EventSourceArn=archive, Destination={"Arn": bus}, **window)
    cloud.advance(1)
    [event] = bridge.got(url)
    assert event["replay-name"] == "again" and event["detail"] == {"keep": True}
    replay = bridge.events.describe_replay(ReplayName="again")
    assert replay["State"] == "COMPLETED" and replay["EventSourceArn"] == archive
    assert bridge.events.describe_archive(ArchiveName="a")["EventCount"] == 1  # replayed events are not kept again
    assert [r["ReplayName"] for r in bridge.events.list_replays()["Replays"]] == ["again"]
    assert refused(bridge.events.cancel_replay, ReplayName="again")[0] == "IllegalStatusException"
    assert refused(bridge.events.start_replay, ReplayName="again", EventSourceArn=archive, Destination={"Arn": bus}, **window)[0] == "ResourceAlreadyExistsException"
    cloud.advance(days=1)
    assert bridge.events.describe_archive(ArchiveName="a")["EventCount"] == 0


def test_archives_are_listed_changed_and_deleted(bridge, refused):
    bus = bridge.events.describe_event_bus()["Arn"]
    bridge.events.create_archive(ArchiveName="a", EventSourceArn=bus)
    assert refused(bridge.events.create_archive, ArchiveName="a", EventSourceArn=bus) == ("ResourceAlreadyExistsException", "Archive a already exists.")
    bridge.events.update_archive(ArchiveName="a", Description="d", RetentionDays=3)
    assert bridge.events.describe_archive(ArchiveName="a")["Description"] == "d"
    assert [a["RetentionDays"] for a in bridge.events.list_archives()["Archives"]] == [3]
    bridge.events.delete_archive(ArchiveName="a")
    assert refused(bridge.events.describe_archive, ArchiveName="a") == ("ResourceNotFoundException", "Archive a does not exist.")
