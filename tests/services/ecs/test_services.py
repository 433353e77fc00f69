"""Services: so many tasks kept, rolled from one definition to the next, given up where tasks fail."""
import json

import pytest


@pytest.fixture(scope="module")
def sleeps(dock):
    return dock.define("sleeps", dock.container("sleep", "1000", stopTimeout=2))


def make(dock, name, definition, count=1, **more):
    more = {"launchType": "FARGATE", "networkConfiguration": dock.network} | more
    return dock.ecs.create_service(cluster="c", serviceName=name, taskDefinition=definition, desiredCount=count, **more)["service"]


def living(dock, name):
    return dock.ecs.list_tasks(cluster="c", serviceName=name)["taskArns"]


def running(dock, name, count):
    return dock.wait(lambda: (one := dock.service(name))["runningCount"] == count and one["pendingCount"] == 0 and one)


def steady(dock, name):
    """All tasks are healthy: forty seconds after they run."""
    return dock.wait(lambda: dock.cloud.advance(10) or ((one := dock.service(name))["deployments"][0]["rolloutState"] == "COMPLETED" and len(one["deployments"]) == 1 and one))


def messages(dock, name):
    return [one["message"] for one in dock.service(name)["events"]]


def drop(dock, name):
    dock.ecs.delete_service(cluster="c", service=name, force=True)
    dock.wait(lambda: dock.cloud.advance(3) or dock.service(name)["status"] == "INACTIVE")


def test_a_service_replaces_a_task_that_ends(dock, sleeps):
    made = make(dock, "kept", sleeps, 2, enableECSManagedTags=True, propagateTags="SERVICE", tags=[{"key": "a", "value": "b"}])
    assert made["deployments"][0]["status"] == "PRIMARY" and made["deployments"][0]["rolloutState"] == "IN_PROGRESS" and made["deploymentController"] == {"type": "ECS"}
    running(dock, "kept", 2)
    first = living(dock, "kept")
    one = dock.ecs.describe_tasks(cluster="c", tasks=first[:1], include=["TAGS"])["tasks"][0]
    assert one["group"] == "service:kept" and one["startedBy"] == made["deployments"][0]["id"] and {"key": "a", "value": "b"} in one["tags"] and {"key": "aws:ecs:serviceName", "value": "kept"} in one["tags"]
    done = steady(dock, "kept")
    assert "(service kept) has reached a steady state." in messages(dock, "kept")
    assert any(text.startswith("(service kept) has started ") and "tasks: (task " in text for text in messages(dock, "kept"))
    dock.ecs.stop_task(cluster="c", task=first[0])
    dock.wait(lambda: dock.cloud.advance(3) or (first[0] not in living(dock, "kept") and len(living(dock, "kept")) == 2))
    running(dock, "kept", 2)
    assert dock.service("kept")["deployments"][0]["id"] == done["deployments"][0]["id"]
    # fewer, and none
    dock.ecs.update_service(cluster="c", service="kept", desiredCount=1)
    dock.wait(lambda: dock.cloud.advance(3) or len(living(dock, "kept")) == 1)
    stopped = dock.ecs.describe_tasks(cluster="c", tasks=dock.ecs.list_tasks(cluster="c", serviceName="kept", desiredStatus="STOPPED")["taskArns"])["tasks"]
    assert any(one.get("stopCode") == "ServiceSchedulerInitiated" and one["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/") for one in stopped)
    # a protected task is not taken
    dock.ecs.update_service(cluster="c", service="kept", desiredCount=2)
    running(dock, "kept", 2)
    young = max(living(dock, "kept"), key=lambda arn: dock.task(arn)["createdAt"])
    assert dock.ecs.update_task_protection(cluster="c", tasks=[young], protectionEnabled=True)["protectedTasks"][0]["protectionEnabled"]
    assert dock.ecs.get_task_protection(cluster="c", tasks=[young])["protectedTasks"][0]["protectionEnabled"]
    dock.ecs.update_service(cluster="c", service="kept", desiredCount=1)
    dock.wait(lambda: dock.cloud.advance(3) or living(dock, "kept") == [young])
    drop(dock, "kept")


