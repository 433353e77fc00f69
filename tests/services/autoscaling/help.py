"""Groups for tests, and looking at them."""
def template(cloud, name="web", **data):
    made = cloud.client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": image(cloud), "InstanceType": "t3.micro"} | data)
    return made["LaunchTemplate"]["LaunchTemplateId"]


def image(cloud):
    return cloud.client("ssm").get_parameter(Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")["Parameter"]["Value"]


def configuration(cloud, name="lc", **more):
    cloud.client("autoscaling").create_launch_configuration(LaunchConfigurationName=name, ImageId="ami-0123456789abcdef0", InstanceType="t3.micro", **more)
    return name


def group(cloud, name="g", launch=True, **more):
    """A group of no instances, unless told otherwise."""
    given = {"AutoScalingGroupName": name, "MinSize": 0, "MaxSize": 4, "AvailabilityZones": ["us-east-1a", "us-east-1b"]} | more
    if launch and not given.keys() & {"LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy"}:
        if cloud.client("autoscaling").describe_launch_configurations(LaunchConfigurationNames=["lc"])["LaunchConfigurations"] == []:
            configuration(cloud)
        given["LaunchConfigurationName"] = "lc"
    cloud.client("autoscaling").create_auto_scaling_group(**given)
    return name


def running(cloud, name="g", **more):
    """A group of real instances from a template, in service."""
    group(cloud, name, LaunchTemplate={"LaunchTemplateId": template(cloud, f"{name}-template"), "Version": "$Latest"}, **more)
    return settle(cloud, name)


def settle(cloud, name="g", turns=12):
    """Let time go by until every wished-for instance is in service."""
    for _ in range(turns):
        found = look(cloud, name)
        states = [i["LifecycleState"] for i in found["Instances"]]
        if states.count("InService") == found["DesiredCapacity"] and len([s for s in states if s != "Standby"]) == found["DesiredCapacity"]:
            return found
        cloud.advance(30)
    raise AssertionError(look(cloud, name))


def look(cloud, name="g"):
    [found] = cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return found


def ids(found):
    return {i["InstanceId"] for i in found["Instances"]}


def activities(cloud, name="g"):
    return cloud.client("autoscaling").describe_scaling_activities(AutoScalingGroupName=name, IncludeDeletedGroups=True)["Activities"]
