"""Field-level encryption: fields of a form are sealed at the edge with a public key, and only who has the private key can read them behind the origin.

A sealed value is base64 of what AWS's Encryption SDK writes: here an RSA-OAEP-wrapped AES-256-GCM data key, with the key's and the provider's names.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import errors, keys, things
from . import service as cloudfront
from .edge import fields
from .things import Noun, Thing, items

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

PROFILE = Noun("field-level-encryption-profile", "field-level encryption profile", "FieldLevelEncryptionProfile", "FieldLevelEncryptionProfile", 10, "TooManyFieldLevelEncryptionProfiles")
CONFIG = Noun("field-level-encryption", "field-level encryption configuration", "FieldLevelEncryptionConfig", "FieldLevelEncryption", 10, "TooManyFieldLevelEncryptionConfigs",
              used=things.named("FieldLevelEncryptionId"))
SEALED = "the sealed value is RSA-OAEP and AES-256-GCM in a form of Cloche's own, not the message format of the AWS Encryption SDK"


def profile_checked(call: Call, config: Any) -> dict[str, Any]:
    config = {"Comment": "", **config}
    patterns = [one for entity in items(config["EncryptionEntities"]) for one in items(entity["FieldPatterns"])]
    if len(patterns) > 10:
        raise errors.too_many("TooManyFieldLevelEncryptionFieldPatterns", "field patterns")
    for entity in items(config["EncryptionEntities"]):
        if call.get(Thing, f"{keys.KEY.path}/{entity['PublicKeyId']}") is None:
            raise keys.KEY.lost()
    return config


@cloudfront.op(ANY)
def create_field_level_encryption_profile(call: Call, req: t.CreateFieldLevelEncryptionProfileRequest) -> t.CreateFieldLevelEncryptionProfileResult:
    config = profile_checked(call, req["FieldLevelEncryptionProfileConfig"])
    return things.answer(PROFILE, things.make(call, PROFILE, config, "P" + call.pick(things.LETTERS, 13)), made=True)


@cloudfront.op(**PROFILE.on())
def get_field_level_encryption_profile(call: Call, req: t.GetFieldLevelEncryptionProfileRequest) -> t.GetFieldLevelEncryptionProfileResult:
    return things.answer(PROFILE, things.find(call, PROFILE, req["Id"]))


@cloudfront.op(**PROFILE.on())
def get_field_level_encryption_profile_config(call: Call, req: t.GetFieldLevelEncryptionProfileConfigRequest) -> t.GetFieldLevelEncryptionProfileConfigResult:
    return things.config_of(PROFILE, things.find(call, PROFILE, req["Id"]))


@cloudfront.op(ANY)
def list_field_level_encryption_profiles(call: Call, req: t.ListFieldLevelEncryptionProfilesRequest) -> t.ListFieldLevelEncryptionProfilesResult:
    def short(one: Thing) -> dict[str, Any]:
        return {"Id": one.id, "LastModifiedTime": one.modified, "Name": one.name, "EncryptionEntities": one.config["EncryptionEntities"], "Comment": one.config["Comment"]}
    return {"FieldLevelEncryptionProfileList": things.listed(req, things.every(call, PROFILE), short)}  # type: ignore[typeddict-item]


@cloudfront.op(**PROFILE.on())
def update_field_level_encryption_profile(call: Call, req: t.UpdateFieldLevelEncryptionProfileRequest) -> t.UpdateFieldLevelEncryptionProfileResult:
    return things.answer(PROFILE, things.change(call, PROFILE, req, profile_checked(call, req["FieldLevelEncryptionProfileConfig"])))


@cloudfront.op(**PROFILE.on())
def delete_field_level_encryption_profile(call: Call, req: t.DeleteFieldLevelEncryptionProfileRequest) -> None:
    found = things.locked(things.find(call, PROFILE, req["Id"]), req)
    if any(found.id in profiles(one.config) for one in things.every(call, CONFIG)):
        raise errors.said("FieldLevelEncryptionProfileInUse", "The specified profile for field-level encryption is in use.")
    call.delete(found)


# -- configurations ---------------------------------------------------------------------------------------------------------------

def profiles(config: dict[str, Any]) -> set[str]:
    by_type = items((config.get("ContentTypeProfileConfig") or {}).get("ContentTypeProfiles"))
    by_query = items((config.get("QueryArgProfileConfig") or {}).get("QueryArgProfiles"))
    return {one["ProfileId"] for one in (*by_type, *by_query) if one.get("ProfileId")}


def checked(call: Call, config: Any) -> dict[str, Any]:
    for id_ in profiles(config):
        things.find(call, PROFILE, id_)
    return {"Comment": "", **config}


@cloudfront.op(ANY, partly=SEALED)
def create_field_level_encryption_config(call: Call, req: t.CreateFieldLevelEncryptionConfigRequest) -> t.CreateFieldLevelEncryptionConfigResult:
    config = checked(call, req["FieldLevelEncryptionConfig"])
    made = things.make(call, CONFIG, config, "C" + call.pick(things.LETTERS, 13), by="CallerReference")
    return answer(made) | {"Location": f"{things.HOST}/{CONFIG.path}/{made.id}"}  # type: ignore[return-value]


def answer(one: Thing) -> Any:
    return {"FieldLevelEncryption": {"Id": one.id, "LastModifiedTime": one.modified, "FieldLevelEncryptionConfig": one.config}, "ETag": one.etag}


@cloudfront.op(ANY)
def get_field_level_encryption(call: Call, req: t.GetFieldLevelEncryptionRequest) -> t.GetFieldLevelEncryptionResult:
    return answer(things.find(call, CONFIG, req["Id"]))  # type: ignore[no-any-return]


@cloudfront.op(ANY)
def get_field_level_encryption_config(call: Call, req: t.GetFieldLevelEncryptionConfigRequest) -> t.GetFieldLevelEncryptionConfigResult:
    found = things.find(call, CONFIG, req["Id"])
    return {"FieldLevelEncryptionConfig": found.config, "ETag": found.etag}  # type: ignore[typeddict-item]


@cloudfront.op(ANY)
def list_field_level_encryption_configs(call: Call, req: t.ListFieldLevelEncryptionConfigsRequest) -> t.ListFieldLevelEncryptionConfigsResult:
    def short(one: Thing) -> dict[str, Any]:
        return {"Id": one.id, "LastModifiedTime": one.modified, **{k: v for k, v in one.config.items() if k != "CallerReference"}}
    return {"FieldLevelEncryptionList": things.listed(req, things.every(call, CONFIG), short)}  # type: ignore[typeddict-item]


@cloudfront.op(ANY)
def update_field_level_encryption_config(call: Call, req: t.UpdateFieldLevelEncryptionConfigRequest) -> t.UpdateFieldLevelEncryptionConfigResult:
    return answer(things.change(call, CONFIG, req, checked(call, req["FieldLevelEncryptionConfig"])))  # type: ignore[no-any-return]


@cloudfront.op(ANY)
def delete_field_level_encryption_config(call: Call, req: t.DeleteFieldLevelEncryptionConfigRequest) -> None:
    things.drop(call, CONFIG, req)


# -- at work ----------------------------------------------------------------------------------------------------------------------

def check_use(call: Call, behaviour: dict[str, Any]) -> None:
    things.find(call, CONFIG, behaviour["FieldLevelEncryptionId"])
    if behaviour["ViewerProtocolPolicy"] == "allow-all" or "POST" not in items(behaviour["AllowedMethods"]):
        raise errors.said("IllegalFieldLevelEncryptionConfigAssociationWithCacheBehavior", "The specified configuration for field-level encryption can't be associated with the specified cache behavior.")


async def sealed(x: Any) -> None:
    """The form of a viewer's request with its fields sealed; what is no form goes on as the configuration says."""
    from .edge import pages
    from .edge.pipeline import Stop
    config = things.find(x.call, CONFIG, x.behaviour["FieldLevelEncryptionId"]).config
    by_type = config.get("ContentTypeProfileConfig") or {}
    kind = x.header("content-type").partition(";")[0].strip().lower()
    one = next((one for one in items(by_type.get("ContentTypeProfiles")) if one["ContentType"].lower() == kind), None)
    if one is None:
        if not by_type.get("ForwardWhenContentTypeIsUnknown", True):
            raise Stop(pages.page(400, "The content type has no field-level encryption profile.", x.id))
        x.fle = ("ForwardedByContentType", 0)
        return
    id_ = one.get("ProfileId", "")
    by_query = config.get("QueryArgProfileConfig") or {}
    asked = next((text.partition("=")[2] for text in x.query.split("&") if text.partition("=")[0] == "fle-profile"), "")
    if asked:
        named = next((each["ProfileId"] for each in items(by_query.get("QueryArgProfiles")) if each["QueryArg"] == asked), None)
        if named is None and not by_query.get("ForwardWhenQueryArgProfileIsUnknown", True):
            raise Stop(pages.page(400, "The query argument names no field-level encryption profile.", x.id))
        id_ = named or id_
    if not id_:
        return
    profile = things.find(x.call, PROFILE, id_)
    body = await x.request.read() if x.origin_body is None else x.origin_body
    entities = [(keys.read(things.find(x.call, keys.KEY, entity["PublicKeyId"]).config["EncodedKey"]), entity["PublicKeyId"], entity["ProviderId"], items(entity["FieldPatterns"]))
                for entity in items(profile.config["EncryptionEntities"])]
    try:
        x.origin_body, count = fields.sealed(body, entities)
    except ValueError:
        x.fle = ("FieldLengthLimitClientError", 0)
        raise Stop(pages.page(400, "The form cannot be read, or one of its fields is too long.", x.id)) from None
    x.fle = ("Processed", count)