def test_a_deployment_rolls_within_its_percents(dock, sleeps):
    second = dock.define("sleeps", dock.container("sleep", "2000", stopTimeout=2))
    make(dock, "rolled", sleeps, 2, deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 100})
    steady(dock, "rolled")
    old = set(living(dock, "rolled"))
    answer = dock.ecs.update_service(cluster="c", service="rolled", taskDefinition=second)["service"]
    assert [one["status"] for one in answer["deployments"]] == ["PRIMARY", "ACTIVE"]
    dock.wait(lambda: dock.cloud.advance(3) or set(living(dock, "rolled")) - old)
    assert len(living(dock, "rolled")) <= 2 and len(old & set(living(dock, "rolled"))) == 1, "one of two may be missing, and none be too many"
    done = steady(dock, "rolled")
    assert done["taskDefinition"].endswith(second) and not old & set(living(dock, "rolled")) and done["runningCount"] == 2
    found = dock.ecs.list_service_deployments(cluster="c", service="rolled")["serviceDeployments"]
    assert found[0]["status"] == "SUCCESSFUL" and len(found) == 2
    about = dock.ecs.describe_service_deployments(serviceDeploymentArns=[found[0]["serviceDeploymentArn"]])["serviceDeployments"][0]
    assert about["targetServiceRevision"]["runningTaskCount"] == 2
    revision = dock.ecs.describe_service_revisions(serviceRevisionArns=[about["targetServiceRevision"]["arn"]])["serviceRevisions"][0]
    assert revision["taskDefinition"].endswith(second) and revision["containerImages"][0]["image"] == dock.image
    # the same again, by force: another deployment
    again = dock.ecs.update_service(cluster="c", service="rolled", forceNewDeployment=True)["service"]
    assert again["deployments"][0]["id"] != done["deployments"][0]["id"]
    dock.ecs.stop_service_deployment(serviceDeploymentArn=dock.service("rolled")["currentServiceDeployment"])
    dock.wait(lambda: dock.cloud.advance(3) or any("rolling back to deployment" in text for text in messages(dock, "rolled")))
    drop(dock, "rolled")


def test_the_circuit_breaker_gives_up_and_rolls_back(dock, sleeps):
    make(dock, "broken", sleeps, 1, deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    good = steady(dock, "broken")["deployments"][0]["id"]
    bad = dock.define("bad", dock.container("false"))
    dock.ecs.update_service(cluster="c", service="broken", taskDefinition=bad)
    dock.wait(lambda: dock.cloud.advance(10) or any("rolling back" in text for text in messages(dock, "broken")))
    said = messages(dock, "broken")
    assert any(text.endswith("deployment failed: tasks failed to start.") for text in said) and f"(service broken) rolling back to deployment {good}." in said
    done = steady(dock, "broken")
    assert done["taskDefinition"].endswith(sleeps) and done["runningCount"] == 1
    drop(dock, "broken")
    # without a way back it stays failed, and starts nothing more
    make(dock, "failed", bad, 1, deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}})
    one = dock.wait(lambda: dock.cloud.advance(10) or ((found := dock.service("failed"))["deployments"][0]["rolloutState"] == "FAILED" and found))
    assert one["deployments"][0]["failedTasks"] >= 3
    drop(dock, "failed")


def test_tasks_that_fail_come_more_and_more_slowly(dock):
    make(dock, "slow", dock.define("bad", dock.container("false")), 1)
    dock.wait(lambda: dock.cloud.advance(20) or any("unable to consistently start tasks" in text for text in messages(dock, "slow")))
    before = dock.service("slow")["deployments"][0]["failedTasks"]
    dock.cloud.advance(600)
    assert dock.service("slow")["deployments"][0]["failedTasks"] - before < 10
    drop(dock, "slow")


