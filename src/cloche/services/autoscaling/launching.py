"""What a group launches: a launch template's version, a launch configuration, or a mixed policy's template with its first override."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call

from . import errors
from .groups import Group, acting, ask
from .launch_configurations import LaunchConfiguration, find

CARD = ("DeviceIndex", "AssociatePublicIpAddress", "Groups", "DeleteOnTermination", "Description", "Ipv6AddressCount", "SecondaryPrivateIpAddressCount", "NetworkCardIndex", "InterfaceType")


def template_of(config: dict[str, Any]) -> dict[str, Any] | None:
    if "MixedInstancesPolicy" in config:
        return config["MixedInstancesPolicy"]["LaunchTemplate"].get("LaunchTemplateSpecification")  # type: ignore[no-any-return]
    return config.get("LaunchTemplate")


async def check(call: Call, config: dict[str, Any]) -> None:
    """What is to be launched must exist; a template gets its id and name, whichever was left out."""
    if "LaunchConfigurationName" in config:
        find(call, config["LaunchConfigurationName"])
        return
    template = template_of(config)
    if template is None:
        raise errors.no_template()
    if ("LaunchTemplateId" in template) == ("LaunchTemplateName" in template):
        raise errors.invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName")
    version = await version_of(call, template)
    full = {"LaunchTemplateId": version["LaunchTemplateId"], "LaunchTemplateName": version["LaunchTemplateName"]} | ({"Version": template["Version"]} if "Version" in template else {})
    if "MixedInstancesPolicy" in config:
        policy = config["MixedInstancesPolicy"]
        config["MixedInstancesPolicy"] = policy | {"LaunchTemplate": policy["LaunchTemplate"] | {"LaunchTemplateSpecification": full}}
    else:
        config["LaunchTemplate"] = full
    data = version.get("LaunchTemplateData") or {}
    if not data.get("ImageId"):
        raise errors.invalid("You must use a valid fully-formed launch template. The request must contain the parameter ImageId")
    await permitted(call, full)


async def permitted(call: Call, template: dict[str, Any]) -> None:
    """Whoever names a template must be allowed to run it, and to pass its role: else a group would be a way to more rights than one has."""
    named = {"LaunchTemplateId": template["LaunchTemplateId"]} | ({"Version": template["Version"]} if "Version" in template else {})
    try:
        await ask(call, "ec2", "RunInstances", LaunchTemplate=named, MinCount=1, MaxCount=1, DryRun=True)
    except AwsError as error:
        if error.code in ("UnauthorizedOperation", "AccessDenied"):
            raise errors.not_yours(template["LaunchTemplateId"]) from None
        if error.code.startswith("Invalid"):
            raise errors.invalid(f"You must use a valid fully-formed launch template. {error.message}") from None


async def version_of(call: Call, template: dict[str, Any]) -> Any:
    named = {key: template[key] for key in ("LaunchTemplateId", "LaunchTemplateName") if template.get(key)}
    if len(named) == 2:
        del named["LaunchTemplateName"]
    try:
        found = await ask(acting(call), "ec2", "DescribeLaunchTemplateVersions", **named, Versions=[template.get("Version") or "$Default"])
    except AwsError as error:
        if error.status == 501:
            raise
        raise errors.invalid(f"You must use a valid fully-formed launch template. {error.message}") from None
    if not found.get("LaunchTemplateVersions"):
        raise errors.invalid("You must use a valid fully-formed launch template. The specified launch template version does not exist.")
    return found["LaunchTemplateVersions"][0]


async def like_instance(call: Call, instance: str, name: str) -> dict[str, Any]:
    """A launch configuration of the group's name, made after a running instance."""
    try:
        found = await ask(acting(call), "ec2", "DescribeInstances", InstanceIds=[instance])
    except AwsError as error:
        raise errors.invalid(error.message) from None
    one = found["Reservations"][0]["Instances"][0]
    config = {"ImageId": one["ImageId"], "InstanceType": one["InstanceType"], "SecurityGroups": [g["GroupId"] for g in one.get("SecurityGroups") or ()],
              "EbsOptimized": one.get("EbsOptimized", False), "InstanceMonitoring": {"Enabled": one["Monitoring"]["State"] == "enabled"}}
    if one.get("KeyName"):
        config["KeyName"] = one["KeyName"]
    if one.get("IamInstanceProfile"):
        config["IamInstanceProfile"] = one["IamInstanceProfile"]["Arn"]
    with call.step():
        if call.get(LaunchConfiguration, name):
            raise errors.configuration_exists(name)
        call.put(LaunchConfiguration(name, call.arn(f"launchConfiguration:{call.uuid()}:launchConfigurationName/{name}"), call.now, config))
    return {"LaunchConfigurationName": name, "AvailabilityZones": [one["Placement"]["AvailabilityZone"]]}


