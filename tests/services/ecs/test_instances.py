"""Container instances: real EC2 instances whose agent registers them, and tasks in their networks."""
import base64
import json

import pytest

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


@pytest.fixture(scope="module")
def host(dock):
    """(EC2 instance, its container instance's ARN) in the cluster `c`."""
    dock.role("ecsInstanceRole", "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role", trust=TRUST)
    dock.iam.create_instance_profile(InstanceProfileName="ecs")
    dock.iam.add_role_to_instance_profile(InstanceProfileName="ecs", RoleName="ecsInstanceRole")
    image = dock.client("ssm").get_parameter(Name="/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id")["Parameter"]["Value"]
    data = "#!/bin/bash\necho ECS_CLUSTER=c >> /etc/ecs/ecs.config\necho 'ECS_INSTANCE_ATTRIBUTES={\"stack\": \"prod\"}' >> /etc/ecs/ecs.config\n"
    instance = dock.ec2.run_instances(ImageId=image, InstanceType="t3.small", MinCount=1, MaxCount=1, UserData=data, IamInstanceProfile={"Name": "ecs"}, SubnetId=dock.subnets[0],
                                      SecurityGroupIds=[dock.group])["Instances"][0]["InstanceId"]
    arn = dock.wait(lambda: dock.ecs.list_container_instances(cluster="c")["containerInstanceArns"])[0]
    yield instance, arn
    dock.ec2.terminate_instances(InstanceIds=[instance])


def about(dock, arn):
    return dock.ecs.describe_container_instances(cluster="c", containerInstances=[arn])["containerInstances"][0]


def left(one, name="remainingResources"):
    return {each["name"]: each["integerValue"] if each["type"] == "INTEGER" else each["stringSetValue"] for each in one[name]}


def test_an_instance_registers_itself(dock, host, refused):
    instance, arn = host
    one = about(dock, arn)
    attributes = {each["name"]: each.get("value") for each in one["attributes"]}
    assert (one["ec2InstanceId"], one["status"], one["agentConnected"], left(one)["CPU"]) == (instance, "ACTIVE", True, 2048)
    assert "22" in left(one)["PORTS"] and "51678" in left(one)["PORTS"] and one["versionInfo"]["agentVersion"]
    assert attributes["stack"] == "prod" and attributes["ecs.instance-type"] == "t3.small" and attributes["ecs.availability-zone"].startswith("us-east-1") and "ecs.capability.task-eni" in attributes
    found = dock.ecs.list_container_instances(cluster="c", filter="attribute:stack == prod and runningTasksCount == 0 and agentConnected == true")["containerInstanceArns"]
    assert found == [arn] and not dock.ecs.list_container_instances(cluster="c", filter="attribute:stack == test")["containerInstanceArns"]
    assert refused(dock.ecs.list_container_instances, cluster="c", filter="attribute:stack =")[0] == "InvalidParameterException"
    dock.ecs.put_attributes(cluster="c", attributes=[{"name": "rack", "value": "7", "targetId": arn}])
    assert dock.ecs.list_attributes(cluster="c", targetType="container-instance", attributeName="rack")["attributes"] == [{"name": "rack", "value": "7", "targetId": arn}]
    dock.ecs.delete_attributes(cluster="c", attributes=[{"name": "rack", "targetId": arn}])
    assert refused(dock.ecs.put_attributes, cluster="c", attributes=[{"name": "rack", "value": "7", "targetId": "none"}])[0] == "TargetNotFoundException"
    assert refused(dock.ecs.update_container_agent, cluster="c", containerInstance=arn)[0] == "NoUpdateAvailableException"
    assert refused(dock.ecs.delete_cluster, cluster="c")[0] == "ClusterContainsContainerInstancesException"
    ask = dock.client("ssm").send_command(InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["curl -s http://localhost:51678/v1/metadata"]})["Command"]["CommandId"]

    def answered():
        try:
            found = dock.client("ssm").get_command_invocation(CommandId=ask, InstanceId=instance)
        except dock.client("ssm").exceptions.InvocationDoesNotExist:
            return None
        return found if found["Status"] == "Success" else None
    assert json.loads(dock.wait(answered)["StandardOutputContent"])["ContainerInstanceArn"] == arn


