"""Account settings: what an account, or one principal of it, wants by default. Only what still means something is kept; the long ARN formats are always on."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.kernel.pages import page

from . import errors
from . import service as ecs

if TYPE_CHECKING:
    from cloche.shapes import ecs as t

DEFAULTS = {
    "awsvpcTrunking": "disabled", "containerInsights": "disabled", "containerInstanceLongArnFormat": "enabled", "defaultLogDriverMode": "non-blocking", "dualStackIPv6": "enabled",
    "fargateFIPSMode": "disabled", "fargateTaskRetirementWaitPeriod": "7", "guardDutyActivate": "off", "serviceLongArnFormat": "enabled", "tagResourceAuthorization": "on",
    "taskLongArnFormat": "enabled",
}
VALUES = {"defaultLogDriverMode": ("blocking", "non-blocking"), "fargateTaskRetirementWaitPeriod": ("0", "7", "14"), "tagResourceAuthorization": ("on", "off"),
          "containerInsights": ("enabled", "disabled", "enhanced")}
ALWAYS = ("containerInstanceLongArnFormat", "serviceLongArnFormat", "taskLongArnFormat")


class Setting(Record, frozen=True):
    kind = "ecs.setting"

    name: str
    value: str
    principal: str = ""      # "": the account's default

    @property
    def key(self) -> str:
        return f"{self.name} {self.principal}"


def value(call: Call, name: str, principal: str = "") -> str:
    found = (call.get(Setting, f"{name} {principal}") if principal else None) or call.get(Setting, f"{name} ")
    return found.value if found else DEFAULTS[name]


def _check(name: str, text: str) -> None:
    if name not in DEFAULTS:
        raise errors.parameter(f"The setting {name} is not valid.")
    if name == "guardDutyActivate":
        raise errors.parameter("You can't modify the guardDutyActivate setting.")
    if text not in VALUES.get(name, ("enabled", "disabled")):
        raise errors.parameter(f"Invalid value {text!r} for the setting {name}.")
    if name in ALWAYS and text == "disabled":
        raise errors.parameter("You can no longer opt out of the long ARN and resource ID format.")


def _shown(name: str, text: str, principal: str) -> Any:
    return {"name": name, "value": text, "principalArn": principal, "type": "aws_managed" if name == "guardDutyActivate" else "user"}


def _who(call: Call, req: Any) -> str:
    return req.get("principalArn") or call.principal.role_arn or call.principal.arn


def _root(call: Call) -> str:
    return call.arn("root", service="iam", region="")


@ecs.op(ANY)
def put_account_setting(call: Call, req: t.PutAccountSettingRequest) -> t.PutAccountSettingResponse:
    """For the caller, or another principal; root's is the account's."""
    _check(req["name"], req["value"])
    who = _who(call, req)
    call.put(Setting(req["name"], req["value"], "" if who == _root(call) else who))
    return {"setting": _shown(req["name"], req["value"], who)}


@ecs.op(ANY)
def put_account_setting_default(call: Call, req: t.PutAccountSettingDefaultRequest) -> t.PutAccountSettingDefaultResponse:
    _check(req["name"], req["value"])
    call.put(Setting(req["name"], req["value"]))
    return {"setting": _shown(req["name"], req["value"], _root(call))}


@ecs.op(ANY)
def delete_account_setting(call: Call, req: t.DeleteAccountSettingRequest) -> t.DeleteAccountSettingResponse:
    if req["name"] not in DEFAULTS:
        raise errors.parameter(f"The setting {req['name']} is not valid.")
    who = _who(call, req)
    if found := call.get(Setting, f"{req['name']} {'' if who == _root(call) else who}"):
        call.delete(found)
    return {"setting": _shown(req["name"], value(call, req["name"]), who)}


@ecs.op(ANY)
def list_account_settings(call: Call, req: t.ListAccountSettingsRequest) -> t.ListAccountSettingsResponse:
    who = _who(call, req)
    if req.get("effectiveSettings"):
        found = [_shown(name, value(call, name, "" if who == _root(call) else who), who) for name in DEFAULTS]
    else:
        found = [_shown(one.name, one.value, one.principal or _root(call)) for one in call.all(Setting) if (one.principal or _root(call)) == who]
    found = sorted((one for one in found if req.get("name") in (None, one["name"]) and req.get("value") in (None, one["value"])), key=lambda one: one["name"])
    part, more = page(found, req, lambda one: one["name"], 10 if req.get("maxResults") else 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"settings": part, **more}  # type: ignore[typeddict-item]
