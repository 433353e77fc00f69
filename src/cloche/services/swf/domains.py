"""Domains: where types and executions live, and how long what is over is remembered."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.kernel.pages import page

from . import errors, names
from . import service as swf

if TYPE_CHECKING:
    from cloche.shapes import swf as t

MOST_TAGS = 50
LONGEST = 90     # days


class Domain(Record, frozen=True):
    kind = "swf.domain"
    name: str
    retention: str          # days, or NONE
    description: str = ""
    deprecated: bool = False
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def status(self) -> str:
        return "DEPRECATED" if self.deprecated else "REGISTERED"

    @property
    def kept(self) -> float:
        """Seconds that a closed execution is known."""
        return 0.0 if self.retention == "NONE" else float(self.retention) * 86400


def find(call: Call, name: str) -> Domain:
    one = call.get(Domain, name)
    if one is None:
        raise errors.no_domain(name)
    return one


def registered(call: Call, name: str) -> Domain:
    """A domain in which something new may begin."""
    one = find(call, name)
    if one.deprecated:
        raise errors.no_domain(name)
    return one


def tagged(tags: dict[str, str], given: Any) -> dict[str, str]:
    made = tags | {one["key"]: one.get("value", "") for one in given or ()}
    if len(made) > MOST_TAGS:
        raise errors.too_many_tags()
    return made


def _shown(call: Call, one: Domain) -> Any:
    return {"name": one.name, "status": one.status, "arn": names.domain_arn(call, one.name)} | ({"description": one.description} if one.description else {})


@swf.op(names.named_domain, context=names.asked)
def register_domain(call: Call, req: t.RegisterDomainInput) -> None:
    name = names.check("name", req["name"])
    kept = names.duration("workflowExecutionRetentionPeriodInDays", req["workflowExecutionRetentionPeriodInDays"], most=LONGEST)
    if call.get(Domain, name) is not None:
        raise errors.domain_exists(name)
    call.put(Domain(name, kept or "NONE", req.get("description", ""), tags=tagged({}, req.get("tags"))))


@swf.op(names.named_domain)
def describe_domain(call: Call, req: t.DescribeDomainInput) -> t.DomainDetail:
    one = find(call, req["name"])
    return {"domainInfo": _shown(call, one), "configuration": {"workflowExecutionRetentionPeriodInDays": one.retention}}


@swf.op(names.any_domain)
def list_domains(call: Call, req: t.ListDomainsInput) -> t.DomainInfos:
    every = sorted((one for one in call.all(Domain) if one.status == req["registrationStatus"]), key=lambda one: one.name, reverse=req.get("reverseOrder", False))
    found, more = page(every, req, lambda one: one.name, 1000, errors.invalid_token, size="maximumPageSize", token="nextPageToken")
    return {"domainInfos": [_shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@swf.op(names.named_domain)
def deprecate_domain(call: Call, req: t.DeprecateDomainInput) -> None:
    """Nothing new begins in it; what runs goes on."""
    one = find(call, req["name"])
    if one.deprecated:
        raise errors.domain_deprecated(one.name)
    call.put(one.but(deprecated=True))


@swf.op(names.named_domain)
def undeprecate_domain(call: Call, req: t.UndeprecateDomainInput) -> None:
    one = find(call, req["name"])
    if not one.deprecated:
        raise errors.domain_exists(one.name)
    call.put(one.but(deprecated=False))


# -- tags -------------------------------------------------------------------------------------------------------------


def _by_arn(call: Call, arn: str) -> Domain:
    one = call.get(Domain, arn.rpartition("/")[2])
    if one is None or arn != names.domain_arn(call, one.name):
        raise errors.no_resource(arn)
    return one


@swf.op(names.by_arn, context=names.asked)
def tag_resource(call: Call, req: t.TagResourceInput) -> None:
    one = _by_arn(call, req["resourceArn"])
    call.put(one.but(tags=tagged(one.tags, req["tags"])))


@swf.op(names.by_arn, context=names.asked)
def untag_resource(call: Call, req: t.UntagResourceInput) -> None:
    one = _by_arn(call, req["resourceArn"])
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["tagKeys"]}))


@swf.op(names.by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceInput) -> t.ListTagsForResourceOutput:
    return {"tags": [{"key": k, "value": v} for k, v in _by_arn(call, req["resourceArn"]).tags.items()]}
