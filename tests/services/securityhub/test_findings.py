"""Findings: brought in by products, chosen by filters, worked on by people, told to EventBridge."""
import json
from datetime import UTC, datetime

import pytest

from cloche.testing.people import document, refused

from .conftest import Hub


@pytest.fixture
def hub(cloud):
    return Hub(cloud, EnableDefaultStandards=False)


def stamp(moment):
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def finding(cloud, id_="one", **more):
    now = stamp(cloud.now)
    return {"SchemaVersion": "2018-10-08", "Id": id_, "ProductArn": f"arn:aws:securityhub:us-east-1:{cloud.account}:product/{cloud.account}/default", "GeneratorId": "scanner",
            "AwsAccountId": cloud.account, "Types": ["Software and Configuration Checks/Vulnerabilities/CVE"], "CreatedAt": now, "UpdatedAt": now, "Severity": {"Label": "HIGH"}, "Title": f"Title {id_}",
            "Description": "A hole in the wall", "Resources": [{"Type": "AwsEc2Instance", "Id": f"arn:aws:ec2:us-east-1:{cloud.account}:instance/i-{id_}", "Tags": {"team": "a"}}], **more}


def ids(hub, sort=None, **filters):
    more = {"SortCriteria": sort} if sort else {}
    return [one["Id"] for one in hub.api.get_findings(Filters=filters, **more)["Findings"]]


def test_an_account_brings_in_findings_of_its_own_product(cloud, hub):
    got = hub.api.batch_import_findings(Findings=[finding(cloud), finding(cloud, "two", AwsAccountId="123123123123"),
                                                  finding(cloud, "three", ProductArn="arn:aws:securityhub:us-east-1::product/aws/guardduty")])
    assert (got["SuccessCount"], got["FailedCount"], [one["Id"] for one in got["FailedFindings"]]) == (1, 2, ["two", "three"])
    assert {one["ErrorCode"] for one in got["FailedFindings"]} == {"InvalidInput"}
    [one] = hub.findings()
    assert (one["Workflow"], one["WorkflowState"], one["RecordState"], one["Severity"]) == ({"Status": "NEW"}, "NEW", "ACTIVE", {"Label": "HIGH", "Normalized": 70})
    assert (one["ProductName"], one["CompanyName"], one["Region"]) == ("Default", "Personal", "us-east-1")
    assert one["FindingProviderFields"] == {"Severity": {"Label": "HIGH"}, "Types": ["Software and Configuration Checks/Vulnerabilities/CVE"]}


def test_severity_has_a_label_for_every_number(cloud, hub):
    hub.api.batch_import_findings(Findings=[finding(cloud, str(number), Severity={"Normalized": number}) for number in (0, 1, 39, 40, 69, 70, 89, 90, 100)])
    found = {int(one["Id"]): one["Severity"]["Label"] for one in hub.findings()}
    assert found == {0: "INFORMATIONAL", 1: "LOW", 39: "LOW", 40: "MEDIUM", 69: "MEDIUM", 70: "HIGH", 89: "HIGH", 90: "CRITICAL", 100: "CRITICAL"}


def test_the_product_updates_its_finding_but_not_what_people_said(cloud, hub):
    api = hub.api
    api.batch_import_findings(Findings=[finding(cloud)])
    [one] = hub.findings()
    which = [{"Id": "one", "ProductArn": one["ProductArn"]}]
    got = api.batch_update_findings(FindingIdentifiers=[*which, {"Id": "no", "ProductArn": one["ProductArn"]}], Note={"Text": "mine", "UpdatedBy": "ana"}, Workflow={"Status": "NOTIFIED"},
                                    Severity={"Label": "LOW"}, UserDefinedFields={"ticket": "7"}, VerificationState="TRUE_POSITIVE", Confidence=5, Criticality=6)
    assert got["ProcessedFindings"] == which and got["UnprocessedFindings"][0]["ErrorCode"] == "FindingNotFound"
    cloud.advance(10)
    api.batch_import_findings(Findings=[finding(cloud, Title="Newer", Severity={"Label": "CRITICAL"}, Workflow={"Status": "NEW"})])
    [again] = hub.findings()
    assert (again["Title"], again["Severity"]["Label"], again["Workflow"]["Status"], again["Note"]["Text"], again["UserDefinedFields"]) == ("Newer", "LOW", "NOTIFIED", "mine", {"ticket": "7"})
    assert again["FindingProviderFields"]["Severity"]["Label"] == "CRITICAL" and (again["Confidence"], again["Criticality"]) == (5, 6)
    api.batch_import_findings(Findings=[finding(cloud, Title="Older", UpdatedAt="2020-01-01T00:00:00Z")])
    assert hub.findings()[0]["Title"] == "Newer"


