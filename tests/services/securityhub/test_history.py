"""What became of findings, and what an account sets of its controls."""
from datetime import timedelta

from cloche.testing.people import refused

from .conftest import Hub
from .test_findings import finding


def test_a_findings_history_tells_each_change_and_whose_word_it_was(cloud):
    hub = Hub(cloud, EnableDefaultStandards=False)
    hub.api.create_automation_rule(RuleOrder=1, RuleName="r", Description="d", Criteria={"Title": [{"Value": "Title one", "Comparison": "EQUALS"}]},
                                   Actions=[{"Type": "FINDING_FIELDS_UPDATE", "FindingFieldsUpdate": {"Confidence": 7}}])
    hub.api.batch_import_findings(Findings=[finding(cloud)])
    [one] = hub.findings()
    which = {"Id": "one", "ProductArn": one["ProductArn"]}
    cloud.advance(3600)
    hub.api.batch_update_findings(FindingIdentifiers=[which], Workflow={"Status": "NOTIFIED"}, Types=["Unusual Behaviors/User"])
    last, by_rule, first = hub.api.get_finding_history(FindingIdentifier=which)["Records"]
    assert first["FindingCreated"] and first["UpdateSource"] == {"Type": "BATCH_IMPORT_FINDINGS", "Identity": one["ProductArn"]} and first["Updates"] == [] and first["FindingIdentifier"] == which
    assert by_rule["UpdateSource"]["Identity"] == hub.api.list_automation_rules()["AutomationRulesMetadata"][0]["RuleArn"]
    assert by_rule["Updates"] == [{"UpdatedField": "Confidence", "NewValue": "7"}]
    assert last["UpdateSource"] == {"Type": "BATCH_UPDATE_FINDINGS", "Identity": f"arn:aws:iam::{cloud.account}:root"} and not last["FindingCreated"]
    told = {each["UpdatedField"]: (each.get("OldValue"), each.get("NewValue")) for each in last["Updates"]}
    assert told["Workflow.Status"] == ("NEW", "NOTIFIED") and told["Types"] == ('["Software and Configuration Checks/Vulnerabilities/CVE"]', '["Unusual Behaviors/User"]')
    page = hub.api.get_finding_history(FindingIdentifier=which, MaxResults=1)
    assert len(page["Records"]) == 1 and len(hub.api.get_finding_history(FindingIdentifier=which, NextToken=page["NextToken"])["Records"]) == 2
    assert len(hub.api.get_finding_history(FindingIdentifier=which, StartTime=last["UpdateTime"] - timedelta(seconds=60))["Records"]) == 1
    refused("ResourceNotFoundException", hub.api.get_finding_history, FindingIdentifier={**which, "Id": "none"})
    refused("InvalidInputException", hub.api.get_finding_history, FindingIdentifier=which, StartTime=cloud.now, EndTime=cloud.now - 60)
    cloud.advance(days=80)
    hub.api.batch_update_findings(FindingIdentifiers=[which], Confidence=9)
    cloud.advance(days=15)
    assert [[each["NewValue"] for each in one["Updates"] if each["UpdatedField"] == "Confidence"] for one in hub.api.get_finding_history(FindingIdentifier=which)["Records"]] == [["9"]]


def test_a_control_judges_by_the_parameters_that_the_account_sets(cloud, hub):
    ec2, api = cloud.client("ec2"), hub.api
    group = ec2.create_security_group(GroupName="open", Description="d")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=8443, ToPort=8443, CidrIp="0.0.0.0/0")
    hub.look()
    arn = f"arn:aws:ec2:us-east-1:{cloud.account}:security-group/{group}"
    assert hub.status("EC2.18", arn) == "FAILED"
    [one] = api.batch_get_security_controls(SecurityControlIds=["EC2.18"])["SecurityControls"]
    assert one["Parameters"] == {"authorizedTcpPorts": {"ValueType": "DEFAULT", "Value": {"IntegerList": [80, 443]}}, "authorizedUdpPorts": {"ValueType": "DEFAULT"}}
    definition = api.get_security_control_definition(SecurityControlId="EC2.18")["SecurityControlDefinition"]
    assert definition["CustomizableProperties"] == ["Parameters"]
    assert definition["ParameterDefinitions"]["authorizedTcpPorts"]["ConfigurationOptions"]["IntegerList"] == {"DefaultValue": [80, 443], "Min": 1, "Max": 65535, "MaxItems": 32}

    def ports(*given, **more):
        return {"SecurityControlId": "EC2.18", "Parameters": {"authorizedTcpPorts": {"ValueType": "CUSTOM", "Value": {"IntegerList": list(given)}}}, **more}
    refused("InvalidInputException", api.update_security_control, **ports(0))
    refused("InvalidInputException", api.update_security_control, SecurityControlId="EC2.18", Parameters={"authorizedTcpPorts": {"ValueType": "CUSTOM", "Value": {"Integer": 443}}})
    refused("InvalidInputException", api.update_security_control, SecurityControlId="EC2.18", Parameters={"none": {"ValueType": "DEFAULT"}})
    refused("InvalidInputException", api.update_security_control, SecurityControlId="S3.1", Parameters={"x": {"ValueType": "DEFAULT"}})
    refused("ResourceNotFoundException", api.update_security_control, SecurityControlId="XX.1", Parameters={"x": {"ValueType": "DEFAULT"}})
    api.update_security_control(**ports(443, 8443, LastUpdateReason="our gateway"))
    [one] = api.batch_get_security_controls(SecurityControlIds=["EC2.18"])["SecurityControls"]
    assert one["Parameters"]["authorizedTcpPorts"] == {"ValueType": "CUSTOM", "Value": {"IntegerList": [443, 8443]}} and one["LastUpdateReason"] == "our gateway"
    cloud.advance(5)
    assert hub.status("EC2.18", arn) == "PASSED"
    assert next(one for one in hub.findings(ComplianceSecurityControlId="EC2.18"))["Compliance"]["SecurityControlParameters"] == [{"Name": "authorizedTcpPorts", "Value": ["443", "8443"]}]
    api.update_security_control(SecurityControlId="EC2.18", Parameters={"authorizedTcpPorts": {"ValueType": "DEFAULT"}})
    cloud.advance(5)
    assert hub.status("EC2.18", arn) == "FAILED"
