"""Summaries, filters and maps."""
import pytest

from cloche.testing.people import refused


@pytest.fixture
def shop(xray):
    """A request to a shop, which asks another service and a table; and one that failed there."""
    xray.ok, xray.failed = xray.trace_id(), xray.trace_id()
    for trace, fault in ((xray.ok, {}), (xray.failed, {"fault": True})):
        back = xray.sub("backend", 0.1, 0.9, namespace="remote", **fault)
        table = xray.sub("DynamoDB", 0.2, 0.4, namespace="aws", aws={"table_name": "orders", "operation": "GetItem"}, annotations={"deep": "down"})
        broken = {"cause": {"exceptions": [{"type": "ValueError", "message": "no such order"}]}} if fault else {}
        xray.put(xray.segment("shop", trace, 0.0, 3.0 if fault else 1.0, origin="AWS::EC2::Instance", subsegments=[back], user="ana", annotations={"age": 30, "gold": not fault, "name": "Ana"},
                              aws={"ec2": {"instance_id": "i-0123", "availability_zone": "us-east-1a"}}, resource_arn="arn:aws:ec2:us-east-1:1:instance/i-0123", **fault,
                              http={"request": {"method": "GET", "url": "https://shop.example.com/orders/7", "client_ip": "192.0.2.1", "user_agent": "curl/8"}, "response": {"status": 500 if fault else 200}}),
                 xray.segment("backend", trace, 0.1, 0.9, parent_id=back["id"], subsegments=[table], **fault, **broken))
    return xray


def test_a_summary_says_what_the_root_says_and_what_all_parts_are(shop):
    one = next(each for each in shop.summaries() if each["Id"] == shop.ok)
    assert (one["Duration"], one["ResponseTime"], one["HasFault"], one["HasError"], one["HasThrottle"], one["IsPartial"]) == (1.0, 1.0, False, False, False, False)
    assert one["Http"] == {"HttpURL": "https://shop.example.com/orders/7", "HttpStatus": 200, "HttpMethod": "GET", "UserAgent": "curl/8", "ClientIp": "192.0.2.1"}
    assert one["Annotations"]["age"][0]["AnnotationValue"] == {"NumberValue": 30.0} and one["Annotations"]["gold"][0]["AnnotationValue"] == {"BooleanValue": True}
    assert [each["Name"] for each in one["Annotations"]["deep"][0]["ServiceIds"]] == ["backend"]
    assert {(each["Name"], each.get("Type")) for each in one["ServiceIds"]} == {("shop", "AWS::EC2::Instance"), ("backend", None), ("orders", "AWS::DynamoDB::Table")}
    assert (one["EntryPoint"]["Name"], one["Users"][0]["UserName"], one["InstanceIds"], one["AvailabilityZones"]) == ("shop", "ana", [{"Id": "i-0123"}], [{"Name": "us-east-1a"}])
    assert one["ResourceARNs"] == [{"ARN": "arn:aws:ec2:us-east-1:1:instance/i-0123"}] and one["Revision"] == 2
    failed = next(each for each in shop.summaries() if each["Id"] == shop.failed)
    [cause] = failed["FaultRootCauses"]
    assert failed["HasFault"] and cause["ClientImpacting"] and [each["Name"] for each in cause["Services"]] == ["shop", "backend"]
    assert cause["Services"][1]["EntityPath"] == [{"Name": "backend", "Exceptions": [{"Name": "ValueError", "Message": "no such order"}], "Remote": False}]
    near = shop.segment("near", subsegments=[shop.sub("tried", 0.1, 0.2, error=True)])
    shop.put(near)
    [handled] = next(each for each in shop.summaries() if each["Id"] == near["trace_id"])["ErrorRootCauses"]
    assert not handled["ClientImpacting"] and [each["Name"] for each in handled["Services"][0]["EntityPath"]] == ["near", "tried"]
    assert one["FaultRootCauses"] == [] and [each["Name"] for each in one["ResponseTimeRootCauses"][0]["Services"]] == ["shop", "backend"]


