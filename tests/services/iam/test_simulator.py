"""The simulator gives the answer that the real request would get."""
import pytest

from cloche.testing.people import allow, deny, document, refused

ARN = "arn:aws:s3:::bucket/key"


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def ask(iam, *policies, action="s3:GetObject", **more):
    return iam.simulate_custom_policy(PolicyInputList=list(policies), ActionNames=[action], ResourceArns=[ARN], **more)["EvaluationResults"][0]


def test_custom_policies_decide_with_the_statements_that_matched(iam):
    text = document(allow("s3:Get*"))
    found = ask(iam, document(allow("sqs:*")), text)
    assert found["EvalDecision"] == "allowed" and found["EvalActionName"] == "s3:GetObject" and found["EvalResourceName"] == ARN
    [matched] = found["MatchedStatements"]
    assert matched["SourcePolicyId"] == "PolicyInputList.2"
    start, end = matched["StartPosition"], matched["EndPosition"]
    assert start["Line"] == end["Line"] == 1 and text[start["Column"] - 1:end["Column"] - 1].startswith('{"Effect": "Allow"')
    assert ask(iam, text, action="s3:PutObject")["EvalDecision"] == "implicitDeny"
    denied = ask(iam, text, document(deny("s3:*")))
    assert denied["EvalDecision"] == "explicitDeny" and [m["SourcePolicyId"] for m in denied["MatchedStatements"]] == ["PolicyInputList.2"]


