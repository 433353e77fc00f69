"""Who administers Firewall Manager."""
from cloche.testing.people import refused

from ..organizations.conftest import Org
from .conftest import Bench


def test_an_administrator_is_named_by_the_management_account_of_an_organization(cloud):
    api = cloud.client("fms")
    refused("InvalidOperationException", api.associate_admin_account, AdminAccount=cloud.account)
    assert "not currently delegated" in refused("AccessDeniedException", api.list_policies)
    assert refused("AccessDeniedException", api.get_notification_channel) == f"No default admin could be found for account {cloud.account}"
    org = Org(cloud)
    member = org.member("a")
    said = refused("InvalidOperationException", member.client("fms").associate_admin_account, AdminAccount=member.account)
    assert said == (f"{member.account} is not the management account of the Organization but trying to AssociateAdmin, Organization management account is {cloud.account}")
    refused("InvalidOperationException", cloud.client("fms", region="eu-west-1").associate_admin_account, AdminAccount=member.account)
    api.associate_admin_account(AdminAccount=member.account)
    assert api.get_admin_account()["AdminAccount"] == member.account and member.client("fms").get_admin_account()["RoleStatus"] == "READY"
    assert member.client("iam").get_role(RoleName="AWSServiceRoleForFMS")
    assert [d["Id"] for d in org.api.list_delegated_administrators(ServicePrincipal="fms.amazonaws.com")["DelegatedAdministrators"]] == [member.account]
    assert refused("AccessDeniedException", api.list_policies) == "Operation: ListPolicies is only available to Administration account in AWS Firewall Manager."
    refused("InvalidOperationException", api.associate_admin_account, AdminAccount=cloud.account)
    assert api.list_admin_accounts_for_organization()["AdminAccounts"][0]["AdminAccount"] == member.account
    assert member.client("fms").list_admins_managing_account()["AdminAccounts"] == [member.account]
    assert member.client("fms").get_admin_scope(AdminAccount=member.account)["AdminScope"]["PolicyTypeScope"]["AllPolicyTypesEnabled"] is True
    assert sorted(member.client("fms").list_member_accounts()["MemberAccounts"]) == sorted([cloud.account, member.account])
    refused("AccessDeniedException", api.disassociate_admin_account)
    member.client("fms").disassociate_admin_account()
    refused("ResourceNotFoundException", api.get_admin_account)


def test_an_organization_of_consolidated_billing_has_none(cloud):
    Org(cloud, "CONSOLIDATED_BILLING")
    refused("InvalidOperationException", cloud.client("fms").associate_admin_account, AdminAccount=cloud.account)


def test_lists_resource_sets_and_their_tags(cloud):
    bench = Bench(cloud)
    api = bench.api
    apps = (api.put_apps_list, api.get_apps_list, api.delete_apps_list, "applications-list", [{"AppName": "web", "Protocol": "TCP", "Port": 443}], "AppsList")
    protocols = (api.put_protocols_list, api.get_protocols_list, api.delete_protocols_list, "protocols-list", ["TCP"], "ProtocolsList")
    for put, get, drop, path, items, kind in (apps, protocols):
        made = put(**{kind: {"ListName": "one", kind: items}, "TagList": [{"Key": "a", "Value": "b"}]})
        one, arn = made[kind], made[f"{kind}Arn"]
        assert f":{path}/" in arn and get(ListId=one["ListId"])[kind][kind] == items
        refused("InvalidInputException", put, **{kind: {"ListName": "one", kind: items, "ListId": one["ListId"], "ListUpdateToken": "old"}})
        again = put(**{kind: {"ListName": "two", kind: items, "ListId": one["ListId"], "ListUpdateToken": one["ListUpdateToken"]}})[kind]
        assert again[f"Previous{kind}"] == {"1": items}
        api.tag_resource(ResourceArn=arn, TagList=[{"Key": "c", "Value": "d"}])
        api.untag_resource(ResourceArn=arn, TagKeys=["a"])
        assert api.list_tags_for_resource(ResourceArn=arn)["TagList"] == [{"Key": "c", "Value": "d"}]
        drop(ListId=one["ListId"])
        refused("ResourceNotFoundException", get, ListId=one["ListId"])
    assert api.list_apps_lists(MaxResults=10)["AppsLists"] == api.list_protocols_lists(MaxResults=10)["ProtocolsLists"] == []
    made = api.put_resource_set(ResourceSet={"Name": "s", "ResourceTypeList": ["AWS::EC2::Instance"]})["ResourceSet"]
    arn = f"arn:aws:ec2:us-east-1:{bench.member.account}:instance/i-1"
    bad = ["arn:aws:ec2:us-east-1:123123123123:instance/i-1", "nonsense", arn.replace("us-east-1", "eu-west-1")]
    failed = api.batch_associate_resource(ResourceSetIdentifier=made["Id"], Items=[arn, *bad])["FailedItems"]
    assert [one["Reason"] for one in failed] == ["NOT_VALID_ACCOUNT_ID", "NOT_VALID_ARN", "NOT_VALID_REGION"]
    assert api.list_resource_set_resources(Identifier=made["Id"])["Items"] == [{"URI": arn, "AccountId": bench.member.account}]
    assert api.batch_disassociate_resource(ResourceSetIdentifier=made["Id"], Items=[arn])["FailedItems"] == []
    assert api.get_resource_set(Identifier=made["Id"])["ResourceSet"]["Name"] == "s" and len(api.list_resource_sets()["ResourceSets"]) == 1
    api.delete_resource_set(Identifier=made["Id"])
    refused("ResourceNotFoundException", api.get_resource_set, Identifier=made["Id"])


