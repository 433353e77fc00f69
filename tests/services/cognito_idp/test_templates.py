"""Cognito's resource types in a stack."""
import json
import time

from cloche.testing.people import trusting

from ..sts.test_saml import Idp


def test_a_stack_makes_pools_clients_groups_and_roles(cloud):
    role = cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"Federated": "cognito-identity.amazonaws.com"}, "sts:AssumeRoleWithWebIdentity"))["Role"]["Arn"]
    pool = {"Ref": "Pool"}
    template = {"Resources": {
        "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": {"UserPoolName": "people", "MfaConfiguration": "OPTIONAL", "EnabledMfas": ["SOFTWARE_TOKEN_MFA"],
                                                                     "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}},
        "Client": {"Type": "AWS::Cognito::UserPoolClient", "Properties": {"UserPoolId": pool, "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}},
        "Domain": {"Type": "AWS::Cognito::UserPoolDomain", "Properties": {"UserPoolId": pool, "Domain": f"t{cloud.account}"}},
        "Group": {"Type": "AWS::Cognito::UserPoolGroup", "Properties": {"UserPoolId": pool, "GroupName": "g"}},
        "User": {"Type": "AWS::Cognito::UserPoolUser", "Properties": {"UserPoolId": pool, "Username": "ann", "MessageAction": "SUPPRESS"}},
        "Ids": {"Type": "AWS::Cognito::IdentityPool", "Properties": {"AllowUnauthenticatedIdentities": False, "CognitoIdentityProviders": [
            {"ClientId": {"Ref": "Client"}, "ProviderName": {"Fn::GetAtt": ["Pool", "ProviderName"]}}]}},
        "Saml": {"Type": "AWS::Cognito::UserPoolIdentityProvider", "Properties": {"UserPoolId": pool, "ProviderName": "ADFS", "ProviderType": "SAML", "AttributeMapping": {"email": "mail"},
                                                                                  "ProviderDetails": {"MetadataFile": Idp().metadata()}}},
        "Look": {"Type": "AWS::Cognito::UserPoolUICustomizationAttachment", "DependsOn": "Domain", "Properties": {
            "UserPoolId": pool, "ClientId": {"Ref": "Client"}, "CSS": ".label-customizable {color: red}"}},
        "Risk": {"Type": "AWS::Cognito::UserPoolRiskConfigurationAttachment", "Properties": {
            "UserPoolId": pool, "ClientId": "ALL", "RiskExceptionConfiguration": {"BlockedIPRangeList": ["10.0.0.0/8"]}}},
        "Logged": {"Type": "AWS::Cognito::LogDeliveryConfiguration", "Properties": {"UserPoolId": pool, "LogConfigurations": [
            {"LogLevel": "ERROR", "EventSource": "userNotification", "CloudWatchLogsConfiguration": {"LogGroupArn": f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/u"}}]}},
        "Tags": {"Type": "AWS::Cognito::IdentityPoolPrincipalTag", "Properties": {"IdentityPoolId": {"Ref": "Ids"}, "IdentityProviderName": "cognito-idp.us-east-1.amazonaws.com/x", "UseDefaults": True}},
        "Roles": {"Type": "AWS::Cognito::IdentityPoolRoleAttachment", "Properties": {"IdentityPoolId": {"Ref": "Ids"}, "Roles": {"authenticated": role}}},
    }, "Outputs": {"Pool": {"Value": pool}, "Ids": {"Value": {"Ref": "Ids"}}}}
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(template))
    stack = settled(cloud)
    assert stack["StackStatus"] == "CREATE_COMPLETE", [e.get("ResourceStatusReason") for e in cfn.describe_stack_events(StackName="s")["StackEvents"]]
    out = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    idp = cloud.client("cognito-idp")
    assert idp.get_user_pool_mfa_config(UserPoolId=out["Pool"])["SoftwareTokenMfaConfiguration"] == {"Enabled": True}
    assert idp.admin_get_user(UserPoolId=out["Pool"], Username="ann")["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert cloud.client("cognito-identity").get_identity_pool_roles(IdentityPoolId=out["Ids"])["Roles"] == {"authenticated": role}
    assert idp.describe_identity_provider(UserPoolId=out["Pool"], ProviderName="ADFS")["IdentityProvider"]["AttributeMapping"] == {"email": "mail"}
    assert idp.describe_risk_configuration(UserPoolId=out["Pool"])["RiskConfiguration"]["RiskExceptionConfiguration"]["BlockedIPRangeList"] == ["10.0.0.0/8"]
    assert idp.get_log_delivery_configuration(UserPoolId=out["Pool"])["LogDeliveryConfiguration"]["LogConfigurations"][0]["LogLevel"] == "ERROR"
    cfn.delete_stack(StackName="s")
    assert settled(cloud, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def settled(cloud, name="s"):
    for _ in range(50):
        stack = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        cloud.advance(5)
        time.sleep(0.01)
    return stack
