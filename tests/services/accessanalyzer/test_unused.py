"""Unused access: roles, keys, passwords and permissions that nobody used for so many days."""
import json

import pytest

from cloche.testing.people import Person, allow, document, keys, refused, trusting


@pytest.fixture
def analyzer(cloud):
    return cloud.client("accessanalyzer")


def found(analyzer, arn, **filters):
    """(type, resource's name, status) of each finding."""
    findings = analyzer.list_findings_v2(analyzerArn=arn, filter={name: {"eq": [value]} for name, value in filters.items()})["findings"]
    return sorted((one["findingType"], one["resource"].rpartition("/")[2], one["status"]) for one in findings)


def made(analyzer, **more):
    return analyzer.create_analyzer(analyzerName="idle", type="ACCOUNT_UNUSED_ACCESS", **more)["arn"]


def role(cloud, name, *statements, **more):
    iam = cloud.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting({"AWS": f"arn:aws:iam::{cloud.account}:root"}), **more)["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
    return arn


def test_a_role_that_nobody_assumed_for_ninety_days_is_found_and_resolved_once_it_is_used(cloud, analyzer):
    arn = made(analyzer)
    assert analyzer.get_analyzer(analyzerName="idle")["analyzer"]["configuration"] == {"unusedAccess": {"unusedAccessAge": 90}}
    lonely = role(cloud, "lonely")
    assert found(analyzer, arn) == []
    cloud.advance(days=91)
    [finding] = analyzer.list_findings_v2(analyzerArn=arn)["findings"]
    assert (finding["findingType"], finding["resource"], finding["resourceType"], finding["status"]) == ("UnusedIAMRole", lonely, "AWS::IAM::Role", "ACTIVE")
    assert analyzer.get_finding_v2(analyzerArn=arn, id=finding["id"])["findingDetails"] == [{"unusedIamRoleDetails": {}}]
    bob = Person(cloud, "bob", allow("sts:AssumeRole"))
    session = keys(bob.client("sts").assume_role(RoleArn=lonely, RoleSessionName="visit"))
    cloud.client("sts", **session).get_caller_identity()
    assert found(analyzer, arn, status="ACTIVE") == [] and ("UnusedIAMRole", "lonely", "RESOLVED") in found(analyzer, arn)
    cloud.advance(days=91)
    details = analyzer.get_finding_v2(analyzerArn=arn, id=finding["id"])
    assert details["status"] == "ACTIVE" and "lastAccessed" in details["findingDetails"][0]["unusedIamRoleDetails"]


def test_keys_and_passwords_that_nobody_uses_are_found(cloud, analyzer):
    arn = made(analyzer, configuration={"unusedAccess": {"unusedAccessAge": 30}})
    bob = Person(cloud, "bob")
    cloud.client("iam").create_login_profile(UserName="bob", Password="a Good-enough pass1")
    cloud.advance(days=31)
    assert found(analyzer, arn) == [("UnusedIAMUserAccessKey", "bob", "ACTIVE"), ("UnusedIAMUserPassword", "bob", "ACTIVE")]
    [finding] = analyzer.list_findings_v2(analyzerArn=arn, filter={"findingType": {"eq": ["UnusedIAMUserAccessKey"]}})["findings"]
    assert analyzer.get_finding_v2(analyzerArn=arn, id=finding["id"])["findingDetails"] == [{"unusedIamUserAccessKeyDetails": {"accessKeyId": bob.key}}]
    bob.client("sts").get_caller_identity()
    assert found(analyzer, arn, status="ACTIVE") == [("UnusedIAMUserPassword", "bob", "ACTIVE")]
    cloud.advance(days=31)
    cloud.client("iam").update_access_key(UserName="bob", AccessKeyId=bob.key, Status="Inactive")
    assert found(analyzer, arn, status="ACTIVE") == [("UnusedIAMUserPassword", "bob", "ACTIVE")]


def test_services_that_a_user_may_but_does_not_use_are_one_finding(cloud, analyzer):
    arn = made(analyzer)
    bob = Person(cloud, "bob", allow(["sqs:*", "s3:GetObject", "sns:Publish"]))
    cloud.advance(days=91)
    bob.client("sqs").list_queues()
    [finding] = analyzer.list_findings_v2(analyzerArn=arn)["findings"]
    assert finding["findingType"] == "UnusedPermission" and finding["resource"] == bob.arn
    details = [one["unusedPermissionDetails"] for one in analyzer.get_finding_v2(analyzerArn=arn, id=finding["id"])["findingDetails"]]
    assert [one["serviceNamespace"] for one in details] == ["s3", "sns"] and not any("lastAccessed" in one for one in details)
    cloud.client("iam").put_user_policy(UserName="bob", PolicyName="inline", PolicyDocument=document(allow("sqs:*")))
    assert found(analyzer, arn) == [("UnusedPermission", "bob", "RESOLVED")]


def test_exclusions_and_archive_rules_keep_what_is_known_out(cloud, analyzer):
    arn = made(analyzer, configuration={"unusedAccess": {"unusedAccessAge": 10, "analysisRule": {"exclusions": [{"resourceTags": [{"keep": "yes"}]}]}}},
               archiveRules=[{"ruleName": "known", "filter": {"resource": {"contains": ["role/known"]}}}])
    role(cloud, "kept", Tags=[{"Key": "keep", "Value": "yes"}])
    role(cloud, "known")
    role(cloud, "plain")
    cloud.advance(days=11)
    assert found(analyzer, arn) == [("UnusedIAMRole", "known", "ARCHIVED"), ("UnusedIAMRole", "plain", "ACTIVE")]
    statistics = analyzer.get_findings_statistics(analyzerArn=arn)["findingsStatistics"][0]["unusedAccessFindingsStatistics"]
    assert statistics["totalActiveFindings"] == 1 and statistics["totalArchivedFindings"] == 1 and statistics["topAccounts"] == [{"account": cloud.account, "numberOfActiveFindings": 1}]
    analyzer.update_analyzer(analyzerName="idle", configuration={"unusedAccess": {"analysisRule": {"exclusions": [{"accountIds": [cloud.account]}]}}})
    assert found(analyzer, arn, status="ACTIVE") == []
    refused("ValidationException", analyzer.update_analyzer, analyzerName="idle", configuration={"unusedAccess": {"unusedAccessAge": 20}})


def test_the_two_kinds_of_analyzers_do_not_mix(cloud, analyzer):
    arn = made(analyzer)
    refused("ServiceQuotaExceededException", analyzer.create_analyzer, analyzerName="second", type="ACCOUNT_UNUSED_ACCESS")
    outer = analyzer.create_analyzer(analyzerName="outer", type="ACCOUNT")["arn"]
    refused("ValidationException", analyzer.list_findings, analyzerArn=arn)
    refused("ValidationException", analyzer.create_analyzer, analyzerName="odd", type="ORGANIZATION", configuration={"unusedAccess": {}})
    refused("ValidationException", analyzer.create_analyzer, analyzerName="long", type="ORGANIZATION_UNUSED_ACCESS", configuration={"unusedAccess": {"unusedAccessAge": 366}})
    cloud.client("sqs").create_queue(QueueName="open", Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})})
    statistics = analyzer.get_findings_statistics(analyzerArn=outer)["findingsStatistics"][0]["externalAccessFindingsStatistics"]
    assert statistics["totalActiveFindings"] == 1 and statistics["resourceTypeStatistics"]["AWS::SQS::Queue"]["totalActivePublic"] == 1
    analyzer.delete_analyzer(analyzerName="idle")
    refused("ResourceNotFoundException", analyzer.list_findings_v2, analyzerArn=arn)


def test_a_template_makes_an_analyzer_of_unused_access(cloud, analyzer):
    template = {"Resources": {"A": {"Type": "AWS::AccessAnalyzer::Analyzer", "Properties": {
        "AnalyzerName": "idle", "Type": "ACCOUNT_UNUSED_ACCESS",
        "AnalyzerConfiguration": {"UnusedAccessConfiguration": {"UnusedAccessAge": 60, "AnalysisRule": {"Exclusions": [{"ResourceTags": [[{"Key": "keep", "Value": "yes"}]]}]}}}}}}}
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert analyzer.get_analyzer(analyzerName="idle")["analyzer"]["configuration"] == {
        "unusedAccess": {"unusedAccessAge": 60, "analysisRule": {"exclusions": [{"resourceTags": [{"keep": "yes"}]}]}}}
