"""Segments: what is taken, what is not, and how a trace is put together."""
import json
import socket
import time
import urllib.request

import pytest

from cloche.testing.people import Person, allow, refused

from .conftest import XRay


def test_a_segment_comes_back_in_its_trace(xray):
    one = xray.segment("shop", annotations={"customer": "ana", "items": 3, "paid": True, "bad key": 1, "list": [1]}, metadata={"default": {"anything": [1, {"a": None}]}}, odd="thing",
                       http={"request": {"method": "GET", "url": "https://shop.example.com/"}, "response": {"status": 200}}, user="ana")
    assert xray.put(one) == []
    got = xray.api.batch_get_traces(TraceIds=[one["trace_id"], "1-00000000-000000000000000000000000"])
    assert got["UnprocessedTraceIds"] == ["1-00000000-000000000000000000000000"]
    assert (got["Traces"][0]["Id"], got["Traces"][0]["Duration"], got["Traces"][0]["LimitExceeded"], got["Traces"][0]["Segments"][0]["Id"]) == (one["trace_id"], 1.0, False, one["id"])
    [document] = xray.trace(one["trace_id"])
    assert document == {**{key: value for key, value in one.items() if key != "odd"}, "annotations": {"customer": "ana", "items": 3, "paid": True}}


def test_all_fields_of_the_schema_are_kept(xray):
    sub = xray.sub("query", 0.1, 0.2, namespace="remote", precursor_ids=["0123456789abcdef"], sql={"url": "jdbc:x", "sanitized_query": "SELECT 1", "database_type": "PostgreSQL"}, throttle=True, error=True,
                   metadata={"debug": {"rows": 1}}, cause={"working_directory": "/", "exceptions": [{"id": "0123456789abcdef", "type": "E", "message": "m", "stack": []}]},
                   http={"request": {"method": "POST", "url": "https://x"}, "response": {"status": 429, "content_length": 5}}, aws={"operation": "x", "retries": 2})
    one = xray.segment("job", service={"version": "1.2"}, origin="AWS::ECS::Container", subsegments=[sub], user="u", fault=True, links=[{"trace_id": "x"}],
                       aws={"ecs": {"container": "c"}, "account_id": "1", "xray": {"sdk_version": "2"}})
    xray.put(one)
    assert xray.trace(one["trace_id"])[0] == one


def test_what_is_asked_of_the_cloud_is_in_no_trace_by_itself(cloud, xray):
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.client("s3").list_buckets()
    assert xray.summaries(StartTime=cloud.now - 1000, EndTime=cloud.now + 1000) == []


def test_bad_documents_fail_alone(xray):
    good = xray.segment("good")
    bad = {"MissingId": {"id": None}, "InvalidId": {"id": "xyz"}, "MissingTraceId": {"trace_id": None}, "InvalidTraceId": {"trace_id": "1-58406520-zz"}, "MissingName": {"name": ""},
           "InvalidName": {"name": "x" * 201}, "MissingStartTime": {"start_time": None}, "InvalidStartTime": {"start_time": "now"}, "MissingEndTime": {"end_time": None}, "InvalidParentId": {"parent_id": "1"},
           "MissingParentId": {"type": "subsegment"}, "SegmentTooLarge": {"metadata": {"x": "y" * 70_000}}}
    documents = [{key: value for key, value in {**xray.segment("bad"), **wrong}.items() if value is not None} for wrong in bad.values()]
    left = xray.put(*documents, good, "{no json", "[]")
    assert [one["ErrorCode"] for one in left] == [*bad, "ParseError", "ParseError"]
    wrong = next(one for one in left if one["ErrorCode"] == "InvalidTraceId")
    assert wrong["Message"] == "Invalid segment. ErrorCode: InvalidTraceId" and wrong["Id"] == documents[3]["id"]
    assert len(xray.trace(good["trace_id"])) == 1
    whole = xray.segment("w3c") | {"trace_id": "1-4bf92f35-77b34da6a3ce929d0e0e4736"}        # what its ID says of time does not matter
    assert xray.put(whole) == [] and xray.found('name = "w3c"') == {whole["trace_id"]}


