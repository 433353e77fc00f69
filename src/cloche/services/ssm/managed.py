"""Managed nodes: every running instance is one, as with Default Host Management; its agent is Cloche's own and needs no network."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call
from cloche.services.ec2 import public as ec2

from . import errors_commands as refusals
from . import paging
from . import service as ssm

if TYPE_CHECKING:
    from cloche.shapes import ssm as t

AGENT = "3.3.1957.0"


def ready(call: Call, id_: str) -> Any:
    """The instance, if its agent answers."""
    return next(iter(ec2.managed(call, [id_])), None)


def by_tags(call: Call, targets: list[Any]) -> list[str]:
    """Nodes that all targets name; the values of one are alternatives. Raises ValidationException."""
    found = {one.id: ec2.tags_of(call, one.id) for one in ec2.managed(call)}
    for target in targets:
        key, values = target.get("Key", ""), target.get("Values") or []
        if key == "InstanceIds":
            found = {id_: tags for id_, tags in found.items() if id_ in values or "*" in values}
        elif key.startswith("tag:"):
            found = {id_: tags for id_, tags in found.items() if tags.get(key[4:]) in values}
        elif key == "tag-key":
            found = {id_: tags for id_, tags in found.items() if set(tags) & set(values)}
        else:
            raise refusals.bad_target(key)
    return sorted(found)


def shown(call: Call, one: Any) -> dict[str, Any]:
    about = ec2.about(call, one)
    return {
        "InstanceId": one.id, "PingStatus": "Online", "LastPingDateTime": call.now, "AgentVersion": AGENT, "IsLatestVersion": True, "PlatformType": "Linux", "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023", "ResourceType": "EC2Instance", "IPAddress": about["address"], "ComputerName": about["name"], "SourceId": one.id, "SourceType": "AWS::EC2::Instance",
        **({"IamRole": about["role"]} if about["role"] else {}),
    }


READ: dict[str, Any] = {
    "InstanceIds": lambda node: [node["InstanceId"]], "AgentVersion": lambda node: [node["AgentVersion"]], "PingStatus": lambda node: [node["PingStatus"]],
    "PlatformTypes": lambda node: [node["PlatformType"]], "ActivationIds": lambda node: [], "IamRole": lambda node: [node.get("IamRole", "")], "ResourceType": lambda node: ["EC2Instance"],
    "AssociationStatus": lambda node: [],
}


@ssm.op(ANY, partly="nodes outside EC2 (activations) are not built")
def describe_instance_information(call: Call, req: t.DescribeInstanceInformationRequest) -> t.DescribeInstanceInformationResult:
    found = [(one, shown(call, one)) for one in ec2.managed(call)]
    wanted = [(f["key"], f["valueSet"]) for f in req.get("InstanceInformationFilterList") or ()] + [(f["Key"], f["Values"]) for f in req.get("Filters") or ()]
    for key, values in wanted:
        if key.startswith("tag:") or key == "tag-key":
            found = [(one, node) for one, node in found if (tags := ec2.tags_of(call, one.id)) is not None and (tags.get(key[4:]) in values if key[3] == ":" else set(tags) & set(values))]
        elif key not in READ:
            raise refusals.bad_filter(key)
        else:
            found = [(one, node) for one, node in found if set(READ[key](node)) & set(values)]
    return paging.page(req, [node for _, node in found], "InstanceInformationList", 50)  # type: ignore[no-any-return]
