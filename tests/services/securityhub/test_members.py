"""An administrator of Security Hub and its members: invited ones, and those of an organization."""
from cloche.testing.people import refused

from ..organizations.conftest import Org
from .conftest import Hub
from .test_findings import finding


def bound(cloud):
    """An administrator and a member who accepted."""
    boss, other = Hub(cloud, EnableDefaultStandards=False), Hub(cloud.other(), EnableDefaultStandards=False)
    boss.api.create_members(AccountDetails=[{"AccountId": other.cloud.account, "Email": "m@example.com"}])
    boss.api.invite_members(AccountIds=[other.cloud.account])
    [invited] = other.api.list_invitations()["Invitations"]
    return boss, other, invited


def test_a_member_is_invited_and_accepts(cloud):
    boss, other, invited = bound(cloud)
    status = lambda: boss.api.get_members(AccountIds=[other.cloud.account])["Members"][0]["MemberStatus"]
    assert (invited["AccountId"], invited["MemberStatus"], other.api.get_invitations_count()["InvitationsCount"], status()) == (cloud.account, "Invited", 1, "Invited")
    assert "Administrator" not in other.api.get_administrator_account() and boss.api.list_members()["Members"] == []
    refused("ResourceNotFoundException", other.api.accept_administrator_invitation, AdministratorId=cloud.account, InvitationId="no")
    other.api.accept_administrator_invitation(AdministratorId=cloud.account, InvitationId=invited["InvitationId"])
    assert status() == "Enabled" and [one["AccountId"] for one in boss.api.list_members()["Members"]] == [other.cloud.account]
    assert other.api.get_administrator_account()["Administrator"]["AccountId"] == other.api.get_master_account()["Master"]["AccountId"] == cloud.account
    assert other.api.get_invitations_count()["InvitationsCount"] == 0
    refused("InvalidAccessException", other.api.create_members, AccountDetails=[{"AccountId": "123123123123", "Email": "x@example.com"}])
    assert boss.api.delete_members(AccountIds=[other.cloud.account])["UnprocessedAccounts"]
    refused("InvalidInputException", boss.api.disable_security_hub)
    boss.api.disassociate_members(AccountIds=[other.cloud.account])
    assert status() == "Removed" and "Administrator" not in other.api.get_administrator_account()
    boss.api.delete_members(AccountIds=[other.cloud.account])
    assert boss.api.list_members(OnlyAssociated=False)["Members"] == []


def test_the_administrator_sees_and_works_on_members_findings(cloud):
    boss, other, invited = bound(cloud)
    other.api.batch_import_findings(Findings=[finding(other.cloud, "theirs")])
    assert boss.findings() == []
    other.api.accept_invitation(MasterId=cloud.account, InvitationId=invited["InvitationId"])
    [one] = boss.findings()
    assert one["AwsAccountId"] == other.cloud.account
    boss.api.batch_update_findings(FindingIdentifiers=[{"Id": "theirs", "ProductArn": one["ProductArn"]}], Workflow={"Status": "SUPPRESSED"})
    assert other.findings()[0]["Workflow"]["Status"] == "SUPPRESSED"
    other.api.disassociate_from_administrator_account()
    assert boss.findings() == [] and boss.api.list_members(OnlyAssociated=False)["Members"][0]["MemberStatus"] == "Resigned"
    refused("ResourceNotFoundException", other.api.disassociate_from_master_account)


def test_an_invitation_may_be_declined_and_deleted(cloud):
    boss, other, _ = bound(cloud)
    assert other.api.decline_invitations(AccountIds=[cloud.account, "123123123123"])["UnprocessedAccounts"][0]["AccountId"] == "123123123123"
    assert other.api.list_invitations()["Invitations"] == []
    boss.api.invite_members(AccountIds=[other.cloud.account])
    other.api.delete_invitations(AccountIds=[cloud.account])
    assert other.api.get_invitations_count()["InvitationsCount"] == 0
    assert boss.api.create_members(AccountDetails=[{"AccountId": cloud.account, "Email": "me@example.com"}])["UnprocessedAccounts"][0]["AccountId"] == cloud.account


def test_an_organization_has_one_administrator_who_takes_new_accounts_in(cloud):
    api = cloud.client("securityhub")
    refused("InvalidAccessException", api.enable_organization_admin_account, AdminAccountId=cloud.account)
    org = Org(cloud)
    boss, old = org.member("boss"), org.member("old")
    assert api.enable_organization_admin_account(AdminAccountId=boss.account)["AdminAccountId"] == boss.account
    assert api.list_organization_admin_accounts()["AdminAccounts"] == [{"AccountId": boss.account, "Status": "ENABLED"}]
    assert [one["Id"] for one in org.api.list_delegated_administrators(ServicePrincipal="securityhub.amazonaws.com")["DelegatedAdministrators"]] == [boss.account]
    refused("InvalidInputException", api.enable_organization_admin_account, AdminAccountId=old.account)
    refused("InvalidAccessException", old.client("securityhub").list_organization_admin_accounts)
    hub = boss.client("securityhub")
    assert hub.describe_hub()["AutoEnableControls"] and hub.describe_organization_configuration()["AutoEnable"] is False
    hub.create_members(AccountDetails=[{"AccountId": old.account}])
    assert old.client("securityhub").get_administrator_account()["Administrator"]["AccountId"] == boss.account
    assert len(old.client("securityhub").get_enabled_standards()["StandardsSubscriptions"]) == 2
    refused("InvalidAccessException", old.client("securityhub").disassociate_from_administrator_account)
    refused("InvalidAccessException", old.client("securityhub").update_organization_configuration, AutoEnable=True)
    hub.update_organization_configuration(AutoEnable=True, AutoEnableStandards="NONE")
    fresh = org.member("fresh")
    assert sorted(one["AccountId"] for one in hub.list_members()["Members"]) == sorted([old.account, fresh.account])
    assert fresh.client("securityhub").get_enabled_standards()["StandardsSubscriptions"] == []
    cloud.advance(5)
    seen = {one["AwsAccountId"] for one in hub.get_findings(Filters={"ComplianceSecurityControlId": [{"Value": "IAM.7", "Comparison": "EQUALS"}]})["Findings"]}
    assert seen == {boss.account, old.account}
    cloud.advance(days=5)
    org.api.remove_account_from_organization(AccountId=old.account)
    assert [one["AccountId"] for one in hub.list_members()["Members"]] == [fresh.account]
    api.disable_organization_admin_account(AdminAccountId=boss.account)
    assert api.list_organization_admin_accounts()["AdminAccounts"] == [] and hub.list_members()["Members"] == []
