"""The hub: one an account and region. Enabled, it looks at once and then on its clock (checking.py)."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors
from . import service as securityhub

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t


class Hub(Record, frozen=True):
    kind = "securityhub.hub"

    since: float
    automatic: bool = True                             # new controls of a standard are enabled by themselves
    generator: str = "SECURITY_CONTROL"                # one finding for a control, or one for each standard (STANDARD_CONTROL)
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return "default"


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def arn(call: Call, req: Any = None) -> str:
    return call.arn("hub/default")


def find(call: Call) -> Hub:
    found = call.get(Hub, "default")
    if found is None:
        raise errors.not_subscribed(call.account)
    return found


def tag_context(call: Call, req: Any) -> dict[str, Any]:
    tags = req.get("Tags") or {}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}} if tags else {}


@securityhub.op(arn, context=tag_context)
def enable_security_hub(call: Call, req: t.EnableSecurityHubRequest) -> t.EnableSecurityHubResponse:
    if call.get(Hub, "default"):
        raise errors.already()
    make(call, req.get("EnableDefaultStandards", True), req.get("Tags") or {}, req.get("ControlFindingGenerator", "SECURITY_CONTROL"))
    return {}


def make(call: Call, standards: bool, tags: dict[str, str] | None = None, generator: str = "SECURITY_CONTROL") -> None:
    from cloche.services.iam import public as iam

    from . import checking, products
    from .catalogue import DEFAULT
    from .standards import subscribe
    iam.ensure_linked(call.of("iam"), "securityhub.amazonaws.com")
    call.put(Hub(call.now, generator=generator, tags=tags or {}))
    products.take_aws_own(call)
    for name in DEFAULT if standards else ():
        subscribe(call, name)
    checking.watch(call)
    checking.begin(call)


@securityhub.op(arn)
def describe_hub(call: Call, req: t.DescribeHubRequest) -> t.DescribeHubResponse:
    one = find(call)
    if req.get("HubArn", arn(call)) != arn(call):
        raise errors.missing(req["HubArn"])
    return {"HubArn": arn(call), "SubscribedAt": stamp(one.since), "AutoEnableControls": one.automatic, "ControlFindingGenerator": one.generator}  # type: ignore[typeddict-item]


@securityhub.op(arn)
def update_security_hub_configuration(call: Call, req: t.UpdateSecurityHubConfigurationRequest) -> t.UpdateSecurityHubConfigurationResponse:
    one = find(call)
    call.put(one.but(automatic=req.get("AutoEnableControls", one.automatic), generator=req.get("ControlFindingGenerator", one.generator)))
    return {}


@securityhub.op(arn)
def disable_security_hub(call: Call, req: t.DisableSecurityHubRequest) -> t.DisableSecurityHubResponse:
    """Everything goes: findings, insights, custom actions, subscriptions."""
    from . import checking, members
    from .action_targets import ActionTarget
    from .automation import Rule
    from .findings import Finding
    from .insights import Insight
    from .products import Subscription as Product
    from .standards import Association, Subscription
    one = find(call)
    if members.associated(call):
        raise errors.administers()
    checking.end(call)
    for kind in (Finding, Insight, ActionTarget, Rule, Product, Subscription, Association):
        for each in call.all(kind):  # type: ignore[type-var]
            call.delete(each)
    members.leave(call)
    call.delete(one)
    return {}


# -- tags: of the hub and of automation rules ---------------------------------------------------------------------------------

def _tagged(call: Call, req: Any) -> Any:
    from .automation import Rule
    if rule := call.get(Rule, req["ResourceArn"]):
        return rule
    if req["ResourceArn"] != arn(call):
        raise errors.missing(req["ResourceArn"])
    return find(call)


def named(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


@securityhub.op(named)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"Tags": _tagged(call, req).tags}


@securityhub.op(named, context=tag_context)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    one = _tagged(call, req)
    if call.reserves(req["Tags"]):
        raise errors.invalid("Tag keys that begin with aws: are reserved.")
    if len(one.tags | req["Tags"]) > 50:
        raise errors.limit("tags")
    call.put(one.but(tags=one.tags | req["Tags"]))
    return {}


@securityhub.op(named, context=lambda call, req: {"aws:TagKeys": req["TagKeys"]})
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    one = _tagged(call, req)
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["TagKeys"]}))
    return {}
