"""Secrets in templates: Secret, RotationSchedule, ResourcePolicy. Ref gives a secret's ARN."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import LETTERS, Resource, Type, op, retag, steps, tag_map


async def generated(r: Resource) -> str | None:
    """What the template wants kept secret: its own text, or a password made here, perhaps inside a JSON document."""
    wanted = r.get("GenerateSecretString")
    if wanted is None:
        return r.get("SecretString")
    key, template = wanted.get("GenerateStringKey"), wanted.get("SecretStringTemplate")
    if (key is None) != (template is None):
        raise AwsError("ValidationError", "You must provide both SecretStringTemplate and GenerateStringKey, or neither.")
    options = {k: v for k, v in wanted.items() if k not in ("GenerateStringKey", "SecretStringTemplate")}
    password = (await r.do("secretsmanager", "GetRandomPassword", **options))["RandomPassword"]
    if key is None:
        return str(password)
    try:
        document: dict[str, Any] = json.loads(template)
        document[key] = password
    except (ValueError, TypeError):
        raise AwsError("ValidationError", "Could not parse SecretStringTemplate JSON.") from None
    return json.dumps(document, separators=(",", ":"))


def tags(r: Resource) -> list[dict[str, str]] | None:
    return [{"Key": k, "Value": v} for k, v in tag_map(r.get("Tags")).items()] or None


async def create(r: Resource) -> str:
    if "Type" in r.properties:
        raise AwsError("ValidationError", "Secrets of type are not built in Cloche.")
    name = r.get("Name") or f"{r.logical}-{r.call.pick(LETTERS, 12)}"
    answer = await r.do("secretsmanager", "CreateSecret", Name=name, Description=r.get("Description"), KmsKeyId=r.get("KmsKeyId"), SecretString=await generated(r), Tags=tags(r),
                        AddReplicaRegions=r.get("ReplicaRegions"))
    r.attributes["Id"] = answer["ARN"]
    return str(answer["ARN"])


async def update(r: Resource) -> None:
    value = await generated(r) if r.changed("SecretString", "GenerateSecretString") else None
    if value is not None or r.changed("Description", "KmsKeyId"):
        await r.do("secretsmanager", "UpdateSecret", SecretId=r.physical, SecretString=value, Description=r.get("Description", ""), KmsKeyId=r.get("KmsKeyId"))
    new, old = ({one["Region"]: one for one in source.get("ReplicaRegions") or []} for source in (r.properties, r.old))
    if gone := [region for region in old if region not in new]:
        await r.do("secretsmanager", "RemoveRegionsFromReplication", SecretId=r.physical, RemoveReplicaRegions=gone)
    if fresh := [one for region, one in new.items() if region not in old]:
        await r.do("secretsmanager", "ReplicateSecretToRegions", SecretId=r.physical, AddReplicaRegions=fresh)


async def delete(r: Resource) -> None:
    if regions := [one["Region"] for one in r.get("ReplicaRegions") or []]:
        await r.do("secretsmanager", "RemoveRegionsFromReplication", SecretId=r.physical, RemoveReplicaRegions=regions)
    await r.do("secretsmanager", "DeleteSecret", SecretId=r.physical, ForceDeleteWithoutRecovery=True)


async def rotate(r: Resource) -> str:
    if "HostedRotationLambda" in r.properties:
        raise AwsError("ValidationError", "HostedRotationLambda is not built in Cloche: give a RotationLambdaARN.")
    await r.do("secretsmanager", "RotateSecret", SecretId=r.properties["SecretId"], RotationLambdaARN=r.get("RotationLambdaARN"), RotationRules=r.get("RotationRules"),
               RotateImmediately=r.get("RotateImmediatelyOnUpdate", True))
    r.attributes["Id"] = r.properties["SecretId"]
    return str(r.properties["SecretId"])


# -- a secret that knows its database -----------------------------------------------------------------------------------------

ABOUT = ("engine", "host", "port", "dbname", "dbInstanceIdentifier")


async def attach(r: Resource) -> str:
    """What a client needs to reach the database joins what the secret says."""
    kind, target = r.properties["TargetType"], r.properties["TargetId"]
    if kind != "AWS::RDS::DBInstance":
        raise AwsError("ValidationError", f"Targets of type {kind} are not built in Cloche.")
    one = (await r.do("rds", "DescribeDBInstances", DBInstanceIdentifier=target))["DBInstances"][0]
    place = one.get("Endpoint")          # an engine that is only a record here has none
    await _rewrite(r, {"engine": one["Engine"], "dbInstanceIdentifier": one["DBInstanceIdentifier"], **({"host": place["Address"], "port": place["Port"]} if place else {}),
                       **({"dbname": one["DBName"]} if one.get("DBName") else {})})
    r.attributes["Id"] = r.properties["SecretId"]
    return str(r.properties["SecretId"])


async def detach(r: Resource) -> None:
    await _rewrite(r, {})


async def _rewrite(r: Resource, about: dict[str, Any]) -> None:
    text = (await r.do("secretsmanager", "GetSecretValue", SecretId=r.properties["SecretId"]))["SecretString"]
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    if not isinstance(known, dict):
        raise AwsError("ValidationError", "The secret's value must be a JSON object.")
    now = {key: value for key, value in known.items() if key not in ABOUT} | about
    if now != known:
        await r.do("secretsmanager", "PutSecretValue", SecretId=r.properties["SecretId"], SecretString=json.dumps(now))


TYPES = {
    "AWS::SecretsManager::SecretTargetAttachment": Type(create=attach, update=attach, delete=detach, attributes=("Id",), gone=("ResourceNotFoundException",)),
    "AWS::SecretsManager::Secret": Type(
        create=create, update=steps(update, retag("secretsmanager", "TagResource", "UntagResource", SecretId="{id}")), delete=delete, attributes=("Id",),
        gone=("ResourceNotFoundException",)),
    "AWS::SecretsManager::RotationSchedule": Type(
        create=rotate, update=rotate, delete=op("secretsmanager", "CancelRotateSecret", SecretId="{SecretId}"), replaces=("SecretId",),
        gone=("ResourceNotFoundException", "InvalidRequestException")),
    "AWS::SecretsManager::ResourcePolicy": Type(
        create=op("secretsmanager", "PutResourcePolicy", send=True, physical="{SecretId}", attributes={"Id": "{SecretId}"}), update=op("secretsmanager", "PutResourcePolicy", send=True),
        delete=op("secretsmanager", "DeleteResourcePolicy", SecretId="{SecretId}"), replaces=("SecretId",), gone=("ResourceNotFoundException", "InvalidRequestException")),
}
