"""Parameters of controls: what an account may set of how a control judges. A control looks again when they change."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, hub
from . import service as securityhub

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t


class Parameter:
    """`kind` is the member of ParameterValue that holds it; None as default: the control does not ask unless it is told."""

    def __init__(self, kind: str, description: str, default: Any = None, least: int = 0, most: int = 0, items: int = 0) -> None:
        self.kind, self.description, self.default, self.least, self.most, self.items = kind, description, default, least, most, items

    def defined(self) -> dict[str, Any]:
        about: dict[str, Any] = {} if self.default is None else {"DefaultValue": self.default}
        if self.kind in ("Integer", "IntegerList"):
            about |= {"Min": self.least, "Max": self.most}
        if self.items:
            about["MaxItems"] = self.items
        return {"Description": self.description, "ConfigurationOptions": {self.kind: about}}

    def wrong(self, value: Any) -> str:
        if set(value) != {self.kind}:
            return f"must be of type {self.kind}"
        given = value[self.kind]
        each = given if isinstance(given, list) else [given]
        if self.kind in ("Integer", "IntegerList") and any(not self.least <= one <= self.most for one in each):
            return f"must be between {self.least} and {self.most}"
        if self.items and not 1 <= len(each) <= self.items:
            return f"must have between 1 and {self.items} items"
        return ""


_REQUIRED = {f"Require{what}Characters": Parameter("Boolean", f"Require at least one {what.lower()} character in password", True) for what in ("Lowercase", "Uppercase")}
PARAMETERS: dict[str, dict[str, Parameter]] = {
    "ACM.1": {"daysToExpiration": Parameter("Integer", "Number of days within which the ACM certificate must be renewed", 30, 14, 365)},
    "EC2.18": {"authorizedTcpPorts": Parameter("IntegerList", "List of authorized TCP ports", [80, 443], 1, 65535, 32),
               "authorizedUdpPorts": Parameter("IntegerList", "List of authorized UDP ports", None, 1, 65535, 32)},
    "IAM.7": {**_REQUIRED, "RequireSymbols": Parameter("Boolean", "Require at least one symbol in password", True), "RequireNumbers": Parameter("Boolean", "Require at least one number in password", True),
              "MinimumPasswordLength": Parameter("Integer", "Minimum number of characters in password", 8, 8, 128),
              "PasswordReusePrevention": Parameter("Integer", "Number of password rotations before an old password can be reused", None, 12, 24),
              "MaxPasswordAge": Parameter("Integer", "Number of days before password expiration", None, 1, 90)},
    "SecretsManager.1": {"maximumAllowedRotationFrequency": Parameter("Integer", "Maximum number of days allowed for secret rotation frequency", None, 1, 365)},
}


def defined(control: str) -> dict[str, Any]:
    """What a control's definition says of them."""
    known = PARAMETERS.get(control)
    return {"CustomizableProperties": ["Parameters"], "ParameterDefinitions": {name: one.defined() for name, one in known.items()}} if known else {}


class Set(Record, frozen=True):
    """What an account set of a control's parameters."""

    kind = "securityhub.parameters"

    control: str
    values: dict[str, Any]                             # name -> ParameterConfiguration
    reason: str = ""

    @property
    def key(self) -> str:
        return self.control


def value(call: Call, control: str, name: str) -> Any:
    """What counts now."""
    known = PARAMETERS[control][name]
    said = call.get(Set, control)
    given = (said.values.get(name) or {}) if said else {}
    return given["Value"][known.kind] if given.get("ValueType") == "CUSTOM" else known.default


def shown(call: Call, control: str) -> dict[str, Any]:
    """As BatchGetSecurityControls has them."""
    said = call.get(Set, control)
    out = {}
    for name, known in PARAMETERS.get(control, {}).items():
        given = (said.values.get(name) if said else None) or {"ValueType": "DEFAULT"}
        out[name] = given if given["ValueType"] == "CUSTOM" or known.default is None else {**given, "Value": {known.kind: known.default}}
    return out


def used(call: Call, control: str) -> list[dict[str, Any]]:
    """As findings have them: names and values as texts."""
    return [{"Name": name, "Value": [_text(one) for one in (now if isinstance(now, list) else [now])]} for name in PARAMETERS.get(control, {}) if (now := value(call, control, name)) is not None]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def reason(call: Call, control: str) -> str:
    said = call.get(Set, control)
    return said.reason if said else ""


@securityhub.op(hub.arn)
def update_security_control(call: Call, req: t.UpdateSecurityControlRequest) -> t.UpdateSecurityControlResponse:
    from . import checking, standards
    hub.find(call)
    one = standards.known(req["SecurityControlId"])
    if one is None:
        raise errors.missing(f"Security control {req['SecurityControlId']}")
    known = PARAMETERS.get(one.id)
    if not known:
        raise errors.invalid(f"Invalid parameter Parameters: the control {one.id} has no parameters.")
    said = call.get(Set, one.id)
    values: dict[str, Any] = dict(said.values) if said else {}
    for name, given in req["Parameters"].items():
        if name not in known:
            raise errors.invalid(f"Invalid parameter Parameters: the control {one.id} has no parameter {name}.")
        if given["ValueType"] == "DEFAULT":
            if given.get("Value"):
                raise errors.invalid(f"Invalid parameter {name}: a value of type DEFAULT has no Value.")
            values.pop(name, None)
            continue
        wrong = known[name].wrong(given.get("Value") or {})
        if wrong:
            raise errors.invalid(f"Invalid parameter {name}: the value {wrong}.")
        values[name] = {"ValueType": "CUSTOM", "Value": dict(given["Value"])}
    call.put(Set(one.id, values, req.get("LastUpdateReason", said.reason if said else "")))
    call.after(checking.AT_ONCE_SECONDS, checking.look_again, one.id, control=one.id)
    return {}
