"""Cognito's resource types in a stack."""
import json
import time

from cloche.testing.people import trusting


def test_a_stack_makes_pools_clients_groups_and_roles(cloud):
    role = cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"Federated": "cognito-identity.amazonaws.com"}, "sts:AssumeRoleWithWebIdentity"))["Role"]["Arn"]
    pool = {"Ref": "Pool"}
    template = {"Resources": {
        "Pool": {"Type": "AWS::Cognito::UserPool", "Properties": {"UserPoolName": "people", "MfaConfiguration": "OPTIONAL", "EnabledMfas": ["SOFTWARE_TOKEN_MFA"]}},
        "Client": {"Type": "AWS::Cognito::UserPoolClient", "Properties": {"UserPoolId": pool, "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}},
        "Domain": {"Type": "AWS::Cognito::UserPoolDomain", "Properties": {"UserPoolId": pool, "Domain": f"t{cloud.account}"}},
        "Group": {"Type": "AWS::Cognito::UserPoolGroup", "Properties": {"UserPoolId": pool, "GroupName": "g"}},
        "User": {"Type": "AWS::Cognito::UserPoolUser", "Properties": {"UserPoolId": pool, "Username": "ann", "MessageAction": "SUPPRESS"}},
        "Ids": {"Type": "AWS::Cognito::IdentityPool", "Properties": {"AllowUnauthenticatedIdentities": False, "CognitoIdentityProviders": [
            {"ClientId": {"Ref": "Client"}, "ProviderName": {"Fn::GetAtt": ["Pool", "ProviderName"]}}]}},
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
