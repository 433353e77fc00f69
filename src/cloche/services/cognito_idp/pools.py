"""User pools. A change says everything anew: what UpdateUserPool does not name goes back to its default, as on AWS."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages

from . import errors, schema
from . import service as cognito

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
MOST_POOLS = 1000
FIXED = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")
TRIGGERS = ("PreSignUp", "CustomMessage", "PostConfirmation", "PreAuthentication", "PostAuthentication", "DefineAuthChallenge", "CreateAuthChallenge",
            "VerifyAuthChallengeResponse", "PreTokenGeneration", "UserMigration")
POLICY = {"MinimumLength": 8, "RequireUppercase": True, "RequireLowercase": True, "RequireNumbers": True, "RequireSymbols": True, "TemporaryPasswordValidityDays": 7}


class Pool(Record, frozen=True):
    kind = "cognito-idp.pool"

    id: str
    values: dict[str, Any]
    schema: dict[str, dict[str, Any]]
    created: float
    modified: float
    mfa: dict[str, Any] = {}
    domain: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def short(self) -> str:
        """The part of the id that SRP mixes into passwords."""
        return self.id.partition("_")[2]

    @property
    def issuer(self) -> str:
        return f"https://cognito-idp.{self.id.partition('_')[0]}.amazonaws.com/{self.id}"

    @property
    def password_policy(self) -> dict[str, Any]:
        return self.values["Policies"]["PasswordPolicy"]  # type: ignore[no-any-return]

    @property
    def mfa_mode(self) -> str:
        return self.values.get("MfaConfiguration", "OFF")  # type: ignore[no-any-return]

    @property
    def folds(self) -> bool:
        return self.values.get("UsernameConfiguration", {}).get("CaseSensitive") is False

    def fold(self, name: str) -> str:
        return name.lower() if self.folds else name


class Home(Record, frozen=True):
    """Where a pool or a client lives: who signs in has neither account nor region."""

    kind = "cognito-idp.home"
    scope = "cloud"

    id: str
    account: str
    region: str
    pool: str

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> Pool:
    if pool := call.get(Pool, id_):
        return pool
    raise errors.no_pool(id_)


def home(call: Call, id_: str) -> tuple[Call, Pool] | None:
    """The pool with this id (or of the client with this id), and the call standing where it lives."""
    found = call.get(Home, id_)
    if found is None:
        return None
    there = call.at(found.account, found.region)
    pool = there.get(Pool, found.pool)
    return (there, pool) if pool else None


def arn(call: Call, id_: str) -> str:
    return call.arn(f"userpool/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn(call, req["UserPoolId"])


def settled(given: Any) -> dict[str, Any]:
    """The pool's settings with their defaults, once they make sense."""
    values: dict[str, Any] = {
        "DeletionProtection": "INACTIVE", "LambdaConfig": {}, "MfaConfiguration": "OFF", "UserPoolTags": {}, "UserPoolTier": "ESSENTIALS",
        "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"}, "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
    } | {k: v for k, v in given.items() if k not in ("Schema", "UserPoolId", "PoolName")}
    policies = dict(given.get("Policies") or {})
    asked = policies.get("PasswordPolicy")
    flags = ("RequireUppercase", "RequireLowercase", "RequireNumbers", "RequireSymbols")
    policies["PasswordPolicy"] = POLICY if asked is None else {"MinimumLength": 8, "TemporaryPasswordValidityDays": 7} | dict.fromkeys(flags, False) | asked
    policies.setdefault("SignInPolicy", {"AllowedFirstAuthFactors": ["PASSWORD"]})
    values["Policies"] = policies
    admin = {"AllowAdminCreateUserOnly": False} | (given.get("AdminCreateUserConfig") or {})
    admin.setdefault("UnusedAccountValidityDays", policies["PasswordPolicy"]["TemporaryPasswordValidityDays"])
    values["AdminCreateUserConfig"] = admin
    check(values)
    return values


