"""Who gets which permission set in which account."""
from cloche.testing.people import refused


def test_assignments_are_told_by_account_and_by_principal_groups_included(center):
    sso, arn = center.sso, center.set()
    center.store.create_group_membership(IdentityStoreId=center.store_id, GroupId=center.group, MemberId={"UserId": center.user})
    center.assign(arn)
    center.assign(arn, "GROUP", account=center.cloud.account)
    told = sso.list_account_assignments(InstanceArn=center.arn, AccountId=center.member, PermissionSetArn=arn)["AccountAssignments"]
    assert told == [{"AccountId": center.member, "PermissionSetArn": arn, "PrincipalType": "USER", "PrincipalId": center.user}]
    found = sso.list_account_assignments_for_principal(InstanceArn=center.arn, PrincipalId=center.user, PrincipalType="USER")["AccountAssignments"]
    assert {(one["AccountId"], one["PrincipalType"]) for one in found} == {(center.member, "USER"), (center.cloud.account, "GROUP")}
    assert len(sso.list_account_assignments_for_principal(InstanceArn=center.arn, PrincipalId=center.user, PrincipalType="USER", Filter={"AccountId": center.member})["AccountAssignments"]) == 1
    assert len(sso.list_account_assignment_creation_status(InstanceArn=center.arn, Filter={"Status": "SUCCEEDED"})["AccountAssignmentsCreationStatus"]) == 2


def test_the_last_assignment_takes_the_role_with_it(center):
    sso, arn = center.sso, center.set()
    center.assign(arn)
    center.assign(arn, "GROUP")
    refused("ConflictException", sso.delete_permission_set, InstanceArn=center.arn, PermissionSetArn=arn)
    assert center.assign(arn, undo=True)["Status"] == "SUCCEEDED" and len(center.roles()) == 1
    assert center.assign(arn, "GROUP", undo=True)["Status"] == "SUCCEEDED" and center.roles() == []
    assert len(sso.list_account_assignment_deletion_status(InstanceArn=center.arn)["AccountAssignmentsDeletionStatus"]) == 2
    sso.delete_permission_set(InstanceArn=center.arn, PermissionSetArn=arn)


def test_an_assignment_that_cannot_be_fails_and_says_why(center):
    arn = center.set()
    assert center.assign(arn, account="999999999999")["Status"] == "FAILED"
    nobody = center.assign(arn, who="906744a0c1-11111111-1111-1111-1111-111111111111")
    assert nobody["Status"] == "FAILED" and "USER not found" in nobody["FailureReason"]
    center.sso.attach_customer_managed_policy_reference_to_permission_set(InstanceArn=center.arn, PermissionSetArn=arn, CustomerManagedPolicyReference={"Name": "missing"})
    assert "policy/missing" in center.assign(arn)["FailureReason"] and center.roles() == []
    refused("ResourceNotFoundException", center.sso.describe_account_assignment_creation_status, InstanceArn=center.arn, AccountAssignmentCreationRequestId="11111111-1111-1111-1111-111111111111")
