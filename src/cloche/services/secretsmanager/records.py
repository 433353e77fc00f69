"""A secret and its versions. The record holds what describes it; values lie sealed in a table of their own, since most questions are not about them.

A staging label is on one version at a time, and a version without any is deprecated: it may be dropped when there are too many.
"""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call, Record

from . import errors
from . import service as secrets

secrets.table("CREATE TABLE IF NOT EXISTS secret_value (arn TEXT, version TEXT, data_key BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (arn, version)) WITHOUT ROWID")

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
DAY = 86400
MOST_VERSIONS, MOST_STAGES = 100, 20


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    created: float
    stages: tuple[str, ...] = ()
    key: str = ""                                      # the KMS key it is sealed under; "" is the service's own
    filled: bool = True                                # a rotation names its version before it has a value
    accessed: float = 0.0


class Rotation(msgspec.Struct, frozen=True, omit_defaults=True):
    function: str
    days: int = 0
    expression: str = ""
    duration: str = ""
    enabled: bool = True
    next: float = 0.0
    last: float = 0.0
    token: str = ""                                    # the version being made right now
    trial: bool = False                                # only testSecret is run


class Replica(msgspec.Struct, frozen=True, omit_defaults=True):
    key: str = ""
    status: str = "InSync"
    message: str = "Replication succeeded"


class Secret(Record, frozen=True):
    kind = "secretsmanager.secret"

    name: str
    arn: str
    created: float
    changed: float
    description: str | None = None
    key_id: str = ""                                   # as given
    versions: dict[str, Version] = {}
    tags: dict[str, str] = {}
    policy: str = ""
    deleted: float = 0.0                               # when it will be gone
    accessed: float = 0.0
    rotation: Rotation | None = None
    primary: str = ""                                  # of a replica, or of a secret that has some: the primary's region
    replicas: dict[str, Replica] = {}
    owner: str = ""                                    # the service that manages it

    @property
    def key(self) -> str:
        return self.name

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    def at(self, stage: str) -> str:
        """The version that has a label, "" if none has."""
        return next((id_ for id_, version in self.versions.items() if stage in version.stages), "")


# -- finders ------------------------------------------------------------------------------------------------------------------

def look(call: Call, id_: str) -> Secret | None:
    """By name, by ARN, or by ARN without its six letters; of another account by ARN alone."""
    if not id_.startswith("arn:"):
        return call.get(Secret, id_)
    parts = id_.split(":", 6)
    if len(parts) < 7 or parts[2] != "secretsmanager" or parts[3] != call.region or parts[5] != "secret":
        return None
    there = call.at(parts[4], parts[3])
    whole = there.get(Secret, parts[6][:-7]) if parts[6][-7:-6] == "-" else None
    return whole if whole and whole.arn == id_ else there.get(Secret, parts[6])


def find(call: Call, id_: str, gone: bool = False) -> Secret:
    """`gone`: also one that is marked for deletion."""
    found = look(call, id_)
    if found is None:
        raise errors.no_secret()
    if found.deleted and not gone:
        raise errors.is_scheduled()
    return found


def home(call: Call, secret: Secret) -> Call:
    """The call, where the secret is."""
    return call.at(secret.account, secret.region)


def primary(call: Call, id_: str) -> Secret:
    """One that may be changed here."""
    found = find(call, id_)
    if found.primary and found.primary != found.region:
        raise errors.is_replica()
    return found


# -- what IAM is asked --------------------------------------------------------------------------------------------------------

def by_id(call: Call, req: Any) -> str:
    found = look(call, req["SecretId"])
    return found.arn if found else req["SecretId"] if req["SecretId"].startswith("arn:") else call.arn(f"secret:{req['SecretId']}")


def policy(call: Call, arn: str) -> str | None:
    found = look(call, arn)
    return found.policy or None if found else None


def facts(call: Call, req: Any) -> dict[str, Any]:
    """Condition keys: the secret's tags, and what the request says."""
    out: dict[str, Any] = {}
    if found := look(call, req["SecretId"]) if "SecretId" in req else None:
        out = {"secretsmanager:SecretId": found.arn, "secretsmanager:resource/AllowRotationLambdaArn": found.rotation.function if found.rotation else "",
               "secretsmanager:SecretPrimaryRegion": found.primary or found.region}
        for key, value in found.tags.items():
            out[f"aws:ResourceTag/{key}"] = out[f"secretsmanager:ResourceTag/{key}"] = value
    for member, key in (("VersionId", "VersionId"), ("VersionStage", "VersionStage"), ("Name", "Name"), ("Description", "Description"), ("KmsKeyId", "KmsKeyId"),
                        ("RecoveryWindowInDays", "RecoveryWindowInDays"), ("ForceDeleteWithoutRecovery", "ForceDeleteWithoutRecovery"),
                        ("RotationLambdaARN", "RotationLambdaARN"), ("BlockPublicPolicy", "BlockPublicPolicy")):
        if member in req:
            out[f"secretsmanager:{key}"] = req[member]
    if tags := req.get("Tags"):
        out |= {"aws:TagKeys": [one["Key"] for one in tags if "Key" in one], **{f"aws:RequestTag/{one['Key']}": one.get("Value", "") for one in tags if "Key" in one}}
    if keys := req.get("TagKeys"):
        out["aws:TagKeys"] = list(keys)
    return out


ON_SECRET: dict[str, Any] = {"resource": by_id, "policy": policy, "context": facts}
