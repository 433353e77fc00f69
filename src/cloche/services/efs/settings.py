"""What is settled for a file system: its lifecycle, whether it is backed up, its policy; and the account's preference for ids."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam import grammar
from cloche.kernel import ANY, Call, Record

from . import errors
from . import service as efs
from .file_systems import by_id, context, find, usable

if TYPE_CHECKING:
    from cloche.shapes import efs as t


@efs.op(by_id, context=context, partly="Files do not move to colder classes: what is stored here costs nothing")
def put_lifecycle_configuration(call: Call, req: t.PutLifecycleConfigurationRequest) -> t.LifecycleConfigurationDescription:
    """Each transition in an object of its own, and each once."""
    one, policies = usable(call, req["FileSystemId"]), [dict(each) for each in req["LifecyclePolicies"]]
    if any(len(each) != 1 for each in policies):
        raise errors.bad("One or more LifecyclePolicy objects specified are malformed.")
    names = [next(iter(each)) for each in policies]
    if len(set(names)) < len(names):
        raise errors.bad("One or more LifecyclePolicy objects specified are malformed: a transition is given twice.")
    if "TransitionToArchive" in names and one.performance == "maxIO":
        raise errors.bad("Archive is not available for this file system.")
    call.put(one.but(lifecycle=policies))
    return {"LifecyclePolicies": policies}  # type: ignore[typeddict-item]


@efs.op(by_id, context=context)
def describe_lifecycle_configuration(call: Call, req: t.DescribeLifecycleConfigurationRequest) -> t.LifecycleConfigurationDescription:
    return {"LifecyclePolicies": find(call, req["FileSystemId"]).lifecycle}  # type: ignore[typeddict-item]


@efs.op(by_id, context=context, partly="AWS Backup is not there: the setting is kept, no recovery points are made")
def put_backup_policy(call: Call, req: t.PutBackupPolicyRequest) -> t.BackupPolicyDescription:
    status = req["BackupPolicy"]["Status"]
    if status not in ("ENABLED", "DISABLED"):
        raise errors.bad("The status of a backup policy is ENABLED or DISABLED.")
    call.put(usable(call, req["FileSystemId"]).but(backup=status))
    return {"BackupPolicy": {"Status": status}}


@efs.op(by_id, context=context)
def describe_backup_policy(call: Call, req: t.DescribeBackupPolicyRequest) -> t.BackupPolicyDescription:
    return {"BackupPolicy": {"Status": find(call, req["FileSystemId"]).backup}}  # type: ignore[typeddict-item]


@efs.op(by_id, context=context)
def put_file_system_policy(call: Call, req: t.PutFileSystemPolicyRequest) -> t.FileSystemPolicyDescription:
    one, text = usable(call, req["FileSystemId"]), req["Policy"]
    try:
        grammar.resource(_whole(text))
    except ValueError as wrong:
        raise errors.bad_policy(str(wrong)) from None
    call.put(one.but(policy=text))
    return {"FileSystemId": one.id, "Policy": text}


def _whole(text: str) -> str:
    """A statement may leave its resource out: it is this file system."""
    document = json.loads(text)
    statements = document.get("Statement") if isinstance(document, dict) else None
    for each in statements if isinstance(statements, list) else [statements]:
        if isinstance(each, dict) and "NotResource" not in each:
            each.setdefault("Resource", "*")
    return json.dumps(document)


@efs.op(by_id, context=context)
def describe_file_system_policy(call: Call, req: t.DescribeFileSystemPolicyRequest) -> t.FileSystemPolicyDescription:
    one = find(call, req["FileSystemId"])
    if not one.policy:
        raise errors.no_policy(one.id)
    return {"FileSystemId": one.id, "Policy": one.policy}


@efs.op(by_id, context=context)
def delete_file_system_policy(call: Call, req: t.DeleteFileSystemPolicyRequest) -> None:
    call.put(find(call, req["FileSystemId"]).but(policy=""))


class Preferences(Record, frozen=True):
    kind = "efs.preferences"

    id_type: str = "LONG_ID"

    @property
    def key(self) -> str:
        return ""


def _shown(call: Call) -> Any:
    return {"ResourceIdPreference": {"ResourceIdType": (call.get(Preferences, "") or Preferences()).id_type, "Resources": ["FILE_SYSTEM", "MOUNT_TARGET"]}}


@efs.op(ANY)
def describe_account_preferences(call: Call, req: t.DescribeAccountPreferencesRequest) -> t.DescribeAccountPreferencesResponse:
    return _shown(call)  # type: ignore[no-any-return]


@efs.op(ANY)
def put_account_preferences(call: Call, req: t.PutAccountPreferencesRequest) -> t.PutAccountPreferencesResponse:
    """Short ids are given out no more."""
    if req["ResourceIdType"] == "SHORT_ID":
        raise errors.bad("Short resource ids are not supported any more: only LONG_ID can be set.")
    call.put(Preferences(req["ResourceIdType"]))
    return _shown(call)  # type: ignore[no-any-return]


