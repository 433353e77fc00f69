"""The life of a secret: made, described, changed, deleted after a while, restored."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.kms import public as kms

from . import errors, replicas, sealing, versions
from . import service as secrets
from .records import DAY, ON_SECRET, Secret, facts, find, home, look, primary
from .tags import given

if TYPE_CHECKING:
    from cloche.shapes import secretsmanager as t

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")


def by_name(call: Call, req: Any) -> str:
    """The six letters are not known yet; a policy names them with `-*` or `-??????`."""
    found = call.get(Secret, req["Name"])
    return found.arn if found else call.arn(f"secret:{req['Name']}-??????")


def create_actions(call: Call, req: Any) -> list[str]:
    return ["secretsmanager:CreateSecret", *(["secretsmanager:TagResource"] if req.get("Tags") else []), *(["secretsmanager:ReplicateSecretToRegions"] if req.get("AddReplicaRegions") else [])]


def offered(req: Any, needed: bool = False) -> sealing.Value | None:
    """The value in a request."""
    if "SecretString" in req and "SecretBinary" in req:
        raise errors.two_values()
    value = req.get("SecretString", req.get("SecretBinary"))
    if value is None and needed:
        raise errors.no_value()
    return value  # type: ignore[no-any-return]


@secrets.op(resource=by_name, action=create_actions, context=facts, partly="secrets of type (partner secrets) and CrossAccountPrimaryARN are not built")
def create_secret(call: Call, req: t.CreateSecretRequest) -> t.CreateSecretResponse:
    name, value = req["Name"], offered(req)
    if not _NAME.fullmatch(name):
        raise errors.bad_name()
    token = req.get("ClientRequestToken") or call.uuid()
    if old := call.get(Secret, name):
        return _again(call, old, token, value)
    arn = call.arn(f"secret:{name}-{call.pick(LETTERS, 6)}")
    secret = call.put(Secret(name, arn, call.now, call.now, req.get("Description"), _key(call, req.get("KmsKeyId", "")), tags=given(call, req)))
    answer: Any = {"ARN": arn, "Name": name}
    if value is not None:
        secret = versions.add(call, secret, token, value)
        answer["VersionId"] = token
    if regions := req.get("AddReplicaRegions"):
        secret = replicas.add(call, secret, regions, req.get("ForceOverwriteReplicaSecret", False))
        answer["ReplicationStatus"] = replicas.status(secret)
    return answer  # type: ignore[no-any-return]


def _again(call: Call, old: Secret, token: str, value: Any) -> t.CreateSecretResponse:
    """The same request once more is the same secret."""
    if old.deleted:
        raise errors.name_is_scheduled()
    if value is None or token not in old.versions or sealing.get(call, old, token) != value:
        raise errors.exists(old.name)
    return {"ARN": old.arn, "Name": old.name, "VersionId": token}


def _key(call: Call, key_id: str) -> str:
    """A key as the request names it; the service's own goes without a name."""
    return "" if key_id == sealing.OWN_KEY or (key_id and kms.key_arn(call, key_id) == kms.key_arn(call, sealing.OWN_KEY)) else key_id


def show(secret: Secret) -> dict[str, Any]:
    """What is true of a secret, as both DescribeSecret and ListSecrets tell it."""
    rotation = secret.rotation
    out: dict[str, Any] = {"ARN": secret.arn, "Name": secret.name, "CreatedDate": secret.created, "LastChangedDate": secret.changed}
    if secret.description is not None:
        out["Description"] = secret.description
    if secret.key_id:
        out["KmsKeyId"] = secret.key_id
    if rotation:
        out |= {"RotationEnabled": rotation.enabled, "RotationLambdaARN": rotation.function}
        if rules := {k: v for k, v in (("AutomaticallyAfterDays", rotation.days), ("ScheduleExpression", rotation.expression), ("Duration", rotation.duration)) if v}:
            out["RotationRules"] = rules
        if rotation.last:
            out["LastRotatedDate"] = rotation.last
        if rotation.enabled and rotation.next:
            out["NextRotationDate"] = rotation.next
    for name, moment in (("LastAccessedDate", secret.accessed), ("DeletedDate", secret.deleted)):
        if moment:
            out[name] = moment
    if secret.tags:
        out["Tags"] = [{"Key": k, "Value": v} for k, v in secret.tags.items()]
    if secret.primary:
        out["PrimaryRegion"] = secret.primary
    if secret.owner:
        out["OwningService"] = secret.owner
    return out


