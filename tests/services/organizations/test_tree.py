"""The organization, its units and its accounts."""
from __future__ import annotations

import re

import pytest

from cloche.testing.people import Person, allow, refused

from .conftest import Org


class TestOrganization:
    def test_whoever_makes_an_organization_manages_it(self, cloud):
        api = cloud.client("organizations")
        made = api.create_organization()["Organization"]
        assert (made["FeatureSet"], made["MasterAccountId"]) == ("ALL", cloud.account) and re.fullmatch(r"o-[a-z0-9]{10,32}", made["Id"])
        assert made["Arn"] == f"arn:aws:organizations::{cloud.account}:organization/{made['Id']}"
        assert made["MasterAccountArn"] == f"arn:aws:organizations::{cloud.account}:account/{made['Id']}/{cloud.account}"
        assert api.describe_organization()["Organization"] == made
        assert [x["Id"] for x in api.list_accounts()["Accounts"]] == [cloud.account]
        assert refused("AlreadyInOrganizationException", api.create_organization)
        assert cloud.client("iam").get_role(RoleName="AWSServiceRoleForOrganizations")

    def test_without_one_nothing_can_be_asked(self, cloud):
        api = cloud.client("organizations")
        for ask in (api.describe_organization, api.list_accounts, api.list_roots, api.leave_organization, api.delete_organization):
            assert refused("AWSOrganizationsNotInUseException", ask) == "Your account is not a member of an organization."

    def test_consolidated_billing_has_no_policies(self, cloud):
        org = Org(cloud, "CONSOLIDATED_BILLING")
        assert org.api.describe_organization()["Organization"]["AvailablePolicyTypes"] == []
        refused("PolicyTypeNotAvailableForOrganizationException", org.enable)
        refused("PolicyTypeNotAvailableForOrganizationException", org.policy, "{}")
        assert org.api.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"] == []

    def test_all_features_come_when_the_handshake_is_accepted(self, cloud):
        org = Org(cloud, "CONSOLIDATED_BILLING")
        made = org.api.enable_all_features()["Handshake"]
        assert (made["Action"], made["State"]) == ("ENABLE_ALL_FEATURES", "OPEN")
        refused("HandshakeConstraintViolationException", org.api.enable_all_features)
        org.api.accept_handshake(HandshakeId=made["Id"])
        assert org.api.describe_organization()["Organization"]["FeatureSet"] == "ALL"
        refused("HandshakeConstraintViolationException", org.api.enable_all_features)
        org.enable()

    def test_members_who_were_invited_must_agree_to_all_features(self, cloud):
        org, other = Org(cloud, "CONSOLIDATED_BILLING"), cloud.other()
        invited = org.api.invite_account_to_organization(Target={"Id": other.account, "Type": "ACCOUNT"})["Handshake"]["Id"]
        them = other.client("organizations")
        them.accept_handshake(HandshakeId=invited)
        whole = org.api.enable_all_features()["Handshake"]
        assert whole["State"] == "REQUESTED"
        refused("InvalidHandshakeTransitionException", org.api.accept_handshake, HandshakeId=whole["Id"])
        asked = them.list_handshakes_for_account(Filter={"ActionType": "APPROVE_ALL_FEATURES"})["Handshakes"]
        them.accept_handshake(HandshakeId=asked[0]["Id"])
        org.api.accept_handshake(HandshakeId=whole["Id"])
        assert them.describe_organization()["Organization"]["FeatureSet"] == "ALL"

    def test_an_organization_with_members_cannot_be_deleted(self, org):
        org.unit("left behind")
        member = org.create("m")["AccountId"]
        refused("OrganizationNotEmptyException", org.api.delete_organization)
        org.cloud.advance(days=4)
        org.api.remove_account_from_organization(AccountId=member)
        org.api.delete_organization()
        refused("AWSOrganizationsNotInUseException", org.api.describe_organization)
        org.api.create_organization()

    def test_who_may_ask_is_up_to_iam(self, org):
        bob = Person(org.cloud, "bob", allow("organizations:DescribeAccount", f"arn:aws:organizations::{org.cloud.account}:account/{org.id}/{org.cloud.account}"))
        api = bob.client("organizations")
        assert api.describe_account(AccountId=org.cloud.account)["Account"]["Id"] == org.cloud.account
        refused("AccessDeniedException", api.list_accounts)


