"""Standards: to which an account subscribes, and which of their controls it has turned off.

A control is on for a subscribed standard unless an Association says otherwise. Turned off everywhere, it looks no more, and its findings are archived.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors, hub, parameters
from . import service as securityhub
from .catalogue import CONTROLS, STANDARDS, by_arn, definition, remedy, standard_arn
from .catalogue import Control as Known

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t

SETTLES_SECONDS = 3


class Subscription(Record, frozen=True):
    kind = "securityhub.standard"

    standard: str
    since: float

    @property
    def key(self) -> str:
        return self.standard


class Association(Record, frozen=True):
    """What was said of a control in a standard."""

    kind = "securityhub.association"

    standard: str
    control: str
    on: bool
    reason: str
    when: float

    @property
    def key(self) -> str:
        return f"{self.standard}/{self.control}"


def built() -> list[Known]:
    """The controls that can look."""
    from cloche import _index

    from .checks import CHECKS
    return [one for id_, one in sorted(CONTROLS.items()) if id_ in CHECKS and (id_ != "CloudTrail.1" or "cloudtrail" in _index.PACKAGES)]


def known(id_: str) -> Known | None:
    """By its id, or by its ARN."""
    return next((one for one in built() if one.id == id_.rpartition("/")[2]), None)


def is_on(call: Call, standard: str, control: str) -> bool:
    said = call.get(Association, f"{standard}/{control}")
    return said.on if said else True


def looking(call: Call) -> dict[str, list[str]]:
    """The controls that are on, each with the standards that want it."""
    names = [one.standard for one in call.all(Subscription)]
    found = {one.id: [name for name in names if name in one.standards and is_on(call, name, one.id)] for one in built()}
    return {id_: wanting for id_, wanting in found.items() if wanting}


def subscription_arn(call: Call, standard: str) -> str:
    return call.arn(f"subscription/{STANDARDS[standard].path}")


def control_arn(call: Call, id_: str) -> str:
    return call.arn(f"security-control/{id_}")


def own_id(standard: str, one: Known) -> str:
    """A control's name within a standard: its own, or the requirement's number."""
    return one.standards[standard][0].rpartition("/")[2] if one.standards[standard] else one.id


def subscribe(call: Call, standard: str) -> Subscription:
    return call.get(Subscription, standard) or call.put(Subscription(standard, call.now))


def view(call: Call, one: Subscription, status: str = "") -> Any:
    status = status or ("READY" if call.now >= one.since + SETTLES_SECONDS else "PENDING")
    return {"StandardsSubscriptionArn": subscription_arn(call, one.standard), "StandardsArn": standard_arn(one.standard, call.region), "StandardsInput": {}, "StandardsStatus": status,
            "StandardsControlsUpdatable": "READY_FOR_UPDATES" if status == "READY" else "NOT_READY_FOR_UPDATES"}


def _page(things: Any, req: Any, key: Any, most: int = 100) -> tuple[list[Any], dict[str, str]]:
    return pages.page(things, req, key, most, errors.bad_token)


@securityhub.op(hub.arn, partly="the standards and controls that look at this cloud: FSBP, CIS 1.2.0, 1.4.0, 3.0.0 and NIST 800-53 with some forty controls")
def describe_standards(call: Call, req: t.DescribeStandardsRequest) -> t.DescribeStandardsResponse:
    found, more = _page(STANDARDS, req, str)
    return {"Standards": [{"StandardsArn": standard_arn(name, call.region), "Name": STANDARDS[name].name, "Description": STANDARDS[name].description,  # type: ignore[typeddict-item]
                           "EnabledByDefault": STANDARDS[name].default, "StandardsManagedBy": {"Company": "AWS", "Product": "Security Hub"}} for name in found], **more}


@securityhub.op(hub.arn)
def batch_enable_standards(call: Call, req: t.BatchEnableStandardsRequest) -> t.BatchEnableStandardsResponse:
    from . import checking
    hub.find(call)
    names = [by_arn(one["StandardsArn"], call.region) for one in req["StandardsSubscriptionRequests"]]
    for name, one in zip(names, req["StandardsSubscriptionRequests"], strict=True):
        if name is None:
            raise errors.invalid(f"Invalid StandardsArn {one['StandardsArn']}")
    made = [subscribe(call, name) for name in names if name]
    checking.begin(call)
    return {"StandardsSubscriptions": [view(call, one) for one in made]}


@securityhub.op(hub.arn)
def batch_disable_standards(call: Call, req: t.BatchDisableStandardsRequest) -> t.BatchDisableStandardsResponse:
    hub.find(call)
    gone = [_subscribed(call, arn) for arn in req["StandardsSubscriptionArns"]]
    for one in gone:
        call.delete(one)
        for said in call.all(Association):
            if said.standard == one.standard:
                call.delete(said)
    return {"StandardsSubscriptions": [view(call, one, "DELETING") for one in gone]}


def _subscribed(call: Call, arn: str) -> Subscription:
    found = next((one for one in call.all(Subscription) if subscription_arn(call, one.standard) == arn), None)
    if found is None:
        raise errors.invalid(f"Standards subscription {arn} is not enabled.")
    return found


@securityhub.op(hub.arn)
def get_enabled_standards(call: Call, req: t.GetEnabledStandardsRequest) -> t.GetEnabledStandardsResponse:
    hub.find(call)
    wanted = req.get("StandardsSubscriptionArns")
    those = [one for one in call.all(Subscription) if wanted is None or subscription_arn(call, one.standard) in wanted]
    found, more = _page(sorted(those, key=lambda one: one.standard), req, lambda one: one.standard)
    return {"StandardsSubscriptions": [view(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def describe_standards_controls(call: Call, req: t.DescribeStandardsControlsRequest) -> t.DescribeStandardsControlsResponse:
    hub.find(call)
    name = _subscribed(call, req["StandardsSubscriptionArn"]).standard
    found, more = _page([one for one in built() if name in one.standards], req, lambda one: one.id)
    return {"Controls": [_in_standard(call, name, one) for one in found], **more}  # type: ignore[typeddict-item]


def _in_standard(call: Call, standard: str, one: Known) -> dict[str, Any]:
    said, own = call.get(Association, f"{standard}/{one.id}"), own_id(standard, one)
    subscribed = call.get(Subscription, standard)
    on = said.on if said else True
    return {"StandardsControlArn": call.arn(f"control/{STANDARDS[standard].path}/{own}"), "ControlStatus": "ENABLED" if on else "DISABLED",
            "ControlStatusUpdatedAt": said.when if said else subscribed.since if subscribed else call.now, "ControlId": own if own == one.id else f"CIS.{own}", "Title": one.title,
            "Description": one.what, "RemediationUrl": remedy(one), "SeverityRating": one.severity, "RelatedRequirements": one.standards[standard],
            **({"DisabledReason": said.reason} if said and not on and said.reason else {})}


@securityhub.op(hub.arn)
def update_standards_control(call: Call, req: t.UpdateStandardsControlRequest) -> t.UpdateStandardsControlResponse:
    hub.find(call)
    found = next(((one.standard, control) for one in call.all(Subscription) for control in built()
                  if one.standard in control.standards and call.arn(f"control/{STANDARDS[one.standard].path}/{own_id(one.standard, control)}") == req["StandardsControlArn"]), None)
    if found is None:
        raise errors.missing(req["StandardsControlArn"])
    on = req.get("ControlStatus", "ENABLED") == "ENABLED"
    if not on and not req.get("DisabledReason"):
        raise errors.invalid("Invalid parameter: DisabledReason. A reason is required to disable a control.")
    _say(call, found[0], found[1].id, on, req.get("DisabledReason", ""))
    return {}


def _say(call: Call, standard: str, control: str, on: bool, reason: str) -> None:
    from . import checking
    before = is_on(call, standard, control)
    call.put(Association(standard, control, on, reason, call.now))
    if on and not before:
        checking.begin(call)
    elif not on and control not in looking(call):
        checking.retire(call, control)


# -- controls, whatever the standard ------------------------------------------------------------------------------------------

@securityhub.op(hub.arn)
def list_security_control_definitions(call: Call, req: t.ListSecurityControlDefinitionsRequest) -> t.ListSecurityControlDefinitionsResponse:
    those = built()
    if "StandardsArn" in req:
        name = by_arn(req["StandardsArn"], call.region)
        if name is None:
            raise errors.invalid(f"Invalid StandardsArn {req['StandardsArn']}")
        those = [one for one in those if name in one.standards]
    found, more = _page(those, req, lambda one: one.id)
    return {"SecurityControlDefinitions": [definition(one) for one in found], **more}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def get_security_control_definition(call: Call, req: t.GetSecurityControlDefinitionRequest) -> t.GetSecurityControlDefinitionResponse:
    one = known(req["SecurityControlId"])
    if one is None:
        raise errors.missing(f"Security control {req['SecurityControlId']}")
    return {"SecurityControlDefinition": definition(one)}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def batch_get_security_controls(call: Call, req: t.BatchGetSecurityControlsRequest) -> t.BatchGetSecurityControlsResponse:
    hub.find(call)
    on = looking(call)
    found, lost = [], []
    for id_ in req["SecurityControlIds"]:
        if one := known(id_):
            found.append({"SecurityControlId": one.id, "SecurityControlArn": control_arn(call, one.id), "Title": one.title, "Description": one.what, "RemediationUrl": remedy(one),
                          "SeverityRating": one.severity, "SecurityControlStatus": "ENABLED" if one.id in on else "DISABLED", "UpdateStatus": "READY", "Parameters": parameters.shown(call, one.id),
                          **({"LastUpdateReason": why} if (why := parameters.reason(call, one.id)) else {})})
        else:
            lost.append({"SecurityControlId": id_, "ErrorCode": "NOT_FOUND", "ErrorReason": f"Security control {id_} is not known."})
    return {"SecurityControls": found, "UnprocessedIds": lost}  # type: ignore[typeddict-item]


def _association(call: Call, standard: str, one: Known) -> Any:
    said, subscribed = call.get(Association, f"{standard}/{one.id}"), call.get(Subscription, standard)
    on = subscribed is not None and (said.on if said else True)
    return {"StandardsArn": standard_arn(standard, call.region), "SecurityControlId": one.id, "SecurityControlArn": control_arn(call, one.id), "AssociationStatus": "ENABLED" if on else "DISABLED",
            "RelatedRequirements": one.standards[standard], "StandardsControlTitle": one.title, "StandardsControlDescription": one.what,
            **({"UpdatedAt": said.when, "UpdatedReason": said.reason} if said else {"UpdatedAt": subscribed.since} if subscribed else {})}


@securityhub.op(hub.arn)
def list_standards_control_associations(call: Call, req: t.ListStandardsControlAssociationsRequest) -> t.ListStandardsControlAssociationsResponse:
    hub.find(call)
    one = known(req["SecurityControlId"])
    if one is None:
        raise errors.invalid(f"Invalid SecurityControlId {req['SecurityControlId']}")
    found, more = _page([_association(call, name, one) for name in sorted(one.standards)], req, lambda each: each["StandardsArn"])
    return {"StandardsControlAssociationSummaries": found, **more}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def batch_get_standards_control_associations(call: Call, req: t.BatchGetStandardsControlAssociationsRequest) -> t.BatchGetStandardsControlAssociationsResponse:
    hub.find(call)
    found, lost = [], []
    for asked in req["StandardsControlAssociationIds"]:
        one, name = known(asked["SecurityControlId"]), by_arn(asked["StandardsArn"], call.region)
        if one is None or name not in one.standards:
            lost.append({"StandardsControlAssociationId": asked, "ErrorCode": "NOT_FOUND", "ErrorReason": "The control is not in the standard."})
        else:
            found.append({**_association(call, name, one), "StandardsControlArns": [call.arn(f"control/{STANDARDS[name].path}/{own_id(name, one)}")]})
    return {"StandardsControlAssociationDetails": found, "UnprocessedAssociations": lost}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def batch_update_standards_control_associations(call: Call, req: t.BatchUpdateStandardsControlAssociationsRequest) -> t.BatchUpdateStandardsControlAssociationsResponse:
    hub.find(call)
    lost = []
    for asked in req["StandardsControlAssociationUpdates"]:
        one, name = known(asked["SecurityControlId"]), by_arn(asked["StandardsArn"], call.region)
        off = asked["AssociationStatus"] == "DISABLED"
        wrong = ("NOT_FOUND", "The control is not in the standard.") if one is None or name not in one.standards else (
            "INVALID_INPUT", "The standard is not enabled.") if call.get(Subscription, name) is None else (
            "INVALID_INPUT", "UpdatedReason is required to disable a control.") if off and not asked.get("UpdatedReason") else None
        if wrong:
            lost.append({"StandardsControlAssociationUpdate": asked, "ErrorCode": wrong[0], "ErrorReason": wrong[1]})
        else:
            assert name and one
            _say(call, name, one.id, not off, asked.get("UpdatedReason", ""))
    return {"UnprocessedAssociationUpdates": lost}  # type: ignore[typeddict-item]