def test_what_is_complete_takes_the_place_of_what_was_in_progress(xray):
    one = xray.segment("job", end=None)
    xray.put(one)
    assert xray.summaries()[0]["IsPartial"] and "ResponseTime" not in xray.summaries()[0] and xray.trace(one["trace_id"])[0]["in_progress"]
    done = {**{key: value for key, value in one.items() if key != "in_progress"}, "end_time": one["start_time"] + 2}
    xray.put(done)
    xray.put(one)
    assert xray.trace(one["trace_id"]) == [done]
    [summary] = xray.summaries()
    assert (summary["IsPartial"], summary["ResponseTime"], summary["Duration"]) == (False, 2.0, 2.0)


def test_late_subsegments_are_nested_into_their_parents(xray):
    inner = xray.sub("inner", 0.2, 0.4)
    one = xray.segment("job", subsegments=[xray.sub("first", 0.0, 0.5, subsegments=[inner])])
    late = xray.segment("late", one["trace_id"], 0.3, 0.35, type="subsegment", parent_id=inner["id"])
    later = xray.segment("later", one["trace_id"], 0.31, 0.34, type="subsegment", parent_id=late["id"])
    assert xray.put(later, late) == []
    assert {each["name"] for each in xray.trace(one["trace_id"])} == {"late"}, "its parent is not there yet"
    xray.put(one)
    [document] = xray.trace(one["trace_id"])
    found = document["subsegments"][0]["subsegments"][0]["subsegments"][0]
    assert (found["name"], found["subsegments"][0]["name"]) == ("late", "later") and "parent_id" not in found


def test_segments_that_make_no_sense_together_do_no_harm(xray):
    trace = xray.trace_id()
    chain = [xray.segment("link", trace, n / 1000, 1.0, type="subsegment", parent_id=f"{n:016x}") | {"id": f"{n + 1:016x}"} for n in range(600)]
    xray.put(*chain, xray.segment("top", trace) | {"id": f"{0:016x}"})
    documents = xray.trace(trace)
    assert len(documents) > 1 and xray.found('name = "top"') == {trace}
    circle, one, other = xray.trace_id(), xray.sub("a"), xray.sub("b")
    xray.put(xray.segment("first", circle, subsegments=[one], parent_id=other["id"]), xray.segment("second", circle, subsegments=[other], parent_id=one["id"], fault=True))
    summary = next(each for each in xray.summaries() if each["Id"] == circle)
    assert {each["Name"] for each in summary["ServiceIds"]} == {"first", "second"}
    assert len(xray.api.get_trace_graph(TraceIds=[circle])["Services"]) == 2


def test_a_service_that_says_nothing_itself_is_inferred_from_the_call(xray):
    table = xray.sub("DynamoDB", 0.1, 0.3, namespace="aws", aws={"operation": "PutItem", "table_name": "orders", "request_id": "R"}, http={"response": {"status": 400}}, error=True)
    remote, traced = xray.sub("api.example.com", 0.3, 0.5, namespace="remote"), xray.sub("next", 0.5, 0.6, namespace="remote", http={"request": {"url": "http://next", "traced": True}})
    silent = xray.sub("quick sum")
    one = xray.segment("job", subsegments=[table, remote, traced, silent])
    xray.put(one)
    assert xray.summaries()[0]["IsPartial"], "who was called and traces has not told yet"
    callee = xray.segment("next", one["trace_id"], 0.5, 0.6, parent_id=traced["id"])
    xray.put(callee)
    documents = {each["name"]: each for each in xray.trace(one["trace_id"])}
    assert set(documents) == {"job", "DynamoDB", "api.example.com", "next"}
    found = documents["DynamoDB"]
    assert (found["parent_id"], found["origin"], found["inferred"], found["error"], found["aws"]["table_name"], found["start_time"]) == (
        table["id"], "AWS::DynamoDB::Table", True, True, "orders", table["start_time"]) and found["id"] != table["id"]
    assert documents["api.example.com"]["inferred"] and "origin" not in documents["api.example.com"] and "inferred" not in documents["next"]
    assert not xray.summaries()[0]["IsPartial"]


