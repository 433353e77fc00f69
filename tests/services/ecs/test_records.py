"""What needs no container: clusters, task definitions, settings, and the words of refusals."""
import pytest


def box(name="main", **more):
    return {"name": name, "image": "public.ecr.aws/docker/library/busybox:latest", "memory": 64, **more}


@pytest.fixture
def ecs(cloud):
    return cloud.client("ecs")


def test_a_cluster_is_made_once_and_its_name_is_default(ecs, cloud):
    one = ecs.create_cluster()["cluster"]
    assert (one["clusterName"], one["status"], one["clusterArn"]) == ("default", "ACTIVE", f"arn:aws:ecs:us-east-1:{cloud.account}:cluster/default")
    assert ecs.create_cluster()["cluster"]["clusterArn"] == one["clusterArn"]
    assert ecs.list_clusters()["clusterArns"] == [one["clusterArn"]]
    assert cloud.client("iam").get_role(RoleName="AWSServiceRoleForECS")["Role"]["Path"] == "/aws-service-role/ecs.amazonaws.com/"


def test_a_cluster_that_is_deleted_is_inactive_and_what_is_not_there_is_missing(ecs, cloud, refused):
    ecs.create_cluster(clusterName="one", tags=[{"key": "a", "value": "b"}], settings=[{"name": "containerInsights", "value": "enabled"}])
    found = ecs.describe_clusters(clusters=["one", "two"], include=["TAGS", "SETTINGS", "STATISTICS"])
    assert found["clusters"][0]["tags"] == [{"key": "a", "value": "b"}] and {"name": "containerInsights", "value": "enabled"} in found["clusters"][0]["settings"]
    assert found["failures"] == [{"arn": f"arn:aws:ecs:us-east-1:{cloud.account}:cluster/two", "reason": "MISSING"}]
    assert ecs.delete_cluster(cluster="one")["cluster"]["status"] == "INACTIVE"
    assert ecs.describe_clusters(clusters=["one"])["clusters"][0]["status"] == "INACTIVE" and ecs.list_clusters()["clusterArns"] == []
    assert refused(ecs.delete_cluster, cluster="two") == ("ClusterNotFoundException", "Cluster not found.")
    assert refused(ecs.list_tasks, cluster="two")[0] == "ClusterNotFoundException"
    ecs.create_cluster(clusterName="one")
    assert ecs.update_cluster_settings(cluster="one", settings=[{"name": "containerInsights", "value": "enhanced"}])["cluster"]["settings"] == [{"name": "containerInsights", "value": "enhanced"}]
    assert ecs.update_cluster(cluster="one", configuration={"executeCommandConfiguration": {"logging": "NONE"}})["cluster"]["configuration"] == {"executeCommandConfiguration": {"logging": "NONE"}}
    cloud.advance(days=2)


def test_revisions_count_up_and_are_not_used_again(ecs, refused):
    first = ecs.register_task_definition(family="f", containerDefinitions=[box(portMappings=[{"containerPort": 80}])])["taskDefinition"]
    assert (first["revision"], first["status"], first["compatibilities"]) == (1, "ACTIVE", ["EC2", "EXTERNAL"])
    assert first["containerDefinitions"][0]["portMappings"] == [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}] and first["containerDefinitions"][0]["essential"] is True
    assert ecs.register_task_definition(family="f", containerDefinitions=[box()])["taskDefinition"]["revision"] == 2
    assert ecs.describe_task_definition(taskDefinition="f")["taskDefinition"]["revision"] == 2
    assert refused(ecs.deregister_task_definition, taskDefinition="f")[0] == "ClientException"
    assert ecs.deregister_task_definition(taskDefinition="f:2")["taskDefinition"]["status"] == "INACTIVE"
    assert ecs.describe_task_definition(taskDefinition="f")["taskDefinition"]["revision"] == 1
    assert [one.rpartition("/")[2] for one in ecs.list_task_definitions(familyPrefix="f")["taskDefinitionArns"]] == ["f:1"]
    assert [one.rpartition("/")[2] for one in ecs.list_task_definitions(status="INACTIVE")["taskDefinitionArns"]] == ["f:2"]
    assert ecs.delete_task_definitions(taskDefinitions=["f:1", "f:2"])["failures"][0]["reason"] == "TASK_DEFINITION_IS_ACTIVE"
    assert ecs.describe_task_definition(taskDefinition="f:2")["taskDefinition"]["status"] == "DELETE_IN_PROGRESS"
    assert ecs.list_task_definition_families()["families"] == ["f"]
    assert ecs.register_task_definition(family="f", containerDefinitions=[box()])["taskDefinition"]["revision"] == 3
    assert refused(ecs.describe_task_definition, taskDefinition="g") == ("ClientException", "Unable to describe task definition.")


