"""Automation rules, and findings gathered from other Regions."""
import pytest

from cloche.testing.people import refused

from .conftest import Hub
from .test_findings import finding, listening
from .test_members import bound


@pytest.fixture
def hub(cloud):
    return Hub(cloud, EnableDefaultStandards=False)


def rule(api, name, order, criteria, update, **more):
    return api.create_automation_rule(RuleName=name, RuleOrder=order, Description="d", Criteria=criteria, Actions=[{"Type": "FINDING_FIELDS_UPDATE", "FindingFieldsUpdate": update}], **more)["RuleArn"]


HIGH = {"SeverityLabel": [{"Value": "HIGH", "Comparison": "EQUALS"}]}


def test_rules_change_what_is_brought_in_in_their_order(cloud, hub):
    api = hub.api
    first = rule(api, "first", 1, HIGH, {"Severity": {"Label": "CRITICAL"}, "Note": {"Text": "look", "UpdatedBy": "rule"}}, Tags={"a": "b"})
    second = rule(api, "second", 2, {"SeverityLabel": [{"Value": "CRITICAL", "Comparison": "EQUALS"}]}, {"Workflow": {"Status": "NOTIFIED"}, "UserDefinedFields": {"x": "y"}})
    api.batch_import_findings(Findings=[finding(cloud, "a"), finding(cloud, "b", Severity={"Label": "LOW"})])
    found = {one["Id"]: one for one in hub.findings()}
    assert (found["a"]["Severity"]["Label"], found["a"]["Note"]["Text"], found["a"]["Workflow"]["Status"], found["a"]["UserDefinedFields"]) == ("CRITICAL", "look", "NOTIFIED", {"x": "y"})
    assert (found["b"]["Severity"]["Label"], found["b"]["Workflow"]["Status"]) == ("LOW", "NEW")
    api.batch_update_automation_rules(UpdateAutomationRulesRequestItems=[{"RuleArn": first, "IsTerminal": True}, {"RuleArn": first + "x", "RuleStatus": "DISABLED"}])
    api.batch_import_findings(Findings=[finding(cloud, "c")])
    assert hub.findings(Id="c")[0]["Workflow"]["Status"] == "NEW", "a terminal rule is the last that counts"
    got = api.batch_get_automation_rules(AutomationRulesArns=[first, first + "x"])
    assert (got["Rules"][0]["IsTerminal"], got["Rules"][0]["Criteria"], got["UnprocessedAutomationRules"][0]["RuleArn"]) == (True, HIGH, first + "x")
    assert [one["RuleName"] for one in api.list_automation_rules()["AutomationRulesMetadata"]] == ["first", "second"]
    assert api.list_tags_for_resource(ResourceArn=first)["Tags"] == {"a": "b"}
    assert api.batch_delete_automation_rules(AutomationRulesArns=[first, second])["ProcessedAutomationRules"] == [first, second]
    assert api.list_automation_rules()["AutomationRulesMetadata"] == []


def test_the_administrators_rules_count_for_its_members_and_its_bus_hears_of_them(cloud):
    boss, other, invited = bound(cloud)
    other.api.accept_administrator_invitation(AdministratorId=cloud.account, InvitationId=invited["InvitationId"])
    rule(boss.api, "suppress", 1, HIGH, {"Workflow": {"Status": "SUPPRESSED"}})
    heard = listening(cloud, {"source": ["aws.securityhub"]})
    other.api.batch_import_findings(Findings=[finding(other.cloud)])
    assert other.findings()[0]["Workflow"]["Status"] == "SUPPRESSED"
    [one] = heard()
    assert one["detail"]["findings"][0]["AwsAccountId"] == other.cloud.account and one["account"] == cloud.account


def test_a_region_gathers_the_findings_of_those_linked_to_it(cloud, hub):
    api, far = hub.api, cloud.client("securityhub", region="eu-west-1")
    far.enable_security_hub(EnableDefaultStandards=False)
    there = finding(cloud, "far", ProductArn=f"arn:aws:securityhub:eu-west-1:{cloud.account}:product/{cloud.account}/default")
    far.batch_import_findings(Findings=[there])
    assert hub.findings() == []
    refused("InvalidInputException", api.create_finding_aggregator, RegionLinkingMode="SPECIFIED_REGIONS")
    arn = api.create_finding_aggregator(RegionLinkingMode="SPECIFIED_REGIONS", Regions=["eu-west-1"])["FindingAggregatorArn"]
    refused("LimitExceededException", far.create_finding_aggregator, RegionLinkingMode="ALL_REGIONS")
    assert [(one["Id"], one["Region"]) for one in hub.findings()] == [("far", "eu-west-1")]
    api.batch_update_findings(FindingIdentifiers=[{"Id": "far", "ProductArn": there["ProductArn"]}], Workflow={"Status": "RESOLVED"})
    assert far.get_findings()["Findings"][0]["Workflow"]["Status"] == "RESOLVED" and len(far.get_findings()["Findings"]) == 1
    assert api.get_finding_aggregator(FindingAggregatorArn=arn)["FindingAggregationRegion"] == "us-east-1"
    refused("InvalidAccessException", far.update_finding_aggregator, FindingAggregatorArn=arn, RegionLinkingMode="ALL_REGIONS")
    api.update_finding_aggregator(FindingAggregatorArn=arn, RegionLinkingMode="ALL_REGIONS_EXCEPT_SPECIFIED", Regions=["eu-west-1"])
    assert hub.findings() == [] and far.list_finding_aggregators()["FindingAggregators"] == [{"FindingAggregatorArn": arn}]
    api.delete_finding_aggregator(FindingAggregatorArn=arn)
    refused("ResourceNotFoundException", api.get_finding_aggregator, FindingAggregatorArn=arn)


def test_rules_and_aggregators_come_with_a_stack(cloud, hub):
    from .test_templates import drop, stack
    out = stack(cloud, {
        "Rule": {"Type": "AWS::SecurityHub::AutomationRule", "Properties": {"RuleName": "r", "RuleOrder": 1, "Description": "d", "Criteria": HIGH, "RuleStatus": "ENABLED", "Actions": [
            {"Type": "FINDING_FIELDS_UPDATE", "FindingFieldsUpdate": {"Workflow": {"Status": "SUPPRESSED"}}}]}},
        "Gather": {"Type": "AWS::SecurityHub::FindingAggregator", "Properties": {"RegionLinkingMode": "ALL_REGIONS"}}})
    assert [one["RuleArn"] for one in hub.api.list_automation_rules()["AutomationRulesMetadata"]] == [out["Rule"]]
    assert hub.api.list_finding_aggregators()["FindingAggregators"] == [{"FindingAggregatorArn": out["Gather"]}]
    hub.api.batch_import_findings(Findings=[finding(cloud)])
    assert hub.findings()[0]["Workflow"]["Status"] == "SUPPRESSED"
    drop(cloud)
    assert hub.api.list_automation_rules()["AutomationRulesMetadata"] == hub.api.list_finding_aggregators()["FindingAggregators"] == []
