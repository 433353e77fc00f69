"""CloudWatch: metrics, statistics, metric math."""
import pytest

from cloche.testing.people import Person, allow, refused


def put(cloud, name="m", space="App", dims=None, at=None, **more):
    one = {"MetricName": name, "Dimensions": [{"Name": k, "Value": v} for k, v in (dims or {}).items()], "Timestamp": at or cloud.now} | more
    cloud.client("cloudwatch").put_metric_data(Namespace=space, MetricData=[one])


def stats(cloud, name="m", space="App", dims=None, back=600, ahead=60, period=60, **more):
    more.setdefault("Statistics", ["SampleCount", "Sum", "Average", "Minimum", "Maximum"])
    got = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=space, MetricName=name, Dimensions=[{"Name": k, "Value": v} for k, v in (dims or {}).items()], StartTime=cloud.now - back, EndTime=cloud.now + ahead, Period=period, **more)
    return sorted(got["Datapoints"], key=lambda p: p["Timestamp"])


def data(cloud, *queries, back=600, ahead=60, **more):
    return cloud.client("cloudwatch").get_metric_data(MetricDataQueries=list(queries), StartTime=cloud.now - back, EndTime=cloud.now + ahead, **more)


def metric(id_, name, stat="Sum", period=60, space="App", dims=None, **more):
    return {"Id": id_, "MetricStat": {"Metric": {"Namespace": space, "MetricName": name, "Dimensions": [{"Name": k, "Value": v} for k, v in (dims or {}).items()]}, "Period": period, "Stat": stat}} | more


def minute(cloud):
    """The start of a minute a little ago, so that points next to each other fall into different ones."""
    return cloud.now // 60 * 60 - 300


def test_values_of_a_minute_become_one_datapoint_with_five_statistics(cloud):
    at = minute(cloud)
    for value in (1, 2, 6):
        put(cloud, Value=value, Unit="Count", at=at + 10)
    [point] = stats(cloud)
    assert (point["SampleCount"], point["Sum"], point["Average"], point["Minimum"], point["Maximum"], point["Unit"]) == (3, 9, 3, 1, 6, "Count")
    assert point["Timestamp"].timestamp() == at


def test_values_with_counts_and_statistic_sets_add_up(cloud):
    at = minute(cloud)
    put(cloud, Values=[1, 5], Counts=[2, 3], at=at)
    put(cloud, StatisticValues={"SampleCount": 2, "Sum": 20, "Minimum": 8, "Maximum": 12}, at=at)
    [point] = stats(cloud)
    assert (point["SampleCount"], point["Sum"], point["Minimum"], point["Maximum"]) == (7, 37, 1, 12)


def test_a_metric_is_its_exact_set_of_dimensions(cloud):
    put(cloud, Value=1, dims={"Host": "a"})
    put(cloud, Value=2, dims={"Host": "a", "Disk": "x"})
    assert stats(cloud) == []
    assert stats(cloud, dims={"Host": "a"})[0]["Sum"] == 1
    assert stats(cloud, dims={"Disk": "x", "Host": "a"})[0]["Sum"] == 2


def test_a_namespace_isolates_metrics(cloud):
    put(cloud, Value=1, space="One")
    put(cloud, Value=2, space="Two")
    assert stats(cloud, space="One")[0]["Sum"] == 1


def test_metrics_of_another_region_and_account_are_not_seen(cloud):
    put(cloud, Value=1)
    assert cloud.client("cloudwatch", region="eu-west-1").list_metrics()["Metrics"] == []
    assert cloud.other().client("cloudwatch").list_metrics()["Metrics"] == []