def test_targets_are_registered_and_the_sick_replaced(dock):
    elb = dock.client("elbv2")
    balancer = elb.create_load_balancer(Name="ecs", Subnets=dock.subnets[:2], SecurityGroups=[dock.group])["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(Name="ecs", Protocol="HTTP", Port=80, VpcId=dock.vpc, TargetType="ip", HealthCheckPath="/index.html", HealthCheckIntervalSeconds=5, HealthyThresholdCount=2,
                                    HealthCheckTimeoutSeconds=2)["TargetGroups"][0]["TargetGroupArn"]
    web = dock.define("behind", dock.container("httpd", "-f", "-p", "80", "-h", "/www", portMappings=[{"containerPort": 80}], stopTimeout=2))
    where = [{"targetGroupArn": group, "containerName": "main", "containerPort": 80}]
    with pytest.raises(dock.ecs.exceptions.InvalidParameterException, match="does not have an associated load balancer"):
        make(dock, "behind", web, 1, loadBalancers=where)
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
    with pytest.raises(dock.ecs.exceptions.InvalidParameterException, match="container port"):
        make(dock, "behind", web, 1, loadBalancers=[where[0] | {"containerPort": 81}])
    make(dock, "behind", web, 1, loadBalancers=where)

    def targets(state):
        return [one["Target"]["Id"] for one in elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] if one["TargetHealth"]["State"] == state]
    dock.wait(lambda: dock.cloud.advance(5) or targets("healthy"))
    task = dock.task(living(dock, "behind")[0])
    assert targets("healthy") == [dock.address(task)]
    steady(dock, "behind")
    elb.modify_target_group(TargetGroupArn=group, HealthCheckPath="/nothing")
    dock.wait(lambda: dock.cloud.advance(5) or dock.task(task["taskArn"])["desiredStatus"] == "STOPPED")
    assert dock.task(task["taskArn"])["stoppedReason"] == f"Task failed ELB health checks in (target-group {group})"
    drop(dock, "behind")
    elb.delete_load_balancer(LoadBalancerArn=balancer)


def test_task_sets_are_led_from_outside(dock, sleeps):
    made = dock.ecs.create_service(cluster="c", serviceName="led", desiredCount=2, deploymentController={"type": "EXTERNAL"})["service"]
    assert made["taskSets"] == [] and made["deployments"] == []
    one = dock.ecs.create_task_set(cluster="c", service="led", taskDefinition=sleeps, launchType="FARGATE", networkConfiguration=dock.network, scale={"value": 50, "unit": "PERCENT"}, externalId="x")["taskSet"]
    assert (one["computedDesiredCount"], one["status"], one["externalId"]) == (1, "ACTIVE", "x")
    running(dock, "led", 1)
    assert dock.ecs.update_service_primary_task_set(cluster="c", service="led", primaryTaskSet=one["id"])["taskSet"]["status"] == "PRIMARY"
    assert dock.ecs.update_task_set(cluster="c", service="led", taskSet=one["id"], scale={"value": 100, "unit": "PERCENT"})["taskSet"]["computedDesiredCount"] == 2
    running(dock, "led", 2)
    found = dock.wait(lambda: (sets := dock.ecs.describe_task_sets(cluster="c", service="led")["taskSets"])[0]["stabilityStatus"] == "STEADY_STATE" and sets[0])
    assert found["runningCount"] == 2
    assert dock.ecs.delete_task_set(cluster="c", service="led", taskSet=one["id"], force=True)["taskSet"]["status"] == "DRAINING"
    dock.wait(lambda: dock.cloud.advance(3) or not dock.ecs.describe_task_sets(cluster="c", service="led")["taskSets"])
    drop(dock, "led")


def test_fargate_spot_shares_by_weight(dock, sleeps):
    dock.ecs.put_cluster_capacity_providers(cluster="c", capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[])
    strategy = [{"capacityProvider": "FARGATE", "base": 1, "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 3}]
    tasks = dock.ecs.run_task(cluster="c", taskDefinition=sleeps, count=5, capacityProviderStrategy=strategy, networkConfiguration=dock.network)["tasks"]
    names = [one["capacityProviderName"] for one in tasks]
    assert names[0] == "FARGATE" and names.count("FARGATE_SPOT") == 3
    for one in tasks:
        dock.ecs.stop_task(cluster="c", task=one["taskArn"])
    dock.cloud.advance(3)


def test_application_auto_scaling_sets_the_desired_count(dock, sleeps):
    make(dock, "scaled", sleeps, 1)
    scaling = dock.client("application-autoscaling")
    about = {"ServiceNamespace": "ecs", "ResourceId": "service/c/scaled", "ScalableDimension": "ecs:service:DesiredCount"}
    policy = {"PolicyName": "step", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]}}
    with pytest.raises(scaling.exceptions.ObjectNotFoundException):
        scaling.put_scaling_policy(**about, **policy)
    scaling.register_scalable_target(**about, MinCapacity=1, MaxCapacity=3)
    arn = scaling.put_scaling_policy(**about, **policy)["PolicyARN"]
    cloudwatch = dock.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="busy", Namespace="own", MetricName="m", Statistic="Average", Period=60, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=[arn])
    cloudwatch.put_metric_data(Namespace="own", MetricData=[{"MetricName": "m", "Value": 5, "Timestamp": dock.cloud.now}])
    dock.cloud.advance(90)
    assert dock.service("scaled")["desiredCount"] == 2
    cloudwatch.delete_alarms(AlarmNames=["busy"])
    scaling.deregister_scalable_target(**about)
    drop(dock, "scaled")


