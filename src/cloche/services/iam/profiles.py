"""Instance profiles: how an EC2 instance gets a role. One holds one role at most."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors, roles, tags
from . import service as iam
from .names import identifier, moment
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t


class InstanceProfile(Record, frozen=True):
    kind = "iam.profile"
    scope = "account"

    name: str
    id: str
    path: str
    created: float
    role: str = ""
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name.lower()


def arn(call: Call, profile: InstanceProfile) -> str:
    return call.arn(f"instance-profile{profile.path}{profile.name}", service="iam", region="")


def by_name(call: Call, req: Any) -> str:
    found = call.get(InstanceProfile, req["InstanceProfileName"].lower())
    return arn(call, found) if found else call.arn(f"instance-profile{req.get('Path', '/')}{req['InstanceProfileName']}", service="iam", region="")


def facts(call: Call, req: Any) -> dict[str, Any]:
    context = tags.asked(req)
    if found := call.get(InstanceProfile, req["InstanceProfileName"].lower()):
        context |= {f"aws:ResourceTag/{key}": value for key, value in found.tags.items()}
    return context


def find(call: Call, name: str) -> InstanceProfile:
    found = call.get(InstanceProfile, name.lower())
    if found is None or found.name != name:
        raise errors.no_such_profile(name)
    return found


def view(call: Call, profile: InstanceProfile) -> t.InstanceProfile:
    return {
        "Path": profile.path, "InstanceProfileName": profile.name, "InstanceProfileId": profile.id, "Arn": arn(call, profile), "CreateDate": profile.created,
        "Roles": [roles.view(call, roles.find(call, profile.role))] if profile.role else [],
    }


def whole(call: Call, profile: InstanceProfile) -> t.InstanceProfile:
    return {**view(call, profile), "Tags": tags.pairs(profile.tags)}


@iam.op(resource=by_name, action=tags.action("CreateInstanceProfile", "TagInstanceProfile"), context=facts)
def create_instance_profile(call: Call, req: t.CreateInstanceProfileRequest) -> t.CreateInstanceProfileResponse:
    name = req["InstanceProfileName"]
    if call.get(InstanceProfile, name.lower()):
        raise errors.profile_exists(name)
    profile = call.put(InstanceProfile(name, identifier(call, "AIPA"), req.get("Path", "/"), moment(call), tags=tags.given(call, req)))
    return {"InstanceProfile": whole(call, profile) if profile.tags else view(call, profile)}


@iam.op(resource=by_name, context=facts)
def get_instance_profile(call: Call, req: t.GetInstanceProfileRequest) -> t.GetInstanceProfileResponse:
    return {"InstanceProfile": whole(call, find(call, req["InstanceProfileName"]))}


@iam.op(resource=ANY)
def list_instance_profiles(call: Call, req: t.ListInstanceProfilesRequest) -> t.ListInstanceProfilesResponse:
    prefix = req.get("PathPrefix", "/")
    found, more = page(req, (one for one in call.all(InstanceProfile) if one.path.startswith(prefix)), key=lambda one: one.name)
    return {"InstanceProfiles": [view(call, one) for one in found], **more}


@iam.op(resource=roles.by_name)
def list_instance_profiles_for_role(call: Call, req: t.ListInstanceProfilesForRoleRequest) -> t.ListInstanceProfilesForRoleResponse:
    found, more = page(req, roles.find(call, req["RoleName"]).profiles, key=str)
    return {"InstanceProfiles": [view(call, find(call, name)) for name in found], **more}


@iam.op(resource=by_name, context=facts)
def add_role_to_instance_profile(call: Call, req: t.AddRoleToInstanceProfileRequest) -> None:
    profile, role = find(call, req["InstanceProfileName"]), roles.changeable(call, req["RoleName"])
    # whoever puts a role into a profile hands it to EC2
    call.require("iam:PassRole", roles.arn(call, role), {"iam:PassedToService": "ec2.amazonaws.com"})
    if profile.role:
        raise errors.too_many("InstanceSessionsPerInstanceProfile", 1)
    call.put(profile.but(role=role.name))
    call.put(role.but(profiles=[*role.profiles, profile.name]))


@iam.op(resource=by_name, context=facts)
def remove_role_from_instance_profile(call: Call, req: t.RemoveRoleFromInstanceProfileRequest) -> None:
    profile, role = find(call, req["InstanceProfileName"]), roles.changeable(call, req["RoleName"])
    if profile.role != role.name:
        raise errors.role_not_in_profile(role.name, profile.name)
    call.put(profile.but(role=""))
    call.put(role.but(profiles=[name for name in role.profiles if name != profile.name]))


@iam.op(resource=by_name, context=facts)
def delete_instance_profile(call: Call, req: t.DeleteInstanceProfileRequest) -> None:
    profile = find(call, req["InstanceProfileName"])
    if profile.role:
        raise errors.conflict("remove roles from instance profile")
    call.delete(profile)


@iam.op(resource=by_name, context=facts)
def tag_instance_profile(call: Call, req: t.TagInstanceProfileRequest) -> None:
    tags.add(call, find(call, req["InstanceProfileName"]), req)


@iam.op(resource=by_name, context=facts)
def untag_instance_profile(call: Call, req: t.UntagInstanceProfileRequest) -> None:
    tags.remove(call, find(call, req["InstanceProfileName"]), req)


@iam.op(resource=by_name, context=facts)
def list_instance_profile_tags(call: Call, req: t.ListInstanceProfileTagsRequest) -> t.ListInstanceProfileTagsResponse:
    return tags.listed(req, find(call, req["InstanceProfileName"]).tags)
