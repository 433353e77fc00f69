"""Code signing: whose signatures a function's code must carry, and what happens to code without one.

AWS Signer is not built here, so no package carries a signature that could be verified: a function under a configuration that enforces takes no new code,
one under a configuration that warns takes it and is counted in SignatureValidationErrors. What was deployed before stays, as on AWS.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Need, Record

from . import errors, metering, names
from . import service as lambda_
from .configuration import moment
from .paging import page
from .records import Function, find

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t


class SigningConfig(Record, frozen=True):
    kind = "lambda.signingconfig"
    id: str
    description: str
    publishers: list[str]
    policy: str
    modified: str
    tags: dict[str, str] = {}
    functions: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.id


def arn_of(call: Call, req: Any) -> str:
    return str(req["CodeSigningConfigArn"])


def shown(call: Call, one: SigningConfig) -> t.CodeSigningConfig:
    return {
        "CodeSigningConfigId": one.id, "CodeSigningConfigArn": call.arn(f"code-signing-config:{one.id}"), "AllowedPublishers": {"SigningProfileVersionArns": one.publishers},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": one.policy}, "LastModified": one.modified, "Description": one.description,  # type: ignore[typeddict-item]
    }


def get(call: Call, arn: str) -> SigningConfig | None:
    parts = arn.split(":")
    return call.get(SigningConfig, parts[6]) if parts[3:5] == [call.region, call.account] else None


def existing(call: Call, req: Any) -> SigningConfig:
    one = get(call, req["CodeSigningConfigArn"])
    if one is None:
        raise errors.no_such_signing_config(req["CodeSigningConfigArn"])
    return one


def publishers(req: Any) -> list[str]:
    arns = list(req["AllowedPublishers"]["SigningProfileVersionArns"])
    for arn in arns:
        if not arn.startswith("arn:") or arn.split(":")[2] != "signer" or ":/signing-profiles/" not in arn:
            raise errors.bad_signing_profile(arn)
    return arns


@lambda_.op(ANY, context=lambda call, req: {f"aws:RequestTag/{k}": v for k, v in req.get("Tags", {}).items()})
def create_code_signing_config(call: Call, req: t.CreateCodeSigningConfigRequest) -> t.CreateCodeSigningConfigResponse:
    policy = req.get("CodeSigningPolicies", {}).get("UntrustedArtifactOnDeployment", "Warn")
    one = SigningConfig(call.id("csc-"), req.get("Description", ""), publishers(req), policy, moment(call.now), req.get("Tags", {}))
    return {"CodeSigningConfig": shown(call, call.put(one))}


@lambda_.op(arn_of)
def get_code_signing_config(call: Call, req: t.GetCodeSigningConfigRequest) -> t.GetCodeSigningConfigResponse:
    return {"CodeSigningConfig": shown(call, existing(call, req))}


@lambda_.op(ANY)
def list_code_signing_configs(call: Call, req: t.ListCodeSigningConfigsRequest) -> Any:
    chosen, marker = page(sorted(call.all(SigningConfig), key=lambda one: one.id), req, key=lambda one: one.id)
    return {"CodeSigningConfigs": [shown(call, one) for one in chosen], **marker}


@lambda_.op(arn_of)
def update_code_signing_config(call: Call, req: t.UpdateCodeSigningConfigRequest) -> t.UpdateCodeSigningConfigResponse:
    one = existing(call, req)
    one = one.but(description=req.get("Description", one.description), publishers=publishers(req) if "AllowedPublishers" in req else one.publishers, modified=moment(call.now),
                  policy=req.get("CodeSigningPolicies", {}).get("UntrustedArtifactOnDeployment", one.policy))
    return {"CodeSigningConfig": shown(call, call.put(one))}


@lambda_.op(arn_of)
def delete_code_signing_config(call: Call, req: t.DeleteCodeSigningConfigRequest) -> Any:
    one = existing(call, req)
    if one.functions:
        raise errors.signing_config_in_use()
    call.delete(one)
    return {}


@lambda_.op(arn_of)
def list_functions_by_code_signing_config(call: Call, req: t.ListFunctionsByCodeSigningConfigRequest) -> Any:
    chosen, marker = page(sorted(existing(call, req).functions), req, key=str)
    return {"FunctionArns": [names.arn(call, name) for name in chosen], **marker}


# -- of a function ----------------------------------------------------------------------------------------------------

def binding(call: Call, req: Any) -> list[Need]:
    return [Need("lambda:PutFunctionCodeSigningConfig", names.function(call, req), {"lambda:CodeSigningConfigArn": req["CodeSigningConfigArn"]})]


@lambda_.op(needs=binding)
def put_function_code_signing_config(call: Call, req: t.PutFunctionCodeSigningConfigRequest) -> t.PutFunctionCodeSigningConfigResponse:
    function = find(call, names.parse(call, req["FunctionName"]))
    bind(call, function, req["CodeSigningConfigArn"])
    return {"CodeSigningConfigArn": req["CodeSigningConfigArn"], "FunctionName": function.name}


@lambda_.op(names.function)
def get_function_code_signing_config(call: Call, req: t.GetFunctionCodeSigningConfigRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    return {"FunctionName": function.name} | ({"CodeSigningConfigArn": function.signing} if function.signing else {})


@lambda_.op(names.function)
def delete_function_code_signing_config(call: Call, req: t.DeleteFunctionCodeSigningConfigRequest) -> None:
    bind(call, find(call, names.parse(call, req["FunctionName"])), "")


def bind(call: Call, function: Function, arn: str) -> Function:
    """From now on under this configuration, or none; both keep the other's name."""
    one = get(call, arn) if arn else None
    if arn and one is None:
        raise errors.signing_config_gone(arn)
    if function.signing and (old := get(call, function.signing)):
        call.put(old.but(functions=tuple(name for name in old.functions if name != function.name)))
    if one is not None:
        one = call.get(SigningConfig, one.id) or one
        call.put(one.but(functions=(*(name for name in one.functions if name != function.name), function.name)))
    return call.put(function.but(signing=arn))


def check(call: Call, function: str, arn: str) -> None:
    """New code or layers under a configuration: there is no signature on them."""
    if not arn:
        return
    one = get(call, arn)
    if one is None:
        raise errors.signing_config_gone(arn)
    if one.policy == "Enforce":
        raise errors.not_signed()
    metering.unsigned(call, function)