class TestAccounts:
    def test_an_account_is_in_progress_and_then_there(self, org):
        made = org.api.create_account(Email="dev@example.com", AccountName="dev", Tags=[{"Key": "team", "Value": "a"}])["CreateAccountStatus"]
        assert made["State"] == "IN_PROGRESS" and re.fullmatch(r"car-[a-z0-9]{8,32}", made["Id"]) and "AccountId" not in made
        org.cloud.advance(1)
        done = org.api.describe_create_account_status(CreateAccountRequestId=made["Id"])["CreateAccountStatus"]
        assert (done["State"], done["AccountName"]) == ("SUCCEEDED", "dev") and re.fullmatch(r"\d{12}", done["AccountId"]) and done["CompletedTimestamp"] >= done["RequestedTimestamp"]
        account = org.api.describe_account(AccountId=done["AccountId"])["Account"]
        assert (account["Status"], account["State"], account["JoinedMethod"], account["Email"]) == ("ACTIVE", "ACTIVE", "CREATED", "dev@example.com")
        assert account["Paths"] == [f"{org.id}/{org.root}/{done['AccountId']}/"]
        assert org.api.list_tags_for_resource(ResourceId=done["AccountId"])["Tags"] == [{"Key": "team", "Value": "a"}]
        assert [x["Id"] for x in org.api.list_create_account_status(States=["SUCCEEDED"])["CreateAccountStatuses"]] == [made["Id"]]
        assert org.api.list_create_account_status(States=["FAILED"])["CreateAccountStatuses"] == []
        again = org.create("again", Email="DEV@example.com")
        assert (again["State"], again["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
        refused("CreateAccountStatusNotFoundException", org.api.describe_create_account_status, CreateAccountRequestId="car-00000000")

    def test_the_management_account_enters_by_the_access_role(self, org):
        member = org.member("m")
        role = f"arn:aws:iam::{member.account}:role/OrganizationAccountAccessRole"
        entered = Person(org.cloud, "bob", allow("sts:AssumeRole", role)).assume(role)
        sts = org.cloud.client("sts", **entered)
        assert sts.get_caller_identity()["Account"] == member.account
        assert org.cloud.client("iam", **entered).list_roles()["Roles"]
        stranger = Person(org.cloud.other(), "eve", allow("sts:AssumeRole", role))
        refused("AccessDenied", stranger.client("sts").assume_role, RoleArn=role, RoleSessionName="eve")

    def test_the_access_role_may_have_another_name(self, org):
        member = org.member("m", RoleName="Door")
        assert member.client("iam").get_role(RoleName="Door")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{org.cloud.account}:root"}

    def test_a_member_sees_its_organization_but_not_its_accounts(self, org):
        api = org.member("m").client("organizations")
        assert api.describe_organization()["Organization"]["Id"] == org.id
        refused("AccessDeniedException", api.list_accounts)
        refused("AccessDeniedException", api.create_organizational_unit, ParentId=org.root, Name="x")

    def test_accounts_are_listed_in_pages(self, org):
        for name in "abc":
            org.create(name)
        seen, token = [], {}
        while True:
            page = org.api.list_accounts(MaxResults=1, **token)
            seen += [x["Name"] for x in page["Accounts"]]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert sorted(seen) == ["a", "b", "c", "management"]
        assert refused("InvalidInputException", org.api.list_accounts, NextToken="?")

    def test_a_created_account_leaves_after_four_days(self, org):
        member = org.member("m")
        assert "WAIT_PERIOD_ACTIVE" in _reason(org.api.remove_account_from_organization, AccountId=member.account)
        assert "WAIT_PERIOD_ACTIVE" in _reason(member.client("organizations").leave_organization)
        org.cloud.advance(days=4)
        member.client("organizations").leave_organization()
        refused("AWSOrganizationsNotInUseException", member.client("organizations").describe_organization)
        refused("AccountNotFoundException", org.api.describe_account, AccountId=member.account)
        refused("MasterCannotLeaveOrganizationException", org.api.leave_organization)
        refused("MasterCannotLeaveOrganizationException", org.api.remove_account_from_organization, AccountId=org.cloud.account)

    def test_a_closed_account_is_suspended_and_gone_after_ninety_days(self, org):
        member = org.create("m")["AccountId"]
        org.api.close_account(AccountId=member)
        org.cloud.advance(1)
        assert org.api.describe_account(AccountId=member)["Account"]["Status"] == "SUSPENDED"
        refused("AccountAlreadyClosedException", org.api.close_account, AccountId=member)
        assert "CANNOT_CLOSE_MANAGEMENT_ACCOUNT" in _reason(org.api.close_account, AccountId=org.cloud.account)
        org.cloud.advance(days=91)
        refused("AccountNotFoundException", org.api.describe_account, AccountId=member)


def _reason(call, **more):
    with pytest.raises(Exception) as error:
        call(**more)
    assert error.value.response["Error"]["Code"] == "ConstraintViolationException"
    return error.value.response["Reason"]


class TestUnits:
    def test_the_life_of_a_unit(self, org):
        made = org.api.create_organizational_unit(ParentId=org.root, Name="dev", Tags=[{"Key": "k", "Value": "v"}])["OrganizationalUnit"]
        assert re.fullmatch(rf"ou-{org.root[2:]}-[a-z0-9]{{8}}", made["Id"]) and made["Path"] == f"{org.id}/{org.root}/{made['Id']}/"
        assert made["Arn"] == f"arn:aws:organizations::{org.cloud.account}:ou/{org.id}/{made['Id']}"
        refused("DuplicateOrganizationalUnitException", org.unit, "dev")
        inner = org.unit("dev", made["Id"])
        assert org.api.update_organizational_unit(OrganizationalUnitId=inner, Name="inner")["OrganizationalUnit"]["Name"] == "inner"
        assert org.api.describe_organizational_unit(OrganizationalUnitId=inner)["OrganizationalUnit"]["Name"] == "inner"
        assert [x["Id"] for x in org.api.list_organizational_units_for_parent(ParentId=made["Id"])["OrganizationalUnits"]] == [inner]
        refused("OrganizationalUnitNotEmptyException", org.api.delete_organizational_unit, OrganizationalUnitId=made["Id"])
        for id_ in (inner, made["Id"]):
            org.api.delete_organizational_unit(OrganizationalUnitId=id_)
        refused("OrganizationalUnitNotFoundException", org.api.describe_organizational_unit, OrganizationalUnitId=inner)
        refused("ParentNotFoundException", org.unit, "x", inner)

    def test_units_nest_five_deep(self, org):
        above = org.root
        for name in "abcde":
            above = org.unit(name, above)
        assert "OU_DEPTH_LIMIT_EXCEEDED" in _reason(org.unit, name="f", parent=above)

    def test_an_account_is_moved_between_parents(self, org):
        member, unit = org.create("m")["AccountId"], org.unit("u")
        org.api.move_account(AccountId=member, SourceParentId=org.root, DestinationParentId=unit)
        assert org.api.list_parents(ChildId=member)["Parents"] == [{"Id": unit, "Type": "ORGANIZATIONAL_UNIT"}]
        assert org.api.list_parents(ChildId=unit)["Parents"] == [{"Id": org.root, "Type": "ROOT"}]
        assert org.api.list_children(ParentId=unit, ChildType="ACCOUNT")["Children"] == [{"Id": member, "Type": "ACCOUNT"}]
        assert org.api.list_children(ParentId=org.root, ChildType="ORGANIZATIONAL_UNIT")["Children"] == [{"Id": unit, "Type": "ORGANIZATIONAL_UNIT"}]
        assert [x["Id"] for x in org.api.list_accounts_for_parent(ParentId=unit)["Accounts"]] == [member]
        refused("DuplicateAccountException", org.api.move_account, AccountId=member, SourceParentId=org.root, DestinationParentId=unit)
        refused("SourceParentNotFoundException", org.api.move_account, AccountId=member, SourceParentId=org.unit("v"), DestinationParentId=org.root)
        refused("DestinationParentNotFoundException", org.api.move_account, AccountId=member, SourceParentId=unit, DestinationParentId="r-0000")
        refused("ChildNotFoundException", org.api.list_parents, ChildId="123456789012")

    def test_tags_are_put_and_taken(self, org):
        unit = org.unit("u")
        org.api.tag_resource(ResourceId=unit, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        org.api.untag_resource(ResourceId=unit, TagKeys=["a"])
        assert org.api.list_tags_for_resource(ResourceId=unit)["Tags"] == [{"Key": "b", "Value": "2"}]
        refused("InvalidInputException", org.api.tag_resource, ResourceId=unit, Tags=[{"Key": "aws:x", "Value": ""}])
        refused("TargetNotFoundException", org.api.tag_resource, ResourceId="ou-0000-00000000", Tags=[{"Key": "x", "Value": ""}])


class TestInvitations:
    def test_an_account_joins_by_invitation(self, org):
        other = org.cloud.other()
        them = other.client("organizations")
        made = org.api.invite_account_to_organization(Target={"Id": other.account, "Type": "ACCOUNT"}, Notes="come")["Handshake"]
        assert (made["State"], made["Action"]) == ("OPEN", "INVITE") and {"Id": other.account, "Type": "ACCOUNT"} in made["Parties"]
        refused("DuplicateHandshakeException", org.api.invite_account_to_organization, Target={"Id": other.account, "Type": "ACCOUNT"})
        assert [x["Id"] for x in them.list_handshakes_for_account()["Handshakes"]] == [made["Id"]]
        refused("AccessDeniedException", org.api.accept_handshake, HandshakeId=made["Id"])
        refused("HandshakeNotFoundException", org.cloud.other().client("organizations").accept_handshake, HandshakeId=made["Id"])
        assert them.accept_handshake(HandshakeId=made["Id"])["Handshake"]["State"] == "ACCEPTED"
        assert org.api.describe_account(AccountId=other.account)["Account"]["JoinedMethod"] == "INVITED"
        refused("HandshakeAlreadyInStateException", them.accept_handshake, HandshakeId=made["Id"])
        refused("InvalidHandshakeTransitionException", them.decline_handshake, HandshakeId=made["Id"])
        refused("HandshakeConstraintViolationException", org.api.invite_account_to_organization, Target={"Id": other.account, "Type": "ACCOUNT"})
        them.leave_organization()
        refused("AWSOrganizationsNotInUseException", them.describe_organization)

    def test_an_invitation_is_declined_or_cancelled_or_expires(self, org):
        def invite():
            other = org.cloud.other()
            return other.client("organizations"), org.api.invite_account_to_organization(Target={"Id": other.account, "Type": "ACCOUNT"})["Handshake"]["Id"]
        (a, declined), (b, cancelled), (c, expired) = invite(), invite(), invite()
        assert a.decline_handshake(HandshakeId=declined)["Handshake"]["State"] == "DECLINED"
        refused("AccessDeniedException", b.cancel_handshake, HandshakeId=cancelled)
        org.api.cancel_handshake(HandshakeId=cancelled)
        assert b.describe_handshake(HandshakeId=cancelled)["Handshake"]["State"] == "CANCELED"
        org.cloud.advance(days=15)
        assert c.describe_handshake(HandshakeId=expired)["Handshake"]["State"] == "EXPIRED"
        refused("InvalidHandshakeTransitionException", c.accept_handshake, HandshakeId=expired)
        assert len(org.api.list_handshakes_for_organization()["Handshakes"]) == 3
        org.cloud.advance(days=31)
        assert org.api.list_handshakes_for_organization()["Handshakes"] == []


class TestDelegation:
    def test_a_delegated_administrator_reads_the_organization(self, org):
        member, service = org.member("m"), "config.amazonaws.com"
        api, ask = member.client("organizations"), {"AccountId": member.account, "ServicePrincipal": service}
        assert "SERVICE_ACCESS_NOT_ENABLED" in _reason(org.api.register_delegated_administrator, **ask)
        org.api.enable_aws_service_access(ServicePrincipal=service)
        assert [x["ServicePrincipal"] for x in org.api.list_aws_service_access_for_organization()["EnabledServicePrincipals"]] == [service]
        org.api.register_delegated_administrator(**ask)
        refused("AccountAlreadyRegisteredException", org.api.register_delegated_administrator, **ask)
        assert [x["Id"] for x in org.api.list_delegated_administrators(ServicePrincipal=service)["DelegatedAdministrators"]] == [member.account]
        assert [x["ServicePrincipal"] for x in api.list_delegated_services_for_account(AccountId=member.account)["DelegatedServices"]] == [service]
        assert len(api.list_accounts()["Accounts"]) == 2
        assert "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE" in _reason(org.api.disable_aws_service_access, ServicePrincipal=service)
        assert "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG" in _reason(org.api.remove_account_from_organization, AccountId=member.account)
        org.api.deregister_delegated_administrator(**ask)
        refused("AccountNotRegisteredException", org.api.deregister_delegated_administrator, **ask)
        org.api.disable_aws_service_access(ServicePrincipal=service)
        refused("AccessDeniedException", api.list_accounts)
        assert "CANNOT_REGISTER_MASTER" in _reason(org.api.register_delegated_administrator, AccountId=org.cloud.account, ServicePrincipal=service)
        refused("InvalidInputException", org.api.enable_aws_service_access, ServicePrincipal="nobody")


def test_session_keys_of_the_access_role_work_for_every_service(org):
    member = org.member("m")
    entered = Person(org.cloud, "b", allow("sts:AssumeRole")).assume(f"arn:aws:iam::{member.account}:role/OrganizationAccountAccessRole")
    assert org.cloud.client("sqs", **entered).create_queue(QueueName="q")["QueueUrl"].split("/")[-2] == member.account