def test_percentiles_come_from_values_and_not_from_statistic_sets(cloud):
    at = minute(cloud)
    put(cloud, Values=list(range(1, 101)), at=at)
    put(cloud, "set", StatisticValues={"SampleCount": 5, "Sum": 20, "Minimum": 1, "Maximum": 12}, at=at)
    put(cloud, "one", StatisticValues={"SampleCount": 5, "Sum": 35, "Minimum": 7, "Maximum": 7}, at=at)
    more = {"ExtendedStatistics": ["p90", "p50", "tm90", "tc90", "PR(:10)", "IQM"]}
    [point] = stats(cloud, Statistics=["Sum"], **more)
    found = point["ExtendedStatistics"]
    assert (found["p90"], found["p50"], found["tc90"], found["PR(:10)"]) == (90, 50, 90, 10)
    assert found["tm90"] == pytest.approx(45.5) and found["IQM"] == pytest.approx(50.5)
    assert "ExtendedStatistics" not in stats(cloud, "set", Statistics=["Sum"], **more)[0]
    assert stats(cloud, "one", Statistics=["Sum"], **more)[0]["ExtendedStatistics"]["p90"] == 7


def test_a_long_period_gathers_several_minutes(cloud):
    at = cloud.now // 300 * 300 - 300
    for i in range(5):
        put(cloud, Value=i, at=at + 60 * i)
    client = cloud.client("cloudwatch")
    [point] = client.get_metric_statistics(Namespace="App", MetricName="m", StartTime=at, EndTime=at + 300, Period=300, Statistics=["Sum"])["Datapoints"]
    assert point["Sum"] == 10 and point["Timestamp"].timestamp() == at


def test_high_resolution_metrics_are_kept_by_the_second_for_three_hours(cloud):
    at = minute(cloud)
    for i in range(3):
        put(cloud, Value=i, at=at + i, StorageResolution=1)
    assert [p["Sum"] for p in stats(cloud, period=1)] == [0, 1, 2]
    cloud.advance(hours=4)
    assert stats(cloud, period=1, back=4 * 3600, ahead=-4 * 3600 + 1400) == []
    assert [p["Sum"] for p in stats(cloud, period=60, back=5 * 3600)] == [3]


def test_datapoints_grow_coarser_and_are_never_lost_before_fifteen_months(cloud):
    at = cloud.now // 3600 * 3600 - 3600
    for i in range(5):
        put(cloud, Value=1, at=at + 60 * i)
    client = cloud.client("cloudwatch")

    def sums(period):
        got = client.get_metric_statistics(Namespace="App", MetricName="m", StartTime=at, EndTime=at + 3600, Period=period, Statistics=["Sum"])["Datapoints"]
        return sorted(p["Sum"] for p in got)

    assert sums(60) == [1] * 5
    cloud.advance(days=16)
    assert sums(60) == [] and sums(300) == [5]
    put(cloud, Value=1)  # writing folds what is old
    assert sums(300) == [5]
    cloud.advance(days=50)
    assert sums(300) == [] and sums(3600) == [5]
    put(cloud, Value=1)
    assert sums(3600) == [5]
    cloud.advance(days=400)
    assert sums(3600) == []


def test_what_put_metric_data_refuses(cloud):
    client = cloud.client("cloudwatch")

    def bad(code, space="App", **more):
        return refused(code, client.put_metric_data, Namespace=space, MetricData=[{"MetricName": "m"} | more])

    assert "AWS/" in bad("InvalidParameterValue", space="AWS/EC2", Value=1)
    assert "two weeks" in bad("InvalidParameterValue", Value=1, Timestamp=cloud.now - 15 * 86400)
    assert "two hours" in bad("InvalidParameterValue", Value=1, Timestamp=cloud.now + 3 * 3600)
    bad("InvalidParameterCombination", Value=1, Values=[1])
    bad("MissingParameter")
    bad("InvalidParameterValue", Values=[1, 2], Counts=[1])
    bad("InvalidParameterValue", Values=list(range(151)))
    bad("InvalidParameterValue", Value=float("nan"))
    bad("InvalidParameterValue", Value=1, StorageResolution=5)
    refused("InvalidParameterValue", client.put_metric_data, Namespace="App", MetricData=[{"MetricName": "m", "Value": 1}] * 1001)


