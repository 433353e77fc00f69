"""Contributor Insights: rules over logs, and DynamoDB's over its tables."""
import json

import pytest
from botocore.exceptions import ClientError

RULE = {"Schema": {"Name": "CloudWatchLogRule", "Version": 1}, "LogGroupNames": ["/web/*"], "LogFormat": "JSON",
        "Contribution": {"Keys": ["$.ip"], "ValueOf": "$.bytes", "Filters": [{"Match": "$.verb", "In": ["PUT"]}]}, "AggregateOn": "Sum"}


def refused(function, **more):
    with pytest.raises(ClientError) as error:
        function(**more)
    return error.value.response["Error"]["Code"]


def test_a_rule_says_who_contributes_most_to_a_log(cloud):
    cw, logs = cloud.client("cloudwatch"), cloud.client("logs")
    logs.create_log_group(logGroupName="/web/a")
    logs.create_log_stream(logGroupName="/web/a", logStreamName="s")
    for wrong in ("nonsense", "{}", json.dumps(RULE | {"AggregateOn": "Count"}), json.dumps(RULE | {"Contribution": {"Keys": []}})):
        assert refused(cw.put_insight_rule, RuleName="r", RuleDefinition=wrong) in ("InvalidParameterValue", "InvalidParameterValueException")
    cw.put_insight_rule(RuleName="r", RuleDefinition=json.dumps(RULE), Tags=[{"Key": "a", "Value": "b"}])
    start = cloud.now // 60 * 60
    cloud.advance(1)

    def line(ip, bytes_, verb="PUT"):
        return {"timestamp": int(cloud.now * 1000), "message": json.dumps({"ip": ip, "bytes": bytes_, "verb": verb})}

    logs.put_log_events(logGroupName="/web/a", logStreamName="s", logEvents=[line("1.1.1.1", 10), line("2.2.2.2", 50), line("1.1.1.1", 5), line("3.3.3.3", 900, "GET"), {"timestamp": int(cloud.now * 1000), "message": "text"}])
    cloud.advance(120)
    logs.put_log_events(logGroupName="/web/a", logStreamName="s", logEvents=[line("1.1.1.1", 100)])
    asking = {"RuleName": "r", "StartTime": start, "EndTime": start + 600, "Period": 60}
    found = cw.get_insight_rule_report(**asking, Metrics=["UniqueContributors", "MaxContributorValue"])
    assert (found["KeyLabels"], found["AggregationStatistic"], found["AggregateValue"], found["ApproximateUniqueCount"]) == (["$.ip"], "Sum", 165.0, 2)
    assert [(c["Keys"], c["ApproximateAggregateValue"], [d["ApproximateValue"] for d in c["Datapoints"]]) for c in found["Contributors"]] == [(["1.1.1.1"], 115.0, [15.0, 100.0]), (["2.2.2.2"], 50.0, [50.0])]
    assert [(d["UniqueContributors"], d["MaxContributorValue"]) for d in found["MetricDatapoints"]] == [(2.0, 50.0), (1.0, 100.0)]
    assert len(cw.get_insight_rule_report(**asking, MaxContributorCount=1)["Contributors"]) == 1
    data = cw.get_metric_data(StartTime=start, EndTime=start + 600, ScanBy="TimestampAscending", MetricDataQueries=[{"Id": "e", "Expression": "INSIGHT_RULE_METRIC('r', 'Sum') * 2", "Period": 60}])["MetricDataResults"]
    assert data[0]["Values"] == [130.0, 200.0]
    assert cw.disable_insight_rules(RuleNames=["r", "none"])["Failures"][0]["FailureResource"] == "none"
    assert cw.get_insight_rule_report(**asking)["Contributors"] == [] and cw.describe_insight_rules()["InsightRules"][0]["State"] == "DISABLED"
    cw.enable_insight_rules(RuleNames=["r"])
    assert cw.describe_insight_rules()["InsightRules"][0]["State"] == "ENABLED"
    arn = f"arn:aws:cloudwatch:us-east-1:{cloud.account}:insight-rule/r"
    assert cw.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert refused(cw.get_insight_rule_report, **asking | {"Period": 61}) and refused(cw.get_insight_rule_report, **asking | {"RuleName": "none"}).startswith("ResourceNotFound")
    cw.delete_insight_rules(RuleNames=["r"])
    assert cw.describe_insight_rules()["InsightRules"] == []


