"""Security Hub: the hub, its standards and its controls."""
from cloche.testing.people import refused

from .conftest import Hub

FSBP = "arn:aws:securityhub:us-east-1::standards/aws-foundational-security-best-practices/v/1.0.0"
CIS12 = "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0"
CIS30 = "arn:aws:securityhub:us-east-1::standards/cis-aws-foundations-benchmark/v/3.0.0"


def test_without_a_hub_an_account_is_not_subscribed(cloud):
    api = cloud.client("securityhub")
    for call in (api.describe_hub, api.get_findings, api.get_enabled_standards, api.disable_security_hub, api.list_members, api.get_insights):
        assert refused("InvalidAccessException", call) == f"Account {cloud.account} is not subscribed to AWS Security Hub"


def test_a_hub_is_enabled_once_and_its_findings_go_with_it(cloud):
    hub = Hub(cloud, Tags={"team": "a"}, EnableDefaultStandards=False)
    api, arn = hub.api, f"arn:aws:securityhub:us-east-1:{cloud.account}:hub/default"
    assert refused("ResourceConflictException", api.enable_security_hub) == "Account is already subscribed to Security Hub"
    got = api.describe_hub()
    assert (got["HubArn"], got["AutoEnableControls"], got["ControlFindingGenerator"]) == (arn, True, "SECURITY_CONTROL")
    api.update_security_hub_configuration(AutoEnableControls=False, ControlFindingGenerator="STANDARD_CONTROL")
    assert api.describe_hub(HubArn=arn)["ControlFindingGenerator"] == "STANDARD_CONTROL" and not api.describe_hub()["AutoEnableControls"]
    api.tag_resource(ResourceArn=arn, Tags={"b": "1"})
    api.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"b": "1"}
    assert api.get_enabled_standards()["StandardsSubscriptions"] == []
    assert cloud.client("iam").get_role(RoleName="AWSServiceRoleForSecurityHub")
    api.disable_security_hub()
    refused("InvalidAccessException", api.describe_hub)
    api.enable_security_hub(EnableDefaultStandards=False)
    assert hub.findings() == []


def test_the_default_standards_are_fsbp_and_cis_1_2(cloud, hub):
    api = hub.api
    assert {one["StandardsArn"] for one in api.describe_standards()["Standards"] if one["EnabledByDefault"]} == {FSBP, CIS12}
    mine = {one["StandardsArn"]: one for one in api.get_enabled_standards()["StandardsSubscriptions"]}
    assert set(mine) == {FSBP, CIS12} and {one["StandardsStatus"] for one in mine.values()} == {"READY"}
    arn = mine[FSBP]["StandardsSubscriptionArn"]
    assert arn == f"arn:aws:securityhub:us-east-1:{cloud.account}:subscription/aws-foundational-security-best-practices/v/1.0.0"
    assert api.get_enabled_standards(StandardsSubscriptionArns=[arn])["StandardsSubscriptions"][0]["StandardsArn"] == FSBP
    made = api.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": CIS30}])["StandardsSubscriptions"][0]
    assert made["StandardsStatus"] == "PENDING"
    cloud.advance(5)
    refused("InvalidInputException", api.batch_enable_standards, StandardsSubscriptionRequests=[{"StandardsArn": "arn:aws:securityhub:::ruleset/none/v/1"}])
    gone = api.batch_disable_standards(StandardsSubscriptionArns=[made["StandardsSubscriptionArn"]])["StandardsSubscriptions"]
    assert gone[0]["StandardsStatus"] == "DELETING" and len(api.get_enabled_standards()["StandardsSubscriptions"]) == 2
    refused("InvalidInputException", api.batch_disable_standards, StandardsSubscriptionArns=[made["StandardsSubscriptionArn"]])


def test_a_control_says_once_what_all_standards_ask(hub):
    one = hub.findings(ComplianceSecurityControlId="IAM.4")[0]
    assert one["Compliance"]["Status"] in ("PASSED", "FAILED") and one["GeneratorId"] == "security-control/IAM.4"
    assert {each["StandardsId"] for each in one["Compliance"]["AssociatedStandards"]} == {
        "standards/aws-foundational-security-best-practices/v/1.0.0", "ruleset/cis-aws-foundations-benchmark/v/1.2.0"}
    assert one["Compliance"]["RelatedRequirements"] == ["CIS AWS Foundations Benchmark v1.2.0/1.12"]
    assert (one["ProductName"], one["SchemaVersion"], one["Resources"][0]["Type"], one["RecordState"]) == ("Security Hub", "2018-10-08", "AwsAccount", "ACTIVE")
    assert one["Id"].startswith(f"arn:aws:securityhub:us-east-1:{hub.cloud.account}:security-control/IAM.4/finding/")


def test_without_consolidated_findings_each_standard_has_its_own(cloud):
    hub = Hub(cloud, ControlFindingGenerator="STANDARD_CONTROL")
    cloud.advance(5)
    assert {one["GeneratorId"] for one in hub.findings(ComplianceSecurityControlId="IAM.4")} == {
        "aws-foundational-security-best-practices/v/1.0.0/IAM.4", "cis-aws-foundations-benchmark/v/1.2.0/IAM.4"}


