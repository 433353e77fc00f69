"""Launch configurations: what to launch, fixed once made. (AWS has closed them to new accounts; templates are what replaced them.)"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.services.iam import public as iam

from . import errors
from . import service as autoscaling
from .groups import Group, acting, ask, page

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

MOST = 200
KEPT = (
    "ImageId", "KeyName", "SecurityGroups", "UserData", "InstanceType", "KernelId", "RamdiskId", "BlockDeviceMappings", "SpotPrice", "IamInstanceProfile", "EbsOptimized",
    "AssociatePublicIpAddress", "PlacementTenancy", "MetadataOptions", "InstanceMonitoring", "ClassicLinkVPCId", "ClassicLinkVPCSecurityGroups")


class LaunchConfiguration(Record, frozen=True):
    kind = "autoscaling.launch_configuration"

    name: str
    arn: str
    created: float
    config: dict[str, Any]

    @property
    def key(self) -> str:
        return self.name


def by_name(call: Call, req: Any) -> str:
    found = call.get(LaunchConfiguration, req["LaunchConfigurationName"])
    return found.arn if found else call.arn(f"launchConfiguration:*:launchConfigurationName/{req['LaunchConfigurationName']}")


def find(call: Call, name: str) -> LaunchConfiguration:
    found = call.get(LaunchConfiguration, name)
    if found is None:
        raise errors.no_such_configuration(name)
    return found


@autoscaling.op(resource=by_name)
async def create_launch_configuration(call: Call, req: t.CreateLaunchConfigurationType) -> None:
    name = req["LaunchConfigurationName"]
    if call.get(LaunchConfiguration, name):
        raise errors.configuration_exists(name)
    if len(call.all(LaunchConfiguration)) >= MOST:
        raise errors.limit("Launch Configurations")
    config = {key: req[key] for key in KEPT if key in req}  # type: ignore[literal-required]
    if "InstanceId" in req:
        with call.step():
            acting(call)
        answer = await ask(acting(call), "ec2", "DescribeInstances", InstanceIds=[req["InstanceId"]])
        one = answer["Reservations"][0]["Instances"][0]
        like: dict[str, Any] = {"ImageId": one["ImageId"], "InstanceType": one["InstanceType"], "SecurityGroups": [g["GroupId"] for g in one.get("SecurityGroups") or ()]}
        config = like | ({"KeyName": one["KeyName"]} if one.get("KeyName") else {}) | config
    elif "ImageId" not in config or "InstanceType" not in config:
        raise errors.invalid("Valid requests must contain either the InstanceID parameter or both the ImageId and InstanceType parameters.")
    if found := iam.instance_profile(call, config.get("IamInstanceProfile", "")):
        call.pass_role(iam.role_arn(call, found.role), "ec2.amazonaws.com")
    with call.step():
        arn = call.arn(f"launchConfiguration:{call.uuid()}:launchConfigurationName/{name}")
        call.put(LaunchConfiguration(name, arn, call.now, {"EbsOptimized": False, "InstanceMonitoring": {"Enabled": True}} | config))


@autoscaling.op(resource=lambda call, req: "*")
def describe_launch_configurations(call: Call, req: t.LaunchConfigurationNamesType) -> t.LaunchConfigurationsType:
    names = req.get("LaunchConfigurationNames")
    found = sorted((c for c in call.all(LaunchConfiguration) if not names or c.name in names), key=lambda c: c.name)
    shown, token = page(found, req)
    empty = {"KeyName": "", "UserData": "", "KernelId": "", "RamdiskId": "", "SecurityGroups": [], "BlockDeviceMappings": []}
    return {"LaunchConfigurations": [empty | {"LaunchConfigurationName": c.name, "LaunchConfigurationARN": c.arn, "CreatedTime": c.created} | c.config for c in shown]} | token  # type: ignore[return-value]


@autoscaling.op(resource=by_name)
def delete_launch_configuration(call: Call, req: t.LaunchConfigurationNameType) -> None:
    found = find(call, req["LaunchConfigurationName"])
    for group in call.all(Group):
        if group.config.get("LaunchConfigurationName") == found.name:
            raise errors.configuration_in_use(found.name, group.name)
    call.delete(found)