def test_what_get_metric_statistics_refuses(cloud):
    client = cloud.client("cloudwatch")

    def bad(code, **more):
        base = {"Namespace": "App", "MetricName": "m", "StartTime": cloud.now - 600, "EndTime": cloud.now, "Period": 60, "Statistics": ["Sum"]}
        return refused(code, client.get_metric_statistics, **{k: v for k, v in (base | more).items() if v is not None})

    bad("InvalidParameterValue", Period=45)
    bad("InvalidParameterValue", StartTime=cloud.now + 10)
    bad("InvalidParameterCombination", StartTime=cloud.now - 2 * 86400)
    bad("MissingParameter", Statistics=None)
    bad("InvalidParameterValue", Statistics=None, ExtendedStatistics=["p101"])


def test_list_metrics_filters_by_name_and_dimensions_and_forgets_after_two_weeks(cloud):
    client = cloud.client("cloudwatch")
    put(cloud, "a", Value=1, dims={"Host": "x"})
    put(cloud, "a", Value=1, dims={"Host": "y", "Disk": "0"})
    put(cloud, "b", Value=1, space="Other")

    def names(**more):
        return sorted((m["Namespace"], m["MetricName"], len(m["Dimensions"])) for m in client.list_metrics(**more)["Metrics"])

    assert names() == [("App", "a", 1), ("App", "a", 2), ("Other", "b", 0)]
    assert names(MetricName="b") == [("Other", "b", 0)] and names(Namespace="App", Dimensions=[{"Name": "Disk"}]) == [("App", "a", 2)]
    assert names(Dimensions=[{"Name": "Host", "Value": "x"}]) == [("App", "a", 1)]
    cloud.advance(hours=4)
    assert names(RecentlyActive="PT3H") == []
    cloud.advance(days=15)
    assert names() == []


def test_list_metrics_gives_500_a_page(cloud):
    client = cloud.client("cloudwatch")
    client.put_metric_data(Namespace="Many", MetricData=[{"MetricName": f"m{i:04}", "Value": i} for i in range(620)])
    first = client.list_metrics(Namespace="Many")
    second = client.list_metrics(Namespace="Many", NextToken=first["NextToken"])
    assert len(first["Metrics"]) == 500 and len(second["Metrics"]) == 120 and "NextToken" not in second
    assert len({m["MetricName"] for m in first["Metrics"] + second["Metrics"]}) == 620
    refused("InvalidParameterValue", client.list_metrics, NextToken="nonsense!")


def test_get_metric_data_computes_expressions_over_metrics(cloud):
    at = minute(cloud)
    for i in range(3):
        put(cloud, "errors", Value=i, at=at + 60 * i)
        put(cloud, "calls", Value=10, at=at + 60 * i)
    got = data(cloud, metric("e", "errors", ReturnData=False), metric("c", "calls"), {"Id": "rate", "Expression": "100 * e / c", "Label": "Error rate"}, ScanBy="TimestampAscending")
    results = {r["Id"]: r for r in got["MetricDataResults"]}
    assert set(results) == {"c", "rate"} and results["rate"]["Label"] == "Error rate" and results["rate"]["StatusCode"] == "Complete"
    assert results["rate"]["Values"] == [0, 10, 20] and [t.timestamp() for t in results["rate"]["Timestamps"]] == [at, at + 60, at + 120]
    newest_first = data(cloud, metric("e", "errors"))["MetricDataResults"][0]
    assert newest_first["Values"] == [2, 1, 0]