def test_an_inactive_definition_runs_no_more(ecs, refused):
    ecs.create_cluster()
    ecs.register_task_definition(family="f", containerDefinitions=[box()])
    ecs.deregister_task_definition(taskDefinition="f:1")
    assert refused(ecs.run_task, taskDefinition="f:1") == ("ClientException", "TaskDefinition is inactive")
    assert refused(ecs.run_task, taskDefinition="g") == ("ClientException", "TaskDefinition not found.")


BAD = {
    "no container": {"containerDefinitions": []}, "eleven containers": {"containerDefinitions": [box(f"c{n}") for n in range(11)]}, "no essential one": {"containerDefinitions": [box(essential=False)]},
    "a name twice": {"containerDefinitions": [box(), box()]}, "no memory": {"containerDefinitions": [{"name": "a", "image": "b"}]}, "little memory": {"containerDefinitions": [box(memory=4)]},
    "another host port": {"networkMode": "awsvpc", "containerDefinitions": [box(portMappings=[{"containerPort": 80, "hostPort": 81}])]},
    "links without a bridge": {"networkMode": "host", "containerDefinitions": [box(links=["x"])]}, "an unknown volume": {"containerDefinitions": [box(mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}])]},
    "a circle": {"containerDefinitions": [box("a", dependsOn=[{"containerName": "b", "condition": "START"}]), box("b", dependsOn=[{"containerName": "a", "condition": "START"}])]},
    "health of who has none": {"containerDefinitions": [box("a", dependsOn=[{"containerName": "b", "condition": "HEALTHY"}]), box("b")]},
    "an interval of 2": {"containerDefinitions": [box(healthCheck={"command": ["CMD", "true"], "interval": 2})]}, "distinctInstance": {"containerDefinitions": [box()], "placementConstraints": [{"type": "memberOf", "expression": "bogus"}]},
    "Fargate on a bridge": {"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512", "containerDefinitions": [box()]},
    "Fargate without memory": {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "containerDefinitions": [box()]},
    "little storage": {"containerDefinitions": [box()], "ephemeralStorage": {"sizeInGiB": 19}}, "a role that is none": {"containerDefinitions": [box()], "taskRoleArn": "arn:aws:iam::1:user/x"},
}


@pytest.mark.parametrize("why", BAD)
def test_a_bad_definition_is_a_client_exception(ecs, refused, why):
    assert refused(ecs.register_task_definition, family="f", **BAD[why])[0] == "ClientException"


@pytest.mark.parametrize(("cpu", "memory", "kept"), [
    ("256", "512", ("256", "512")), ("1 vCPU", "3 GB", ("1024", "3072")), (".25 vCPU", "1GB", None), ("512", "512", None), ("1024", "8192", ("1024", "8192")), ("4096", "31744", None), ("8192", "20480", ("8192", "20480")),
    ("8192", "17408", None), ("16384", "122880", ("16384", "122880")), ("300", "512", None)])
def test_fargate_has_its_pairs(ecs, refused, cpu, memory, kept):
    def register():
        return ecs.register_task_definition(family="f", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu=cpu, memory=memory, containerDefinitions=[box(memory=None) if False else {"name": "a", "image": "b"}])
    if kept:
        one = register()["taskDefinition"]
        assert (one["cpu"], one["memory"]) == kept and "FARGATE" in one["compatibilities"]
    else:
        assert refused(register)[0] == "ClientException"


