"""Web ACLs: rules by priority and what is done with a request that none of them ended."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import associations, entities, errors, firewall_manager, logging, rules, sampling
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.shapes import wafv2 as t

KEPT = ("CustomResponseBodies", "CaptchaConfig", "ChallengeConfig", "TokenDomains", "AssociationConfig", "DataProtectionConfig", "OnSourceDDoSProtectionConfig")
LACKS = "No address here has a country or an ASN, no connection a JA3 or JA4 fingerprint: nothing matches those; the puzzle of a CAPTCHA is a sum; OnSourceDDoSProtectionConfig and DataProtectionConfig are kept and do nothing."


def prefix(account: str, name: str) -> str:
    return f"awswaf:{account}:webacl:{name}:"


def _values(call: Call, req: Any) -> dict[str, Any]:
    given = rules.checked(call, req.get("Rules") or [], req.get("CustomResponseBodies"), scope=req["Scope"])
    if len(req["DefaultAction"]) != 1:
        raise errors.not_one("DEFAULT_ACTION", "DefaultAction")
    rules.check_response(req["DefaultAction"], req.get("CustomResponseBodies") or {})
    return {"DefaultAction": req["DefaultAction"], "Rules": given, "VisibilityConfig": req["VisibilityConfig"], "Capacity": rules.cost(call, given),
            "LabelNamespace": prefix(call.account, req["Name"]), "Description": req.get("Description", ""), **{name: req[name] for name in KEPT if name in req}}


@wafv2.op(**entities.made("webacl"), partly=LACKS)
def create_web_acl(call: Call, req: t.CreateWebACLRequest) -> t.CreateWebACLResponse:
    entities.reach(call, req["Scope"])
    return entities.make(call, "webacl", req, _values(call, req))  # type: ignore[return-value]


def shown(one: entities.Entity) -> dict[str, Any]:
    return {"ManagedByFirewallManager": False, "RetrofittedByFirewallManager": False, **entities.whole(one)}


@wafv2.op(**entities.on("webacl"))
def get_web_acl(call: Call, req: t.GetWebACLRequest) -> t.GetWebACLResponse:
    one = entities.find(call, "webacl", req)
    return {"WebACL": shown(one), "LockToken": one.token}  # type: ignore[typeddict-item]


@wafv2.op(ANY)
def list_web_acls(call: Call, req: t.ListWebACLsRequest) -> t.ListWebACLsResponse:
    return entities.listed(call, "webacl", "WebACLs")(req)  # type: ignore[return-value]


@wafv2.op(**entities.on("webacl"), partly=LACKS)
def update_web_acl(call: Call, req: t.UpdateWebACLRequest) -> t.UpdateWebACLResponse:
    one = entities.locked(call, "webacl", req)
    if rules.refused_by_user_pools(req.get("Rules") or []) and (pool := next((arn for arn in associations.of(call, one.arn) if associations.POOL.match(arn)), None)):
        raise errors.not_for_user_pools(pool)
    kept = {name: one.values[name] for name in (firewall_manager.FIRST, firewall_manager.LAST, firewall_manager.MARK) if name in one.values}
    return entities.change(call, one, req, {**_values(call, req), **kept})  # type: ignore[return-value]


@wafv2.op(**entities.on("webacl"))
def delete_web_acl(call: Call, req: t.DeleteWebACLRequest) -> t.DeleteWebACLResponse:
    one = entities.locked(call, "webacl", req)
    if one.values.get(firewall_manager.MARK):
        raise errors.managed()
    if associations.of(call, one.arn):
        raise errors.associated()
    logging.forget(call, one.arn)
    entities.drop(call, one)
    sampling.rates(call).forget(one.arn)
    return {}