@pytest.mark.parametrize("expression, wanted", [
    ("SUM(METRICS())", [1, 12, 23]), ("MAX([a, b])", [1, 10, 20]), ("a + 1", [2, 3, 4]), ("b - a", [8, 17]), ("IF(a > 1, 7, a)", [1, 7, 7]), ("a > 1 AND a < 3", [0, 1, 0]),
    ("RUNNING_SUM(a)", [1, 3, 6]), ("DIFF(a)", [1, 1]), ("RATE(a) * 60", [1, 1]), ("a / PERIOD(a) * 60", [1, 2, 3]), ("FILL(b, 0)[", None), ("AVG(a) * a", [2, 4, 6]), ("-a ^ 2", [1, 4, 9]),
    ("TIME_SERIES(AVG(a)) * IF(a, 1)", [2, 2, 2]), ("LAST(SORT(METRICS(), SUM, ASC))", [10, 20]), ("nope + 1", None), ("WHAT(a)", None), ("AVG(a)", None), ("ABS(0 - a)", [1, 2, 3]), ("DATAPOINT_COUNT([a, b])", [1, 2, 2]),
])
def test_metric_math(cloud, expression, wanted):
    at = minute(cloud)
    for i, value in enumerate((1, 2, 3)):
        put(cloud, "a", Value=value, at=at + 60 * i)
        if i:
            put(cloud, "b", Value=10 * i, at=at + 60 * i)
    ask = (cloud, metric("a", "a", ReturnData=False), metric("b", "b", ReturnData=False), {"Id": "x", "Expression": expression})
    if wanted is None:
        refused("ValidationError", data, *ask)
    else:
        [result] = data(*ask, ScanBy="TimestampAscending")["MetricDataResults"]
        assert result["Values"] == pytest.approx(wanted)


def test_fill_repeats_or_draws_a_line_through_missing_points(cloud):
    at = minute(cloud)
    put(cloud, "a", Value=2, at=at)
    put(cloud, "a", Value=6, at=at + 120)
    got = cloud.client("cloudwatch").get_metric_data(
        MetricDataQueries=[metric("a", "a", ReturnData=False), {"Id": "r", "Expression": "FILL(a, REPEAT)"}, {"Id": "l", "Expression": "FILL(a, LINEAR)"}, {"Id": "z", "Expression": "FILL(a, 0)"}],
        StartTime=at, EndTime=at + 180, ScanBy="TimestampAscending")
    assert {r["Id"]: r["Values"] for r in got["MetricDataResults"]} == {"r": [2, 2, 6], "l": [2, 4, 6], "z": [2, 0, 6]}


def test_search_finds_metrics_by_schema_and_words(cloud):
    for host in ("web1", "web2"):
        put(cloud, "Latency", Value=5, dims={"Host": host})
    put(cloud, "Latency", Value=5, dims={"Host": "web3", "Disk": "a"})
    put(cloud, "Errors", Value=5, dims={"Host": "web1"})
    got = data(cloud, {"Id": "s", "Expression": "SEARCH('{App,Host} MetricName=\"Latency\"', 'Average', 60)"})["MetricDataResults"]
    assert sorted(r["Label"] for r in got) == ["Latency web1", "Latency web2"] and all(r["Values"] == [5] for r in got)
    got = data(cloud, {"Id": "s", "Expression": "SUM(SEARCH('{App,Host} latency OR errors', 'Sum', 60))"})["MetricDataResults"]
    assert got[0]["Values"] == [15]


def test_get_metric_data_pages_by_datapoints(cloud):
    at = minute(cloud)
    for i in range(4):
        put(cloud, "a", Value=i, at=at + 60 * i)
        put(cloud, "b", Value=10 + i, at=at + 60 * i)
    client, token, seen = cloud.client("cloudwatch"), {}, {"a": [], "b": []}
    start, end = cloud.now - 600, cloud.now + 60
    while True:
        got = client.get_metric_data(MetricDataQueries=[metric("a", "a"), metric("b", "b")], StartTime=start, EndTime=end, MaxDatapoints=3, ScanBy="TimestampAscending", **token)
        for r in got["MetricDataResults"]:
            seen[r["Id"]] += r["Values"]
        if "NextToken" not in got:
            break
        assert sum(len(r["Values"]) for r in got["MetricDataResults"]) == 3
        token = {"NextToken": got["NextToken"]}
    assert seen == {"a": [0, 1, 2, 3], "b": [10, 11, 12, 13]}
    refused("InvalidNextToken", client.get_metric_data, MetricDataQueries=[metric("a", "a")], StartTime=start, EndTime=end, NextToken="x")


