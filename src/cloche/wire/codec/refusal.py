"""How a request that does not fit the model is refused: the sentences and codes of each protocol and service."""
from __future__ import annotations

from typing import Any

from ..model import Operation


class Invalid(Exception):
    """The request does not fit the model. Has what an `AwsError` has, so that one writer serves both."""

    def __init__(self, code: str, message: str, status: int = 400, extra: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.extra = code, message, status, extra or {}
        self.headers: dict[str, str] = {}
        self.query_code: str | None = None


# Where the constraint errors of a service have another code than its protocol's
CODES = {
    "apigateway": "BadRequestException",
    "apigatewayv2": "BadRequestException",
    "cognito-idp": "InvalidParameterException",
    "ecr": "InvalidParameterException",
    "logs": "InvalidParameterException",
    "organizations": "InvalidInputException",
}
# Where each member has a code of its own: (when it is missing, when it is wrong)
BY_MEMBER = {
    "codedeploy": {
        "applicationName": ("ApplicationNameRequiredException", "InvalidApplicationNameException"), "newApplicationName": ("ApplicationNameRequiredException", "InvalidApplicationNameException"),
        "applicationNames": ("ApplicationNameRequiredException", "InvalidApplicationNameException"), "computePlatform": ("", "InvalidComputePlatformException"),
        "deploymentGroupName": ("DeploymentGroupNameRequiredException", "InvalidDeploymentGroupNameException"), "serviceRoleArn": ("RoleRequiredException", "InvalidRoleException"),
        "deploymentGroupNames": ("DeploymentGroupNameRequiredException", "InvalidDeploymentGroupNameException"), "newDeploymentGroupName": ("", "InvalidDeploymentGroupNameException"),
        "currentDeploymentGroupName": ("DeploymentGroupNameRequiredException", "InvalidDeploymentGroupNameException"), "revision": ("RevisionRequiredException", "InvalidRevisionException"),
        "deploymentConfigName": ("DeploymentConfigNameRequiredException", "InvalidDeploymentConfigNameException"), "revisions": ("RevisionRequiredException", "InvalidRevisionException"),
        "deploymentId": ("DeploymentIdRequiredException", "InvalidDeploymentIdException"), "deploymentIds": ("DeploymentIdRequiredException", "InvalidDeploymentIdException"),
        "targetId": ("DeploymentTargetIdRequiredException", "InvalidDeploymentTargetIdException"), "targetIds": ("DeploymentTargetIdRequiredException", "InvalidDeploymentTargetIdException"),
        "instanceName": ("InstanceNameRequiredException", "InvalidInstanceNameException"), "instanceNames": ("InstanceNameRequiredException", "InvalidInstanceNameException"),
        "instanceId": ("InstanceIdRequiredException", "InvalidInstanceNameException"), "tags": ("TagRequiredException", "InvalidTagException"), "fileExistsBehavior": ("", "InvalidFileExistsBehaviorException"),
        "status": ("", "InvalidLifecycleEventHookExecutionStatusException"), "deploymentStyle": ("", "InvalidDeploymentStyleException"), "sortBy": ("", "InvalidSortByException"),
        "sortOrder": ("", "InvalidSortOrderException"), "deployed": ("", "InvalidDeployedStateFilterException"), "includeOnlyStatuses": ("", "InvalidDeploymentStatusException"),
        "triggerConfigurations": ("", "InvalidTriggerConfigException"), "autoRollbackConfiguration": ("", "InvalidAutoRollbackConfigException"), "ec2TagFilters": ("", "InvalidEC2TagException"),
        "blueGreenDeploymentConfiguration": ("", "InvalidBlueGreenDeploymentConfigurationException"), "minimumHealthyHosts": ("", "InvalidMinimumHealthyHostValueException"),
        "trafficRoutingConfig": ("", "InvalidTrafficRoutingConfigurationException"), "registrationStatus": ("", "InvalidRegistrationStatusException"),
        "deploymentWaitType": ("", "InvalidDeploymentWaitTypeException"), "instanceStatusFilter": ("", "InvalidInstanceStatusException"), "instanceTypeFilter": ("", "InvalidInstanceTypeException"),
        "targetFilters": ("", "InvalidTargetFilterNameException"), "ResourceArn": ("ResourceArnRequiredException", "InvalidArnException"),
    },
}
_BY_PROTOCOL = {"json": "ValidationException", "rest-json": "ValidationException", "query": "ValidationError", "rpc-v2-cbor": "ValidationException"}


SECRET = "***sensitive***"  # stands in a fault for the value of a member that the model calls sensitive


class Fault:
    """One broken constraint: where, what was found, and what must hold."""

    __slots__ = ("kind", "path", "value", "why")

    def __init__(self, kind: str, path: str, value: Any, why: str) -> None:
        self.kind, self.path, self.value, self.why = kind, path, value, why

    def sentence(self) -> str:
        found = "" if self.value is SECRET else "null " if self.kind == "required" else f"'{_show(self.value)}' "
        return f"Value {found}at '{self.path}' failed to satisfy constraint: {self.why}"


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, list):
        return "[" + ", ".join(map(_show, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={_show(v)}" for k, v in value.items()) + "}"
    return str(value)


def refuse(op: Operation, protocol: str, faults: list[Fault]) -> Invalid:
    service, first = op.model.name, faults[0]
    name = first.path[:1].upper() + first.path[1:]
    if service == "s3":
        ref = op.input.members.get(name, (None, {}))[1] if op.input else {}
        if ref.get("location") in ("querystring", "header", "headers"):
            value = "" if first.kind == "required" else _show(first.value)
            if name == "StorageClass":
                return Invalid("InvalidStorageClass", "The storage class you specified is not valid", extra={"StorageClassRequested": value})
            return Invalid("InvalidArgument", "Invalid Argument", extra={"ArgumentName": ref["locationName"], "ArgumentValue": value})
        if first.path.endswith("ocationConstraint"):
            return Invalid("InvalidLocationConstraint", "The specified location-constraint is not valid", extra={"LocationConstraint": _show(first.value)})
        return Invalid("MalformedXML", MALFORMED_XML)
    if service == "sqs" and first.kind == "required":
        return Invalid("MissingParameter", f"The request must contain the parameter {name}.")
    if protocol == "ec2":
        if first.kind == "required":
            return Invalid("MissingParameter", f"The request must contain the parameter {name}")
        return Invalid("InvalidParameterValue", f"Value ({_show(first.value)}) for parameter {first.path} is invalid. {first.why.replace('Member must', 'It must')}")
    extra = {"Reason": _reason(first)} if service == "organizations" else None
    count = len(faults)
    text = f"{count} validation error{'s' if count > 1 else ''} detected: " + "; ".join(f.sentence() for f in faults[:10])
    if service in BY_MEMBER and (pair := BY_MEMBER[service].get(first.path.split(".")[0])) and (code := pair[first.kind != "required" or "." in first.path]):
        return Invalid(code, text)
    return Invalid(CODES.get(service) or _BY_PROTOCOL.get(protocol, "ValidationException"), text, extra=extra)


def _reason(fault: Fault) -> str:
    """Organizations says what is wrong in a word as well."""
    what = "VALUE" if isinstance(fault.value, int | float) else "LENGTH"
    return {"required": "INPUT_REQUIRED", "max": f"MAX_{what}_EXCEEDED", "min": f"MIN_{what}_EXCEEDED", "enum": "INVALID_ENUM"}.get(fault.kind, "INVALID_PATTERN")


MALFORMED_XML = "The XML you provided was not well-formed or did not validate against our published schema"


def malformed(service: str, protocol: str, detail: str = "") -> Invalid:
    """The body could not be read at all."""
    if service == "s3":
        return Invalid("MalformedXML", MALFORMED_XML)
    if service in ("apigateway", "apigatewayv2"):
        return Invalid("BadRequestException", detail if detail else "Invalid request input")
    if service == "lambda":
        return Invalid("InvalidRequestContentException", f"Could not parse request body into json: {detail}" if detail else "Could not parse request body into json")
    if protocol in ("query", "ec2"):
        return Invalid("MalformedQueryString", detail or "The query string contains a syntax error.", 404)
    if protocol == "rest-xml":
        return Invalid("MalformedInput", detail or "The request body could not be parsed")
    return Invalid("SerializationException", detail)
