"""Analyzers of external access, and what they find in real policies."""
import json

import pytest

from cloche.testing.people import allow, document, refused, trusting

from ..identity_center import center  # noqa: F401


@pytest.fixture
def analyzer(cloud):
    client = cloud.client("accessanalyzer")
    return client, client.create_analyzer(analyzerName="a", type="ACCOUNT", tags={"k": "v"})["arn"]


def policy(principal, action, resource, **more):
    return document({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource, **more})


def open_up(cloud, other):
    """A resource of each kind that lets `other` or everybody in; type -> (ARN, public)."""
    found = {}
    cloud.client("s3").create_bucket(Bucket=f"b-{cloud.account}")
    arn = f"arn:aws:s3:::b-{cloud.account}"
    cloud.client("s3").put_bucket_policy(Bucket=f"b-{cloud.account}", Policy=policy({"AWS": other}, "s3:GetObject", f"{arn}/*"))
    found["AWS::S3::Bucket"] = arn, False
    found["AWS::IAM::Role"] = cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": other}))["Role"]["Arn"], False
    own = {"Effect": "Allow", "Principal": {"AWS": cloud.account}, "Action": "kms:*", "Resource": "*"}
    key = cloud.client("kms").create_key(Policy=document(own, {**own, "Principal": {"AWS": other}, "Action": "kms:Decrypt"}))["KeyMetadata"]["Arn"]
    found["AWS::KMS::Key"] = key, False
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy("*", "sqs:SendMessage", queue)})
    found["AWS::SQS::Queue"] = queue, True
    topic = cloud.client("sns").create_topic(Name="t", Attributes={"Policy": policy({"AWS": "*"}, "sns:Publish", "*")})["TopicArn"]
    found["AWS::SNS::Topic"] = topic, True
    secret = cloud.client("secretsmanager").create_secret(Name="s", SecretString="x")["ARN"]
    cloud.client("secretsmanager").put_resource_policy(SecretId=secret, ResourcePolicy=policy({"AWS": other}, "secretsmanager:GetSecretValue", "*"))
    found["AWS::SecretsManager::Secret"] = secret, False
    return found


def test_whoever_is_let_in_from_outside_is_found_in_every_kind_of_policy(cloud, analyzer):
    client, arn = analyzer
    assert client.list_findings(analyzerArn=arn)["findings"] == []
    other = cloud.other().account
    expected = open_up(cloud, other)
    findings = {one["resourceType"]: one for one in client.list_findings(analyzerArn=arn)["findings"]}
    assert {kind: (one["resource"], one["isPublic"]) for kind, one in findings.items()} == expected
    assert findings["AWS::S3::Bucket"]["principal"] == {"AWS": other} and findings["AWS::S3::Bucket"]["action"] == ["s3:GetObject"] and findings["AWS::S3::Bucket"]["status"] == "ACTIVE"
    analyzed = client.list_analyzed_resources(analyzerArn=arn, resourceType="AWS::KMS::Key")["analyzedResources"]
    assert expected["AWS::KMS::Key"][0] in [one["resourceArn"] for one in analyzed]
    assert client.get_analyzed_resource(analyzerArn=arn, resourceArn=expected["AWS::SQS::Queue"][0])["resource"]["isPublic"]
    v2 = client.get_finding_v2(analyzerArn=arn, id=findings["AWS::KMS::Key"]["id"])
    assert v2["findingType"] == "ExternalAccess" and v2["findingDetails"][0]["externalAccessDetails"]["action"] == ["kms:Decrypt"]


def test_a_finding_is_resolved_when_the_policy_is_and_comes_back_with_it(cloud, analyzer):
    client, arn = analyzer
    iam, other = cloud.client("iam"), cloud.other().account
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": other}))
    [one] = client.list_findings(analyzerArn=arn)["findings"]
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trusting({"AWS": cloud.account}))
    client.start_resource_scan(analyzerArn=arn, resourceArn=one["resource"])
    assert client.get_finding(analyzerArn=arn, id=one["id"])["finding"]["status"] == "RESOLVED"
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trusting({"AWS": other}))
    assert [(each["id"], each["status"]) for each in client.list_findings_v2(analyzerArn=arn)["findings"]] == [(one["id"], "ACTIVE")]


def test_findings_are_archived_by_hand_and_by_rule(cloud, analyzer):
    client, arn = analyzer
    first, second = cloud.other().account, cloud.other().account
    client.create_archive_rule(analyzerName="a", ruleName="known", filter={"principal.AWS": {"eq": [first]}})
    refused("ConflictException", client.create_archive_rule, analyzerName="a", ruleName="known", filter={"isPublic": {"eq": ["true"]}})
    for name, who in (("one", first), ("two", second)):
        cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trusting({"AWS": who}))
    by_status = {one["status"]: one["id"] for one in client.list_findings(analyzerArn=arn)["findings"]}
    assert set(by_status) == {"ACTIVE", "ARCHIVED"}
    client.update_findings(analyzerArn=arn, status="ACTIVE", ids=[by_status["ARCHIVED"]])
    assert len(client.list_findings(analyzerArn=arn, filter={"status": {"eq": ["ACTIVE"]}})["findings"]) == 2
    client.apply_archive_rule(analyzerArn=arn, ruleName="known")
    assert len(client.list_findings(analyzerArn=arn, filter={"status": {"eq": ["ACTIVE"]}})["findings"]) == 1
    client.update_archive_rule(analyzerName="a", ruleName="known", filter={"isPublic": {"eq": ["true"]}})
    assert client.get_archive_rule(analyzerName="a", ruleName="known")["archiveRule"]["filter"] == {"isPublic": {"eq": ["true"]}}
    assert [one["ruleName"] for one in client.list_archive_rules(analyzerName="a")["archiveRules"]] == ["known"]
    client.delete_archive_rule(analyzerName="a", ruleName="known")
    refused("ResourceNotFoundException", client.get_archive_rule, analyzerName="a", ruleName="known")
    refused("ValidationException", client.list_findings, analyzerArn=arn, filter={"nonsense": {"eq": ["x"]}})