def test_fargate_needs_an_execution_role_for_ecr_and_logs(ecs, cloud, refused):
    task = {"family": "f", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    image = f"{cloud.account}.dkr.ecr.us-east-1.amazonaws.com/web:1"
    assert refused(ecs.register_task_definition, containerDefinitions=[{"name": "a", "image": image}], **task) == (
        "ClientException", "Fargate requires task definition to have execution role ARN to support ECR images.")
    log = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}}
    assert "support log driver awslogs" in refused(ecs.register_task_definition, containerDefinitions=[{"name": "a", "image": "b", "logConfiguration": log}], **task)[1]


def test_what_cannot_be_run_is_said(ecs, cloud, refused):
    ecs.create_cluster()
    ecs.register_task_definition(family="ec2", containerDefinitions=[box()])
    ecs.register_task_definition(family="fargate", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512", containerDefinitions=[{"name": "a", "image": "b"}])
    assert refused(ecs.run_task, taskDefinition="ec2") == ("InvalidParameterException", "No Container Instances were found in your cluster.")
    assert refused(ecs.run_task, taskDefinition="ec2", launchType="FARGATE") == ("InvalidParameterException", "Task definition does not support launch_type FARGATE.")
    assert refused(ecs.run_task, taskDefinition="fargate", launchType="FARGATE") == ("InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    network = {"awsvpcConfiguration": {"subnets": ["subnet-12345678"]}}
    assert "subnet-12345678" in refused(ecs.run_task, taskDefinition="fargate", launchType="FARGATE", networkConfiguration=network)[1]
    assert refused(ecs.run_task, taskDefinition="ec2", count=11)[0] == "InvalidParameterException"
    assert refused(ecs.run_task, taskDefinition="ec2", group="g" * 256)[0] == "InvalidParameterException"
    assert refused(ecs.run_task, taskDefinition="ec2", placementStrategy=[{"type": "binpack", "field": "disk"}])[0] == "InvalidParameterException"
    assert refused(ecs.run_task, taskDefinition="ec2", placementConstraints=[{"type": "memberOf", "expression": "attribute:a ="}])[0] == "InvalidParameterException"
    assert refused(ecs.run_task, taskDefinition="ec2", launchType="EC2", capacityProviderStrategy=[{"capacityProvider": "FARGATE"}])[0] == "InvalidParameterException"
    assert refused(ecs.stop_task, task="1" * 32) == ("InvalidParameterException", "The referenced task was not found.")
    assert ecs.describe_tasks(tasks=["1" * 32])["failures"] == [{"arn": f"arn:aws:ecs:us-east-1:{cloud.account}:task/default/{'1' * 32}", "reason": "MISSING"}]


def test_a_role_is_passed_by_who_may(ecs, cloud, refused):
    from cloche.testing.people import Person, allow
    role = cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}')["Role"]["Arn"]
    theirs = Person(cloud, "ann", allow("ecs:*")).client("ecs")
    assert refused(theirs.register_task_definition, family="f", taskRoleArn=role, containerDefinitions=[box()])[0] == "AccessDeniedException"


def test_services_are_refused_in_ecs_words(ecs, refused):
    ecs.create_cluster()
    ecs.register_task_definition(family="f", containerDefinitions=[box()])
    assert refused(ecs.update_service, service="s", desiredCount=1) == ("ServiceNotFoundException", "Service not found.")
    assert refused(ecs.delete_service, service="s")[0] == "ServiceNotFoundException"
    made = ecs.create_service(serviceName="s", taskDefinition="f", desiredCount=1, tags=[{"key": "a", "value": "b"}])["service"]
    assert (made["status"], made["deploymentConfiguration"]["maximumPercent"], made["deploymentConfiguration"]["minimumHealthyPercent"], made["launchType"]) == ("ACTIVE", 200, 100, "EC2")
    assert made["placementStrategy"] == [{"type": "spread", "field": "attribute:ecs.availability-zone"}]
    assert refused(ecs.create_service, serviceName="s", taskDefinition="f", desiredCount=2) == ("InvalidParameterException", "Creation of service was not idempotent.")
    assert refused(ecs.delete_service, service="s") == ("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
    assert refused(ecs.delete_cluster, cluster="default")[0] == "ClusterContainsServicesException"
    assert refused(ecs.create_service, serviceName="d", taskDefinition="f", schedulingStrategy="DAEMON", desiredCount=1)[0] == "InvalidParameterException"
    assert refused(ecs.create_service, serviceName="d", taskDefinition="f", desiredCount=1, serviceRegistries=[{"registryArn": "arn:aws:servicediscovery:us-east-1:1:service/x"}])[0] == "NotImplemented"
    daemon = ecs.create_service(serviceName="d", taskDefinition="f", schedulingStrategy="DAEMON")["service"]["deploymentConfiguration"]
    assert (daemon["maximumPercent"], daemon["minimumHealthyPercent"]) == (100, 0)
    arns = ecs.list_services()["serviceArns"]
    assert [one.rpartition("/")[2] for one in arns] == ["d", "s"]
    assert ecs.list_tags_for_resource(resourceArn=arns[1])["tags"] == [{"key": "a", "value": "b"}]
    ecs.tag_resource(resourceArn=arns[1], tags=[{"key": "c", "value": "d"}])
    ecs.untag_resource(resourceArn=arns[1], tagKeys=["a"])
    found = ecs.describe_services(services=["s", "nothing"], include=["TAGS"])
    assert found["services"][0]["tags"] == [{"key": "c", "value": "d"}] and found["failures"][0]["reason"] == "MISSING"
    ecs.delete_service(service="s", force=True)
    ecs.delete_service(service="d")
    assert refused(ecs.update_service, service="s", desiredCount=1)[0] == "ServiceNotActiveException"


def test_account_settings_are_the_accounts_or_a_principals(ecs, cloud, refused):
    assert ecs.put_account_setting_default(name="containerInsights", value="enabled")["setting"]["value"] == "enabled"
    found = {one["name"]: one["value"] for one in ecs.list_account_settings(effectiveSettings=True)["settings"]}
    assert found["containerInsights"] == "enabled" and found["taskLongArnFormat"] == "enabled"
    assert {"name": "containerInsights", "value": "enabled"} in ecs.create_cluster()["cluster"]["settings"]
    assert refused(ecs.put_account_setting, name="taskLongArnFormat", value="disabled")[0] == "InvalidParameterException"
    ecs.put_account_setting(name="awsvpcTrunking", value="enabled")
    assert ecs.delete_account_setting(name="awsvpcTrunking")["setting"]["value"] == "disabled"


def test_fargate_is_a_capacity_provider_and_a_group_may_be_one(ecs, refused):
    assert [one["name"] for one in ecs.describe_capacity_providers()["capacityProviders"]] == ["FARGATE", "FARGATE_SPOT"]
    assert ecs.describe_capacity_providers(capacityProviders=["x"])["failures"][0]["reason"] == "MISSING"
    ecs.create_cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}])
    one = ecs.describe_clusters()["clusters"][0]
    assert one["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"] and one["defaultCapacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    assert refused(ecs.put_cluster_capacity_providers, cluster="default", capacityProviders=["x"], defaultCapacityProviderStrategy=[])[0] == "InvalidParameterException"
    assert refused(ecs.create_capacity_provider, name="aws-x", autoScalingGroupProvider={"autoScalingGroupArn": "x"})[0] == "ClientException"
    assert refused(ecs.create_capacity_provider, name="x", autoScalingGroupProvider={"autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:1:autoScalingGroupName/none"})[0] == "ClientException"
    assert refused(ecs.update_capacity_provider, name="x", autoScalingGroupProvider={"managedDraining": "ENABLED"})[0] == "InvalidParameterException"
    assert refused(ecs.delete_capacity_provider, capacityProvider="FARGATE")[0] == "ClientException"


def test_images_for_instances_are_published(cloud):
    ssm = cloud.client("ssm")
    name = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended"
    image = ssm.get_parameter(Name=name + "/image_id")["Parameter"]["Value"]
    assert image in ssm.get_parameter(Name=name)["Parameter"]["Value"]
    assert "-ecs-hvm-" in cloud.client("ec2").describe_images(ImageIds=[image])["Images"][0]["Name"]
