"""GuardDuty over many accounts: an administrator, its members, an organization's."""

import pytest

from ..organizations.conftest import Org
from .test_detectors import refused


class Guard:
    def __init__(self, cloud, detector=""):
        self.cloud, self.api = cloud, cloud.client("guardduty")
        self.id = detector or self.api.create_detector(Enable=True)["DetectorId"]

    def do(self, operation, **kw):
        return getattr(self.api, operation)(DetectorId=self.id, **kw)

    def types(self, **criterion):
        ids = self.do("list_findings", FindingCriteria={"Criterion": criterion})["FindingIds"]
        return sorted((one["AccountId"], one["Type"]) for one in self.do("get_findings", FindingIds=ids)["Findings"]) if ids else []


@pytest.fixture
def bound(cloud):
    boss, other = Guard(cloud), Guard(cloud.other())
    boss.do("create_members", AccountDetails=[{"AccountId": other.cloud.account, "Email": f"{other.cloud.account}@example.com"}])
    boss.do("invite_members", AccountIds=[other.cloud.account], Message="join us")
    [invited] = other.api.list_invitations()["Invitations"]
    yield boss, other, invited
    for one in (boss, other):
        if one is boss:
            boss.do("disassociate_members", AccountIds=[other.cloud.account])
        one.do("delete_detector")


def test_a_member_is_invited_and_accepts(cloud, bound):
    boss, other, invited = bound
    status = lambda: boss.do("get_members", AccountIds=[other.cloud.account])["Members"][0]["RelationshipStatus"]
    assert (status(), invited["AccountId"], invited["RelationshipStatus"], other.api.get_invitations_count()["InvitationsCount"]) == ("Invited", cloud.account, "Invited", 1)
    assert any(letter["body"] == "join us" for letter in cloud.control(f"mail?to={other.cloud.account}@example.com")["mail"])
    assert refused(other.do, operation="accept_administrator_invitation", AdministratorId=cloud.account, InvitationId="no") == "BadRequestException"
    other.do("accept_administrator_invitation", AdministratorId=cloud.account, InvitationId=invited["InvitationId"])
    assert status() == "Enabled" and other.api.get_invitations_count()["InvitationsCount"] == 0
    assert other.do("get_administrator_account")["Administrator"]["AccountId"] == other.do("get_master_account")["Master"]["AccountId"] == cloud.account
    assert [one["DetectorId"] for one in boss.do("list_members")["Members"]] == [other.id]
    assert refused(boss.do, operation="delete_detector") == "BadRequestException"
    assert boss.do("delete_members", AccountIds=[other.cloud.account])["UnprocessedAccounts"]
    boss.do("stop_monitoring_members", AccountIds=[other.cloud.account])
    assert status() == "Disabled" and other.do("get_detector")["Status"] == "DISABLED"
    boss.do("start_monitoring_members", AccountIds=[other.cloud.account])
    assert status() == "Enabled" and other.do("get_detector")["Status"] == "ENABLED"
    boss.do("update_member_detectors", AccountIds=[other.cloud.account], Features=[{"Name": "S3_DATA_EVENTS", "Status": "DISABLED"}])
    [found] = boss.do("get_member_detectors", AccountIds=[other.cloud.account])["MemberDataSourceConfigurations"]
    assert {one["Name"]: one["Status"] for one in found["Features"]}["S3_DATA_EVENTS"] == "DISABLED"
    other.do("disassociate_from_administrator_account")
    assert status() == "Resigned" and refused(other.do, operation="disassociate_from_master_account") == "BadRequestException"
    boss.do("delete_members", AccountIds=[other.cloud.account])
    assert boss.do("list_members", OnlyAssociated="false")["Members"] == []


def test_the_administrator_sees_and_archives_members_findings(cloud, bound):
    boss, other, invited = bound
    kind = "UnauthorizedAccess:EC2/SSHBruteForce"
    other.do("create_sample_findings", FindingTypes=[kind])
    assert boss.types() == []
    other.do("accept_invitation", MasterId=cloud.account, InvitationId=invited["InvitationId"])
    assert boss.types() == [(other.cloud.account, kind)]
    boss.do("archive_findings", FindingIds=boss.do("list_findings")["FindingIds"])
    assert other.types(**{"service.archived": {"Eq": ["true"]}}) == [(other.cloud.account, kind)]
    assert boss.types(accountId={"Eq": [cloud.account]}) == []