def test_context_entries_fill_conditions_and_missing_ones_are_named(iam):
    text = document(allow("s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    given = {"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["10.1.2.3"], "ContextKeyType": "ip"}
    assert ask(iam, text, ContextEntries=[given])["EvalDecision"] == "allowed"
    assert ask(iam, text)["EvalDecision"] == "implicitDeny"
    anywhere = iam.simulate_custom_policy(PolicyInputList=[text], ActionNames=["s3:GetObject"])["EvaluationResults"][0]
    assert anywhere["EvalResourceName"] == "*" and anywhere["MissingContextValues"] == ["aws:SourceIp"]


def test_boundaries_and_control_policies_are_told_apart(iam):
    found = ask(iam, document(allow("s3:*")), PermissionsBoundaryPolicyInputList=[document(allow("sqs:*"))])
    assert found["EvalDecision"] == "implicitDeny" and found["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    found = ask(iam, document(allow("s3:*")), OrderedOrganizationPolicyInputList=[{"ServiceControlPolicyInputList": [document(allow("*"), deny("s3:Get*"))]}])
    assert found["EvalDecision"] == "explicitDeny" and found["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}


def test_the_policies_of_a_principal_are_its_own_and_its_groups(cloud, iam):
    arn = iam.create_user(UserName="bob")["User"]["Arn"]
    iam.create_group(GroupName="g")
    iam.add_user_to_group(UserName="bob", GroupName="g")
    iam.put_group_policy(GroupName="g", PolicyName="from-group", PolicyDocument=document(allow("s3:GetObject", "arn:aws:s3:::bucket/${aws:username}/*")))
    iam.attach_user_policy(UserName="bob", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess")
    results = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:GetObject", "sqs:ListQueues"], ResourceArns=["arn:aws:s3:::bucket/bob/x"])["EvaluationResults"]
    assert [r["EvalDecision"] for r in results] == ["allowed", "allowed"]
    assert [r["MatchedStatements"][0]["SourcePolicyId"] for r in results] == ["from-group", "AmazonSQSReadOnlyAccess"]
    assert [r["MatchedStatements"][0]["SourcePolicyType"] for r in results] == ["group", "aws-managed"]
    refused("NoSuchEntity", iam.simulate_principal_policy, PolicySourceArn=arn + "by", ActionNames=["s3:GetObject"])
    refused("InvalidInput", iam.simulate_principal_policy, PolicySourceArn=f"arn:aws:s3:::{'x' * 20}", ActionNames=["s3:GetObject"])


def test_a_resource_policy_counts_for_the_caller(cloud, iam):
    arn = iam.create_user(UserName="bob")["User"]["Arn"]
    policy = document({"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "s3:GetObject", "Resource": ARN})
    found = ask(iam, document(allow("sqs:*")), ResourcePolicy=policy, CallerArn=arn)
    assert found["EvalDecision"] == "allowed" and found["MatchedStatements"][0]["SourcePolicyId"] == "ResourcePolicy"
    refused("InvalidInput", iam.simulate_custom_policy, PolicyInputList=[policy.replace("Principal", "principal")], ActionNames=["s3:GetObject"])


def test_an_action_has_one_result_and_each_resource_its_own_inside(iam):
    text = document(allow("s3:GetObject", "arn:aws:s3:::bucket/a*", Condition={"StringEquals": {"aws:PrincipalTag/team": "${s3:prefix}"}}), allow("s3:GetObject", "arn:aws:s3:::bucket/b*"))
    resources = ["arn:aws:s3:::bucket/a", "arn:aws:s3:::bucket/b"]
    [found] = iam.simulate_custom_policy(PolicyInputList=[text], ActionNames=["s3:GetObject"], ResourceArns=resources)["EvaluationResults"]
    assert found["EvalDecision"] == "implicitDeny" and found["EvalDecisionDetails"] == {} and "aws:PrincipalTag/team" in found["MissingContextValues"]
    a, b = found["ResourceSpecificResults"]
    assert [(x["EvalResourceName"], x["EvalResourceDecision"]) for x in (a, b)] == [(resources[0], "implicitDeny"), (resources[1], "allowed")]
    assert "aws:PrincipalTag/team" in a["MissingContextValues"] and not a["MatchedStatements"] and b["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1"
    [denied] = iam.simulate_custom_policy(PolicyInputList=[text, document(deny("s3:*", resources[0]))], ActionNames=["s3:GetObject"], ResourceArns=resources)["EvaluationResults"]
    assert denied["EvalDecision"] == "explicitDeny" and [m["SourcePolicyId"] for m in denied["MatchedStatements"]] == ["PolicyInputList.2"]
    [anywhere] = iam.simulate_custom_policy(PolicyInputList=[text], ActionNames=["s3:GetObject"])["EvaluationResults"]
    assert "ResourceSpecificResults" not in anywhere and "EvalDecisionDetails" not in anywhere


def test_across_accounts_both_sides_are_told(iam):
    caller, owner = "arn:aws:iam::111122223333:user/bob", "arn:aws:iam::444455556666:root"
    lets_in = document({"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:GetObject", "Resource": ARN})

    def told(own, theirs):
        return ask(iam, own, CallerArn=caller, ResourceOwner=owner, ResourcePolicy=theirs)
    found = told(document(allow("s3:*")), lets_in)
    assert found["EvalDecision"] == "allowed" and found["EvalDecisionDetails"] == {"IAM Policy": "allowed", "Resource Policy": "allowed"}
    assert found["ResourceSpecificResults"][0]["EvalDecisionDetails"] == found["EvalDecisionDetails"]
    assert told(document(allow("sqs:*")), lets_in)["EvalDecisionDetails"] == {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}
    forbids = document({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ARN})
    found = told(document(allow("s3:*")), forbids)
    assert found["EvalDecision"] == "explicitDeny" and found["EvalDecisionDetails"] == {"IAM Policy": "allowed", "Resource Policy": "explicitDeny"}


def test_where_an_organization_says_no_nobody_asks_further(iam):
    found = ask(iam, document(allow("s3:*")), OrderedOrganizationPolicyInputList=[{"ServiceControlPolicyInputList": [document(allow("sqs:*"))]}])
    assert found["EvalDecision"] == "implicitDeny" and "EvalDecisionDetails" not in found and found["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}
    found = ask(iam, document(allow("s3:*")), OrderedOrganizationPolicyInputList=[{"ServiceControlPolicyInputList": [document(allow("*"))]}])
    assert found["EvalDecision"] == "allowed" and [m["SourcePolicyId"] for m in found["MatchedStatements"]] == ["PolicyInputList.1"]


def test_simulations_come_in_pages(iam):
    first = iam.simulate_custom_policy(PolicyInputList=[document(allow("s3:*"))], ActionNames=["s3:A", "s3:B", "sqs:C"], MaxItems=2)
    assert len(first["EvaluationResults"]) == 2 and first["IsTruncated"]
    second = iam.simulate_custom_policy(PolicyInputList=[document(allow("s3:*"))], ActionNames=["s3:A", "s3:B", "sqs:C"], Marker=first["Marker"])
    assert [r["EvalDecision"] for r in second["EvaluationResults"]] == ["implicitDeny"]


def test_context_keys_of_policies_include_variables(iam):
    text = document(allow("s3:*", "arn:aws:s3:::b/${aws:username}", Condition={"StringLike": {"s3:prefix": ["${aws:PrincipalTag/team, 'x'}/*"]}}))
    wanted = ["aws:PrincipalTag/team", "aws:username", "s3:prefix"]
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[text])["ContextKeyNames"] == wanted
    arn = iam.create_user(UserName="bob")["User"]["Arn"]
    iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=text)
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"] == wanted


def test_a_simulation_may_leave_policies_out(cloud, iam):
    arn = iam.create_user(UserName="eve", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess")["User"]["Arn"]
    iam.put_user_policy(UserName="eve", PolicyName="own", PolicyDocument=document(allow("s3:*")))
    iam.attach_user_policy(UserName="eve", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess")

    def decided(*left_out):
        found = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:GetObject", "sqs:ListQueues"], PolicyExclusionList=list(left_out))
        return [one["EvalDecision"] for one in found["EvaluationResults"]]
    assert decided() == ["implicitDeny", "allowed"]
    assert decided({"PolicyType": "permission-boundary"}) == ["allowed", "allowed"]
    assert decided({"PolicyType": "permission-boundary"}, {"InlinePolicyIdentifier": {"PolicyName": "own", "AttachmentType": "user", "AttachmentName": "eve"}}) == ["implicitDeny", "allowed"]
    assert decided({"PolicyType": "permission-boundary"}, {"PolicyType": "aws-managed"}) == ["allowed", "implicitDeny"]