OK, FAILED, BOTH, NONE = {"ok"}, {"failed"}, {"ok", "failed"}, set()
FILTERS = {
    "ok": OK, "!ok": FAILED, "fault": FAILED, "fault = false": OK, "FAULT = TRUE": FAILED, "error": NONE, "throttle": NONE, "partial": NONE, "NOT partial": BOTH, "root": BOTH,
    "responsetime > 2": FAILED, "duration >= 1 AND duration <= 1.5": OK, "responsetime < 2 OR fault": BOTH, "http.status = 200": OK, "http.status != 200": FAILED, "http.status >= 500": FAILED,
    'http.url CONTAINS "/orders/"': BOTH, 'http.url BEGINSWITH "https://shop" http.method = "GET"': BOTH, 'http.url endswith "/8"': NONE, "http.url": BOTH, 'http.useragent CONTAINS "curl"': BOTH,
    'http.clientip = "192.0.2.1"': BOTH, 'user = "ana"': BOTH, 'user != "ana"': NONE, 'name = "shop"': BOTH, 'type = "AWS::EC2::Instance"': BOTH, 'message CONTAINS "such order"': FAILED,
    'availabilityzone = "us-east-1a"': BOTH, 'instance.id = "i-0123"': BOTH, 'resource.arn CONTAINS "instance"': BOTH,
    "annotation.age > 29": BOTH, "annotation.age = 31": NONE, 'annotation.name = "Ana"': BOTH, 'annotation[name] BEGINSWITH "A"': BOTH, 'annotation["name"] = "ana"': NONE, "annotation.gold = true": OK,
    "annotation.gold": BOTH, "!annotation.none": BOTH, "annotation.none": NONE, 'annotation.age = "30"': NONE, 'annotation.deep = "down"': BOTH,
    'service("backend")': BOTH, 'service("backend") { fault }': FAILED, 'service("backend") { fault = true AND responsetime < 1 }': FAILED, 'service("none")': NONE, '!service("none")': BOTH,
    'service(id(name: "orders", type: "AWS::DynamoDB::Table"))': BOTH, 'service(id(type: "AWS::DynamoDB::Table")) { inferred }': BOTH, 'service("backend") { annotation.deep = "down" }': BOTH,
    'service("shop") { annotation.deep }': NONE, 'service(id(name: "shop", type: "client"))': BOTH,
    'edge("shop", "backend")': BOTH, 'edge("shop", "backend") { fault }': FAILED, 'edge("backend", "shop")': NONE, 'edge(id(name: "shop", type: "client"), "shop")': BOTH,
    'edge("backend", id(name: "orders", type: "AWS::DynamoDB::Table")) { ok }': BOTH,
    'rootcause.fault.entity { name = "backend" }': FAILED, 'rootcause.fault.exception { name = "ValueError" }': FAILED, 'rootcause.fault.service { name = "shop" and first }': FAILED,
    "rootcause.responsetime.entity { coverage > 0.9 }": FAILED, "rootcause.responsetime.entity { coverage > 0.7 AND NOT first }": NONE,
    'rootcause.responsetime.service { name = "backend" }': OK,
    'rootcause.json = #[{"Services": [{"Name": "shop"}, {"Name": "backend", "EntityPath": [{"Name": "backend", "Exceptions": [{"Name": "ValueError"}]}]}]}]': FAILED,
    '(fault OR annotation.age = 30) AND !service("backend") { fault }': OK, 'fault OR ok AND annotation.age = 1': FAILED, "ok annotation.gold = true": OK,
}


def test_filter_expressions(shop):
    names = {shop.ok: "ok", shop.failed: "failed"}
    wrong = {text: found for text, wanted in FILTERS.items() if (found := {names[one] for one in shop.found(text)}) != wanted}
    assert wrong == {}


def test_a_malformed_filter_is_refused(shop):
    for text in ("fault =", "((fault)", "nothing", 'http.status = "200"', 'http.url > "a"', "annotation.age CONTAINS 3", 'service("x"', 'service(id(nam: "x"))', "fault AND", "responsetime", "fault }", "'x'",
                 "(" * 100 + "ok" + ")" * 100, 'rootcause.json = #{', 'group.name CONTAINS "x"'):
        refused("InvalidRequestException", shop.summaries, text)
    refused("InvalidRequestException", shop.api.get_trace_summaries, StartTime=10, EndTime=5)


def test_time_ranges_are_of_ids_or_of_what_happened_and_their_end_is_outside(xray):
    one = xray.segment("long", start=0.0, end=50.0)
    xray.put(one)
    at = xray.at
    assert xray.found("", StartTime=at, EndTime=at + 1) == {one["trace_id"]} and xray.found("", StartTime=at - 10, EndTime=at) == set() == xray.found("", StartTime=at + 20, EndTime=at + 30)
    assert xray.found("", StartTime=at + 20, EndTime=at + 30, TimeRangeType="Event") == {one["trace_id"]}
    assert xray.found("", StartTime=at + 60, EndTime=at + 90, TimeRangeType="Service") == set()
    answer = xray.api.get_trace_summaries(StartTime=at, EndTime=at + 1, FilterExpression="fault")
    assert (answer["TraceSummaries"], answer["TracesProcessedCount"]) == ([], 1)