def test_an_account_has_one_analyzer_of_a_type_and_its_linked_role(cloud, analyzer):
    client, arn = analyzer
    refused("ConflictException", client.create_analyzer, analyzerName="a", type="ACCOUNT")
    refused("ServiceQuotaExceededException", client.create_analyzer, analyzerName="b", type="ACCOUNT")
    refused("ValidationException", client.create_analyzer, analyzerName="c", type="ORGANIZATION")
    assert cloud.client("iam").get_role(RoleName="AWSServiceRoleForAccessAnalyzer")
    assert client.get_analyzer(analyzerName="a")["analyzer"]["status"] == "ACTIVE" and [one["arn"] for one in client.list_analyzers()["analyzers"]] == [arn]
    client.tag_resource(resourceArn=arn, tags={"x": "y"})
    client.untag_resource(resourceArn=arn, tagKeys=["k"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"x": "y"}
    client.delete_analyzer(analyzerName="a")
    refused("ResourceNotFoundException", client.get_analyzer, analyzerName="a")


def test_an_organizations_analyzer_trusts_its_members(cloud, center):  # noqa: F811
    client = cloud.client("accessanalyzer")
    arn = client.create_analyzer(analyzerName="org", type="ORGANIZATION")["arn"]
    stranger = cloud.other().account
    for name, who in (("member", center.member), ("stranger", stranger)):
        cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trusting({"AWS": who}))
    center.there("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=trusting({"AWS": stranger}))
    found = {(one["resourceOwnerAccount"], one["resource"].rpartition("/")[2]) for one in client.list_findings(analyzerArn=arn)["findings"]}
    assert found == {(cloud.account, "stranger"), (center.member, "theirs")}


def test_analyzers_by_cloudformation(cloud):
    template = {"Resources": {"A": {"Type": "AWS::AccessAnalyzer::Analyzer", "Properties": {
        "Type": "ACCOUNT", "ArchiveRules": [{"RuleName": "mine", "Filter": [{"Property": "principal.AWS", "Eq": ["111111111111"]}]}], "Tags": [{"Key": "a", "Value": "b"}]}}}}
    cloud.client("cloudformation").create_stack(StackName="s", TemplateBody=json.dumps(template))
    cloud.advance(5)
    [one] = cloud.client("accessanalyzer").list_analyzers()["analyzers"]
    assert one["tags"]["a"] == "b" and one["name"].startswith("s-A-")
    assert cloud.client("accessanalyzer").list_archive_rules(analyzerName=one["name"])["archiveRules"][0]["filter"] == {"principal.AWS": {"eq": ["111111111111"]}}
    cloud.client("cloudformation").delete_stack(StackName="s")
    cloud.advance(5)
    assert cloud.client("accessanalyzer").list_analyzers()["analyzers"] == []


def test_a_policy_is_validated_with_places(cloud):
    client = cloud.client("accessanalyzer")
    text = document(allow("iam:PassRole"))
    [found] = client.validate_policy(policyDocument=text, policyType="IDENTITY_POLICY")["findings"]
    assert (found["findingType"], found["issueCode"]) == ("SECURITY_WARNING", "PASS_ROLE_WITH_STAR_IN_RESOURCE")
    span = found["locations"][0]["span"]
    assert text[span["start"]["offset"]:span["end"]["offset"]] == '"*"'
    many = json.dumps({"Statement": [{"Effect": "Allow"}]})
    first = client.validate_policy(policyDocument=many, policyType="IDENTITY_POLICY", maxResults=2)
    assert len(first["findings"]) == 2 and len(client.validate_policy(policyDocument=many, policyType="IDENTITY_POLICY", maxResults=2, nextToken=first["nextToken"])["findings"]) == 1


def test_public_access_and_forbidden_access_are_checked_before_a_policy_is_stored(cloud):
    client = cloud.client("accessanalyzer")
    public, tied = policy("*", "s3:GetObject", "*"), policy("*", "s3:GetObject", "*", Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}})
    assert [client.check_no_public_access(policyDocument=text, resourceType="AWS::S3::Bucket")["result"] for text in (public, tied)] == ["FAIL", "PASS"]
    text = document(allow("s3:Get*", Sid="reads"))
    found = client.check_access_not_granted(policyDocument=text, policyType="IDENTITY_POLICY", access=[{"actions": ["s3:GetObject"]}])
    assert found["result"] == "FAIL" and found["reasons"][0]["statementId"] == "reads"
    assert client.check_access_not_granted(policyDocument=text, policyType="IDENTITY_POLICY", access=[{"actions": ["s3:PutObject"]}])["result"] == "PASS"
