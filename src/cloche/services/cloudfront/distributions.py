"""Distributions: a configuration, a name at the edge, aliases. Every change is served at once and called deployed a few seconds later."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Need, Record, hosts

from . import HOME, certificates, distribution_config, edge, errors, keys, replicas, standard_logs, tags, things, web_acls
from . import service as cloudfront
from .things import HOST, items

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

DEPLOY_SECONDS = 4.0
MOST = 500
SMALL = "abcdefghijklmnopqrstuvwxyz0123456789"
SUMMARY = ("Aliases", "Origins", "OriginGroups", "DefaultCacheBehavior", "CacheBehaviors", "CustomErrorResponses", "Comment", "PriceClass", "Enabled", "ViewerCertificate", "Restrictions", "WebACLId",
           "HttpVersion", "IsIPV6Enabled", "Staging")


class Distribution(Record, frozen=True):
    kind = "cloudfront.distribution"
    scope = "account"

    id: str
    account: str
    domain: str
    etag: str
    created: float
    modified: float
    ready: float                                   # when the last change is everywhere
    config: dict[str, Any]
    tags: dict[str, str] = {}
    primary: str = ""                              # of a staging distribution: what it was copied from

    @property
    def key(self) -> str:
        return self.id

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudfront::{self.account}:distribution/{self.id}"

    def status(self, now: float) -> str:
        return "InProgress" if now < self.ready else "Deployed"


class Endpoint(Record, frozen=True):
    """Whose a host name is: d....cloudfront.net, or an alias."""

    kind = "cloudfront.endpoint"
    scope = "cloud"

    host: str
    account: str
    distribution: str

    @property
    def key(self) -> str:
        return self.host


def arn(call: Call, id_: str) -> str:
    return f"arn:aws:cloudfront::{call.account}:distribution/{id_}"


def on(member: str = "Id") -> dict[str, Any]:
    return {"resource": lambda call, req: arn(call, req.get(member) or "*"), "context": lambda call, req: things.tagged(call.get(Distribution, req.get(member) or ""))}


def find(call: Call, id_: str) -> Distribution:
    found = call.get(Distribution, id_)
    if found is None:
        raise errors.missing("NoSuchDistribution", "distribution")
    return found


def every(call: Call) -> list[Distribution]:
    return sorted(call.all(Distribution), key=lambda one: one.id)


# -- made -------------------------------------------------------------------------------------------------------------------------

def make(call: Call, given: Any, tags: dict[str, str] | None = None, primary: str = "") -> Distribution:
    config = distribution_config.filled(given)
    here = every(call)
    if same := next((one for one in here if one.config["CallerReference"] == config["CallerReference"]), None):
        raise errors.same_reference(same.id)
    if len(here) >= MOST:
        raise errors.too_many("TooManyDistributions", "distributions")
    checked(call, config)
    made = Distribution(things.new_id(call), call.account, f"d{call.pick(SMALL, 13)}.cloudfront.net", things.etag(call), call.now, call.now, call.now + DEPLOY_SECONDS, config, tags or {}, primary)
    call.put(Endpoint(made.domain, call.account, made.id))
    settle(call, made, {})
    return call.put(made)


def checked(call: Call, config: dict[str, Any]) -> None:
    distribution_config.check(call, config)
    certificates.check(call, config)
    standard_logs.check(call, config)
    web_acls.check(call, config["WebACLId"])


def settle(call: Call, one: Distribution, old: dict[str, Any]) -> None:
    """What others must know of a distribution: its aliases, certificate, web ACL and functions. `old` is the configuration before."""
    config = one.config
    before, after = ({*items(x.get("Aliases"))} for x in (old, config))
    for alias in sorted(before - after):
        call.delete(Endpoint(alias, one.account, one.id))
        hosts.release(call, alias)
    for alias in sorted(after - before):
        held = call.get(Endpoint, alias)
        if (held is not None and held.distribution != one.id) or not hosts.claim(call.at(call.account, HOME), alias):
            raise errors.cname_taken()
        call.put(Endpoint(alias, one.account, one.id))
    certificates.use(call, one.arn, old, config)
    web_acls.stand(call, one.arn, config.get("WebACLId", ""))
    replicas.settle(call, one, old, config)


def told(call: Call, one: Distribution) -> dict[str, Any]:
    from . import invalidations
    groups: dict[str, list[str]] = {id_: keys.keys_of(call, id_) for id_ in sorted(keys.trusted(one.config))}
    active: dict[str, Any] = {"Enabled": bool(groups), "Quantity": len(groups)}
    if groups:
        active["Items"] = [{"KeyGroupId": id_, "KeyPairIds": {"Quantity": len(ids), "Items": ids}} for id_, ids in groups.items()]
    return {"Id": one.id, "ARN": one.arn, "Status": one.status(call.now), "LastModifiedTime": one.modified, "InProgressInvalidationBatches": invalidations.running(call, one.id), "DomainName": one.domain,
            "ActiveTrustedSigners": {"Enabled": False, "Quantity": 0}, "ActiveTrustedKeyGroups": active, "DistributionConfig": one.config}


def answer(call: Call, one: Distribution, made: bool = False) -> Any:
    return {"Distribution": told(call, one), "ETag": one.etag} | ({"Location": f"{HOST}/distribution/{one.id}"} if made else {})


@cloudfront.op(**on(), partly="VPC origins, trusted signers (accounts' own key pairs), gRPC, smooth streaming and viewer mTLS are refused or do nothing; HTTP/2 and 3, price classes and Origin Shield are settings")
def create_distribution(call: Call, req: t.CreateDistributionRequest) -> t.CreateDistributionResult:
    return answer(call, make(call, req["DistributionConfig"]), True)


def tagging(call: Call, req: Any) -> list[Need]:
    given = tags.given((req["DistributionConfigWithTags"]).get("Tags"))
    context = {"aws:TagKeys": [*given], **{f"aws:RequestTag/{k}": v for k, v in given.items()}} if given else {}
    return [Need("cloudfront:CreateDistribution", arn(call, "*"), context), *([Need("cloudfront:TagResource", arn(call, "*"), context)] if given else [])]


@cloudfront.op(needs=tagging)
def create_distribution_with_tags(call: Call, req: t.CreateDistributionWithTagsRequest) -> t.CreateDistributionWithTagsResult:
    both = req["DistributionConfigWithTags"]
    return answer(call, make(call, both["DistributionConfig"], tags.checked(call, tags.given(both.get("Tags")))), True)


@cloudfront.op(**on())
def get_distribution(call: Call, req: t.GetDistributionRequest) -> t.GetDistributionResult:
    return answer(call, find(call, req["Id"]))


@cloudfront.op(**on())
def get_distribution_config(call: Call, req: t.GetDistributionConfigRequest) -> t.GetDistributionConfigResult:
    found = find(call, req["Id"])
    return {"DistributionConfig": found.config, "ETag": found.etag}  # type: ignore[typeddict-item]


def summary(call: Call, one: Distribution) -> dict[str, Any]:
    return {"Id": one.id, "ARN": one.arn, "ETag": one.etag, "Status": one.status(call.now), "LastModifiedTime": one.modified, "DomainName": one.domain, **{name: one.config[name] for name in SUMMARY},
            "AliasICPRecordals": [{"CNAME": alias, "ICPRecordalStatus": "APPROVED"} for alias in items(one.config["Aliases"])]}


@cloudfront.op(ANY)
def list_distributions(call: Call, req: t.ListDistributionsRequest) -> t.ListDistributionsResult:
    return {"DistributionList": things.listed(req, every(call), lambda one: summary(call, one), whole=True)}  # type: ignore[typeddict-item]


# -- changed ----------------------------------------------------------------------------------------------------------------------

def become(call: Call, one: Distribution, config: dict[str, Any]) -> Distribution:
    new = one.but(config=config, etag=things.etag(call), modified=call.now, ready=call.now + DEPLOY_SECONDS)
    settle(call, new, one.config)
    return call.put(new)


@cloudfront.op(**on())
def update_distribution(call: Call, req: t.UpdateDistributionRequest) -> t.UpdateDistributionResult:
    one = things.locked(find(call, req["Id"]), req)
    config = distribution_config.filled(req["DistributionConfig"])
    if config["CallerReference"] != one.config["CallerReference"] or config["Staging"] != one.config["Staging"]:
        raise errors.managed(False)
    checked(call, config)
    return answer(call, become(call, one, config))


@cloudfront.op(**on())
def delete_distribution(call: Call, req: t.DeleteDistributionRequest) -> None:
    one = things.locked(find(call, req["Id"]), req)
    if one.config["Enabled"] or one.status(call.now) != "Deployed":
        raise errors.not_disabled()
    from . import continuous_deployment, invalidations, monitoring
    continuous_deployment.check_delete(call, one)
    settle(call, one.but(config={"Aliases": {}, "Origins": {}, "DefaultCacheBehavior": {}}), one.config)
    call.delete(Endpoint(one.domain, one.account, one.id))
    invalidations.forget(call, one.id)
    monitoring.forget(call, one.id)
    edge.cache.purge(call, one.id)
    call.delete(one)


@cloudfront.op(needs=lambda call, req: [Need("cloudfront:UpdateDistribution", arn(call, req["TargetDistributionId"])), Need("cloudfront:AssociateAlias", arn(call, req["TargetDistributionId"]))])
def associate_alias(call: Call, req: t.AssociateAliasRequest) -> None:
    """Move an alias from one distribution of the account to another, whose certificate must be for it."""
    target, alias = find(call, req["TargetDistributionId"]), req["Alias"].lower()
    held = call.get(Endpoint, alias)
    if held is not None and held.account != call.account:
        raise errors.cname_taken()

    def having(config: dict[str, Any], aliases: list[str]) -> dict[str, Any]:
        return {**config, "Aliases": {"Quantity": len(aliases), **({"Items": aliases} if aliases else {})}}
    config = having(target.config, sorted({*items(target.config["Aliases"]), alias}))
    certificates.check(call, config)
    if held is not None and held.distribution != target.id:
        source = find(call, held.distribution)
        become(call, source, having(source.config, [one for one in items(source.config["Aliases"]) if one != alias]))
    become(call, target, config)


@cloudfront.op(**on("DistributionId"))
def list_conflicting_aliases(call: Call, req: t.ListConflictingAliasesRequest) -> t.ListConflictingAliasesResult:
    """Who has an alias, or one that overlaps it; ids and accounts of others are half hidden."""
    find(call, req["DistributionId"])
    alias = req["Alias"].lower()
    tail = alias.removeprefix("*")
    near = [one for one in call.all(Endpoint) if one.distribution != req["DistributionId"] and not one.host.endswith(".cloudfront.net") and (
        one.host == alias or (alias.startswith("*.") and one.host.endswith(tail)) or (one.host.startswith("*.") and alias.endswith(one.host[1:])))]
    found, out = things.page(req, sorted(near, key=lambda one: one.host), lambda one: one.host)
    return {"ConflictingAliasesList": out | ({"Items": [{"Alias": one.host, "DistributionId": "*" * 7 + one.distribution[7:], "AccountId": "*" * 6 + one.account[6:]} for one in found]} if found else {})}  # type: ignore[typeddict-item]


