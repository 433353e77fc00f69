"""How CloudFront shows a bucket or a function's URL who asks: origin access controls (it signs), and the older origin access identities (a user of AWS's own).

To a bucket's policy an identity is `arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity ID`, or its canonical user.
"""
from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import errors, things
from . import service as cloudfront
from .things import Noun, Thing

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

PREFIX = "origin-access-identity/cloudfront/"


def origins(config: dict[str, Any]) -> list[dict[str, Any]]:
    return things.items(config["Origins"])


CONTROL = Noun("origin-access-control", "origin access control", "OriginAccessControl", "OriginAccessControl", 100, "TooManyOriginAccessControls",
               used=lambda config: {one.get("OriginAccessControlId") for one in origins(config)})
IDENTITY = Noun("origin-access-identity", "origin access identity", "CloudFrontOriginAccessIdentity", "CloudFrontOriginAccessIdentity", 100, "TooManyCloudFrontOriginAccessIdentities",
                used=lambda config: {(one.get("S3OriginConfig") or {}).get("OriginAccessIdentity", "").removeprefix(PREFIX) for one in origins(config)})


def checked(config: Any) -> dict[str, Any]:
    if config["SigningProtocol"] != "sigv4" or config["SigningBehavior"] not in ("never", "always", "no-override"):
        raise errors.said("InvalidOriginAccessControl", "The origin access control is not valid.")
    return {"Description": "", **config}


def summary(thing: Thing) -> dict[str, Any]:
    return {"Id": thing.id, **thing.config}


@cloudfront.op(ANY)
def create_origin_access_control(call: Call, req: t.CreateOriginAccessControlRequest) -> t.CreateOriginAccessControlResult:
    return things.answer(CONTROL, made := things.make(call, CONTROL, checked(req["OriginAccessControlConfig"])), control(made), True)


def control(thing: Thing) -> dict[str, Any]:
    return {"Id": thing.id, "OriginAccessControlConfig": thing.config}


@cloudfront.op(**CONTROL.on())
def get_origin_access_control(call: Call, req: t.GetOriginAccessControlRequest) -> t.GetOriginAccessControlResult:
    found = things.find(call, CONTROL, req["Id"])
    return things.answer(CONTROL, found, control(found))


@cloudfront.op(**CONTROL.on())
def get_origin_access_control_config(call: Call, req: t.GetOriginAccessControlConfigRequest) -> t.GetOriginAccessControlConfigResult:
    return things.config_of(CONTROL, things.find(call, CONTROL, req["Id"]))


@cloudfront.op(ANY)
def list_origin_access_controls(call: Call, req: t.ListOriginAccessControlsRequest) -> t.ListOriginAccessControlsResult:
    return {"OriginAccessControlList": things.listed(req, things.every(call, CONTROL), summary, whole=True)}  # type: ignore[typeddict-item]


@cloudfront.op(**CONTROL.on())
def update_origin_access_control(call: Call, req: t.UpdateOriginAccessControlRequest) -> t.UpdateOriginAccessControlResult:
    changed = things.change(call, CONTROL, req, checked(req["OriginAccessControlConfig"]))
    return things.answer(CONTROL, changed, control(changed))


@cloudfront.op(**CONTROL.on())
def delete_origin_access_control(call: Call, req: t.DeleteOriginAccessControlRequest) -> None:
    things.drop(call, CONTROL, req)


# -- identities -------------------------------------------------------------------------------------------------------------------

def canonical(id_: str) -> str:
    """The identity's canonical user: 96 hex digits that stand for it."""
    return hashlib.sha384(f"canonical user of origin access identity {id_}".encode()).hexdigest()


def arn(id_: str) -> str:
    return f"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {id_}"


def identity(thing: Thing) -> dict[str, Any]:
    return {"Id": thing.id, "S3CanonicalUserId": canonical(thing.id), "CloudFrontOriginAccessIdentityConfig": thing.config}


@cloudfront.op(lambda call, req: IDENTITY.arn(call, "*"))
def create_cloud_front_origin_access_identity(call: Call, req: t.CreateCloudFrontOriginAccessIdentityRequest) -> t.CreateCloudFrontOriginAccessIdentityResult:
    config = req["CloudFrontOriginAccessIdentityConfig"]
    same = next((one for one in things.every(call, IDENTITY) if one.config["CallerReference"] == config["CallerReference"]), None)
    if same is not None and same.config == config:                 # asked again: the one that is there
        return things.answer(IDENTITY, same, identity(same), True)
    made = things.make(call, IDENTITY, config, by="CallerReference")  # type: ignore[arg-type]
    return things.answer(IDENTITY, made, identity(made)) | {"Location": f"{things.HOST}/{PREFIX}{made.id}"}


@cloudfront.op(**IDENTITY.on())
def get_cloud_front_origin_access_identity(call: Call, req: t.GetCloudFrontOriginAccessIdentityRequest) -> t.GetCloudFrontOriginAccessIdentityResult:
    found = things.find(call, IDENTITY, req["Id"])
    return things.answer(IDENTITY, found, identity(found))


@cloudfront.op(**IDENTITY.on())
def get_cloud_front_origin_access_identity_config(call: Call, req: t.GetCloudFrontOriginAccessIdentityConfigRequest) -> t.GetCloudFrontOriginAccessIdentityConfigResult:
    return things.config_of(IDENTITY, things.find(call, IDENTITY, req["Id"]))


@cloudfront.op(ANY)
def list_cloud_front_origin_access_identities(call: Call, req: t.ListCloudFrontOriginAccessIdentitiesRequest) -> t.ListCloudFrontOriginAccessIdentitiesResult:
    def short(one: Thing) -> dict[str, Any]:
        return {"Id": one.id, "S3CanonicalUserId": canonical(one.id), "Comment": one.config["Comment"]}
    return {"CloudFrontOriginAccessIdentityList": things.listed(req, things.every(call, IDENTITY), short, whole=True)}  # type: ignore[typeddict-item]


@cloudfront.op(**IDENTITY.on())
def update_cloud_front_origin_access_identity(call: Call, req: t.UpdateCloudFrontOriginAccessIdentityRequest) -> t.UpdateCloudFrontOriginAccessIdentityResult:
    config = req["CloudFrontOriginAccessIdentityConfig"]
    if things.find(call, IDENTITY, req["Id"]).config["CallerReference"] != config["CallerReference"]:
        raise errors.managed(False)
    changed = things.change(call, IDENTITY, req, config)  # type: ignore[arg-type]
    return things.answer(IDENTITY, changed, identity(changed))


@cloudfront.op(**IDENTITY.on())
def delete_cloud_front_origin_access_identity(call: Call, req: t.DeleteCloudFrontOriginAccessIdentityRequest) -> None:
    things.drop(call, IDENTITY, req)