def test_summaries_come_newest_first_in_pages_and_can_be_sampled(xray):
    documents = []
    for _ in range(120):
        xray.at += 1
        documents.append(xray.segment("many"))
    xray.put(*documents)
    first = xray.api.get_trace_summaries(StartTime=xray.at - 200, EndTime=xray.at + 1)
    assert len(first["TraceSummaries"]) == 100 and first["TraceSummaries"][0]["Id"] == documents[-1]["trace_id"]
    rest = xray.api.get_trace_summaries(StartTime=xray.at - 200, EndTime=xray.at + 1, NextToken=first["NextToken"])
    assert len(rest["TraceSummaries"]) == 20 and "NextToken" not in rest
    refused("InvalidRequestException", xray.api.get_trace_summaries, StartTime=0, EndTime=1, NextToken="%")
    assert xray.found("", Sampling=True, SamplingStrategy={"Name": "FixedRate", "Value": 0.0}) == set()
    assert len(xray.found("", Sampling=True, SamplingStrategy={"Name": "FixedRate", "Value": 1.0})) == 120


def nodes(services):
    return {(one["Name"], one.get("Type", "")): one for one in services}


def test_a_map_has_services_their_clients_and_the_calls_between(shop):
    got = shop.api.get_service_graph(StartTime=shop.at - 1, EndTime=shop.at + 1)
    found = nodes(got["Services"])
    assert set(found) == {("shop", "client"), ("shop", "AWS::EC2::Instance"), ("backend", ""), ("orders", "AWS::DynamoDB::Table")}
    web, back, table, client = found["shop", "AWS::EC2::Instance"], found["backend", ""], found["orders", "AWS::DynamoDB::Table"], found["shop", "client"]
    assert web["Root"] and web["State"] == "active" and "Root" not in back and "SummaryStatistics" not in client
    assert web["SummaryStatistics"] == {"OkCount": 1, "ErrorStatistics": {"ThrottleCount": 0, "OtherCount": 0, "TotalCount": 0}, "FaultStatistics": {"OtherCount": 1, "TotalCount": 1}, "TotalCount": 2,
                                        "TotalResponseTime": 4.0}
    assert web["ResponseTimeHistogram"] == [{"Value": 1.0, "Count": 1}, {"Value": 3.0, "Count": 1}]
    for one, other in ((client, web), (web, back), (back, table)):
        assert [edge["ReferenceId"] for edge in one["Edges"]] == [other["ReferenceId"]] and one["Edges"][0]["SummaryStatistics"]["TotalCount"] == 2
    assert table["Edges"] == [] and got["ContainsOldGroupVersions"] is False
    one = nodes(shop.api.get_trace_graph(TraceIds=[shop.failed])["Services"])
    assert one["backend", ""]["SummaryStatistics"]["FaultStatistics"]["TotalCount"] == 1 == one["backend", ""]["SummaryStatistics"]["TotalCount"]
    assert shop.api.get_trace_graph(TraceIds=["1-00000000-000000000000000000000000"])["Services"] == []


def test_statistics_by_the_minute(shop):
    span = {"StartTime": shop.at - 300, "EndTime": shop.at + 300}
    [one] = shop.api.get_time_series_service_statistics(**span, EntitySelectorExpression='service("backend")')["TimeSeriesServiceStatistics"]
    assert one["Timestamp"].timestamp() % 60 == 0 and one["ServiceSummaryStatistics"]["TotalCount"] == 2 and one["ServiceSummaryStatistics"]["FaultStatistics"]["TotalCount"] == 1
    [edges] = shop.api.get_time_series_service_statistics(**span, Period=300, EntitySelectorExpression='edge("shop", "backend")')["TimeSeriesServiceStatistics"]
    assert edges["EdgeSummaryStatistics"]["OkCount"] == 1
    refused("InvalidRequestException", shop.api.get_time_series_service_statistics, **span, Period=61)
    refused("InvalidRequestException", shop.api.get_time_series_service_statistics, **span, EntitySelectorExpression="fault")
