"""Permission sets, and the roles they become."""
import json
import re

from cloche.testing.people import allow, document, refused

READ = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"


def test_a_permission_set_is_made_changed_and_deleted(center):
    sso, arn = center.sso, center.set(Description="d", SessionDuration="PT2H", RelayState="https://x", Tags=[{"Key": "a", "Value": "b"}])
    refused("ConflictException", sso.create_permission_set, InstanceArn=center.arn, Name="Builder")
    refused("ValidationException", sso.create_permission_set, InstanceArn=center.arn, Name="Other", SessionDuration="PT13H")
    sso.update_permission_set(InstanceArn=center.arn, PermissionSetArn=arn, Description="e")
    found = sso.describe_permission_set(InstanceArn=center.arn, PermissionSetArn=arn)["PermissionSet"]
    assert (found["Name"], found["Description"], found["SessionDuration"], found["RelayState"]) == ("Builder", "e", "PT2H", "https://x")
    sso.tag_resource(InstanceArn=center.arn, ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    sso.untag_resource(InstanceArn=center.arn, ResourceArn=arn, TagKeys=["a"])
    assert sso.list_tags_for_resource(InstanceArn=center.arn, ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    sso.delete_permission_set(InstanceArn=center.arn, PermissionSetArn=arn)
    refused("ResourceNotFoundException", sso.describe_permission_set, InstanceArn=center.arn, PermissionSetArn=arn)


def test_its_policies_of_each_kind_are_attached_listed_and_detached(center):
    sso, at = center.sso, {"InstanceArn": center.arn, "PermissionSetArn": center.set()}
    sso.attach_managed_policy_to_permission_set(**at, ManagedPolicyArn=READ)
    refused("ConflictException", sso.attach_managed_policy_to_permission_set, **at, ManagedPolicyArn=READ)
    assert sso.list_managed_policies_in_permission_set(**at)["AttachedManagedPolicies"] == [{"Name": "AmazonSQSReadOnlyAccess", "Arn": READ}]
    own = {"Name": "own", "Path": "/p/"}
    sso.attach_customer_managed_policy_reference_to_permission_set(**at, CustomerManagedPolicyReference=own)
    refused("ConflictException", sso.attach_customer_managed_policy_reference_to_permission_set, **at, CustomerManagedPolicyReference=own)
    assert sso.list_customer_managed_policy_references_in_permission_set(**at)["CustomerManagedPolicyReferences"] == [own]
    refused("ValidationException", sso.put_inline_policy_to_permission_set, **at, InlinePolicy="{}")
    sso.put_inline_policy_to_permission_set(**at, InlinePolicy=document(allow("s3:*")))
    assert json.loads(sso.get_inline_policy_for_permission_set(**at)["InlinePolicy"])["Statement"][0]["Action"] == "s3:*"
    sso.put_permissions_boundary_to_permission_set(**at, PermissionsBoundary={"ManagedPolicyArn": READ})
    assert sso.get_permissions_boundary_for_permission_set(**at)["PermissionsBoundary"] == {"ManagedPolicyArn": READ}
    sso.delete_permissions_boundary_from_permission_set(**at)
    refused("ResourceNotFoundException", sso.get_permissions_boundary_for_permission_set, **at)
    sso.delete_inline_policy_from_permission_set(**at)
    sso.detach_customer_managed_policy_reference_from_permission_set(**at, CustomerManagedPolicyReference=own)
    sso.detach_managed_policy_from_permission_set(**at, ManagedPolicyArn=READ)
    refused("ResourceNotFoundException", sso.detach_managed_policy_from_permission_set, **at, ManagedPolicyArn=READ)


def test_the_first_assignment_makes_the_accounts_role_which_iam_does_not_change(center):
    arn = center.set(SessionDuration="PT4H")
    center.sso.attach_managed_policy_to_permission_set(InstanceArn=center.arn, PermissionSetArn=arn, ManagedPolicyArn=READ)
    assert center.assign(arn)["Status"] == "SUCCEEDED"
    [role] = center.roles()
    assert re.fullmatch(r"AWSReservedSSO_Builder_[0-9a-f]{16}", role["RoleName"]) and role["Path"] == "/aws-reserved/sso.amazonaws.com/" and role["MaxSessionDuration"] == 14400
    iam, name = center.there("iam"), role["RoleName"]
    assert [one["PolicyArn"] for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]] == [READ]
    for refusal in (lambda: iam.delete_role(RoleName=name), lambda: iam.put_role_policy(RoleName=name, PolicyName="x", PolicyDocument=document(allow("*"))),
                    lambda: iam.detach_role_policy(RoleName=name, PolicyArn=READ), lambda: iam.update_assume_role_policy(RoleName=name, PolicyDocument="{}"),
                    lambda: iam.tag_role(RoleName=name, Tags=[{"Key": "a", "Value": "b"}])):
        refused("UnmodifiableEntity", refusal)
    refused("ValidationError", iam.create_role, RoleName="mine", Path="/aws-reserved/sso.amazonaws.com/", AssumeRolePolicyDocument="{}")


def test_a_change_reaches_the_roles_when_the_set_is_provisioned_again(center):
    sso, arn = center.sso, center.set()
    at = {"InstanceArn": center.arn, "PermissionSetArn": arn}
    center.assign(arn)
    [before] = center.roles()
    sso.put_inline_policy_to_permission_set(**at, InlinePolicy=document(allow("s3:*")))
    assert center.there("iam").list_role_policies(RoleName=before["RoleName"])["PolicyNames"] == []
    assert sso.list_accounts_for_provisioned_permission_set(**at, ProvisioningStatus="LATEST_PERMISSION_SET_NOT_PROVISIONED")["AccountIds"] == [center.member]
    begun = sso.provision_permission_set(**at, TargetType="ALL_PROVISIONED_ACCOUNTS")["PermissionSetProvisioningStatus"]
    center.cloud.advance(1)
    assert sso.describe_permission_set_provisioning_status(InstanceArn=center.arn, ProvisionPermissionSetRequestId=begun["RequestId"])["PermissionSetProvisioningStatus"]["Status"] == "SUCCEEDED"
    assert [one["RequestId"] for one in sso.list_permission_set_provisioning_status(InstanceArn=center.arn)["PermissionSetsProvisioningStatus"]] == [begun["RequestId"]]
    [after] = center.roles()
    assert after["RoleName"] == before["RoleName"] and after["RoleId"] == before["RoleId"]
    assert center.there("iam").list_role_policies(RoleName=before["RoleName"])["PolicyNames"] == ["AwsSSOInlinePolicy"]
    assert sso.list_permission_sets_provisioned_to_account(InstanceArn=center.arn, AccountId=center.member, ProvisioningStatus="LATEST_PERMISSION_SET_PROVISIONED")["PermissionSets"] == [arn]
