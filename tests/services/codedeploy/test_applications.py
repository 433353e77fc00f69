"""Applications, deployment groups, configurations, revisions and on-premises instances, as records."""
import pytest

from cloche.testing.people import Person, allow, document, refused, trusting

GROUP = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
S3 = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "app.zip", "bundleType": "zip"}}


@pytest.fixture
def api(cloud):
    return cloud.client("codedeploy")


@pytest.fixture
def role(cloud):
    made = cloud.client("iam").create_role(RoleName="deploys", AssumeRolePolicyDocument=trusting({"Service": "codedeploy.amazonaws.com"}))["Role"]["Arn"]
    cloud.client("iam").attach_role_policy(RoleName="deploys", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSCodeDeployRole")
    return made


def test_an_application_is_made_found_renamed_and_deleted_with_its_groups(cloud, api, role):
    id_ = api.create_application(applicationName="a", computePlatform="Lambda", tags=[{"Key": "k", "Value": "v"}])["applicationId"]
    assert len(id_) == 36
    refused("ApplicationAlreadyExistsException", api.create_application, applicationName="a")
    refused("InvalidApplicationNameException", api.create_application, applicationName="a/b")
    refused("InvalidApplicationNameException", api.create_application, applicationName="a" * 101)
    refused("InvalidComputePlatformException", api.create_application, applicationName="c", computePlatform="Mainframe")
    assert refused("ApplicationDoesNotExistException", api.get_application, applicationName="z") == "No application found for name: z"
    one = api.get_application(applicationName="a")["application"]
    assert (one["applicationId"], one["computePlatform"], one["linkedToGitHub"]) == (id_, "Lambda", False)
    api.create_application(applicationName="b")
    assert api.get_application(applicationName="b")["application"]["computePlatform"] == "Server" and api.list_applications()["applications"] == ["a", "b"]
    assert {each["applicationName"] for each in api.batch_get_applications(applicationNames=["a", "b"])["applicationsInfo"]} == {"a", "b"}
    refused("ApplicationDoesNotExistException", api.batch_get_applications, applicationNames=["a", "z"])
    api.create_deployment_group(applicationName="a", deploymentGroupName="g", serviceRoleArn=role, deploymentStyle=GROUP)
    refused("ApplicationAlreadyExistsException", api.update_application, applicationName="a", newApplicationName="b")
    api.update_application(applicationName="a", newApplicationName="c")
    assert api.list_applications()["applications"] == ["b", "c"] and api.list_deployment_groups(applicationName="c")["deploymentGroups"] == ["g"]
    assert api.get_deployment_group(applicationName="c", deploymentGroupName="g")["deploymentGroupInfo"]["applicationName"] == "c"
    api.delete_application(applicationName="c")
    api.delete_application(applicationName="c")        # what is not there is deleted already
    refused("ApplicationDoesNotExistException", api.list_deployment_groups, applicationName="c")
    api.create_application(applicationName="c", computePlatform="Lambda")
    assert api.list_deployment_groups(applicationName="c")["deploymentGroups"] == []
    refused("InvalidNextTokenException", api.list_applications, nextToken="%")


def test_groups_of_lambda_and_ecs_are_blue_green_with_traffic_control(api, role):
    for platform in ("Lambda", "ECS"):
        api.create_application(applicationName=platform, computePlatform=platform)
        for style in ({"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}, {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}):
            refused("InvalidDeploymentStyleException", api.create_deployment_group, applicationName=platform, deploymentGroupName="g", serviceRoleArn=role, deploymentStyle=style)
    api.create_deployment_group(applicationName="Lambda", deploymentGroupName="g", serviceRoleArn=role, deploymentStyle=GROUP)
    refused("DeploymentGroupAlreadyExistsException", api.create_deployment_group, applicationName="Lambda", deploymentGroupName="g", serviceRoleArn=role, deploymentStyle=GROUP)
    refused("ApplicationDoesNotExistException", api.create_deployment_group, applicationName="z", deploymentGroupName="g", serviceRoleArn=role)
    refused("InvalidECSServiceException", api.create_deployment_group, applicationName="ECS", deploymentGroupName="g", serviceRoleArn=role, deploymentStyle=GROUP)
    refused("InvalidLoadBalancerInfoException", api.create_deployment_group, applicationName="Lambda", deploymentGroupName="h", serviceRoleArn=role, deploymentStyle=GROUP,
            loadBalancerInfo={"elbInfoList": [{"name": "x"}]})
    refused("InvalidDeploymentConfigNameException", api.create_deployment_group, applicationName="Lambda", deploymentGroupName="h", serviceRoleArn=role, deploymentStyle=GROUP,
            deploymentConfigName="CodeDeployDefault.HalfAtATime")
    refused("DeploymentConfigDoesNotExistException", api.create_deployment_group, applicationName="Lambda", deploymentGroupName="h", serviceRoleArn=role, deploymentStyle=GROUP, deploymentConfigName="mine")


def test_a_group_of_machines_has_defaults_and_is_changed_piece_by_piece(api, role):
    api.create_application(applicationName="a")
    made = api.create_deployment_group(applicationName="a", deploymentGroupName="g", serviceRoleArn=role, ec2TagFilters=[{"Key": "app", "Value": "x", "Type": "KEY_AND_VALUE"}],
                                       alarmConfiguration={"enabled": True, "alarms": [{"name": "one"}]}, tags=[{"Key": "k", "Value": "v"}])["deploymentGroupId"]
    info = api.get_deployment_group(applicationName="a", deploymentGroupName="g")["deploymentGroupInfo"]
    assert info["deploymentGroupId"] == made and info["deploymentConfigName"] == "CodeDeployDefault.OneAtATime" and info["computePlatform"] == "Server" and info["serviceRoleArn"] == role
    assert info["deploymentStyle"] == {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"} and info["outdatedInstancesStrategy"] == "UPDATE"
    api.update_deployment_group(applicationName="a", currentDeploymentGroupName="g", newDeploymentGroupName="h", deploymentConfigName="CodeDeployDefault.AllAtOnce", ec2TagFilters=[])
    info = api.get_deployment_group(applicationName="a", deploymentGroupName="h")["deploymentGroupInfo"]
    assert info["deploymentConfigName"] == "CodeDeployDefault.AllAtOnce" and info["ec2TagFilters"] == [] and info["alarmConfiguration"]["alarms"] == [{"name": "one"}]
    refused("DeploymentGroupDoesNotExistException", api.get_deployment_group, applicationName="a", deploymentGroupName="g")
    got = api.batch_get_deployment_groups(applicationName="a", deploymentGroupNames=["h", "z"])
    assert [one["deploymentGroupName"] for one in got["deploymentGroupsInfo"]] == ["h"] and "z" in got["errorMessage"]
    assert api.delete_deployment_group(applicationName="a", deploymentGroupName="h")["hooksNotCleanedUp"] == []
    assert api.delete_deployment_group(applicationName="a", deploymentGroupName="h")["hooksNotCleanedUp"] == [] and api.list_deployment_groups(applicationName="a")["deploymentGroups"] == []


@pytest.mark.parametrize("code, settings", [
    ("AlarmsLimitExceededException", {"alarmConfiguration": {"enabled": True, "alarms": [{"name": f"a{n}"} for n in range(11)]}}),
    ("InvalidAlarmConfigException", {"alarmConfiguration": {"enabled": True}}),
    ("InvalidAlarmConfigException", {"alarmConfiguration": {"enabled": True, "alarms": [{"name": "a"}, {"name": "a"}]}}),
    ("InvalidAutoRollbackConfigException", {"autoRollbackConfiguration": {"enabled": True}}),
    ("InvalidAutoRollbackConfigException", {"autoRollbackConfiguration": {"enabled": True, "events": ["RAIN"]}}),
    ("InvalidEC2TagCombinationException", {"ec2TagFilters": [{"Key": "a", "Type": "KEY_ONLY"}], "ec2TagSet": {"ec2TagSetList": [[{"Key": "a", "Type": "KEY_ONLY"}]]}}),
    ("TagSetListLimitExceededException", {"ec2TagSet": {"ec2TagSetList": [[{"Key": "a", "Type": "KEY_ONLY"}]] * 4}}),
    ("InvalidOnPremisesTagCombinationException", {"onPremisesInstanceTagFilters": [{"Key": "a", "Type": "KEY_ONLY"}], "onPremisesTagSet": {"onPremisesTagSetList": [[{"Key": "a", "Type": "KEY_ONLY"}]]}}),
    ("InvalidEC2TagException", {"ec2TagFilters": [{"Value": "a", "Type": "KEY_AND_VALUE"}]}),
    ("InvalidTagException", {"onPremisesInstanceTagFilters": [{"Key": "a", "Type": "VALUE_ONLY"}]}),
    ("InvalidTriggerConfigException", {"triggerConfigurations": [{"triggerName": "t", "triggerTargetArn": "arn:aws:sqs:us-east-1:1:q", "triggerEvents": ["DeploymentStart"]}]}),
    ("InvalidTriggerConfigException", {"triggerConfigurations": [{"triggerName": "t", "triggerTargetArn": "arn:aws:sns:us-east-1:1:t"}]}),
    ("TriggerTargetsLimitExceededException", {"triggerConfigurations": [{"triggerName": f"t{n}", "triggerTargetArn": "arn:aws:sns:us-east-1:1:t", "triggerEvents": ["DeploymentStart"]} for n in range(11)]}),
    ("InvalidLoadBalancerInfoException", {"deploymentStyle": {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}}),
    ("InvalidBlueGreenDeploymentConfigurationException", {"deploymentStyle": GROUP, "loadBalancerInfo": {"elbInfoList": [{"name": "x"}]}}),
    ("InvalidAutoScalingGroupException", {"autoScalingGroups": ["none"]}),
    ("InvalidRoleException", {"serviceRoleArn": "arn:aws:iam::123456789012:role/none"}),
    ("InvalidRoleException", {"serviceRoleArn": "me"}),
])
def test_what_a_group_cannot_be(api, role, code, settings):
    api.create_application(applicationName="a")
    refused(code, api.create_deployment_group, **{"applicationName": "a", "deploymentGroupName": "g", "serviceRoleArn": role, **settings})


def test_the_predefined_configurations_are_amazons_and_stay(api):
    names = {f"CodeDeployDefault.{name}" for name in (
        "OneAtATime", "HalfAtATime", "AllAtOnce", "LambdaAllAtOnce", "LambdaCanary10Percent5Minutes", "LambdaCanary10Percent10Minutes", "LambdaCanary10Percent15Minutes",
        "LambdaCanary10Percent30Minutes", "LambdaLinear10PercentEvery1Minute", "LambdaLinear10PercentEvery2Minutes", "LambdaLinear10PercentEvery3Minutes", "LambdaLinear10PercentEvery10Minutes",
        "ECSAllAtOnce", "ECSCanary10Percent5Minutes", "ECSCanary10Percent15Minutes", "ECSLinear10PercentEvery1Minutes", "ECSLinear10PercentEvery3Minutes")}
    assert set(api.list_deployment_configs()["deploymentConfigsList"]) == names
    half = api.get_deployment_config(deploymentConfigName="CodeDeployDefault.HalfAtATime")["deploymentConfigInfo"]
    assert half["minimumHealthyHosts"] == {"type": "FLEET_PERCENT", "value": 50} and half["computePlatform"] == "Server"
    canary = api.get_deployment_config(deploymentConfigName="CodeDeployDefault.LambdaCanary10Percent10Minutes")["deploymentConfigInfo"]
    assert canary["trafficRoutingConfig"] == {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 10}} and canary["computePlatform"] == "Lambda"
    ecs = api.get_deployment_config(deploymentConfigName="CodeDeployDefault.ECSLinear10PercentEvery3Minutes")["deploymentConfigInfo"]
    assert ecs["trafficRoutingConfig"]["timeBasedLinear"] == {"linearPercentage": 10, "linearInterval": 3} and ecs["computePlatform"] == "ECS"
    refused("InvalidOperationException", api.delete_deployment_config, deploymentConfigName="CodeDeployDefault.AllAtOnce")
    refused("DeploymentConfigDoesNotExistException", api.get_deployment_config, deploymentConfigName="CodeDeployDefault.Never")
    refused("InvalidDeploymentConfigNameException", api.create_deployment_config, deploymentConfigName="CodeDeployDefault.Mine", minimumHealthyHosts={"type": "HOST_COUNT", "value": 1})


def test_an_accounts_own_configuration_is_made_once_and_not_deleted_while_it_is_used(api, role):
    id_ = api.create_deployment_config(deploymentConfigName="mine", minimumHealthyHosts={"type": "FLEET_PERCENT", "value": 75})["deploymentConfigId"]
    info = api.get_deployment_config(deploymentConfigName="mine")["deploymentConfigInfo"]
    assert info["deploymentConfigId"] == id_ and info["minimumHealthyHosts"] == {"type": "FLEET_PERCENT", "value": 75} and info["computePlatform"] == "Server"
    refused("DeploymentConfigAlreadyExistsException", api.create_deployment_config, deploymentConfigName="mine", minimumHealthyHosts={"type": "HOST_COUNT", "value": 1})
    api.create_application(applicationName="a")
    api.create_deployment_group(applicationName="a", deploymentGroupName="g", serviceRoleArn=role, deploymentConfigName="mine")
    refused("DeploymentConfigInUseException", api.delete_deployment_config, deploymentConfigName="mine")
    api.delete_deployment_group(applicationName="a", deploymentGroupName="g")
    api.delete_deployment_config(deploymentConfigName="mine")
    refused("DeploymentConfigDoesNotExistException", api.get_deployment_config, deploymentConfigName="mine")


@pytest.mark.parametrize("code, settings", [
    ("InvalidMinimumHealthyHostValueException", {}),
    ("InvalidMinimumHealthyHostValueException", {"minimumHealthyHosts": {"type": "FLEET_PERCENT", "value": 100}}),
    ("InvalidMinimumHealthyHostValueException", {"minimumHealthyHosts": {"type": "HOST_COUNT", "value": -1}}),
    ("InvalidMinimumHealthyHostValueException", {"computePlatform": "Lambda", "minimumHealthyHosts": {"type": "HOST_COUNT", "value": 1}}),
    ("InvalidTrafficRoutingConfigurationException", {"computePlatform": "Lambda"}),
    ("InvalidTrafficRoutingConfigurationException", {"trafficRoutingConfig": {"type": "AllAtOnce"}}),
    ("InvalidTrafficRoutingConfigurationException", {"computePlatform": "Lambda", "trafficRoutingConfig": {"type": "TimeBasedCanary"}}),
    ("InvalidTrafficRoutingConfigurationException", {"computePlatform": "ECS", "trafficRoutingConfig": {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 100, "canaryInterval": 5}}}),
    ("InvalidTrafficRoutingConfigurationException", {"computePlatform": "Lambda", "trafficRoutingConfig": {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 10, "linearInterval": 0}}}),
    ("InvalidZonalDeploymentConfigurationException", {"minimumHealthyHosts": {"type": "HOST_COUNT", "value": 1}, "zonalConfig": {"monitorDurationInSeconds": -1}}),
])
def test_what_a_configuration_cannot_be(api, code, settings):
    refused(code, api.create_deployment_config, deploymentConfigName="mine", **settings)


def test_revisions_are_registered_found_and_listed(api):
    api.create_application(applicationName="a")
    api.register_application_revision(applicationName="a", revision=S3, description="first")
    other = {"revisionType": "GitHub", "gitHubLocation": {"repository": "me/app", "commitId": "a" * 40}}
    api.register_application_revision(applicationName="a", revision=other)
    got = api.get_application_revision(applicationName="a", revision=S3)
    assert got["revision"] == S3 and got["revisionInfo"]["description"] == "first" and "firstUsedTime" not in got["revisionInfo"]
    assert len(api.list_application_revisions(applicationName="a")["revisions"]) == 2 and api.list_application_revisions(applicationName="a", deployed="include")["revisions"] == []
    assert api.list_application_revisions(applicationName="a", s3Bucket="b", s3KeyPrefix="x")["revisions"] == []
    refused("BucketNameFilterRequiredException", api.list_application_revisions, applicationName="a", s3KeyPrefix="x")
    none = {**S3, "s3Location": {**S3["s3Location"], "key": "none"}}
    refused("RevisionDoesNotExistException", api.get_application_revision, applicationName="a", revision=none)
    batch = api.batch_get_application_revisions(applicationName="a", revisions=[S3, none])
    assert [one["revisionLocation"] for one in batch["revisions"]] == [S3] and batch["errorMessage"]
    for bad in ({"revisionType": "S3"}, {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k"}}, {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k", "bundleType": "YAML"}},
                {"revisionType": "AppSpecContent", "appSpecContent": {"content": "x"}}, {"revisionType": "GitHub", "gitHubLocation": {"repository": "x"}}):
        refused("InvalidRevisionException", api.register_application_revision, applicationName="a", revision=bad)
    api.create_application(applicationName="l", computePlatform="Lambda")
    refused("InvalidRevisionException", api.register_application_revision, applicationName="l", revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": "x", "sha256": "0" * 64}})


def test_a_deployment_is_refused_where_something_is_missing(api, role):
    api.create_application(applicationName="a")
    api.create_deployment_group(applicationName="a", deploymentGroupName="g", serviceRoleArn=role)
    refused("DeploymentGroupNameRequiredException", api.create_deployment, applicationName="a", revision=S3)
    refused("DeploymentGroupDoesNotExistException", api.create_deployment, applicationName="a", deploymentGroupName="z", revision=S3)
    refused("RevisionRequiredException", api.create_deployment, applicationName="a", deploymentGroupName="g")
    refused("DeploymentConfigDoesNotExistException", api.create_deployment, applicationName="a", deploymentGroupName="g", revision=S3, deploymentConfigName="z")
    refused("InvalidTargetInstancesException", api.create_deployment, applicationName="a", deploymentGroupName="g", revision=S3, targetInstances={"autoScalingGroups": ["x"]})
    refused("InvalidFileExistsBehaviorException", api.create_deployment, applicationName="a", deploymentGroupName="g", revision=S3, fileExistsBehavior="SHRUG")
    refused("InvalidRevisionException", api.create_deployment, applicationName="a", deploymentGroupName="g", revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": "x"}})
    refused("DeploymentDoesNotExistException", api.get_deployment, deploymentId="d-AAAAAAAAA")
    refused("InvalidDeploymentIdException", api.get_deployment, deploymentId="7")
    refused("DeploymentGroupNameRequiredException", api.list_deployments, applicationName="a")
    refused("ApplicationNameRequiredException", api.list_deployments, deploymentGroupName="g")
    refused("InvalidTimeRangeException", api.list_deployments, createTimeRange={"start": 200, "end": 100})
    assert api.batch_get_deployments(deploymentIds=["d-AAAAAAAAA"])["deploymentsInfo"] == [] and api.list_deployments(includeOnlyStatuses=["Failed"])["deployments"] == []
    refused("BatchLimitExceededException", api.batch_get_deployments, deploymentIds=[f"d-{n:09}" for n in range(26)])


def test_tags_of_applications_and_groups(cloud, api, role):
    api.create_application(applicationName="a", tags=[{"Key": "k", "Value": "v"}])
    arn = f"arn:aws:codedeploy:us-east-1:{cloud.account}:application:a"
    api.tag_resource(ResourceArn=arn, Tags=[{"Key": "l", "Value": "w"}])
    assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}, {"Key": "l", "Value": "w"}]
    api.untag_resource(ResourceArn=arn, TagKeys=["k"])
    assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "l", "Value": "w"}]
    refused("ArnNotSupportedException", api.list_tags_for_resource, ResourceArn=arn.replace("application", "deploymentconfig"))
    refused("InvalidArnException", api.list_tags_for_resource, ResourceArn="a")
    refused("DeploymentGroupDoesNotExistException", api.tag_resource, ResourceArn=arn.replace("application:a", "deploymentgroup:a/g"), Tags=[{"Key": "l", "Value": "w"}])
    refused("InvalidTagsToAddException", api.tag_resource, ResourceArn=arn, Tags=[{"Key": "aws:x", "Value": "w"}])
    someone = Person(cloud, "someone", allow("codedeploy:GetApplication", Condition={"StringEquals": {"aws:ResourceTag/l": "w"}})).client("codedeploy")
    assert someone.get_application(applicationName="a")["application"]["applicationName"] == "a"
    api.create_application(applicationName="b")
    refused("AccessDeniedException", someone.get_application, applicationName="b")


