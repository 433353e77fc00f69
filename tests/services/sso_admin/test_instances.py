"""Instances of Identity Center."""
from cloche.testing.cloche import Account
from cloche.testing.people import refused


def test_an_organization_has_one_instance_which_its_members_see(cloud, center):
    found = center.sso.describe_instance(InstanceArn=center.arn)
    assert found["Status"] == "ACTIVE" and found["OwnerAccountId"] == cloud.account and found["IdentityStoreId"].startswith("d-")
    assert [one["InstanceArn"] for one in center.there("sso-admin").list_instances()["Instances"]] == [center.arn]
    assert cloud.client("sso-admin", region="eu-west-1").list_instances()["Instances"] == [], "it lives in one region"
    refused("ValidationException", center.sso.create_instance)
    refused("ValidationException", center.sso.delete_instance, InstanceArn=center.arn)
    refused("AccessDeniedException", center.there("sso-admin").list_permission_sets, InstanceArn=center.arn)
    center.sso.update_instance(InstanceArn=center.arn, Name="ours")
    assert center.sso.describe_instance(InstanceArn=center.arn)["Name"] == "ours"


def test_a_delegated_administrator_acts_for_the_organization(center):
    center.org.enable_aws_service_access(ServicePrincipal="sso.amazonaws.com")
    center.org.register_delegated_administrator(AccountId=center.member, ServicePrincipal="sso.amazonaws.com")
    made = center.there("sso-admin").create_permission_set(InstanceArn=center.arn, Name="Mine")["PermissionSet"]
    assert center.sso.list_permission_sets(InstanceArn=center.arn)["PermissionSets"] == [made["PermissionSetArn"]]
    assert [one["UserName"] for one in center.there("identitystore").list_users(IdentityStoreId=center.store_id)["Users"]] == ["ada"]


def test_an_account_instance_knows_people_and_no_permission_sets(cloud):
    sso = cloud.client("sso-admin")
    assert sso.list_instances()["Instances"] == []
    arn = sso.create_instance(Name="own", Tags=[{"Key": "a", "Value": "b"}])["InstanceArn"]
    assert sso.list_tags_for_resource(InstanceArn=arn, ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    refused("ConflictException", sso.create_instance)
    refused("ValidationException", sso.create_permission_set, InstanceArn=arn, Name="x")
    [store] = cloud.client("identitystore").list_identity_stores()["IdentityStores"]
    assert store["IdentityStoreId"] == sso.list_instances()["Instances"][0]["IdentityStoreId"]
    cloud.client("identitystore").create_user(IdentityStoreId=store["IdentityStoreId"], UserName="eve")
    sso.delete_instance(InstanceArn=arn)
    refused("ResourceNotFoundException", cloud.client("identitystore").list_users, IdentityStoreId=store["IdentityStoreId"])
    refused("ResourceNotFoundException", sso.describe_instance, InstanceArn=arn)


def test_attributes_for_access_control_are_set_once_and_changed(center):
    def given(*pairs):
        return {"InstanceArn": center.arn, "InstanceAccessControlAttributeConfiguration": {"AccessControlAttributes": [{"Key": key, "Value": {"Source": [source]}} for key, source in pairs]}}
    refused("ResourceNotFoundException", center.sso.describe_instance_access_control_attribute_configuration, InstanceArn=center.arn)
    refused("ResourceNotFoundException", center.sso.update_instance_access_control_attribute_configuration, **given(("a", "${path:userName}")))
    center.sso.create_instance_access_control_attribute_configuration(**given(("a", "${path:userName}")))
    refused("ConflictException", center.sso.create_instance_access_control_attribute_configuration, **given(("a", "${path:userName}")))
    center.sso.update_instance_access_control_attribute_configuration(**given(("b", "${path:title}")))
    found = center.sso.describe_instance_access_control_attribute_configuration(InstanceArn=center.arn)
    assert found["InstanceAccessControlAttributeConfiguration"]["AccessControlAttributes"] == [{"Key": "b", "Value": {"Source": ["${path:title}"]}}]
    center.sso.delete_instance_access_control_attribute_configuration(InstanceArn=center.arn)
    refused("ResourceNotFoundException", center.sso.delete_instance_access_control_attribute_configuration, InstanceArn=center.arn)


def test_strangers_of_another_organization_see_nothing(cloud, center):
    other = Account(cloud.url, cloud.other().account)
    refused("AccessDeniedException", other.client("sso-admin").list_permission_sets, InstanceArn=center.arn)
    refused("ResourceNotFoundException", other.client("identitystore").list_users, IdentityStoreId=center.store_id)
