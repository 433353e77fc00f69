"""Versions of a secret and the labels on them.

When a label moves the version it leaves knows it no more; AWSPREVIOUS follows AWSCURRENT to where that was.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call, pages

from . import errors, replicas, sealing
from . import service as secrets
from .records import CURRENT, DAY, MOST_STAGES, MOST_VERSIONS, ON_SECRET, PREVIOUS, Secret, Version, find, home, primary

if TYPE_CHECKING:
    from cloche.shapes import secretsmanager as t


def labelled(secret: Secret, stage: str, to: str) -> Secret:
    """The secret with a label moved to a version; "" takes it off. Pure."""
    was = secret.at(stage)
    if was == to:
        return secret
    found = dict(secret.versions)
    if was:
        found[was] = msgspec.structs.replace(found[was], stages=tuple(x for x in found[was].stages if x != stage))
    if to:
        if len(found[to].stages) >= MOST_STAGES:
            raise errors.too_many_stages()
        found[to] = msgspec.structs.replace(found[to], stages=(*found[to].stages, stage))
    moved = secret.but(versions=found)
    return labelled(moved, PREVIOUS, was) if stage == CURRENT and was else moved


def add(call: Call, secret: Secret, token: str, value: sealing.Value, stages: tuple[str, ...] = (CURRENT,)) -> Secret:
    """A new version, or the value of one that a rotation has announced. The same once more changes nothing but labels."""
    old = secret.versions.get(token)
    if old is not None and old.filled:
        if sealing.get(call, secret, token) != value:
            raise errors.token_used(token, secret.arn)
    else:
        sealing.put(call, secret, token, secret.key_id, value)
        kept = _fewer(call, secret)
        versions = {**kept, token: Version(call.now, old.stages if old else (), secret.key_id)}
        secret = secret.but(versions=versions, changed=call.now)
    if not secret.at(CURRENT):
        stages = (CURRENT, *stages)
    for stage in dict.fromkeys(stages):
        secret = labelled(secret, stage, token)
    home(call, secret).put(secret)
    replicas.tell(call, secret, {token: value})
    return secret


def _fewer(call: Call, secret: Secret) -> dict[str, Version]:
    """The versions that stay when another comes: without labels and older than a day, the oldest go first."""
    over = len(secret.versions) - MOST_VERSIONS + 1
    if over <= 0:
        return secret.versions
    free = sorted((version.created, id_) for id_, version in secret.versions.items() if not version.stages and version.created < call.now - DAY)
    gone = {id_ for _, id_ in free[:over]}
    for id_ in gone:
        sealing.drop(call, secret, id_)
    return {id_: version for id_, version in secret.versions.items() if id_ not in gone}


def reseal(call: Call, secret: Secret) -> Secret:
    """Under another key: the versions with labels are sealed anew."""
    found = dict(secret.versions)
    for id_, version in secret.versions.items():
        if version.stages and (value := sealing.get(call, secret, id_)) is not None:
            sealing.put(call, secret, id_, secret.key_id, value)
            found[id_] = msgspec.structs.replace(version, key=secret.key_id)
    return secret.but(versions=found)


@secrets.op(**ON_SECRET)
def put_secret_value(call: Call, req: t.PutSecretValueRequest) -> t.PutSecretValueResponse:
    from .secrets import offered
    value = offered(req, needed=True)
    assert value is not None
    secret = primary(call, req["SecretId"])
    token = req.get("ClientRequestToken") or call.uuid()
    stages = tuple(dict.fromkeys(req.get("VersionStages") or (CURRENT,)))
    secret = add(call, secret, token, value, stages)
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": token, "VersionStages": list(secret.versions[token].stages)}


def chosen(secret: Secret, req: Any) -> str:
    """The version that a request is about."""
    id_, stage = req.get("VersionId", ""), req.get("VersionStage", "")
    if id_:
        version = secret.versions.get(id_)
        if version is None or not version.filled:
            raise errors.no_version(id_)
        if stage and stage not in version.stages:
            raise errors.stage_elsewhere()
        return str(id_)
    found = secret.at(stage or CURRENT)
    if not found or not secret.versions[found].filled:
        raise errors.no_stage(stage or CURRENT)
    return found


def read(call: Call, secret: Secret, id_: str) -> dict[str, Any]:
    value = sealing.get(call, secret, id_)
    version = secret.versions[id_]
    today = call.now // DAY * DAY                      # "the date ... the time isn't kept"
    if version.accessed != today:
        accessed = msgspec.structs.replace(version, accessed=today)
        home(call, secret).put(secret.but(accessed=today, versions={**secret.versions, id_: accessed}))
    out: dict[str, Any] = {"ARN": secret.arn, "Name": secret.name, "VersionId": id_, "VersionStages": list(version.stages), "CreatedDate": version.created}
    out["SecretString" if isinstance(value, str) else "SecretBinary"] = value
    return out


@secrets.op(**ON_SECRET)
def get_secret_value(call: Call, req: t.GetSecretValueRequest) -> t.GetSecretValueResponse:
    secret = find(call, req["SecretId"])
    return read(call, secret, chosen(secret, req))  # type: ignore[return-value]


def batch_actions(call: Call, req: Any) -> list[str]:
    return ["secretsmanager:BatchGetSecretValue", *(["secretsmanager:ListSecrets"] if req.get("Filters") else [])]


@secrets.op(resource=lambda call, req: "*", action=batch_actions)
def batch_get_secret_value(call: Call, req: t.BatchGetSecretValueRequest) -> t.BatchGetSecretValueResponse:
    """Each secret is asked for by itself: what may not be read stands among the errors."""
    ids, more = req.get("SecretIdList"), {}
    if ids is not None and req.get("Filters"):
        raise errors.parameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
    if ids is None:
        if not req.get("Filters"):
            raise errors.parameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
        from .listing import matching
        found, more = pages.page(matching(call, req["Filters"]), req, lambda one: one.name, 20, errors.bad_token)
        ids = [one.arn for one in found]
    elif "MaxResults" in req or "NextToken" in req:
        raise errors.parameter("'MaxResults' and 'NextToken' can only be used with 'Filters'.")
    values: list[Any] = []
    wrong: list[Any] = []
    for id_ in ids:
        try:
            values.append(call.do("secretsmanager", "GetSecretValue", SecretId=id_))
        except AwsError as error:
            wrong.append({"SecretId": id_, "ErrorCode": error.code, "Message": error.message})
    return {"SecretValues": values, "Errors": wrong, **more}  # type: ignore[typeddict-item]


@secrets.op(**ON_SECRET)
def list_secret_version_ids(call: Call, req: t.ListSecretVersionIdsRequest) -> t.ListSecretVersionIdsResponse:
    secret = find(call, req["SecretId"], gone=True)
    wanted = [(id_, version) for id_, version in sorted(secret.versions.items()) if version.stages or req.get("IncludeDeprecated")]
    shown, more = pages.page(wanted, req, lambda pair: pair[0], 100, errors.bad_token)
    return {"Versions": [_entry(id_, version) for id_, version in shown], "ARN": secret.arn, "Name": secret.name, **more}  # type: ignore[typeddict-item]


def _entry(id_: str, version: Version) -> dict[str, Any]:
    out: dict[str, Any] = {"VersionId": id_, "CreatedDate": version.created, "KmsKeyIds": [version.key or "DefaultEncryptionKey"]}
    if version.stages:
        out["VersionStages"] = list(version.stages)
    if version.accessed:
        out["LastAccessedDate"] = version.accessed
    return out


@secrets.op(**ON_SECRET)
def update_secret_version_stage(call: Call, req: t.UpdateSecretVersionStageRequest) -> t.UpdateSecretVersionStageResponse:
    secret = primary(call, req["SecretId"])
    stage, to, source = req["VersionStage"], req.get("MoveToVersionId", ""), req.get("RemoveFromVersionId", "")
    for id_ in (to, source):
        if id_ and id_ not in secret.versions:
            raise errors.no_version(id_)
    was = secret.at(stage)
    if stage == CURRENT and not to:
        raise errors.current_stays()
    if source and was != source:
        raise errors.not_attached(stage, source)
    if to and was and was != to and not source:
        raise errors.must_remove_from(stage, was)
    if not to and not source:
        raise errors.parameter("You must specify MoveToVersionId, RemoveFromVersionId, or both.")
    secret = home(call, secret).put(labelled(secret, stage, to).but(changed=call.now))
    replicas.tell(call, secret)
    return {"ARN": secret.arn, "Name": secret.name}
