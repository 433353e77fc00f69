"""Rules: which names are asked of other servers (FORWARD), and which are not after all (SYSTEM). They count in the VPCs they are associated with; the most specific decides."""
from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record
from cloche.services.ec2 import public as ec2
from cloche.services.route53.public import domain

from . import endpoints, errors, listing, tags
from . import service as resolver

if TYPE_CHECKING:
    from cloche.shapes import route53resolver as t

AUTODEFINED = "rslvr-autodefined-rr-internet-resolver"


class Rule(Record, frozen=True):
    kind = "route53resolver.rule"

    id: str
    reference: str
    domain: str
    type: str
    made: float
    name: str = ""
    targets: tuple[tuple[str, int], ...] = ()
    endpoint: str = ""
    changed: float = 0.0

    @property
    def key(self) -> str:
        return self.id


class Association(Record, frozen=True):
    kind = "route53resolver.association"

    id: str
    rule: str
    vpc: str
    name: str = ""
    owner: str = ""                                    # of the rule, where it is another account's

    @property
    def key(self) -> str:
        return self.id


def at_home(call: Call, one: Association) -> tuple[Call, Rule] | None:
    """An association's rule, where it is. What is shared no more is not followed."""
    there = call.at(one.owner, call.region) if one.owner else call
    found = there.get(Rule, one.rule)
    return (there, found) if found and (not one.owner or one.rule in shared(call)) else None


