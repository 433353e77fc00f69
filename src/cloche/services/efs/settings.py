"""What a file system is told besides: its policy, what becomes of old files, backups, tags."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.iam import grammar
from cloche.kernel import ANY, Call

from . import access_points, errors, file_systems
from . import service as efs

if TYPE_CHECKING:
    from cloche.shapes import efs as t


# -- policy ------------------------------------------------------------------------------------------------------------------------------

@efs.op(file_systems.by_id)
def put_file_system_policy(call: Call, req: t.PutFileSystemPolicyRequest) -> t.FileSystemPolicyDescription:
    one = file_systems.available(call, req["FileSystemId"])
    try:
        grammar.resource(req["Policy"])
    except ValueError as error:
        raise errors.bad_policy(str(error)) from None
    call.put(one.but(policy=req["Policy"]))
    return {"FileSystemId": one.id, "Policy": req["Policy"]}


@efs.op(file_systems.by_id)
def describe_file_system_policy(call: Call, req: t.DescribeFileSystemPolicyRequest) -> t.FileSystemPolicyDescription:
    one = file_systems.find(call, req["FileSystemId"])
    if not one.policy:
        raise errors.no_policy(one.id)
    return {"FileSystemId": one.id, "Policy": one.policy}


@efs.op(file_systems.by_id)
def delete_file_system_policy(call: Call, req: t.DeleteFileSystemPolicyRequest) -> None:
    call.put(file_systems.available(call, req["FileSystemId"]).but(policy=""))


# -- storage classes and backups -----------------------------------------------------------------------------------------------------

@efs.op(file_systems.by_id, partly="the policies are kept; all files stay in the standard class")
def put_lifecycle_configuration(call: Call, req: t.PutLifecycleConfigurationRequest) -> t.LifecycleConfigurationDescription:
    one = file_systems.available(call, req["FileSystemId"])
    policies: Any = req["LifecyclePolicies"]
    if any(len(each) != 1 for each in policies):
        raise errors.bad("Each lifecycle policy must have exactly one transition.")
    if len({next(iter(each)) for each in policies}) < len(policies):
        raise errors.bad("A transition can be given only once.")
    call.put(one.but(lifecycle=policies))
    return {"LifecyclePolicies": policies}


@efs.op(file_systems.by_id)
def describe_lifecycle_configuration(call: Call, req: t.DescribeLifecycleConfigurationRequest) -> t.LifecycleConfigurationDescription:
    return {"LifecyclePolicies": file_systems.find(call, req["FileSystemId"]).lifecycle}  # type: ignore[typeddict-item]


@efs.op(file_systems.by_id, partly="the wish is kept; AWS Backup is not built")
def put_backup_policy(call: Call, req: t.PutBackupPolicyRequest) -> t.BackupPolicyDescription:
    status = req["BackupPolicy"]["Status"]
    call.put(file_systems.available(call, req["FileSystemId"]).but(backup={"ENABLING": "ENABLED", "DISABLING": "DISABLED"}.get(status, status)))
    return {"BackupPolicy": {"Status": status}}


@efs.op(file_systems.by_id)
def describe_backup_policy(call: Call, req: t.DescribeBackupPolicyRequest) -> t.BackupPolicyDescription:
    return {"BackupPolicy": {"Status": file_systems.find(call, req["FileSystemId"]).backup}}  # type: ignore[typeddict-item]


# -- tags ----------------------------------------------------------------------------------------------------------------------------------

def _resource(call: Call, req: Any) -> str:
    id_ = req["ResourceId"]
    return access_points.arn(call, id_) if "fsap-" in id_ else file_systems.arn(call, id_)


def _tagged(call: Call, id_: str) -> Any:
    return access_points.find(call, id_) if "fsap-" in id_ else file_systems.find(call, id_)


def _tag(call: Call, one: Any, tags: list[Any]) -> None:
    changed = one.tags | {tag["Key"]: tag["Value"] for tag in tags}
    if len(changed) > 50:
        raise errors.bad("At most 50 tags can be given.")
    if any(key.lower().startswith("aws:") for key in changed) and call.reserves(changed):
        raise errors.bad("Tag keys beginning with aws: are reserved.")
    call.put(one.but(tags=changed))


@efs.op(_resource, context=file_systems.tagging)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    _tag(call, _tagged(call, req["ResourceId"]), req["Tags"])


@efs.op(_resource, context=lambda call, req: {"aws:TagKeys": list(req["TagKeys"])})
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    one = _tagged(call, req["ResourceId"])
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["TagKeys"]}))


@efs.op(_resource)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    rows = [{"Key": k, "Value": v} for k, v in _tagged(call, req["ResourceId"]).tags.items()]
    return file_systems.page(req, rows, "Tags", limit="MaxResults", token="NextToken", following="NextToken")  # type: ignore[no-any-return]


@efs.op(file_systems.by_id, context=file_systems.tagging)
def create_tags(call: Call, req: t.CreateTagsRequest) -> None:
    _tag(call, file_systems.find(call, req["FileSystemId"]), req["Tags"])


@efs.op(file_systems.by_id)
def delete_tags(call: Call, req: t.DeleteTagsRequest) -> None:
    one = file_systems.find(call, req["FileSystemId"])
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["TagKeys"]}))


@efs.op(file_systems.by_id)
def describe_tags(call: Call, req: t.DescribeTagsRequest) -> t.DescribeTagsResponse:
    return file_systems.page(req, [{"Key": k, "Value": v} for k, v in file_systems.find(call, req["FileSystemId"]).tags.items()], "Tags")  # type: ignore[no-any-return]


@efs.op(ANY)
def describe_account_preferences(call: Call, req: t.DescribeAccountPreferencesRequest) -> t.DescribeAccountPreferencesResponse:
    return {"ResourceIdPreference": {"ResourceIdType": "LONG_ID", "Resources": ["FILE_SYSTEM", "MOUNT_TARGET"]}}