@secrets.op(**ON_SECRET)
def describe_secret(call: Call, req: t.DescribeSecretRequest) -> t.DescribeSecretResponse:
    secret = find(call, req["SecretId"], gone=True)
    out = show(secret)
    if labelled := {id_: list(version.stages) for id_, version in secret.versions.items() if version.stages}:
        out["VersionIdsToStages"] = labelled
    if secret.replicas:
        out["ReplicationStatus"] = replicas.status(secret)
    return out  # type: ignore[return-value]


@secrets.op(**ON_SECRET)
def update_secret(call: Call, req: t.UpdateSecretRequest) -> t.UpdateSecretResponse:
    value = offered(req)
    secret = primary(call, req["SecretId"])
    here = home(call, secret)
    answer: Any = {"ARN": secret.arn, "Name": secret.name}
    if "Description" in req:
        secret = secret.but(description=req["Description"])
    if "KmsKeyId" in req and (key := _key(here, req["KmsKeyId"])) != secret.key_id:
        secret = versions.reseal(call, secret.but(key_id=key))
    secret = here.put(secret.but(changed=call.now))
    if value is not None:
        token = req.get("ClientRequestToken") or call.uuid()
        secret = versions.add(call, secret, token, value)
        answer["VersionId"] = token
    replicas.tell(call, secret)
    return answer  # type: ignore[no-any-return]


# -- the end --------------------------------------------------------------------------------------------------------------------

@secrets.op(**ON_SECRET)
def delete_secret(call: Call, req: t.DeleteSecretRequest) -> t.DeleteSecretResponse:
    force, days = req.get("ForceDeleteWithoutRecovery", False), req.get("RecoveryWindowInDays")
    if force and days is not None:
        raise errors.window_and_force()
    if days is not None and not 7 <= days <= 30:
        raise errors.bad_window()
    secret = look(call, req["SecretId"])
    if secret is None:
        if force:                                      # "does not return ResourceNotFoundException"
            return {"ARN": call.arn(f"secret:{req['SecretId']}"), "Name": req["SecretId"], "DeletionDate": call.now}
        raise errors.no_secret()
    if secret.deleted and not force:
        raise errors.is_scheduled()
    if secret.replicas:
        raise errors.has_replicas()
    if secret.primary and secret.primary != secret.region:
        raise errors.is_replica()
    here = home(call, secret)
    moment = call.now if force else call.now + (days or 30) * DAY
    if force:
        bury(here, secret)
    else:
        here.put(secret.but(deleted=moment))
        here.due(moment, purge, secret.name, secret=secret.name)
    return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": moment}


@secrets.timer
def purge(call: Call, secret: str) -> None:
    found = call.get(Secret, secret)
    if found and found.deleted:
        bury(call, found)


def bury(call: Call, secret: Secret) -> None:
    from . import rotation
    call.cancel(purge, secret.name)
    call.cancel(rotation.fall_due, secret.name)
    sealing.drop(call, secret)
    call.delete(secret)


@secrets.op(**ON_SECRET)
def restore_secret(call: Call, req: t.RestoreSecretRequest) -> t.RestoreSecretResponse:
    secret = find(call, req["SecretId"], gone=True)
    here = home(call, secret)
    here.cancel(purge, secret.name)
    here.put(secret.but(deleted=0.0))
    return {"ARN": secret.arn, "Name": secret.name}