def test_another_administrator_has_a_scope_of_its_own(cloud):
    api = cloud.client("fms")
    org = Org(cloud)
    boss, web, dev = org.member("boss"), org.member("web"), org.member("dev")
    refused("InvalidOperationException", api.put_admin_account, AdminAccount=web.account)
    api.associate_admin_account(AdminAccount=boss.account)
    refused("InvalidOperationException", api.put_admin_account, AdminAccount=boss.account)
    refused("InvalidInputException", api.put_admin_account, AdminAccount="123123123123")
    scope = {"AccountScope": {"Accounts": [dev.account], "AllAccountsEnabled": False, "ExcludeSpecifiedAccounts": False}, "RegionScope": {"Regions": ["us-east-1"], "AllRegionsEnabled": False},
             "PolicyTypeScope": {"PolicyTypes": ["WAFV2"], "AllPolicyTypesEnabled": False}, "OrganizationalUnitScope": {"OrganizationalUnits": [], "AllOrganizationalUnitsEnabled": False}}
    api.put_admin_account(AdminAccount=web.account, AdminScope=scope)
    assert [(one["AdminAccount"], one["DefaultAdmin"]) for one in api.list_admin_accounts_for_organization()["AdminAccounts"]] == [(boss.account, True), (web.account, False)]
    theirs = web.client("fms")
    got = theirs.get_admin_scope(AdminAccount=web.account)["AdminScope"]
    assert got["AccountScope"]["Accounts"] == [dev.account] and got["RegionScope"]["Regions"] == ["us-east-1"]
    assert theirs.list_member_accounts()["MemberAccounts"] == [dev.account]
    assert dev.client("fms").list_admins_managing_account()["AdminAccounts"] == [boss.account, web.account]
    assert web.client("fms").list_admins_managing_account()["AdminAccounts"] == [boss.account]
    waf = {"PolicyName": "p", "ResourceType": "AWS::ElasticLoadBalancingV2::LoadBalancer", "ExcludeResourceTags": False, "RemediationEnabled": True, "SecurityServicePolicyData": {
        "Type": "WAFV2", "ManagedServiceData": '{"type": "WAFV2", "preProcessRuleGroups": [], "postProcessRuleGroups": [], "defaultAction": {"type": "ALLOW"}}'}}
    made = theirs.put_policy(Policy=waf)["Policy"]["PolicyId"]
    cloud.advance(1)
    assert [one["MemberAccount"] for one in theirs.list_compliance_status(PolicyId=made)["PolicyComplianceStatusList"]] == [dev.account]
    refused("InvalidOperationException", web.client("fms", region="eu-west-1").put_policy, Policy=waf)
    audit = waf | {"PolicyName": "q", "ResourceType": "AWS::EC2::SecurityGroup", "SecurityServicePolicyData": {
        "Type": "SECURITY_GROUPS_USAGE_AUDIT", "ManagedServiceData": '{"type": "SECURITY_GROUPS_USAGE_AUDIT", "deleteUnusedSecurityGroups": true, "coalesceRedundantSecurityGroups": false}'}}
    refused("InvalidOperationException", theirs.put_policy, Policy=audit)
    refused("InvalidOperationException", boss.client("fms").disassociate_admin_account)
    theirs.disassociate_admin_account()
    refused("AccessDeniedException", theirs.list_policies)
    boss.client("fms").disassociate_admin_account()