def test_a_stack_makes_a_service_and_waits_until_it_is_stable(dock):
    template = {"Resources": {
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "stacked", "CapacityProviders": ["FARGATE"], "ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}]}},
        "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {
            "Family": "stacked", "RequiresCompatibilities": ["FARGATE"], "NetworkMode": "awsvpc", "Cpu": 256, "Memory": 512, "ExecutionRoleArn": dock.execution, "ContainerDefinitions": [
                {"Name": "main", "Image": dock.image, "Command": ["sleep", "1000"], "StopTimeout": 2, "Environment": [{"Name": "A", "Value": "1"}], "PortMappings": [{"ContainerPort": 80}]}]}},
        "Service": {"Type": "AWS::ECS::Service", "Properties": {
            "Cluster": {"Ref": "Cluster"}, "TaskDefinition": {"Ref": "Task"}, "DesiredCount": 1, "LaunchType": "FARGATE", "DeploymentConfiguration": {"MinimumHealthyPercent": 0, "MaximumPercent": 100},
            "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": dock.subnets[:1], "SecurityGroups": [dock.group]}}}}},
        "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Service", "Name"]}}, "Arn": {"Value": {"Fn::GetAtt": ["Cluster", "Arn"]}}}}
    cfn = dock.client("cloudformation")

    def settled(wanted):
        def look():
            dock.cloud.advance(20)
            return (one := cfn.describe_stacks(StackName=stack)["Stacks"][0])["StackStatus"].endswith(("_COMPLETE", "_FAILED")) and one
        one = dock.wait(look)
        assert one["StackStatus"] == wanted, [each.get("ResourceStatusReason") for each in cfn.describe_stack_events(StackName=stack)["StackEvents"]]
        return {each["OutputKey"]: each["OutputValue"] for each in one.get("Outputs", ())}
    stack = cfn.create_stack(StackName="ecs", TemplateBody=json.dumps(template))["StackId"]
    out = settled("CREATE_COMPLETE")
    one = dock.ecs.describe_services(cluster="stacked", services=[out["Name"]])["services"][0]
    assert one["runningCount"] == 1 and out["Arn"].endswith("cluster/stacked")
    template["Resources"]["Task"]["Properties"]["ContainerDefinitions"][0]["Environment"][0]["Value"] = "2"
    cfn.update_stack(StackName=stack, TemplateBody=json.dumps(template))
    settled("UPDATE_COMPLETE")
    assert dock.ecs.describe_services(cluster="stacked", services=[out["Name"]])["services"][0]["taskDefinition"].endswith("stacked:2")
    cfn.delete_stack(StackName=stack)
    settled("DELETE_COMPLETE")
    assert dock.ecs.describe_clusters(clusters=["stacked"])["clusters"][0]["status"] == "INACTIVE"


def test_what_services_use_is_measured(dock):
    busy = dock.define("busy", dock.container("sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 1000", stopTimeout=2))
    make(dock, "busy", busy, 1)
    running(dock, "busy", 1)
    started = dock.cloud.now

    def figures(name):
        dock.cloud.advance(60)
        return dock.client("cloudwatch").get_metric_statistics(Namespace="AWS/ECS", MetricName=name, StartTime=started - 60, EndTime=dock.cloud.now + 60, Period=60, Statistics=["Maximum"],
                                                               Dimensions=[{"Name": "ClusterName", "Value": "c"}, {"Name": "ServiceName", "Value": "busy"}])["Datapoints"]
    assert max(one["Maximum"] for one in dock.wait(lambda: figures("CPUUtilization"))) > 0
    assert all(0 <= one["Maximum"] < 100 for one in dock.wait(lambda: figures("MemoryUtilization")))
    drop(dock, "busy")