async def request(call: Call, group: Group) -> tuple[dict[str, Any], dict[str, Any]]:
    """RunInstances' members but for number and place; and what the instance's record remembers of it."""
    config = group.config
    tags = {"aws:autoscaling:groupName": group.name} | {key: tag["value"] for key, tag in group.tags.items() if tag["launch"]}
    req: dict[str, Any] = {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]}
    if group.config.get("PlacementGroup"):
        req["Placement"] = {"GroupName": group.config["PlacementGroup"]}
    if "LaunchConfigurationName" in config:
        launch = find(call, config["LaunchConfigurationName"])
        req |= plain(launch.config)
        return req, {"LaunchConfigurationName": launch.name}
    template = template_of(config) or {}
    version = await version_of(call, template)
    number = str(version["VersionNumber"])
    req["LaunchTemplate"] = {"LaunchTemplateId": version["LaunchTemplateId"], "Version": number}
    note = {"LaunchTemplate": {"LaunchTemplateId": version["LaunchTemplateId"], "LaunchTemplateName": version["LaunchTemplateName"], "Version": number}}
    if cards := (version.get("LaunchTemplateData") or {}).get("NetworkInterfaces"):
        # the group says the subnet: interfaces of the template are said again, with it
        req["NetworkInterfaces"] = [{key: card[key] for key in CARD if key in card} for card in cards]
    overrides = (config.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {}).get("Overrides") or []
    if overrides and overrides[0].get("InstanceType"):
        req["InstanceType"] = overrides[0]["InstanceType"]
    return req, note


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """A launch configuration as RunInstances says it."""
    req: dict[str, Any] = {key: config[key] for key in ("ImageId", "InstanceType", "KeyName", "UserData", "KernelId", "RamdiskId", "EbsOptimized", "MetadataOptions") if config.get(key)}
    if "SecurityGroups" in config:
        req["SecurityGroupIds"] = list(config["SecurityGroups"])
    if profile := config.get("IamInstanceProfile"):
        req["IamInstanceProfile"] = {"Arn": profile} if profile.startswith("arn:") else {"Name": profile}
    if config.get("BlockDeviceMappings"):
        req["BlockDeviceMappings"] = [{k: ("" if k == "NoDevice" else v) for k, v in one.items() if k != "NoDevice" or v} for one in config["BlockDeviceMappings"]]
    if config.get("InstanceMonitoring"):
        req["Monitoring"] = {"Enabled": config["InstanceMonitoring"].get("Enabled", True)}
    if config.get("PlacementTenancy"):
        req["Placement"] = {"Tenancy": config["PlacementTenancy"]}
    if config.get("SpotPrice"):
        req["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": {"MaxPrice": config["SpotPrice"]}}
    if "AssociatePublicIpAddress" in config:
        interface: dict[str, Any] = {"DeviceIndex": 0, "AssociatePublicIpAddress": config["AssociatePublicIpAddress"]}
        if groups := req.pop("SecurityGroupIds", None):
            interface["Groups"] = groups
        req["NetworkInterfaces"] = [interface]
    return req


def placed(req: dict[str, Any], subnet: str, count: int) -> dict[str, Any]:
    """The request for so many instances in one subnet."""
    out = req | {"MinCount": count, "MaxCount": count}
    if "NetworkInterfaces" in req:
        return out | {"NetworkInterfaces": [card | {"SubnetId": subnet} for card in req["NetworkInterfaces"]]}
    return out | {"SubnetId": subnet}
