"""Identity Center by CloudFormation: a group, a set, who gets it where."""
import json

TEMPLATE = {"Parameters": {name: {"Type": "String"} for name in ("Instance", "Store", "User", "Account", "Action")}, "Resources": {
    "Group": {"Type": "AWS::IdentityStore::Group", "Properties": {"IdentityStoreId": {"Ref": "Store"}, "DisplayName": "makers", "Description": "d"}},
    "In": {"Type": "AWS::IdentityStore::GroupMembership", "Properties": {"IdentityStoreId": {"Ref": "Store"}, "GroupId": {"Fn::GetAtt": ["Group", "GroupId"]}, "MemberId": {"UserId": {"Ref": "User"}}}},
    "Set": {"Type": "AWS::SSO::PermissionSet", "Properties": {
        "InstanceArn": {"Ref": "Instance"}, "Name": "Maker", "SessionDuration": "PT2H", "ManagedPolicies": ["arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"],
        "InlinePolicy": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": {"Ref": "Action"}, "Resource": "*"}]}}},
    "Given": {"Type": "AWS::SSO::Assignment", "Properties": {
        "InstanceArn": {"Ref": "Instance"}, "PermissionSetArn": {"Fn::GetAtt": ["Set", "PermissionSetArn"]}, "TargetType": "AWS_ACCOUNT", "TargetId": {"Ref": "Account"},
        "PrincipalType": "GROUP", "PrincipalId": {"Fn::GetAtt": ["Group", "GroupId"]}}},
    "Tags": {"Type": "AWS::SSO::InstanceAccessControlAttributeConfiguration", "Properties": {
        "InstanceArn": {"Ref": "Instance"}, "AccessControlAttributes": [{"Key": "who", "Value": {"Source": ["${path:userName}"]}}]}}}}


def test_a_stack_sets_it_all_up_changes_it_and_takes_it_down(cloud, center):
    cfn = cloud.client("cloudformation")

    def deploy(change, action):
        given = {"Instance": center.arn, "Store": center.store_id, "User": center.user, "Account": center.member, "Action": action}
        change(StackName="sso", TemplateBody=json.dumps(TEMPLATE), Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()])
        cloud.advance(10)
        [stack] = cfn.describe_stacks(StackName="sso")["Stacks"]
        assert stack["StackStatus"].endswith("_COMPLETE") and "ROLLBACK" not in stack["StackStatus"], cfn.describe_stack_events(StackName="sso")["StackEvents"]

    def inline():
        [role] = center.roles()
        return center.there("iam").get_role_policy(RoleName=role["RoleName"], PolicyName="AwsSSOInlinePolicy")["PolicyDocument"]["Statement"][0]["Action"]
    deploy(cfn.create_stack, "s3:GetObject")
    assert inline() == "s3:GetObject" and center.roles()[0]["MaxSessionDuration"] == 7200
    assert [one["DisplayName"] for one in center.store.list_groups(IdentityStoreId=center.store_id)["Groups"]] == ["builders", "makers"]
    deploy(cfn.update_stack, "s3:PutObject")
    assert inline() == "s3:PutObject"
    cfn.delete_stack(StackName="sso")
    cloud.advance(10)
    assert center.roles() == [] and center.sso.list_permission_sets(InstanceArn=center.arn)["PermissionSets"] == []


def test_an_account_instance_by_cloudformation(cloud):
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="own", TemplateBody=json.dumps({"Resources": {"I": {"Type": "AWS::SSO::Instance", "Properties": {"Name": "own"}}}}))
    cloud.advance(5)
    [instance] = cloud.client("sso-admin").list_instances()["Instances"]
    assert instance["Name"] == "own"
    cfn.delete_stack(StackName="own")
    cloud.advance(5)
    assert cloud.client("sso-admin").list_instances()["Instances"] == []