def arn(call: Call, id_: str) -> str:
    return call.arn(f"resolver-rule/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn(call, req["ResolverRuleId"])


def find(call: Call, id_: str) -> Rule:
    found = call.get(Rule, id_)
    if found is None:
        raise errors.not_found("Resolver rule", id_)
    return found


def shared(call: Call) -> dict[str, Call]:
    """The rules that other accounts share with this one: id -> where it is."""
    from cloche.services.ram import public as ram
    return {arn.rpartition("/")[2]: call.at(arn.split(":")[4], call.region) for arn in ram.shared(call, "route53resolver:ResolverRule")}


def usable(call: Call, id_: str) -> tuple[Call, Rule]:
    """The account's own rule, or one that is shared with it, and where it is."""
    if (there := shared(call).get(id_)) is not None and call.get(Rule, id_) is None and (found := there.get(Rule, id_)):
        return there, found
    return call, find(call, id_)


def sharing(call: Call, there: Call, one: Rule) -> str:
    from cloche.services.ram import public as ram
    return "SHARED_WITH_ME" if there is not call else "SHARED_BY_ME" if ram.is_shared(call, arn(call, one.id)) else "NOT_SHARED"


def shown(call: Call, one: Rule, status: str = "NOT_SHARED") -> Any:
    out: dict[str, Any] = {"Id": one.id, "CreatorRequestId": one.reference, "Arn": arn(call, one.id), "DomainName": one.domain, "Status": "COMPLETE", "StatusMessage": "", "RuleType": one.type,
                           "OwnerId": call.account, "ShareStatus": status, "CreationTime": listing.told(one.made), "ModificationTime": listing.told(one.changed or one.made)}
    if one.targets:
        out["TargetIps"] = [{"Ip": ip, "Port": port, "Protocol": "Do53"} for ip, port in one.targets]
    return out | {k: v for k, v in {"Name": one.name, "ResolverEndpointId": one.endpoint}.items() if v}


def autodefined(call: Call) -> Any:
    """What holds where no rule does."""
    return {"Id": AUTODEFINED, "Arn": call.arn(f"autodefined-rule/{AUTODEFINED}", account=""), "DomainName": ".", "Status": "COMPLETE", "RuleType": "RECURSIVE", "Name": "Internet Resolver",
            "OwnerId": "Route 53 Resolver", "ShareStatus": "NOT_SHARED"}


def targets(given: Any) -> tuple[tuple[str, int], ...]:
    out = []
    for one in given or ():
        try:
            out.append((str(ipaddress.IPv4Address(one.get("Ip") or "")), one.get("Port") or 53))
        except ValueError:
            raise errors.parameter(f"The IP address {one.get('Ip') or one.get('Ipv6')} is not a valid IPv4 address.", "TargetIps") from None
        if one.get("Protocol", "Do53") != "Do53":
            raise errors.request("Cloche forwards by Do53 only.")
    return tuple(out)


def outbound(call: Call, id_: str) -> str:
    if endpoints.find(call, id_).direction != "OUTBOUND":
        raise errors.request("Cannot use an inbound Resolver endpoint in a Resolver rule.")
    return id_


@resolver.op(ANY, context=tags.facts, partly="delegation rules are not built")
def create_resolver_rule(call: Call, req: t.CreateResolverRuleRequest) -> t.CreateResolverRuleResponse:
    if any(one.reference == req["CreatorRequestId"] for one in call.all(Rule)):
        raise errors.exists("Resolver rule", req["CreatorRequestId"])
    kind, wanted = req["RuleType"], targets(req.get("TargetIps"))
    if kind not in ("FORWARD", "SYSTEM"):
        raise errors.request(f"Cannot create a rule of type {kind}.")
    if not req.get("DomainName"):
        raise errors.parameter("A domain name must be specified.", "DomainName")
    if kind == "FORWARD" and (not wanted or not req.get("ResolverEndpointId")):
        raise errors.request("[RSLVR-00701] A FORWARD rule needs TargetIps and a ResolverEndpointId.")
    if kind == "SYSTEM" and (wanted or req.get("ResolverEndpointId")):
        raise errors.request("A SYSTEM rule has neither TargetIps nor a ResolverEndpointId.")
    where = domain(req["DomainName"])
    if where is None:
        raise errors.parameter(f"The domain name {req['DomainName']} is not valid.", "DomainName")
    made = call.put(Rule(call.id("rslvr-rr-"), req["CreatorRequestId"], where, kind, call.now, req.get("Name", ""), wanted, outbound(call, req["ResolverEndpointId"]) if kind == "FORWARD" else ""))
    tags.put(call, arn(call, made.id), req.get("Tags"))
    return {"ResolverRule": shown(call, made)}


@resolver.op(resource=by_id)
def get_resolver_rule(call: Call, req: t.GetResolverRuleRequest) -> t.GetResolverRuleResponse:
    return {"ResolverRule": autodefined(call) if req["ResolverRuleId"] == AUTODEFINED else _seen(call, req["ResolverRuleId"])}


def _seen(call: Call, id_: str) -> Any:
    there, one = usable(call, id_)
    return shown(there, one, sharing(call, there, one))


@resolver.op(ANY)
def list_resolver_rules(call: Call, req: t.ListResolverRulesRequest) -> t.ListResolverRulesResponse:
    return listing.listed([autodefined(call), *(shown(call, one, sharing(call, call, one)) for one in call.all(Rule)),
                           *(shown(there, one, "SHARED_WITH_ME") for id_, there in shared(call).items() if (one := there.get(Rule, id_)))], req, "ResolverRules", lambda row: row["Id"])  # type: ignore[no-any-return]


@resolver.op(resource=by_id)
def update_resolver_rule(call: Call, req: t.UpdateResolverRuleRequest) -> t.UpdateResolverRuleResponse:
    one, given = find(call, req["ResolverRuleId"]), req["Config"]
    if one.type != "FORWARD" and (given.get("TargetIps") or given.get("ResolverEndpointId")):
        raise errors.request("A SYSTEM rule has neither TargetIps nor a ResolverEndpointId.")
    one = one.but(name=given.get("Name", one.name), targets=targets(given.get("TargetIps")) or one.targets, changed=call.now,
                  endpoint=outbound(call, given["ResolverEndpointId"]) if given.get("ResolverEndpointId") else one.endpoint)
    return {"ResolverRule": shown(call, call.put(one))}


@resolver.op(resource=by_id)
def delete_resolver_rule(call: Call, req: t.DeleteResolverRuleRequest) -> t.DeleteResolverRuleResponse:
    one = find(call, req["ResolverRuleId"])
    if any(x.rule == one.id for account, region in call.cloud.store.scopes(Association.kind) if region == call.region for x in call.at(account, region).all(Association)):
        raise errors.in_use("Resolver rule", one.id, "it is associated with VPCs")
    answer = shown(call, one) | {"Status": "DELETING"}
    call.delete(one)
    tags.drop(call, arn(call, one.id))
    return {"ResolverRule": answer}


# -- associations -------------------------------------------------------------------------------------------------------------------------

def shown_association(one: Association, status: str = "COMPLETE") -> Any:
    return {"Id": one.id, "ResolverRuleId": one.rule, "VPCId": one.vpc, "Status": status, "StatusMessage": "", **({"Name": one.name} if one.name else {})}


@resolver.op(resource=by_id)
def associate_resolver_rule(call: Call, req: t.AssociateResolverRuleRequest) -> t.AssociateResolverRuleResponse:
    there, one = usable(call, req["ResolverRuleId"])
    try:
        vpc = ec2.vpc(call, req["VPCId"]).id
    except AwsError as error:
        raise errors.parameter(error.message, "VPCId") from None
    for other in call.all(Association):
        if other.vpc == vpc and (held := at_home(call, other)) and held[1].domain == one.domain:
            raise AwsError("ResourceExistsException", f"[RSLVR-00403] Cannot associate rules with same domain name with same VPC. Conflict with resolver rule \"{other.rule}\"")
    made = call.put(Association(call.id("rslvr-rrassoc-"), one.id, vpc, req.get("Name", ""), there.account if there is not call else ""))
    return {"ResolverRuleAssociation": shown_association(made, "CREATING")}


@resolver.op(resource=by_id)
def disassociate_resolver_rule(call: Call, req: t.DisassociateResolverRuleRequest) -> t.DisassociateResolverRuleResponse:
    gone = next((x for x in call.all(Association) if (x.rule, x.vpc) == (req["ResolverRuleId"], req["VPCId"])), None)
    if gone is None:
        raise errors.not_found("Resolver rule association", f"{req['ResolverRuleId']} {req['VPCId']}")
    call.delete(gone)
    return {"ResolverRuleAssociation": shown_association(gone, "DELETING")}


@resolver.op(ANY)
def get_resolver_rule_association(call: Call, req: t.GetResolverRuleAssociationRequest) -> t.GetResolverRuleAssociationResponse:
    found = call.get(Association, req["ResolverRuleAssociationId"])
    if found is None:
        raise errors.not_found("Resolver rule association", req["ResolverRuleAssociationId"])
    return {"ResolverRuleAssociation": shown_association(found)}


@resolver.op(ANY)
def list_resolver_rule_associations(call: Call, req: t.ListResolverRuleAssociationsRequest) -> t.ListResolverRuleAssociationsResponse:
    return listing.listed([shown_association(one) for one in call.all(Association)], req, "ResolverRuleAssociations", lambda row: row["Id"])  # type: ignore[no-any-return]