def test_an_invitation_may_be_declined_and_deleted(cloud, bound):
    boss, other, _ = bound
    assert other.api.decline_invitations(AccountIds=["123123123123"])["UnprocessedAccounts"][0]["AccountId"] == "123123123123"
    assert other.api.decline_invitations(AccountIds=[cloud.account])["UnprocessedAccounts"] == []
    boss.do("invite_members", AccountIds=[other.cloud.account])
    assert other.api.delete_invitations(AccountIds=[cloud.account])["UnprocessedAccounts"] == [] and other.api.list_invitations()["Invitations"] == []


def test_an_organization_has_one_administrator_who_takes_accounts_in(cloud):
    api = cloud.client("guardduty")
    assert refused(api.enable_organization_admin_account, AdminAccountId=cloud.account) == "BadRequestException"
    org = Org(cloud)
    member, old = org.member("boss"), org.member("old")
    api.enable_organization_admin_account(AdminAccountId=member.account)
    assert api.list_organization_admin_accounts()["AdminAccounts"] == [{"AdminAccountId": member.account, "AdminStatus": "ENABLED"}]
    assert refused(api.enable_organization_admin_account, AdminAccountId=old.account) == "BadRequestException"
    boss = Guard(member, member.client("guardduty").list_detectors()["DetectorIds"][0])
    got = boss.do("describe_organization_configuration")
    assert (got["AutoEnable"], got["AutoEnableOrganizationMembers"]) == (False, "NONE")
    boss.do("create_members", AccountDetails=[{"AccountId": old.account, "Email": "old@example.com"}])
    [id_] = old.client("guardduty").list_detectors()["DetectorIds"]
    assert refused(old.client("guardduty").disassociate_from_administrator_account, DetectorId=id_) == "BadRequestException"
    assert refused(old.client("guardduty").describe_organization_configuration, DetectorId=id_) == "BadRequestException"
    boss.do("update_organization_configuration", AutoEnableOrganizationMembers="NEW", Features=[{"Name": "S3_DATA_EVENTS", "AutoEnable": "NEW"}])
    fresh = org.member("fresh")
    assert sorted(one["AccountId"] for one in boss.do("list_members")["Members"]) == sorted([old.account, fresh.account])
    features = fresh.client("guardduty").get_detector(DetectorId=fresh.client("guardduty").list_detectors()["DetectorIds"][0])["Features"]
    assert {one["Name"]: one["Status"] for one in features}["S3_DATA_EVENTS"] == "ENABLED"
    boss.do("update_organization_configuration", AutoEnableOrganizationMembers="ALL")
    assert cloud.account in {one["AccountId"] for one in boss.do("list_members")["Members"]}
    assert boss.do("disassociate_members", AccountIds=[old.account])["UnprocessedAccounts"][0]["AccountId"] == old.account
    api.disable_organization_admin_account(AdminAccountId=member.account)
    assert api.list_organization_admin_accounts()["AdminAccounts"] == [] and boss.do("list_members")["Members"] == []
    for one in (member, old, fresh, cloud):
        theirs = one.client("guardduty")
        theirs.delete_detector(DetectorId=theirs.list_detectors()["DetectorIds"][0])


def test_the_administrators_bus_hears_of_members_findings(cloud, bound):
    from ..securityhub.test_findings import listening
    _, other, invited = bound
    other.do("accept_administrator_invitation", AdministratorId=cloud.account, InvitationId=invited["InvitationId"])
    heard = listening(cloud, {"source": ["aws.guardduty"]})
    other.do("create_sample_findings", FindingTypes=["Recon:EC2/Portscan"])
    [one] = heard()
    assert one["detail"]["accountId"] == other.cloud.account and one["account"] == cloud.account
    assert one["detail"]["type"] == "Recon:EC2/Portscan"