def check(values: dict[str, Any]) -> None:
    if values.get("AliasAttributes") and values.get("UsernameAttributes"):
        raise errors.parameter("Only one of the aliasAttributes or usernameAttributes can be set in a user pool.")
    triggers = values["LambdaConfig"]
    for name in ("CustomSMSSender", "CustomEmailSender", "InboundFederation"):
        if triggers.get(name):
            raise errors.unbuilt(f"the trigger {name}")
    for name, function in triggers.items():
        if name in TRIGGERS and not re.match(r"arn:aws[\w-]*:lambda:", function):
            raise errors.parameter(f"{function} is not a valid Lambda ARN")
    config = triggers.get("PreTokenGenerationConfig")
    if config and triggers.setdefault("PreTokenGeneration", config["LambdaArn"]) != config["LambdaArn"]:
        raise errors.parameter("PreTokenGeneration and PreTokenGenerationConfig must have the same Lambda ARN")
    for rule in (values.get("AccountRecoverySetting") or {}).get("RecoveryMechanisms") or []:
        if rule["Name"] == "admin_only" and len(values["AccountRecoverySetting"]["RecoveryMechanisms"]) > 1:
            raise errors.parameter("Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms.")


def shown(call: Call, pool: Pool) -> dict[str, Any]:
    users = call.row("SELECT count(*) FROM cognito_user WHERE pool = ?", pool.id)[0]
    answer = {"Id": pool.id, "Arn": arn(call, pool.id), "CreationDate": pool.created, "LastModifiedDate": pool.modified, "SchemaAttributes": list(pool.schema.values()),
              "EstimatedNumberOfUsers": users, **pool.values}
    if pool.domain:
        answer["Domain"] = pool.domain
    return answer


@cognito.op(resource=ANY, context=lambda call, req: {f"aws:RequestTag/{k}": v for k, v in (req.get("UserPoolTags") or {}).items()},
            partly="Custom sender and inbound federation triggers, passkeys and threat protection are not built.")
def create_user_pool(call: Call, req: t.CreateUserPoolRequest) -> t.CreateUserPoolResponse:
    if len(call.all(Pool)) >= MOST_POOLS:
        raise errors.too_many_tries()
    values = {"Name": req["PoolName"], **settled(req)}
    id_ = f"{call.region}_{call.pick(LETTERS, 9)}"
    pool = call.put(Pool(id_, values, schema.of(req.get("Schema") or []), call.now, call.now))
    call.put(Home(id_, call.account, call.region, id_))
    return {"UserPool": shown(call, pool)}


@cognito.op(resource=by_id)
def describe_user_pool(call: Call, req: t.DescribeUserPoolRequest) -> t.DescribeUserPoolResponse:
    return {"UserPool": shown(call, find(call, req["UserPoolId"]))}


@cognito.op(resource=ANY)
def list_user_pools(call: Call, req: t.ListUserPoolsRequest) -> t.ListUserPoolsResponse:
    found, more = pages.page(sorted(call.all(Pool), key=lambda p: p.id), req, lambda p: p.id, 60, errors.bad_page)
    return {"UserPools": [{"Id": p.id, "Name": p.values["Name"], "LambdaConfig": p.values["LambdaConfig"], "CreationDate": p.created, "LastModifiedDate": p.modified} for p in found], **more}


@cognito.op(resource=by_id)
def update_user_pool(call: Call, req: t.UpdateUserPoolRequest) -> None:
    pool = find(call, req["UserPoolId"])
    fixed = {k: pool.values[k] for k in FIXED if k in pool.values}
    tags = {} if "UserPoolTags" in req else {"UserPoolTags": pool.values["UserPoolTags"]}
    values = {"Name": req.get("PoolName", pool.values["Name"]), **settled({**fixed, **req, **tags})}
    call.put(pool.but(values=values, modified=call.now))


