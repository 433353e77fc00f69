"""Replicas in other regions: the same secret under the same name and letters, sealed under a key there, read-only, kept as the primary is."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call

from . import errors, sealing
from . import service as secrets
from .records import ON_SECRET, Replica, Secret, home, primary
from .records import find as find_any

if TYPE_CHECKING:
    from cloche.shapes import secretsmanager as t


def status(secret: Secret) -> list[Any]:
    return [{"Region": region, "KmsKeyId": one.key or sealing.OWN_KEY, "Status": one.status, "StatusMessage": one.message} for region, one in secret.replicas.items()]


def arn_in(secret: Secret, region: str) -> str:
    parts = secret.arn.split(":")
    parts[3] = region
    return ":".join(parts)


def add(call: Call, secret: Secret, regions: Any, overwrite: bool) -> Secret:
    found = dict(secret.replicas)
    for one in regions:
        region = one.get("Region", "")
        if not region:
            raise errors.no_region()
        if region == secret.region:
            raise errors.own_region()
        if region in found:
            raise errors.replicated_already(region)
        there = call.at(secret.account, region)
        taken = there.get(Secret, secret.name)
        if taken and not overwrite:
            found[region] = Replica(one.get("KmsKeyId", ""), "Failed", f"Replication failed: Secret name {secret.name} already exists in {region}.")
            continue
        if taken:
            sealing.drop(there, taken)
            there.delete(taken)
        found[region] = Replica(one.get("KmsKeyId", ""))
    secret = home(call, secret).put(secret.but(replicas=found, primary=secret.region))
    return tell(call, secret)


def tell(call: Call, secret: Secret, fresh: dict[str, sealing.Value] | None = None) -> Secret:
    """Bring the replicas to what the primary is now; `fresh` are values just written, so that they need not be opened again."""
    if not secret.replicas:
        return secret
    found = dict(secret.replicas)
    for region, one in secret.replicas.items():
        if one.status == "Failed" and "already exists" in one.message:
            continue
        try:
            with call.step():
                _copy(call, secret, region, one, fresh or {})
            found[region] = Replica(one.key)
        except AwsError as error:
            found[region] = msgspec.structs.replace(one, status="Failed", message=f"Replication failed: {error.message}")
    return home(call, secret).put(secret.but(replicas=found)) if found != secret.replicas else secret


def _copy(call: Call, secret: Secret, region: str, one: Replica, fresh: dict[str, sealing.Value]) -> None:
    there = call.at(secret.account, region)
    old = there.get(Secret, secret.name)
    versions = {id_: msgspec.structs.replace(version, key=one.key) for id_, version in secret.versions.items()}
    copy = Secret(secret.name, arn_in(secret, region), secret.created, secret.changed, secret.description, one.key, versions, old.tags if old else secret.tags, old.policy if old else "",
                  accessed=old.accessed if old else 0.0, rotation=secret.rotation and msgspec.structs.replace(secret.rotation, token=""), primary=secret.region)
    known = old.versions if old else {}
    for id_, version in secret.versions.items():
        if version.filled and (id_ not in known or not known[id_].filled):
            value = fresh.get(id_)
            value = sealing.get(call, secret, id_) if value is None else value
            assert value is not None
            sealing.put(there, copy, id_, one.key, value)
    for id_ in known.keys() - versions.keys():
        sealing.drop(there, copy, id_)
    there.put(copy)


@secrets.op(**ON_SECRET)
def replicate_secret_to_regions(call: Call, req: t.ReplicateSecretToRegionsRequest) -> t.ReplicateSecretToRegionsResponse:
    secret = add(call, primary(call, req["SecretId"]), req["AddReplicaRegions"], req.get("ForceOverwriteReplicaSecret", False))
    return {"ARN": secret.arn, "ReplicationStatus": status(secret)}


@secrets.op(**ON_SECRET)
def remove_regions_from_replication(call: Call, req: t.RemoveRegionsFromReplicationRequest) -> t.RemoveRegionsFromReplicationResponse:
    secret = primary(call, req["SecretId"])
    for region in req["RemoveReplicaRegions"]:
        if region not in secret.replicas:
            raise errors.not_replicated(region)
        there = call.at(secret.account, region)
        copy = there.get(Secret, secret.name)
        if copy and copy.primary == secret.region and copy.arn == arn_in(secret, region):
            sealing.drop(there, copy)
            there.delete(copy)
    secret = home(call, secret).put(secret.but(replicas={k: v for k, v in secret.replicas.items() if k not in req["RemoveReplicaRegions"]}))
    return {"ARN": secret.arn, "ReplicationStatus": status(secret)}


@secrets.op(**ON_SECRET)
def stop_replication_to_replica(call: Call, req: t.StopReplicationToReplicaRequest) -> t.StopReplicationToReplicaResponse:
    """The replica becomes a secret of its own."""
    copy = find_any(call, req["SecretId"])
    if not copy.primary or copy.primary == copy.region:
        raise errors.not_a_replica()
    origin = call.at(copy.account, copy.primary)
    if whole := origin.get(Secret, copy.name):
        origin.put(whole.but(replicas={k: v for k, v in whole.replicas.items() if k != copy.region}))
    home(call, copy).put(copy.but(primary="", rotation=None))
    return {"ARN": copy.arn}