def test_tasks_take_of_what_an_instance_has(dock, host, refused):
    _, arn = host
    big = dock.define("big", dock.container("sleep", "1000", cpu=1024, memory=256, stopTimeout=2), fargate=False)
    answer = dock.ecs.run_task(cluster="c", taskDefinition=big, count=3)
    assert len(answer["tasks"]) == 2 and answer["failures"] == [{"arn": arn, "reason": "RESOURCE:CPU"}]
    for one in answer["tasks"]:
        dock.until(one["taskArn"], "RUNNING")
    assert left(about(dock, arn))["CPU"] == 0 and about(dock, arn)["runningTasksCount"] == 2
    assert [one["reason"] for one in dock.ecs.run_task(cluster="c", taskDefinition=big, placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == test"}])["failures"]] != []
    for one in answer["tasks"]:
        dock.ecs.stop_task(cluster="c", task=one["taskArn"])
    dock.cloud.advance(3)
    dock.wait(lambda: left(about(dock, arn))["CPU"] == 2048)
    small = dock.define("small", dock.container("sleep", "1000", memory=64, stopTimeout=2), fargate=False)
    assert dock.ecs.run_task(cluster="c", taskDefinition=small, placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == test"}])["failures"] == [
        {"arn": arn, "reason": "MemberOf placement constraint unsatisfied."}]
    once = dock.ecs.run_task(cluster="c", taskDefinition=small, count=2, placementConstraints=[{"type": "distinctInstance"}])
    assert len(once["tasks"]) == 1 and once["failures"] == [{"arn": arn, "reason": "DistinctInstance placement constraint unsatisfied."}]
    started = dock.ecs.start_task(cluster="c", taskDefinition=small, containerInstances=[arn, "none"])
    assert len(started["tasks"]) == 1 and started["failures"][0]["reason"] == "MISSING"
    huge = dock.define("huge", dock.container("sleep", "1", memory=4000), fargate=False)
    assert dock.ecs.run_task(cluster="c", taskDefinition=huge)["failures"] == [{"arn": arn, "reason": "RESOURCE:MEMORY"}]
    for one in once["tasks"] + started["tasks"]:
        dock.ecs.stop_task(cluster="c", task=one["taskArn"])
    dock.cloud.advance(3)


@pytest.mark.parametrize("mode", ["bridge", "host", "awsvpc"])
def test_a_container_answers_in_each_network_mode(dock, host, mode):
    instance, _ = host
    port = {"bridge": 8000, "host": 8001, "awsvpc": 80}[mode]
    web = dock.define(f"web-{mode}", dock.container("httpd", "-f", "-p", str(port), "-h", "/www", memory=64, stopTimeout=2, portMappings=[{"containerPort": port}]), fargate=False, networkMode=mode)
    arn = dock.run(web, launchType="EC2", **({} if mode == "awsvpc" else {"networkConfiguration": {}}))
    task = dock.until(arn, "RUNNING")
    dock.ec2.authorize_security_group_ingress(GroupId=dock.group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 8001 if mode == "host" else 32768, "ToPort": 8001 if mode == "host" else 61000,
                                                                                  "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]) if mode != "awsvpc" else None
    client, _, _ = dock.plugged.plug(dock.subnets[1])
    bindings = task["containers"][0].get("networkBindings")
    if mode == "awsvpc":
        address = dock.address(task)
    else:
        address = dock.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
        assert bindings[0]["containerPort"] == port and bindings[0]["hostPort"] == (8001 if mode == "host" else 32768)
        port = bindings[0]["hostPort"]
    assert "200 OK" in dock.get(client, address, port=port)
    dock.ecs.stop_task(cluster="c", task=arn)
    dock.cloud.advance(3)
    dock.wait(lambda: dock.task(arn)["lastStatus"] == "STOPPED")
    dock.plugged.release(client)


def test_a_daemon_is_on_each_instance_and_leaves_one_that_is_drained(dock, host):
    _, arn = host
    daemon = dock.define("daemon", dock.container("sleep", "1000", memory=64, stopTimeout=2), fargate=False)
    dock.ecs.create_service(cluster="c", serviceName="daemon", taskDefinition=daemon, schedulingStrategy="DAEMON")
    dock.wait(lambda: dock.service("daemon")["runningCount"] == 1)
    alone = dock.run(daemon, launchType="EC2", networkConfiguration={})
    assert dock.ecs.update_container_instances_state(cluster="c", containerInstances=[arn], status="DRAINING")["containerInstances"][0]["status"] == "DRAINING"
    dock.wait(lambda: dock.cloud.advance(3) or dock.service("daemon")["runningCount"] == 0)
    assert dock.task(alone)["desiredStatus"] == "RUNNING", "a task that is nobody's finishes"
    assert dock.ecs.run_task(cluster="c", taskDefinition=daemon)["failures"][0]["reason"] == "INACTIVE"
    dock.ecs.update_container_instances_state(cluster="c", containerInstances=[arn], status="ACTIVE")
    dock.wait(lambda: dock.cloud.advance(1) or dock.service("daemon")["runningCount"] == 1)
    dock.ecs.delete_service(cluster="c", service="daemon", force=True)
    dock.ecs.stop_task(cluster="c", task=alone)
    dock.cloud.advance(3)


def test_an_instance_that_goes_takes_its_tasks_along(dock, host, refused):
    instance, arn = host
    task = dock.run(dock.define("last", dock.container("sleep", "1000", memory=64), fargate=False), launchType="EC2", networkConfiguration={})
    dock.until(task, "RUNNING")
    assert refused(dock.ecs.deregister_container_instance, cluster="c", containerInstance=arn) == ("InvalidParameterException", "Found running tasks on the instance.")
    dock.ec2.terminate_instances(InstanceIds=[instance])
    dock.wait(lambda: dock.cloud.advance(31) or dock.task(task)["lastStatus"] == "STOPPED")
    assert dock.task(task)["stoppedReason"] == f"Host EC2 (instance {instance}) terminated."
    assert dock.ecs.list_container_instances(cluster="c")["containerInstanceArns"] == [] and about(dock, arn)["status"] == "INACTIVE"


def test_a_capacity_provider_brings_instances_for_tasks_that_wait(dock):
    image = dock.client("ssm").get_parameter(Name="/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id")["Parameter"]["Value"]
    scaling = dock.client("autoscaling")
    template = dock.ec2.create_launch_template(LaunchTemplateName="ecs", LaunchTemplateData={
        "ImageId": image, "InstanceType": "t3.small", "IamInstanceProfile": {"Name": "ecs"}, "UserData": base64.b64encode(b"#!/bin/bash\necho ECS_CLUSTER=grown >> /etc/ecs/ecs.config\n").decode()})["LaunchTemplate"]
    scaling.create_auto_scaling_group(AutoScalingGroupName="ecs", MinSize=0, MaxSize=2, VPCZoneIdentifier=dock.subnets[0], LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"]})
    group = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["ecs"])["AutoScalingGroups"][0]["AutoScalingGroupARN"]
    made = dock.ecs.create_capacity_provider(name="asg", autoScalingGroupProvider={"autoScalingGroupArn": group, "managedScaling": {"status": "ENABLED", "targetCapacity": 100}})["capacityProvider"]
    assert made["status"] == "ACTIVE" and made["autoScalingGroupProvider"]["managedScaling"]["maximumScalingStepSize"] == 10000
    dock.ecs.create_cluster(clusterName="grown", capacityProviders=["asg"], defaultCapacityProviderStrategy=[{"capacityProvider": "asg", "weight": 1}])
    small = dock.define("small", dock.container("sleep", "1000", memory=64, stopTimeout=2), fargate=False)
    task = dock.ecs.run_task(cluster="grown", taskDefinition=small)["tasks"][0]
    assert (task["lastStatus"], task["capacityProviderName"], "containerInstanceArn" in task) == ("PROVISIONING", "asg", False)
    one = dock.wait(lambda: dock.cloud.advance(10) or ((found := dock.ecs.describe_tasks(cluster="grown", tasks=[task["taskArn"]])["tasks"][0])["lastStatus"] == "RUNNING" and found))
    instance = dock.ecs.describe_container_instances(cluster="grown", containerInstances=[one["containerInstanceArn"]])["containerInstances"][0]
    assert instance["capacityProviderName"] == "asg" and scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["ecs"])["AutoScalingGroups"][0]["DesiredCapacity"] == 1
    assert dock.ecs.update_capacity_provider(name="asg", autoScalingGroupProvider={"managedScaling": {"targetCapacity": 50}})["capacityProvider"]["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 50
    dock.ecs.stop_task(cluster="grown", task=task["taskArn"])
    dock.cloud.advance(3)
    scaling.delete_auto_scaling_group(AutoScalingGroupName="ecs", ForceDelete=True)
    dock.wait(lambda: dock.cloud.advance(31) or not dock.ecs.list_container_instances(cluster="grown")["containerInstanceArns"])
    dock.ecs.put_cluster_capacity_providers(cluster="grown", capacityProviders=[], defaultCapacityProviderStrategy=[])
    assert dock.ecs.delete_capacity_provider(capacityProvider="asg")["capacityProvider"]["status"] == "INACTIVE"