def test_the_common_log_format_is_read_by_its_fields(cloud):
    cw, logs = cloud.client("cloudwatch"), cloud.client("logs")
    logs.create_log_group(logGroupName="clf")
    logs.create_log_stream(logGroupName="clf", logStreamName="s")
    cw.put_insight_rule(RuleName="r", RuleDefinition=json.dumps({
        "Schema": {"Name": "CloudWatchLogRule", "Version": 1}, "LogGroupNames": ["clf"], "LogFormat": "CLF", "Fields": {"1": "ip", "6": "status"},
        "Contribution": {"Keys": ["ip"], "Filters": [{"Match": "status", "EqualTo": 404}]}, "AggregateOn": "Count"}))
    start = cloud.now // 60 * 60
    cloud.advance(1)
    text = '{} - frank [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" {} 23'
    logs.put_log_events(logGroupName="clf", logStreamName="s", logEvents=[{"timestamp": int(cloud.now * 1000), "message": text.format(ip, status)} for ip, status in (("1.1.1.1", 404), ("1.1.1.1", 404), ("2.2.2.2", 200))])
    found = cw.get_insight_rule_report(RuleName="r", StartTime=start, EndTime=start + 600, Period=300)
    assert [(c["Keys"], c["ApproximateAggregateValue"]) for c in found["Contributors"]] == [(["1.1.1.1"], 2.0)]


def test_a_table_tells_which_of_its_keys_are_accessed_and_throttled_most(cloud):
    ddb, cw = cloud.client("dynamodb"), cloud.client("cloudwatch")
    ddb.create_table(TableName="ttt", AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}],
                     KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}], ProvisionedThroughput={"ReadCapacityUnits": 100, "WriteCapacityUnits": 1})
    assert ddb.describe_contributor_insights(TableName="ttt")["ContributorInsightsStatus"] == "DISABLED"
    assert ddb.update_contributor_insights(TableName="ttt", ContributorInsightsAction="ENABLE")["ContributorInsightsStatus"] == "ENABLING"
    found = ddb.describe_contributor_insights(TableName="ttt")
    names = {name.split("-")[1]: name for name in found["ContributorInsightsRuleList"]}
    assert found["ContributorInsightsStatus"] == "ENABLED" and sorted(names) == ["PKC", "PKT", "SKC", "SKT"] and found["ContributorInsightsMode"] == "ACCESSED_AND_THROTTLED_KEYS"
    assert {r["Name"] for r in cw.describe_insight_rules()["InsightRules"] if r["ManagedRule"]} == set(names.values())
    start = cloud.now // 60 * 60
    for p, n in (("hot", 1), ("hot", 1), ("hot", 2), ("cold", 1)):
        ddb.put_item(TableName="ttt", Item={"p": {"S": p}, "n": {"N": str(n)}})
    ddb.get_item(TableName="ttt", Key={"p": {"S": "hot"}, "n": {"N": "1"}}, ConsistentRead=True)

    def report(kind):
        said = cw.get_insight_rule_report(RuleName=names[kind], StartTime=start, EndTime=start + 600, Period=60)
        return said["KeyLabels"], [(c["Keys"], c["ApproximateAggregateValue"]) for c in said["Contributors"]]

    assert report("PKC") == (["p"], [(["hot"], 4.0), (["cold"], 1.0)])
    assert report("SKC") == (["p", "n"], [(["hot", "1"], 3.0), (["cold", "1"], 1.0), (["hot", "2"], 1.0)])
    big = {"p": {"S": "big"}, "n": {"N": "1"}, "v": {"S": "x" * 390_000}}
    ddb.put_item(TableName="ttt", Item=big)  # leaves the bucket in debt
    assert refused(ddb.put_item, TableName="ttt", Item=big) == "ProvisionedThroughputExceededException"
    cloud.advance(0)
    assert report("PKT") == (["p"], [(["big"], 1.0)])
    assert [s["TableName"] for s in ddb.list_contributor_insights()["ContributorInsightsSummaries"]] == ["ttt"]
    ddb.update_contributor_insights(TableName="ttt", ContributorInsightsAction="ENABLE", ContributorInsightsMode="THROTTLED_KEYS")
    assert sorted(name.split("-")[1] for name in ddb.describe_contributor_insights(TableName="ttt")["ContributorInsightsRuleList"]) == ["PKT", "SKT"]
    assert ddb.update_contributor_insights(TableName="ttt", ContributorInsightsAction="DISABLE")["ContributorInsightsStatus"] == "DISABLING"
    assert ddb.list_contributor_insights(TableName="ttt")["ContributorInsightsSummaries"] == [] and refused(ddb.describe_contributor_insights, TableName="none") == "ResourceNotFoundException"
