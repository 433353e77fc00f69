"""Access points: a way into a file system that fixes who one is there and which directory is the root."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need, Record

from . import errors, file_systems
from . import service as efs

if TYPE_CHECKING:
    from cloche.shapes import efs as t

MOST = 10_000


class AccessPoint(Record, frozen=True):
    kind = "efs.access-point"

    id: str
    file_system: str
    token: str
    user: dict[str, Any] = {}
    root: dict[str, Any] = {}
    tags: dict[str, str] = {}
    state: str = "creating"

    @property
    def key(self) -> str:
        return self.id


def arn(call: Call, id_: str) -> str:
    return id_ if id_.startswith("arn:") else call.arn(f"access-point/{id_}", service="elasticfilesystem")


def find(call: Call, id_: str) -> AccessPoint:
    found = call.get(AccessPoint, file_systems.bare(id_))
    if found is None:
        raise errors.no_access_point(id_)
    return found


def of(call: Call, file_system: str) -> list[AccessPoint]:
    return [one for one in call.all(AccessPoint) if one.file_system == file_system]


def by_id(call: Call, req: Any) -> str:
    if req.get("AccessPointId"):
        return arn(call, req["AccessPointId"])
    return file_systems.by_id(call, req)


def making(call: Call, req: Any) -> list[Need]:
    tags = {pair["Key"]: pair["Value"] for pair in req.get("Tags") or ()}
    about = {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}} if tags else {}
    needs = [Need("elasticfilesystem:CreateAccessPoint", file_systems.by_id(call, req), file_systems.context(call, req) | about)]
    if tags:
        needs.append(Need("elasticfilesystem:TagResource", arn(call, "*"), about | {"elasticfilesystem:CreateAction": "CreateAccessPoint"}))
    return needs


def shown(call: Call, one: AccessPoint) -> t.AccessPointDescription:
    out: Any = {"ClientToken": one.token, "AccessPointId": one.id, "AccessPointArn": arn(call, one.id), "FileSystemId": one.file_system, "RootDirectory": one.root, "OwnerId": call.account,
                "LifeCycleState": one.state, "Tags": [{"Key": k, "Value": v} for k, v in one.tags.items()]}
    if one.user:
        out["PosixUser"] = one.user
    if name := one.tags.get("Name"):
        out["Name"] = name
    return out  # type: ignore[no-any-return]


@efs.op(needs=making)
def create_access_point(call: Call, req: t.CreateAccessPointRequest) -> t.AccessPointDescription:
    fs, token = file_systems.usable(call, req["FileSystemId"]), req["ClientToken"]
    there = of(call, fs.id)
    if before := next((one for one in there if one.token == token), None):
        raise errors.access_point_exists(before.id)
    if len(there) >= MOST:
        raise errors.access_point_limit()
    root: dict[str, Any] = dict(req.get("RootDirectory") or {})
    root["Path"] = root.get("Path") or "/"
    if (info := root.get("CreationInfo")) and not re.fullmatch(r"[0-7]{3,4}", info["Permissions"]):
        raise errors.bad("The permissions of the root directory must be octal digits.")
    one = call.put(AccessPoint(call.id("fsap-"), fs.id, token, dict(req.get("PosixUser") or {}), root, file_systems.checked_tags(call, req.get("Tags"))))
    call.after(1.0, access_point_made, one.id, id=one.id)
    return shown(call, one)


@efs.timer
def access_point_made(call: Call, id: str) -> None:
    if one := call.get(AccessPoint, id):
        call.put(one.but(state="available"))


@efs.op(by_id)
def describe_access_points(call: Call, req: t.DescribeAccessPointsRequest) -> t.DescribeAccessPointsResponse:
    if req.get("AccessPointId") and req.get("FileSystemId"):
        raise errors.bad("Either AccessPointId or FileSystemId may be given, not both.")
    if id_ := req.get("AccessPointId"):
        found = [find(call, id_)]
    elif id_ := req.get("FileSystemId"):
        found = of(call, file_systems.find(call, id_).id)
    else:
        found = call.all(AccessPoint)
    paged = file_systems.paged({"MaxItems": req.get("MaxResults"), "Marker": req.get("NextToken")}, [shown(call, one) for one in found], "AccessPoints")
    return {"AccessPoints": paged["AccessPoints"], **({"NextToken": paged["NextMarker"]} if "NextMarker" in paged else {})}  # type: ignore[typeddict-item]


@efs.op(by_id)
def delete_access_point(call: Call, req: t.DeleteAccessPointRequest) -> None:
    call.delete(find(call, req["AccessPointId"]))