def test_ids_of_queries_are_unique_and_begin_with_a_small_letter(cloud):
    refused("ValidationError", data, cloud, metric("a", "x"), metric("a", "y"))
    refused("ValidationError", data, cloud, metric("A", "x"))
    refused("ValidationError", data, cloud, {"Id": "a", "Expression": "b"}, {"Id": "b", "Expression": "a"})


def test_a_policy_may_allow_one_namespace_alone(cloud):
    someone = Person(cloud, "agent", allow("cloudwatch:PutMetricData", Condition={"StringEquals": {"cloudwatch:namespace": "Mine"}}))
    someone.client("cloudwatch").put_metric_data(Namespace="Mine", MetricData=[{"MetricName": "m", "Value": 1}])
    refused("AccessDenied", someone.client("cloudwatch").put_metric_data, Namespace="Yours", MetricData=[{"MetricName": "m", "Value": 1}])


def test_dashboards_are_kept_checked_and_listed(cloud):
    client = cloud.client("cloudwatch")
    body = '{"widgets": [{"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": "hello"}}]}'
    assert client.put_dashboard(DashboardName="main", DashboardBody=body)["DashboardValidationMessages"] == []
    got = client.get_dashboard(DashboardName="main")
    assert got["DashboardBody"] == body and got["DashboardArn"] == f"arn:aws:cloudwatch::{cloud.account}:dashboard/main"
    [entry] = client.list_dashboards(DashboardNamePrefix="ma")["DashboardEntries"]
    assert entry["Size"] == len(body)
    refused("InvalidParameterInput", client.put_dashboard, DashboardName="main", DashboardBody="{nope")
    refused("InvalidParameterInput", client.put_dashboard, DashboardName="main", DashboardBody='{"widgets": [{"type": "pie", "properties": {}}]}')
    refused("ResourceNotFound", client.delete_dashboards, DashboardNames=["main", "none"])
    client.delete_dashboards(DashboardNames=["main"])
    refused("ResourceNotFound", client.get_dashboard, DashboardName="main")


@pytest.mark.parametrize("protocol", ["json", "query", "smithy-rpc-v2-cbor"])
def test_json_query_and_cbor_say_the_same(cloud, protocol):
    from botocore.config import Config
    from botocore.loaders import Loader
    from botocore.session import Session

    class Told(Loader):
        def load_service_model(self, service, kind, api_version=None):
            found = super().load_service_model(service, kind, api_version)
            if kind == "service-2":
                found["metadata"] = found["metadata"] | {"protocol": protocol, "protocols": [protocol]}
            return found

    session = Session()
    session.register_component("data_loader", Told(extra_search_paths=session.get_component("data_loader").search_paths))
    client = session.create_client("cloudwatch", endpoint_url=cloud.url, region_name="us-east-1", aws_access_key_id=cloud.account, aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 1}))
    seen = []
    client.meta.events.register("before-send", lambda request, **more: seen.append(request.headers["Content-Type"]) or None)
    at = minute(cloud)
    client.put_metric_data(Namespace="App", MetricData=[{"MetricName": "m", "Value": 2.5, "Timestamp": at}])
    got = client.get_metric_statistics(Namespace="App", MetricName="m", StartTime=at, EndTime=at + 60, Period=60, Statistics=["Sum"])
    assert got["Datapoints"][0]["Sum"] == 2.5 and got["Datapoints"][0]["Timestamp"].timestamp() == at
    refused("InvalidParameterValue", client.get_metric_statistics, Namespace="App", MetricName="m", StartTime=at, EndTime=at + 60, Period=61, Statistics=["Sum"])
    kind = seen[0].decode() if isinstance(seen[0], bytes) else seen[0]
    assert {"json": "json", "query": "form-urlencoded", "smithy-rpc-v2-cbor": "cbor"}[protocol] in kind
