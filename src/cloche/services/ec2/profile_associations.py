"""Which instance profile an instance carries: at launch, or put on, changed and taken off while it runs or is stopped. One at a time; passing its role needs iam:PassRole."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import describe, instances, launch, names
from . import errors_instances as refusals
from . import service as ec2
from .instances import Instance

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t


def shown(call: Call, one: Instance, state: str = "associated") -> t.IamInstanceProfileAssociation:
    return {"AssociationId": one.association, "InstanceId": one.id, "IamInstanceProfile": {"Arn": one.profile, "Id": instances.profile_id(call, one.profile)}, "State": state,  # type: ignore[typeddict-item]
            "Timestamp": one.associated}


def _find(call: Call, id_: str) -> Instance:
    if found := next((one for one in call.all(Instance) if one.association == id_ and one.state != "terminated"), None):
        return found
    raise refusals.no_association(id_)


def _on(call: Call, req: Any) -> Any:
    """IAM is asked about the instance, whichever way it is named."""
    id_ = req.get("InstanceId") or next((one.id for one in call.all(Instance) if one.association and one.association == req.get("AssociationId")), "*")
    return names.on("instance", "InstanceId")["needs"](call, {"InstanceId": id_})


@ec2.op(needs=_on)
def associate_iam_instance_profile(call: Call, req: t.AssociateIamInstanceProfileRequest) -> t.AssociateIamInstanceProfileResult:
    one = instances.find(call, req["InstanceId"])
    if one.state in ("terminated", "shutting-down"):
        raise refusals.instance_state(one.id)
    if one.profile:
        raise refusals.profile_there(one.id)
    one = call.put(one.but(profile=launch.profile_arn(call, req["IamInstanceProfile"]), association=call.id("iip-assoc-"), associated=call.now))
    return {"IamInstanceProfileAssociation": shown(call, one, "associating")}


@ec2.op(needs=_on)
def replace_iam_instance_profile_association(call: Call, req: t.ReplaceIamInstanceProfileAssociationRequest) -> t.ReplaceIamInstanceProfileAssociationResult:
    one = _find(call, req["AssociationId"])
    one = call.put(one.but(profile=launch.profile_arn(call, req["IamInstanceProfile"]), association=call.id("iip-assoc-"), associated=call.now))
    return {"IamInstanceProfileAssociation": shown(call, one, "associating")}


@ec2.op(needs=_on)
def disassociate_iam_instance_profile(call: Call, req: t.DisassociateIamInstanceProfileRequest) -> t.DisassociateIamInstanceProfileResult:
    one = _find(call, req["AssociationId"])
    answer: Any = shown(call, one, "disassociating")
    call.put(one.but(profile="", association="", associated=0))
    return {"IamInstanceProfileAssociation": answer}


@ec2.op(**names.LOOK)
def describe_iam_instance_profile_associations(call: Call, req: t.DescribeIamInstanceProfileAssociationsRequest) -> t.DescribeIamInstanceProfileAssociationsResult:
    ids = req.get("AssociationIds")
    found = [_find(call, id_) for id_ in ids] if ids else [one for one in call.all(Instance) if one.association and one.state != "terminated"]
    found = describe.matching(call, found, req.get("Filters"), {"instance-id": lambda i: i.id, "state": lambda i: "associated"})
    return describe.page(req, [shown(call, one) for one in found], "IamInstanceProfileAssociations", ids=ids)
