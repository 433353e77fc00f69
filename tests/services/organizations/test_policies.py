"""Policies of an organization: their life, and what they do to those who live below them."""
from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from cloche.services.organizations.effective import merged
from cloche.testing.people import Person, allow, deny, document, refused, trusting

SCP, RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
FULL = "p-FullAWSAccess"


def guard(action, resource="*", **more):
    """A statement of a resource control policy."""
    return document({"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource, **more})


class TestLife:
    def test_the_allow_all_policy_is_everywhere_once_the_type_is_enabled(self, org):
        member, unit = org.create("m")["AccountId"], org.unit("u")
        assert org.enable()["Root"]["PolicyTypes"] == [{"Type": SCP, "Status": "ENABLED"}]
        refused("PolicyTypeAlreadyEnabledException", org.enable)
        later = org.unit("later")
        for target in (org.root, unit, later, member, org.cloud.account):
            found = org.api.list_policies_for_target(TargetId=target, Filter=SCP)["Policies"]
            assert [(x["Id"], x["AwsManaged"], x["Arn"]) for x in found] == [(FULL, True, "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess")]
        assert len(org.api.list_targets_for_policy(PolicyId=FULL)["Targets"]) == 5
        org.api.disable_policy_type(RootId=org.root, PolicyType=SCP)
        assert org.api.list_targets_for_policy(PolicyId=FULL)["Targets"] == []
        refused("PolicyTypeNotEnabledException", org.api.disable_policy_type, RootId=org.root, PolicyType=SCP)

    def test_the_life_of_a_policy(self, org):
        id_ = org.policy(document(deny("s3:*")), "no buckets")
        refused("DuplicatePolicyException", org.policy, document(deny("s3:*")), "no buckets")
        refused("PolicyTypeNotEnabledException", org.api.attach_policy, PolicyId=id_, TargetId=org.root)
        org.enable()
        org.api.attach_policy(PolicyId=id_, TargetId=org.root)
        refused("DuplicatePolicyAttachmentException", org.api.attach_policy, PolicyId=id_, TargetId=org.root)
        refused("TargetNotFoundException", org.api.attach_policy, PolicyId=id_, TargetId="ou-0000-00000000")
        assert org.api.list_targets_for_policy(PolicyId=id_)["Targets"] == [
            {"TargetId": org.root, "Arn": f"arn:aws:organizations::{org.cloud.account}:root/{org.id}/{org.root}", "Name": "Root", "Type": "ROOT"}]
        refused("PolicyInUseException", org.api.delete_policy, PolicyId=id_)
        org.api.update_policy(PolicyId=id_, Name="none", Content=document(deny("s3:Put*")))
        found = org.api.describe_policy(PolicyId=id_)["Policy"]
        assert found["PolicySummary"]["Name"] == "none" and "s3:Put*" in found["Content"]
        assert {x["Name"] for x in org.api.list_policies(Filter=SCP)["Policies"]} == {"FullAWSAccess", "none"}
        org.api.detach_policy(PolicyId=id_, TargetId=org.root)
        refused("PolicyNotAttachedException", org.api.detach_policy, PolicyId=id_, TargetId=org.root)
        org.api.delete_policy(PolicyId=id_)
        refused("PolicyNotFoundException", org.api.describe_policy, PolicyId=id_)
        refused("InvalidInputException", org.api.delete_policy, PolicyId=FULL)

    def test_the_last_service_control_policy_stays(self, org):
        org.enable()
        said = refused("ConstraintViolationException", org.api.detach_policy, PolicyId=FULL, TargetId=org.root)
        assert said == "You cannot remove the last policy attached to the specified target. You must have at least one attached at all times."
        org.policy(document(allow("sqs:*")), target=org.root)
        org.api.detach_policy(PolicyId=FULL, TargetId=org.root)

    def test_five_policies_fit_on_a_target(self, org):
        org.enable()
        for i in range(4):
            org.policy(document(deny("s3:*")), str(i), target=org.root)
        refused("ConstraintViolationException", org.policy, document(deny("s3:*")), "more", SCP, org.root)

    @pytest.mark.parametrize(("kind", "content"), [
        (SCP, "no json"), (SCP, document({**deny("s3:*"), "Principal": "*"})), (SCP, "{}"), (RCP, document({**allow("s3:*"), "Principal": "*"})),
        (RCP, guard("*")), (RCP, document({**deny("s3:*"), "Principal": {"AWS": "123456789012"}})), ("TAG_POLICY", "[]"),
    ])
    def test_malformed_policies_are_refused(self, org, kind, content):
        assert refused("MalformedPolicyDocumentException", org.policy, content, "x", kind)

    def test_a_policy_may_be_too_long(self, org):
        refused("ConstraintViolationException", org.policy, document(deny([f"s3:Get{i:05}" for i in range(500)])))

    def test_the_allow_all_policy_for_resources_cannot_be_detached(self, org):
        org.enable(RCP)
        refused("InvalidInputException", org.api.detach_policy, PolicyId="p-RCPFullAWSAccess", TargetId=org.root)

    def test_policies_are_matched_to_the_pattern_of_their_ids(self, org):
        assert refused("InvalidInputException", org.api.describe_policy, PolicyId="nonsense")


class TestServiceControl:
    def test_a_denial_binds_even_root_of_a_member_at_once(self, org):
        member = org.member("m")
        org.enable()
        sqs = member.client("sqs")
        sqs.create_queue(QueueName="before")
        id_ = org.policy(document(deny("sqs:CreateQueue")), target=member.account)
        said = _code(sqs.create_queue, QueueName="after")
        assert said[0] in ("AccessDenied", "AccessDeniedException") and said[1].endswith(
            f"with an explicit deny in a service control policy: arn:aws:organizations::{org.cloud.account}:policy/{org.id}/service_control_policy/{id_}")
        sqs.list_queues()
        org.api.detach_policy(PolicyId=id_, TargetId=member.account)
        sqs.create_queue(QueueName="after")

    def test_every_service_refuses_in_its_own_code(self, org):
        member = org.member("m")
        org.enable()
        member.client("s3").create_bucket(Bucket=f"b{member.account}")
        org.policy(document(deny(["s3:*", "dynamodb:*", "sns:*", "lambda:*"])), target=org.root)
        assert _code(member.client("s3").list_objects_v2, Bucket=f"b{member.account}")[0] == "AccessDenied"
        assert _code(member.client("dynamodb").list_tables)[0] == "AccessDeniedException"
        assert _code(member.client("sns").list_topics)[0] == "AuthorizationError"
        assert _code(member.client("lambda").list_functions)[0] == "AccessDeniedException"

    def test_the_management_account_is_not_bound(self, org):
        org.enable()
        org.policy(document(deny("*")), target=org.root)
        org.policy(document(deny("*")), "again", target=org.cloud.account)
        org.cloud.client("sqs").create_queue(QueueName="q")
        Person(org.cloud, "bob", allow("sqs:*")).client("sqs").list_queues()

    def test_policies_are_inherited_through_units_and_follow_a_move(self, org):
        member, unit = org.member("m"), org.unit("u")
        inner = org.unit("inner", unit)
        org.enable()
        org.policy(document(deny("sqs:*")), target=unit)
        sqs = member.client("sqs")
        sqs.list_queues()
        org.api.move_account(AccountId=member.account, SourceParentId=org.root, DestinationParentId=inner)
        assert _code(sqs.list_queues)[0].startswith("AccessDenied")
        org.api.move_account(AccountId=member.account, SourceParentId=inner, DestinationParentId=org.root)
        sqs.list_queues()

    def test_every_level_must_allow(self, org):
        member, unit = org.member("m"), org.unit("u")
        org.enable()
        org.api.move_account(AccountId=member.account, SourceParentId=org.root, DestinationParentId=unit)
        org.policy(document(allow(["sqs:*", "sns:*"])), "unit", target=unit)
        org.api.detach_policy(PolicyId=FULL, TargetId=unit)
        member.client("sqs").list_queues()
        code, said = _code(member.client("dynamodb").list_tables)
        assert code == "AccessDeniedException" and said.endswith("because no service control policy allows the dynamodb:ListTables action")
        org.policy(document(allow("sns:*")), "account", target=member.account)
        org.api.detach_policy(PolicyId=FULL, TargetId=member.account)
        member.client("sns").list_topics()
        assert _code(member.client("sqs").list_queues)[0].startswith("AccessDenied")

    def test_what_is_allowed_is_not_granted(self, org):
        member = org.member("m")
        org.enable()
        bob = Person(member, "bob", allow("sqs:*"))
        org.policy(document(deny("sqs:DeleteQueue")), target=member.account)
        url = bob.client("sqs").create_queue(QueueName="q")["QueueUrl"]
        assert "service control policy" in _code(bob.client("sqs").delete_queue, QueueUrl=url)[1]
        assert "no identity-based policy" in _code(bob.client("sns").list_topics)[1]

    def test_conditions_count(self, org):
        member = org.member("m")
        org.enable()
        org.policy(document(deny("sqs:*", Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}})), target=org.root)
        member.client("sqs", region="eu-west-1").list_queues()
        assert _code(member.client("sqs").list_queues)[0].startswith("AccessDenied")

    def test_a_stack_fails_where_the_organization_forbids_its_resources(self, org):
        member = org.member("m")
        org.enable()
        org.policy(document(deny("sqs:CreateQueue")), target=org.root)
        cfn = member.client("cloudformation")
        cfn.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}))
        org.cloud.advance(1)
        assert cfn.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE"
        assert any("service control policy" in x.get("ResourceStatusReason", "") for x in cfn.describe_stack_events(StackName="s")["StackEvents"])

    def test_a_disabled_type_binds_nobody_and_leaving_frees(self, org):
        member = org.member("m")
        org.enable()
        org.policy(document(deny("sqs:*")), target=org.root)
        assert _code(member.client("sqs").list_queues)[0].startswith("AccessDenied")
        org.cloud.advance(days=4)
        member.client("organizations").leave_organization()
        member.client("sqs").list_queues()

    def test_the_simulator_knows_of_service_control_policies(self, org):
        member = org.member("m")
        org.enable()
        bob = Person(member, "bob", allow(["sqs:*", "s3:*"]))
        org.policy(document(deny("sqs:DeleteQueue")), target=org.root)
        org.policy(document(deny("s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}})), "conditional", target=org.root)
        iam = member.client("iam")
        found = {x["EvalActionName"]: x for x in iam.simulate_principal_policy(PolicySourceArn=bob.arn, ActionNames=["sqs:DeleteQueue", "sqs:ListQueues", "s3:GetObject"])["EvaluationResults"]}
        assert [(x["EvalDecision"], x["OrganizationsDecisionDetail"]["AllowedByOrganizations"]) for x in found.values()] == [("explicitDeny", False), ("allowed", True), ("allowed", True)]
        alone = Person(org.cloud, "carl", allow("sqs:*"))
        assert "OrganizationsDecisionDetail" not in org.cloud.client("iam").simulate_principal_policy(PolicySourceArn=alone.arn, ActionNames=["sqs:ListQueues"])["EvaluationResults"][0]


def _code(call, **more):
    with pytest.raises(ClientError) as error:
        call(**more)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


class TestResourceControl:
    def test_resources_of_a_member_are_closed_to_strangers_and_to_root(self, org):
        member, stranger = org.member("m"), org.cloud.other()
        org.enable(RCP)
        sqs = member.client("sqs")
        url = sqs.create_queue(QueueName="q", Attributes={"Policy": document({**allow("sqs:*"), "Principal": "*"})})["QueueUrl"]
        stranger.client("sqs").send_message(QueueUrl=url, MessageBody="x")
        org.policy(guard("sqs:SendMessage", Condition={"StringNotEqualsIfExists": {"aws:PrincipalOrgID": org.id}}), kind=RCP, target=org.root)
        assert "resource control policy" in _code(stranger.client("sqs").send_message, QueueUrl=url, MessageBody="x")[1]
        sqs.send_message(QueueUrl=url, MessageBody="x")
        org.cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x")
        org.policy(guard("sqs:SendMessage"), "all", RCP, member.account)
        assert "resource control policy" in _code(sqs.send_message, QueueUrl=url, MessageBody="x")[1]

    def test_buckets_keys_tables_and_roles(self, org):
        member = org.member("m")
        org.enable(RCP)
        s3, kms, dynamodb, bucket = member.client("s3"), member.client("kms"), member.client("dynamodb"), f"r{member.account}"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        dynamodb.create_table(TableName="table", AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST")
        role = member.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"AWS": org.cloud.account}))["Role"]["Arn"]
        bob = Person(org.cloud, "bob", allow("sts:AssumeRole"))
        bob.assume(role)
        org.policy(guard(["s3:GetObject", "kms:Encrypt", "dynamodb:GetItem", "sts:AssumeRole"]), kind=RCP, target=member.account)
        assert _code(s3.get_object, Bucket=bucket, Key="k")[0] == "AccessDenied"
        assert _code(kms.encrypt, KeyId=key, Plaintext=b"x")[0] == "AccessDeniedException"
        assert _code(dynamodb.get_item, TableName="table", Key={"k": {"S": "x"}})[0] == "AccessDeniedException"
        assert _code(bob.client("sts").assume_role, RoleArn=role, RoleSessionName="again")[0] == "AccessDenied"
        s3.list_objects_v2(Bucket=bucket)

    def test_the_management_account_s_resources_are_not_bound(self, org):
        org.enable(RCP)
        org.policy(guard("sqs:*"), kind=RCP, target=org.root)
        org.cloud.client("sqs").create_queue(QueueName="q")

    def test_only_some_services_know_resource_control_policies(self, org):
        member = org.member("m")
        org.enable(RCP)
        org.policy(guard(["sns:*", "sqs:*"]), kind=RCP, target=org.root)
        member.client("sns").list_topics()
        assert _code(member.client("sqs").list_queues)[0].startswith("AccessDenied")


class TestConditionKeys:
    def test_a_resource_policy_may_be_for_the_whole_organization(self, org):
        member, stranger = org.member("m"), org.cloud.other()
        url = org.cloud.client("sqs").create_queue(QueueName="q", Attributes={
            "Policy": document({**allow("sqs:SendMessage"), "Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": org.id}}})})["QueueUrl"]
        member.client("sqs").send_message(QueueUrl=url, MessageBody="x")
        assert _code(stranger.client("sqs").send_message, QueueUrl=url, MessageBody="x")[0].startswith("AccessDenied")

    def test_or_for_a_unit(self, org):
        inside, outside, unit = org.member("i"), org.member("o"), org.unit("u")
        org.api.move_account(AccountId=inside.account, SourceParentId=org.root, DestinationParentId=unit)
        paths = {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": f"{org.id}/{org.root}/{unit}/*"}}
        url = org.cloud.client("sqs").create_queue(QueueName="q", Attributes={
            "Policy": document({**allow("sqs:SendMessage"), "Principal": "*", "Condition": paths})})["QueueUrl"]
        inside.client("sqs").send_message(QueueUrl=url, MessageBody="x")
        assert _code(outside.client("sqs").send_message, QueueUrl=url, MessageBody="x")[0].startswith("AccessDenied")

    def test_an_identity_policy_may_keep_to_resources_of_the_organization(self, org):
        member, stranger = org.member("m"), org.cloud.other()
        everybody = {"Policy": document({**allow("sqs:SendMessage"), "Principal": "*"})}
        ours = member.client("sqs").create_queue(QueueName="q", Attributes=everybody)["QueueUrl"]
        theirs = stranger.client("sqs").create_queue(QueueName="q", Attributes=everybody)["QueueUrl"]
        bob = Person(org.cloud, "bob", allow("sqs:SendMessage", Condition={"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}))
        bob.client("sqs").send_message(QueueUrl=ours, MessageBody="x")
        assert _code(bob.client("sqs").send_message, QueueUrl=theirs, MessageBody="x")[0].startswith("AccessDenied")


class TestEffective:
    def test_tag_policies_are_merged_from_the_root_down(self, org):
        member, unit = org.member("m"), org.unit("u")
        org.api.move_account(AccountId=member.account, SourceParentId=org.root, DestinationParentId=unit)
        api = member.client("organizations")
        refused("EffectivePolicyNotFoundException", api.describe_effective_policy, PolicyType="TAG_POLICY")
        org.enable("TAG_POLICY")
        refused("EffectivePolicyNotFoundException", api.describe_effective_policy, PolicyType="TAG_POLICY")
        one = {"tags": {"cost": {"tag_key": {"@@assign": "Cost"}, "tag_value": {"@@assign": ["1", "2"]}}}}
        two = {"tags": {"cost": {"tag_value": {"@@append": ["3"], "@@remove": ["1"]}}}}
        org.policy(json.dumps(one), "one", "TAG_POLICY", org.root)
        org.policy(json.dumps(two), "two", "TAG_POLICY", unit)
        found = org.api.describe_effective_policy(PolicyType="TAG_POLICY", TargetId=member.account)["EffectivePolicy"]
        assert json.loads(found["PolicyContent"]) == {"tags": {"cost": {"tag_key": "Cost", "tag_value": ["2", "3"]}}}
        assert json.loads(api.describe_effective_policy(PolicyType="TAG_POLICY")["EffectivePolicy"]["PolicyContent"]) == json.loads(found["PolicyContent"])

    @pytest.mark.parametrize(("above", "below", "result"), [
        ({}, {"a": {"@@assign": 1}}, {"a": 1}), ({"a": 1, "b": 2}, {"a": {"@@assign": 3}}, {"a": 3, "b": 2}), ({"a": ["x"]}, {"a": {"@@append": ["x", "y"]}}, {"a": ["x", "y"]}),
        ({"a": ["x", "y"]}, {"a": {"@@remove": ["x"]}}, {"a": ["y"]}), ({"a": {"b": 1}}, {"a": {"@@operators_allowed_for_child_policies": ["@@none"], "c": {"@@assign": 2}}}, {"a": {"b": 1, "c": 2}}),
    ])
    def test_how_a_document_is_applied_to_another(self, above, below, result):
        assert merged(above, below) == result


class TestResourcePolicy:
    def test_a_member_manages_policies_in_the_management_account_s_place(self, org):
        member = org.member("m")
        api = member.client("organizations")
        org.enable()
        org.enable("TAG_POLICY")
        refused("ResourcePolicyNotFoundException", org.api.describe_resource_policy)
        refused("AccessDeniedException", api.list_policies, Filter=SCP)
        tags = {"StringEquals": {"organizations:PolicyType": "TAG_POLICY"}}
        principal = {"Principal": {"AWS": f"arn:aws:iam::{member.account}:root"}}
        content = document({**allow(["organizations:CreatePolicy", "organizations:AttachPolicy", "organizations:DescribePolicy"], Condition=tags), **principal},
                           {**allow("organizations:ListAccounts"), **principal})
        made = org.api.put_resource_policy(Content=content)["ResourcePolicy"]
        assert made["ResourcePolicySummary"]["Arn"] == f"arn:aws:organizations::{org.cloud.account}:resourcepolicy/{org.id}/{made['ResourcePolicySummary']['Id']}"
        assert org.api.describe_resource_policy()["ResourcePolicy"] == made
        id_ = api.create_policy(Name="t", Description="", Type="TAG_POLICY", Content="{}")["Policy"]["PolicySummary"]["Id"]
        api.attach_policy(PolicyId=id_, TargetId=member.account)
        assert api.describe_policy(PolicyId=id_) and len(api.list_accounts()["Accounts"]) == 2
        refused("AccessDeniedException", api.create_policy, Name="s", Description="", Type=SCP, Content=document(deny("s3:*")))
        refused("AccessDeniedException", api.list_roots)
        refused("AccessDeniedException", api.create_organizational_unit, ParentId=org.root, Name="x")
        refused("AccessDeniedException", api.delete_resource_policy)
        bob = Person(member, "bob", allow("organizations:ListRoots"))
        refused("AccessDeniedException", bob.client("organizations").list_accounts)
        refused("AccessDeniedException", org.member("n").client("organizations").list_accounts)
        assert api.describe_organization()["Organization"]["Id"] == org.id
        org.api.delete_resource_policy()
        refused("AccessDeniedException", api.list_accounts)
        refused("ResourcePolicyNotFoundException", org.api.delete_resource_policy)

    def test_not_everything_can_be_handed_over(self, org):
        principal = {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
        for content in ("{", document(allow("organizations:ListRoots")), document({**allow("organizations:CreateAccount"), **principal}), document({**allow("organizations:*"), **principal}),
                        document({**allow("organizations:ListRoots"), "Principal": "*"})):
            refused("InvalidInputException", org.api.put_resource_policy, Content=content)