def test_a_role_is_handed_over_only_by_whom_may_pass_it(cloud, api, role):
    api.create_application(applicationName="a")
    someone = Person(cloud, "someone", allow("codedeploy:*", f"arn:aws:codedeploy:us-east-1:{cloud.account}:deploymentgroup:a/*"))
    refused("AccessDeniedException", someone.client("codedeploy").create_deployment_group, applicationName="a", deploymentGroupName="g", serviceRoleArn=role)
    cloud.client("iam").put_user_policy(UserName="someone", PolicyName="p", PolicyDocument=document(allow("iam:PassRole", role, Condition={"StringEquals": {"iam:PassedToService": "codedeploy.amazonaws.com"}})))
    someone.client("codedeploy").create_deployment_group(applicationName="a", deploymentGroupName="g", serviceRoleArn=role)
    untrusting = cloud.client("iam").create_role(RoleName="other", AssumeRolePolicyDocument=trusting({"Service": "lambda.amazonaws.com"}))["Role"]["Arn"]
    refused("InvalidRoleException", api.update_deployment_group, applicationName="a", currentDeploymentGroupName="g", serviceRoleArn=untrusting)


def test_on_premises_instances_are_registered_tagged_and_deregistered(cloud, api):
    user = f"arn:aws:iam::{cloud.account}:user/machine"
    refused("IamArnRequiredException", api.register_on_premises_instance, instanceName="box")
    refused("MultipleIamArnsProvidedException", api.register_on_premises_instance, instanceName="box", iamUserArn=user, iamSessionArn="arn:aws:sts::1:assumed-role/r/s")
    refused("InvalidIamUserArnException", api.register_on_premises_instance, instanceName="box", iamUserArn="me")
    refused("InvalidIamSessionArnException", api.register_on_premises_instance, instanceName="box", iamSessionArn="me")
    api.register_on_premises_instance(instanceName="box", iamUserArn=user)
    refused("InstanceNameAlreadyRegisteredException", api.register_on_premises_instance, instanceName="box", iamUserArn=user + "2")
    refused("IamUserArnAlreadyRegisteredException", api.register_on_premises_instance, instanceName="box2", iamUserArn=user)
    api.add_tags_to_on_premises_instances(instanceNames=["box"], tags=[{"Key": "app", "Value": "x"}, {"Key": "tier", "Value": "web"}])
    one = api.get_on_premises_instance(instanceName="box")["instanceInfo"]
    assert one["iamUserArn"] == user and one["instanceArn"].startswith(f"arn:aws:codedeploy:us-east-1:{cloud.account}:instance:box_") and len(one["tags"]) == 2
    assert api.list_on_premises_instances(tagFilters=[{"Key": "app", "Value": "x", "Type": "KEY_AND_VALUE"}])["instanceNames"] == ["box"]
    api.remove_tags_from_on_premises_instances(instanceNames=["box"], tags=[{"Key": "app", "Value": "x"}])
    assert api.list_on_premises_instances(tagFilters=[{"Key": "app", "Type": "KEY_ONLY"}])["instanceNames"] == []
    refused("InstanceNotRegisteredException", api.add_tags_to_on_premises_instances, instanceNames=["none"], tags=[{"Key": "app", "Value": "x"}])
    api.deregister_on_premises_instance(instanceName="box")
    assert api.list_on_premises_instances(registrationStatus="Deregistered")["instanceNames"] == ["box"] and api.list_on_premises_instances(registrationStatus="Registered")["instanceNames"] == []
    assert api.batch_get_on_premises_instances(instanceNames=["box", "none"])["instanceInfos"][0]["deregisterTime"]
    refused("InstanceNotRegisteredException", api.get_on_premises_instance, instanceName="none")


def test_there_are_no_connections_to_github(api):
    assert api.list_git_hub_account_token_names()["tokenNameList"] == []
    refused("GitHubAccountTokenDoesNotExistException", api.delete_git_hub_account_token, tokenName="t")
