"""Groups in stacks: how an update of the template goes through their instances, and what a creation policy forgives."""
import json

from .help import activities, ids, image, look, settle


def body(cloud, config, update=None, creation=None, **group):
    resource = {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": "2", "MaxSize": "4", "DesiredCapacity": "2", "LaunchConfigurationName": {"Ref": config},
                                                                             "AvailabilityZones": ["us-east-1a", "us-east-1b"], **group}}
    resource |= {"UpdatePolicy": update} if update else {}
    resource |= {"CreationPolicy": creation} if creation else {}
    return json.dumps({"Resources": {config: {"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": {"ImageId": image(cloud), "InstanceType": "t3.micro"}}, "G": resource}})


def status(cloud, name="s"):
    return cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]


def physical(cloud, logical="G", name="s"):
    return cloud.client("cloudformation").describe_stack_resource(StackName=name, LogicalResourceId=logical)["StackResourceDetail"]["PhysicalResourceId"]


def notes(cloud, logical="G", name="s"):
    return [x.get("ResourceStatusReason", "") for x in reversed(cloud.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]) if x["LogicalResourceId"] == logical]


def wait(cloud, *ends, turns=20, each=None, name="s"):
    for _ in range(turns):
        if status(cloud, name) in ends:
            return
        if each:
            each()
        cloud.advance(20)
    raise AssertionError((status(cloud), notes(cloud)))


def made(cloud, **more):
    cloud.client("cloudformation").create_stack(StackName="s", TemplateBody=body(cloud, "One", **more))
    wait(cloud, "CREATE_COMPLETE")
    return settle(cloud, physical(cloud))


def test_without_an_update_policy_an_update_leaves_the_instances_alone(cloud):
    before = made(cloud)
    cloud.client("cloudformation").update_stack(StackName="s", TemplateBody=body(cloud, "Two"))
    wait(cloud, "UPDATE_COMPLETE")
    after = look(cloud, physical(cloud))
    assert ids(after) == ids(before) and after["LaunchConfigurationName"] == physical(cloud, "Two")


def test_a_rolling_update_replaces_the_instances_batch_by_batch_and_keeps_enough_in_service(cloud):
    rolling = {"AutoScalingRollingUpdate": {"MinInstancesInService": "1", "MaxBatchSize": "1", "SuspendProcesses": ["AlarmNotification"]}}
    before = made(cloud, update=rolling)
    name = physical(cloud)
    least = []

    def watch():
        least.append(sum(x["LifecycleState"] == "InService" for x in look(cloud, name)["Instances"]))

    cloud.client("cloudformation").update_stack(StackName="s", TemplateBody=body(cloud, "Two", update=rolling))
    wait(cloud, "UPDATE_COMPLETE", each=watch)
    after = settle(cloud, name)
    assert physical(cloud) == name and len(after["Instances"]) == 2 and not ids(after) & ids(before)
    assert {x["LaunchConfigurationName"] for x in after["Instances"]} == {physical(cloud, "Two")} and min(least) >= 1 and after["SuspendedProcesses"] == []
    said = notes(cloud)
    assert "Rolling update initiated. Terminating 2 obsolete instance(s) in batches of 1, while keeping at least 1 instance(s) in service." in said
    assert sum(x.startswith("Terminating instance(s) [i-") for x in said) == 2 and sum("(Progress 100%)" in x for x in said) == 1


def test_a_rolling_update_makes_the_group_larger_where_nobody_can_be_spared(cloud):
    rolling = {"AutoScalingRollingUpdate": {"MinInstancesInService": 2, "MaxBatchSize": 1}}
    before = made(cloud, update=rolling)
    cloud.client("cloudformation").update_stack(StackName="s", TemplateBody=body(cloud, "Two", update=rolling))
    wait(cloud, "UPDATE_COMPLETE")
    after = settle(cloud, physical(cloud))
    assert "Temporarily setting autoscaling group MinSize and DesiredCapacity to 3." in notes(cloud)
    assert (after["MinSize"], after["DesiredCapacity"]) == (2, 2) and not ids(after) & ids(before)


