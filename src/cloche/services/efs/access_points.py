"""Access points: a directory of a file system with an owner of its own, made at the first mount."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, file_systems
from . import service as efs

if TYPE_CHECKING:
    from cloche.shapes import efs as t


class AccessPoint(Record, frozen=True):
    kind = "efs.access-point"

    id: str
    token: str
    file_system: str
    made: float
    user: dict[str, Any] = {}
    path: str = "/"
    creation: dict[str, Any] = {}
    state: str = "available"
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


def arn(call: Call, id_: str) -> str:
    return id_ if id_.startswith("arn:") else call.arn(f"access-point/{id_}")


def find(call: Call, id_: str) -> AccessPoint:
    if (found := call.get(AccessPoint, id_.rpartition("/")[2])) is None:
        raise errors.no_access_point(id_)
    return found


def of(call: Call, file_system: str) -> list[AccessPoint]:
    return sorted((one for one in call.all(AccessPoint) if one.file_system == file_system), key=lambda one: (one.made, one.id))


def shown(call: Call, one: AccessPoint) -> Any:
    root: dict[str, Any] = {"Path": one.path}
    if one.creation:
        root["CreationInfo"] = one.creation
    out: dict[str, Any] = {"ClientToken": one.token, "Tags": [{"Key": k, "Value": v} for k, v in one.tags.items()], "AccessPointId": one.id, "AccessPointArn": arn(call, one.id),
                           "FileSystemId": one.file_system, "RootDirectory": root, "OwnerId": call.account, "LifeCycleState": one.state}
    if one.user:
        out["PosixUser"] = one.user
    if "Name" in one.tags:
        out["Name"] = one.tags["Name"]
    return out


@efs.op(file_systems.by_id, context=file_systems.tagging, partly="the POSIX user of an access point is kept and not forced upon its clients")
def create_access_point(call: Call, req: t.CreateAccessPointRequest) -> t.AccessPointDescription:
    one = file_systems.available(call, req["FileSystemId"])
    for before in of(call, one.id):
        if before.token == req["ClientToken"]:
            raise errors.access_point_exists(before.id)
    root: Any = req.get("RootDirectory") or {}
    path = root.get("Path") or "/"
    made = AccessPoint(call.id("fsap-"), req["ClientToken"], one.id, call.now, dict(req.get("PosixUser") or {}), path, dict(root.get("CreationInfo") or {}),
                       tags={tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()})
    call.put(made)
    return shown(call, made)  # type: ignore[no-any-return]


@efs.op(lambda call, req: arn(call, req["AccessPointId"]) if req.get("AccessPointId") else file_systems.arn(call, req["FileSystemId"]) if req.get("FileSystemId") else "*")
def describe_access_points(call: Call, req: t.DescribeAccessPointsRequest) -> t.DescribeAccessPointsResponse:
    if req.get("AccessPointId") and req.get("FileSystemId"):
        raise errors.bad("Only one of AccessPointId and FileSystemId can be specified.")
    if id_ := req.get("AccessPointId"):
        found = [find(call, id_)]
    elif id_ := req.get("FileSystemId"):
        found = of(call, file_systems.find(call, id_).id)
    else:
        found = sorted(call.all(AccessPoint), key=lambda one: (one.made, one.id))
    return file_systems.page(req, [shown(call, one) for one in found], "AccessPoints", limit="MaxResults", token="NextToken", following="NextToken")  # type: ignore[no-any-return]


@efs.op(lambda call, req: arn(call, req["AccessPointId"]))
def delete_access_point(call: Call, req: t.DeleteAccessPointRequest) -> None:
    call.delete(find(call, req["AccessPointId"]))