def test_traces_are_kept_for_thirty_days(cloud, xray):
    one = xray.segment("old")
    xray.put(one)
    cloud.advance(days=29)
    assert xray.found("ok") == {one["trace_id"]}
    cloud.advance(days=2)
    assert xray.found("ok") == set() and xray.api.batch_get_traces(TraceIds=[one["trace_id"]])["Traces"] == []
    xray.put(xray.segment("new"))
    assert xray.api.put_telemetry_records(TelemetryRecords=[{"Timestamp": cloud.now, "SegmentsReceivedCount": 1}])["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_who_may_send_and_read(cloud, xray):
    sender = Person(cloud, "sender", allow("xray:PutTraceSegments", ["*"]))
    sender.client("xray").put_trace_segments(TraceSegmentDocuments=[json.dumps(xray.segment("x"))])
    refused("AccessDeniedException", sender.client("xray").get_trace_summaries, StartTime=0, EndTime=1)


# -- the daemon -------------------------------------------------------------------------------------------------------------------

@pytest.fixture
def daemon(cloche_server):
    """What listens beside the cloud, for the account that a daemon on this machine would have."""
    from cloche.testing.cloche import Account
    if cloche_server.bell.xray_port is None:
        pytest.skip("no port was free for it")
    home = XRay(Account(cloche_server.url, "000000000000"))
    home.port = cloche_server.bell.xray_port
    return home


def test_a_daemon_takes_datagrams(daemon):
    one, two = daemon.segment("by datagram"), daemon.segment("second")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for packet in (b"nonsense", b'{"format": "json", "version": 2}\n{}', b'{"format": "json", "version": 1}\n{broken', b'{"format": "json", "version": 1}\n' + json.dumps(one).encode(),
                       b'{"format": "json", "version": 1}\n' + json.dumps(two, indent=1).encode()):
            s.sendto(packet, ("127.0.0.1", daemon.port))
    for _ in range(100):
        found = daemon.api.batch_get_traces(TraceIds=[one["trace_id"], two["trace_id"]])["Traces"]
        if len(found) == 2:
            break
        time.sleep(0.02)
    assert {json.loads(each["Segments"][0]["Document"])["name"] for each in found} == {"by datagram", "second"}


def test_what_a_program_says_of_the_machines_time_is_told_in_the_clouds(daemon):
    """Its clock goes on as before when the cloud's is moved."""
    daemon.cloud.advance(hours=3)
    daemon.at = time.time() - 2
    one = daemon.segment("beside", subsegments=[daemon.sub("part", 0.1, 0.2)])
    daemon.at = daemon.cloud.now - 2
    two = daemon.segment("of the cloud's time")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for document in (one, two):
            s.sendto(b'{"format": "json", "version": 1}\n' + json.dumps(document).encode(), ("127.0.0.1", daemon.port))
    for _ in range(100):
        now = daemon.cloud.now
        found = {each["Id"]: each["StartTime"].timestamp() for each in daemon.summaries(StartTime=now - 120, EndTime=now + 60)}
        if len({one["trace_id"], two["trace_id"]} & set(found)) == 2:
            break
        time.sleep(0.02)
    assert all(abs(found[each["trace_id"]] - now) < 60 for each in (one, two))
    [document] = daemon.trace(one["trace_id"])
    assert abs(document["subsegments"][0]["start_time"] - document["start_time"] - 0.1) < 0.001


def test_a_daemon_asks_for_sampling_rules_unsigned(daemon):
    def ask(path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{daemon.port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
    assert "Default" in [one["SamplingRule"]["RuleName"] for one in ask("/GetSamplingRules", {})["SamplingRuleRecords"]]
    targets = ask("/SamplingTargets", {"SamplingStatisticsDocuments": [{"RuleName": "Default", "ClientID": "a" * 24, "Timestamp": daemon.at, "RequestCount": 1, "SampledCount": 1}]})
    assert targets["SamplingTargetDocuments"][0]["RuleName"] == "Default"
    for path in ("/Nothing", "/CreateGroup"):
        with pytest.raises(urllib.error.HTTPError) as answer:
            ask(path, {"GroupName": "g"})
        assert answer.value.code == 404