def test_a_resolved_finding_is_new_again_when_its_resource_fails_again(cloud, hub):
    api = hub.api
    for status, workflow in (("FAILED", "NEW"), ("PASSED", "NEW"), ("FAILED", "NEW")):
        cloud.advance(1)
        api.batch_import_findings(Findings=[finding(cloud, Compliance={"Status": status})])
        assert hub.findings()[0]["Workflow"]["Status"] == workflow
        if status == "PASSED":
            api.batch_update_findings(FindingIdentifiers=[{"Id": "one", "ProductArn": finding(cloud)["ProductArn"]}], Workflow={"Status": "RESOLVED"})


def test_findings_are_chosen_by_filters_and_sorted(cloud, hub):
    hub.api.batch_import_findings(Findings=[
        finding(cloud, "a", Severity={"Label": "LOW"}, ProductFields={"kind": "x"}), finding(cloud, "b", Severity={"Label": "CRITICAL"}, Title="Open door", Network={"SourceIpV4": "10.0.0.7"}),
        finding(cloud, "c", Severity={"Label": "MEDIUM"}, Confidence=50, Resources=[{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::c"}])])
    both = [{"Value": "LOW", "Comparison": "EQUALS"}, {"Value": "CRITICAL", "Comparison": "EQUALS"}]
    by_severity = [{"Field": "SeverityNormalized", "SortOrder": "desc"}]
    assert ids(hub, by_severity) == ["b", "c", "a"] and ids(hub, [{"Field": "Id", "SortOrder": "asc"}]) == ["a", "b", "c"]
    assert ids(hub, by_severity, SeverityLabel=both) == ["b", "a"]
    assert ids(hub, by_severity, SeverityLabel=[{"Value": "LOW", "Comparison": "NOT_EQUALS"}, {"Value": "MEDIUM", "Comparison": "NOT_EQUALS"}]) == ["b"]
    assert ids(hub, SeverityLabel=both, Title=[{"Value": "Open", "Comparison": "PREFIX"}]) == ["b"]
    assert ids(hub, Title=[{"Value": "door", "Comparison": "CONTAINS"}]) == ids(hub, Title=[{"Value": "door", "Comparison": "CONTAINS_WORD"}]) == ["b"]
    assert ids(hub, Title=[{"Value": "doo", "Comparison": "CONTAINS_WORD"}]) == []
    assert sorted(ids(hub, Title=[{"Value": "Open", "Comparison": "PREFIX_NOT_EQUALS"}])) == ["a", "c"]
    assert sorted(ids(hub, Title=[{"Value": "door", "Comparison": "NOT_CONTAINS"}])) == ["a", "c"]
    assert ids(hub, NetworkSourceIpV4=[{"Cidr": "10.0.0.0/24"}]) == ["b"]
    assert ids(hub, Confidence=[{"Gte": 50}]) == ["c"] and ids(hub, Confidence=[{"Lte": 49}]) == []
    assert ids(hub, ProductFields=[{"Key": "kind", "Value": "x", "Comparison": "EQUALS"}]) == ["a"]
    assert sorted(ids(hub, ResourceTags=[{"Key": "team", "Value": "a", "Comparison": "EQUALS"}])) == ["a", "b"]
    assert ids(hub, ResourceType=[{"Value": "AwsS3Bucket", "Comparison": "EQUALS"}]) == ["c"]
    assert ids(hub, Keyword=[{"Value": "OPEN door"}]) == ["b"]
    assert len(ids(hub, CreatedAt=[{"DateRange": {"Value": 1, "Unit": "DAYS"}}])) == 3 and ids(hub, CreatedAt=[{"End": "2020-01-01T00:00:00Z"}]) == []
    refused("InvalidInputException", hub.api.get_findings, SortCriteria=[{"Field": "Weather", "SortOrder": "asc"}])
    first = hub.api.get_findings(MaxResults=2, SortCriteria=by_severity)
    rest = hub.api.get_findings(MaxResults=2, SortCriteria=by_severity, NextToken=first["NextToken"])
    assert [one["Id"] for one in first["Findings"] + rest["Findings"]] == ["b", "c", "a"] and "NextToken" not in rest
    refused("InvalidInputException", hub.api.get_findings, NextToken="bad!")


def test_update_findings_archives_what_a_filter_finds(cloud, hub):
    hub.api.batch_import_findings(Findings=[finding(cloud, "a"), finding(cloud, "b")])
    hub.api.update_findings(Filters={"Id": [{"Value": "a", "Comparison": "EQUALS"}]}, RecordState="ARCHIVED", Note={"Text": "gone", "UpdatedBy": "ana"})
    assert [one["Id"] for one in hub.findings()] == ["b"] and hub.findings(RecordState="ARCHIVED")[0]["Note"]["Text"] == "gone"


def test_insights_count_by_an_attribute(cloud, hub):
    api = hub.api
    api.batch_import_findings(Findings=[finding(cloud, "a"), finding(cloud, "b"), finding(cloud, "c", Severity={"Label": "LOW"})])
    arn = api.create_insight(Name="by severity", Filters={"RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}]}, GroupByAttribute="SeverityLabel")["InsightArn"]
    assert api.get_insight_results(InsightArn=arn)["InsightResults"]["ResultValues"] == [{"GroupByAttributeValue": "HIGH", "Count": 2}, {"GroupByAttributeValue": "LOW", "Count": 1}]
    api.update_insight(InsightArn=arn, Name="low", Filters={"SeverityLabel": [{"Value": "LOW", "Comparison": "EQUALS"}]}, GroupByAttribute="ResourceId")
    [one] = api.get_insights(InsightArns=[arn])["Insights"]
    assert (one["Name"], one["GroupByAttribute"]) == ("low", "ResourceId")
    assert [row["Count"] for row in api.get_insight_results(InsightArn=arn)["InsightResults"]["ResultValues"]] == [1]
    refused("InvalidInputException", api.create_insight, Name="x", Filters={}, GroupByAttribute="Weather")
    api.delete_insight(InsightArn=arn)
    refused("ResourceNotFoundException", api.get_insight_results, InsightArn=arn)


def listening(cloud, pattern):
    events, sqs = cloud.client("events"), cloud.client("sqs")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:{cloud.account}:heard"
    events.put_rule(Name="r", EventPattern=json.dumps(pattern))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue})})
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": queue}])
    return lambda: [json.loads(one["Body"]) for one in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10).get("Messages", [])]


def test_every_finding_is_an_event(cloud, hub):
    heard = listening(cloud, {"source": ["aws.securityhub"], "detail-type": ["Security Hub Findings - Imported"], "detail": {"findings": {"Severity": {"Label": ["HIGH"]}}}})
    hub.api.batch_import_findings(Findings=[finding(cloud, "low", Severity={"Label": "LOW"}), finding(cloud, "high")])
    [one] = heard()
    assert one["detail"]["findings"][0]["Id"] == "high" and one["resources"] == [f"{finding(cloud)['ProductArn']}/high"]


def test_guardduty_brings_its_findings_in(cloud, hub):
    guard = cloud.client("guardduty")
    detector = guard.create_detector(Enable=True)["DetectorId"]
    guard.create_sample_findings(DetectorId=detector, FindingTypes=["UnauthorizedAccess:EC2/SSHBruteForce"])
    [one] = hub.findings(ProductName="GuardDuty")
    assert one["ProductArn"] == "arn:aws:securityhub:us-east-1::product/aws/guardduty" and one["Types"] == ["TTPs/Initial Access/UnauthorizedAccess:EC2-SSHBruteForce"]
    assert one["Severity"]["Label"] == "LOW" and one["Resources"][0]["Type"] == "AwsEc2Instance" and f":detector/{detector}/finding/" in one["Id"]
    [id_] = guard.list_findings(DetectorId=detector)["FindingIds"]
    guard.archive_findings(DetectorId=detector, FindingIds=[id_])
    assert hub.findings(ProductName="GuardDuty") == [] and hub.findings(RecordState="ARCHIVED")[0]["Id"] == one["Id"]
    hub.api.disable_import_findings_for_product(ProductSubscriptionArn=f"arn:aws:securityhub:us-east-1:{cloud.account}:product-subscription/aws/guardduty")
    guard.create_sample_findings(DetectorId=detector, FindingTypes=["Recon:EC2/Portscan"])
    assert hub.findings() == []
    guard.delete_detector(DetectorId=detector)