def test_controls_are_listed_described_and_turned_off(cloud, hub):
    api = hub.api
    every = [one for page in api.get_paginator("list_security_control_definitions").paginate() for one in page["SecurityControlDefinitions"]]
    assert {"IAM.4", "IAM.7", "S3.1", "S3.5", "S3.8", "EC2.2", "EC2.6", "EC2.13", "EC2.14", "KMS.4", "Lambda.1", "SQS.1", "DynamoDB.2"} <= {one["SecurityControlId"] for one in every}
    assert api.get_security_control_definition(SecurityControlId="IAM.4")["SecurityControlDefinition"]["SeverityRating"] == "CRITICAL"
    refused("ResourceNotFoundException", api.get_security_control_definition, SecurityControlId="No.1")
    got = api.batch_get_security_controls(SecurityControlIds=["IAM.4", "KMS.4", "No.1"])
    assert {one["SecurityControlId"]: one["SecurityControlStatus"] for one in got["SecurityControls"]} == {"IAM.4": "ENABLED", "KMS.4": "ENABLED"}
    assert got["UnprocessedIds"][0]["ErrorCode"] == "NOT_FOUND"
    assert {one["StandardsArn"]: one["AssociationStatus"] for one in api.list_standards_control_associations(SecurityControlId="EC2.53")["StandardsControlAssociationSummaries"]} == {CIS30: "DISABLED"}
    assert hub.status("IAM.7") == "FAILED"
    sub = f"arn:aws:securityhub:us-east-1:{cloud.account}:subscription/aws-foundational-security-best-practices/v/1.0.0"
    controls = {one["ControlId"]: one for one in api.describe_standards_controls(StandardsSubscriptionArn=sub)["Controls"]}
    refused("InvalidInputException", api.update_standards_control, StandardsControlArn=controls["IAM.7"]["StandardsControlArn"], ControlStatus="DISABLED")
    api.update_standards_control(StandardsControlArn=controls["IAM.7"]["StandardsControlArn"], ControlStatus="DISABLED", DisabledReason="elsewhere")
    assert hub.status("IAM.7") == {}, "a control that no standard wants any more keeps no active findings"
    found = api.batch_get_standards_control_associations(StandardsControlAssociationIds=[{"SecurityControlId": "IAM.7", "StandardsArn": FSBP}, {"SecurityControlId": "IAM.7", "StandardsArn": CIS12}])
    assert found["StandardsControlAssociationDetails"][0]["UpdatedReason"] == "elsewhere" and found["UnprocessedAssociations"][0]["ErrorCode"] == "NOT_FOUND"
    lost = api.batch_update_standards_control_associations(StandardsControlAssociationUpdates=[
        {"SecurityControlId": "IAM.7", "StandardsArn": FSBP, "AssociationStatus": "ENABLED"}, {"SecurityControlId": "IAM.4", "StandardsArn": FSBP, "AssociationStatus": "DISABLED"}])
    assert [one["ErrorReason"] for one in lost["UnprocessedAssociationUpdates"]] == ["UpdatedReason is required to disable a control."]
    cloud.advance(5)
    assert hub.status("IAM.7") == "FAILED"


def test_custom_actions_have_a_name_of_their_own(cloud, hub):
    api = hub.api
    arn = api.create_action_target(Name="Send", Description="to chat", Id="SendToChat")["ActionTargetArn"]
    assert arn == f"arn:aws:securityhub:us-east-1:{cloud.account}:action/custom/SendToChat"
    refused("ResourceConflictException", api.create_action_target, Name="Send", Description="x", Id="SendToChat")
    api.update_action_target(ActionTargetArn=arn, Name="Sent")
    assert api.describe_action_targets(ActionTargetArns=[arn])["ActionTargets"] == [{"ActionTargetArn": arn, "Name": "Sent", "Description": "to chat"}]
    api.delete_action_target(ActionTargetArn=arn)
    refused("ResourceNotFoundException", api.describe_action_targets, ActionTargetArns=[arn])


def test_products_are_subscribed_to(cloud, hub):
    api = hub.api
    arns = {one["ProductArn"] for one in api.describe_products()["Products"]}
    assert "arn:aws:securityhub:us-east-1::product/aws/guardduty" in arns
    mine = api.list_enabled_products_for_import()["ProductSubscriptions"]
    assert f"arn:aws:securityhub:us-east-1:{cloud.account}:product-subscription/aws/guardduty" in mine
    refused("ResourceConflictException", api.enable_import_findings_for_product, ProductArn="arn:aws:securityhub:us-east-1::product/aws/guardduty")
    api.disable_import_findings_for_product(ProductSubscriptionArn=mine[0])
    refused("ResourceNotFoundException", api.disable_import_findings_for_product, ProductSubscriptionArn=mine[0])
    assert api.enable_import_findings_for_product(ProductArn="arn:aws:securityhub:us-east-1::product/aws/guardduty")["ProductSubscriptionArn"] == mine[0]


def test_a_policy_may_name_what_of_findings_may_be_changed(cloud, hub):
    from cloche.testing.people import Person, allow, deny
    finding = hub.findings(ComplianceSecurityControlId="IAM.7")[0]
    ana = Person(cloud, "ana", allow("securityhub:*"), deny("securityhub:BatchUpdateFindings", Condition={"Null": {"securityhub:ASFFSyntaxPath/Workflow.Status": "false"}}))
    which = [{"Id": finding["Id"], "ProductArn": finding["ProductArn"]}]
    api = ana.client("securityhub")
    refused("AccessDeniedException", api.batch_update_findings, FindingIdentifiers=which, Workflow={"Status": "SUPPRESSED"})
    assert api.batch_update_findings(FindingIdentifiers=which, Confidence=9)["ProcessedFindings"] == which
    assert hub.findings(Id=finding["Id"])[0]["Confidence"] == 9