def test_a_rolling_update_waits_for_the_signals_of_its_new_instances_and_fails_without_them(cloud):
    cfn = cloud.client("cloudformation")
    rolling = {"AutoScalingRollingUpdate": {"MaxBatchSize": 2, "WaitOnResourceSignals": True, "PauseTime": "PT10M"}}
    before = ids(made(cloud, update=rolling))
    name = physical(cloud)
    cfn.update_stack(StackName="s", TemplateBody=body(cloud, "Two", update=rolling))
    signalled = set()

    def signal():
        for one in look(cloud, name)["Instances"]:
            if one["InstanceId"] not in before | signalled and one["LifecycleState"] == "InService":
                signalled.add(one["InstanceId"])
                cfn.signal_resource(StackName="s", LogicalResourceId="G", UniqueId=one["InstanceId"], Status="SUCCESS")

    wait(cloud, "UPDATE_COMPLETE", each=signal)
    assert len(signalled) == 2 and ids(look(cloud, name)) == signalled
    cfn.update_stack(StackName="s", TemplateBody=body(cloud, "Three", update=rolling))
    cloud.advance(minutes=9)
    assert status(cloud) == "UPDATE_IN_PROGRESS"
    cloud.advance(minutes=4)
    assert status(cloud) in ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")
    said = notes(cloud)
    assert "Failed to receive 2 resource signal(s) for the current batch.  Each resource signal timeout is counted as a FAILURE." in said
    assert "Received 2 FAILURE signal(s) out of 2.  Unable to satisfy 100% MinSuccessfulInstancesPercent requirement" in said


def test_a_replacing_update_makes_a_new_group_and_takes_the_old_one_down_afterwards(cloud):
    replacing = {"AutoScalingReplacingUpdate": {"WillReplace": "true"}}
    made(cloud, update=replacing)
    old = physical(cloud)
    cfn = cloud.client("cloudformation")
    two = body(cloud, "Two", update=replacing)
    cfn.create_change_set(StackName="s", ChangeSetName="two", TemplateBody=two)
    [change] = [x["ResourceChange"] for x in cfn.describe_change_set(StackName="s", ChangeSetName="two")["Changes"] if x["ResourceChange"]["LogicalResourceId"] == "G"]
    assert change["Replacement"] == "True"
    cfn.update_stack(StackName="s", TemplateBody=two)
    wait(cloud, "UPDATE_COMPLETE")
    new = physical(cloud)
    assert new != old and look(cloud, new)["DesiredCapacity"] == 2
    there = [x["AutoScalingGroupName"] for x in cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] if x.get("Status") is None]
    assert there == [new] and activities(cloud, new)


def test_sizes_that_a_schedule_has_changed_stay_if_the_policy_says_so(cloud):
    client, cfn = cloud.client("autoscaling"), cloud.client("cloudformation")
    keep = {"AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": "true"}}
    made(cloud, update=keep)
    name = physical(cloud)
    client.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=3, DesiredCapacity=3)
    cfn.update_stack(StackName="s", TemplateBody=body(cloud, "One", update=keep, Cooldown="60"))
    wait(cloud, "UPDATE_COMPLETE")
    assert (look(cloud, name)["MinSize"], look(cloud, name)["DefaultCooldown"]) == (3, 60)
    cfn.update_stack(StackName="s", TemplateBody=body(cloud, "One", Cooldown="70"))
    wait(cloud, "UPDATE_COMPLETE")
    assert look(cloud, name)["MinSize"] == 2


def test_a_creation_policy_forgives_as_many_failures_as_its_percentage_says(cloud):
    cfn = cloud.client("cloudformation")

    def policy(percent):
        return {"ResourceSignal": {"Count": 2, "Timeout": "PT10M"}, "AutoScalingCreationPolicy": {"MinSuccessfulInstancesPercent": percent}}

    none = {"MinSize": "0", "DesiredCapacity": "0"}
    cfn.create_stack(StackName="s", TemplateBody=body(cloud, "One", creation=policy(50), **none))
    for name, outcome in (("i-1", "FAILURE"), ("i-2", "SUCCESS")):
        assert status(cloud) == "CREATE_IN_PROGRESS"
        cfn.signal_resource(StackName="s", LogicalResourceId="G", UniqueId=name, Status=outcome)
    assert status(cloud) == "CREATE_COMPLETE" and "Received FAILURE signal with UniqueId i-1" in notes(cloud)
    cfn.create_stack(StackName="strict", TemplateBody=body(cloud, "One", creation=policy(100), **none))
    assert status(cloud, "strict") == "CREATE_IN_PROGRESS"
    cfn.signal_resource(StackName="strict", LogicalResourceId="G", UniqueId="i-1", Status="FAILURE")
    wait(cloud, "ROLLBACK_COMPLETE", name="strict")
    assert "Received 1 FAILURE signal(s) out of 2.  Unable to satisfy 100% MinSuccessfulInstancesPercent requirement" in notes(cloud, name="strict")