@cognito.op(resource=by_id)
def delete_user_pool(call: Call, req: t.DeleteUserPoolRequest) -> None:
    pool = find(call, req["UserPoolId"])
    if pool.values["DeletionProtection"] == "ACTIVE":
        raise errors.parameter("The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
    if pool.domain:
        raise errors.parameter("User pool cannot be deleted. It has a domain configured that should be deleted first.")
    from .branding import Customization
    from .clients import Client
    from .groups import Group
    from .imports import Job
    from .providers import IdentityProvider
    from .resource_servers import ResourceServer
    from .risk import LogDelivery, Risk
    for kind in (Client, Group, ResourceServer, IdentityProvider, Customization, Job, LogDelivery, Risk):
        for one in call.all(kind):
            if one.pool == pool.id:
                call.delete(one)
                if isinstance(one, Client) and (place := call.get(Home, one.id)):
                    call.delete(place)
    for table in ("user", "attribute", "member", "code", "login", "key", "link", "device", "event"):
        call.sql(f"DELETE FROM cognito_{table} WHERE pool = ?", pool.id)
    from cloche.services.wafv2 import public as wafv2
    wafv2.forget(call, arn(call, pool.id))
    call.delete(call.get(Home, pool.id) or Home(pool.id, "", "", pool.id))
    call.delete(pool)


@cognito.op(resource=by_id)
def add_custom_attributes(call: Call, req: t.AddCustomAttributesRequest) -> None:
    pool = find(call, req["UserPoolId"])
    found = dict(pool.schema)
    for one in req["CustomAttributes"]:
        schema.add(found, one)
    call.put(pool.but(schema=found, modified=call.now))


# -- multi-factor authentication ------------------------------------------------------------------------------------------------

@cognito.op(resource=by_id)
def set_user_pool_mfa_config(call: Call, req: t.SetUserPoolMfaConfigRequest) -> t.SetUserPoolMfaConfigResponse:
    pool = find(call, req["UserPoolId"])
    mode = req.get("MfaConfiguration", pool.mfa_mode)
    mfa = {k: req[k] for k in ("SmsMfaConfiguration", "SoftwareTokenMfaConfiguration", "EmailMfaConfiguration", "WebAuthnConfiguration") if k in req}
    on = mfa.get("SmsMfaConfiguration") or mfa.get("EmailMfaConfiguration") or mfa.get("SoftwareTokenMfaConfiguration", {}).get("Enabled")
    if mode == "OFF" and on:
        raise errors.parameter("Invalid MFA configuration given, can't turn off MFA and configure an MFA together.")
    if mode != "OFF" and not on:
        raise errors.parameter("Invalid MFA configuration given, can't disable all MFAs with a required or optional configuration.")
    pool = call.put(pool.but(values={**pool.values, "MfaConfiguration": mode}, mfa=mfa, modified=call.now))
    return mfa_shown(pool)


@cognito.op(resource=by_id)
def get_user_pool_mfa_config(call: Call, req: t.GetUserPoolMfaConfigRequest) -> t.GetUserPoolMfaConfigResponse:
    return mfa_shown(find(call, req["UserPoolId"]))


def mfa_shown(pool: Pool) -> Any:
    return {"MfaConfiguration": pool.mfa_mode, **pool.mfa}


def mfa_kinds(pool: Pool) -> list[str]:
    """The second factors that the pool knows; one whose MFA was turned on at its making, with a way to send messages, knows SMS."""
    if pool.mfa_mode == "OFF":
        return []
    found = ["SOFTWARE_TOKEN_MFA"] if pool.mfa.get("SoftwareTokenMfaConfiguration", {}).get("Enabled") else []
    if pool.mfa.get("SmsMfaConfiguration") or (not pool.mfa and pool.values.get("SmsConfiguration")):
        found.append("SMS_MFA")
    if pool.mfa.get("EmailMfaConfiguration"):
        found.append("EMAIL_OTP")
    return found


# -- tags -----------------------------------------------------------------------------------------------------------------------

def tagged(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


def by_arn(call: Call, arn_: str) -> Pool:
    return find(call, arn_.rpartition("/")[2])


@cognito.op(resource=tagged)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    pool = by_arn(call, req["ResourceArn"])
    tags = {**pool.values["UserPoolTags"], **req["Tags"]}
    if len(tags) > 50:
        raise errors.parameter("A resource can have at most 50 tags.")
    call.put(pool.but(values={**pool.values, "UserPoolTags": tags}))


@cognito.op(resource=tagged)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    pool = by_arn(call, req["ResourceArn"])
    call.put(pool.but(values={**pool.values, "UserPoolTags": {k: v for k, v in pool.values["UserPoolTags"].items() if k not in req["TagKeys"]}}))


@cognito.op(resource=tagged)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"Tags": by_arn(call, req["ResourceArn"]).values["UserPoolTags"]}
