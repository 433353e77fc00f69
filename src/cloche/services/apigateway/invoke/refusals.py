"""The answers an API gives by itself: refusals and failures, each of a kind that PutGatewayResponse may rewrite."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import Response
from cloche.languages import vtl

from ..gateway_responses import STATUS
from .exchange import Exchange
from .live import template

# kind -> (message, x-amzn-ErrorType)
KINDS: dict[str, tuple[str | None, str]] = {
    "ACCESS_DENIED": ("Forbidden", "AccessDeniedException"),
    "API_CONFIGURATION_ERROR": ("Internal server error", "InternalServerErrorException"),
    "AUTHORIZER_CONFIGURATION_ERROR": (None, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": (None, "AuthorizerFailureException"),
    "BAD_REQUEST_BODY": ("Invalid request body", "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": ("Missing required request parameters", "BadRequestException"),
    "DEFAULT_4XX": ("Forbidden", "ForbiddenException"),
    "DEFAULT_5XX": ("Internal server error", "InternalServerErrorException"),
    "EXPIRED_TOKEN": ("The security token included in the request is expired", "ExpiredTokenException"),
    "INTEGRATION_FAILURE": ("Network error communicating with endpoint", "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": ("Endpoint request timed out", "InternalServerErrorException"),
    "INVALID_API_KEY": ("Forbidden", "ForbiddenException"),
    "INVALID_SIGNATURE": ("The request signature we calculated does not match the signature you provided.", "InvalidSignatureException"),
    "MISSING_AUTHENTICATION_TOKEN": ("Missing Authentication Token", "MissingAuthenticationTokenException"),
    "QUOTA_EXCEEDED": ("Limit Exceeded", "LimitExceededException"),
    "REQUEST_TOO_LARGE": ("Request Too Long", "RequestTooLongException"),
    "RESOURCE_NOT_FOUND": ("Not Found", "NotFoundException"),
    "THROTTLED": ("Too Many Requests", "TooManyRequestsException"),
    "UNAUTHORIZED": ("Unauthorized", "UnauthorizedException"),
    "WAF_FILTERED": ("Forbidden", "ForbiddenException"),
    "UNSUPPORTED_MEDIA_TYPE": ("Unsupported Media Type", "BadRequestException"),
}
DENIED = "User is not authorized to access this resource"


class Refused(Exception):
    """The request ends here. `why` is for `$context.error.validationErrorString` and the execution log."""

    def __init__(self, kind: str, message: str | None = "", *, status: int = 0, capital: bool = False, error_type: str = "", why: str = "") -> None:
        self.kind, self.capital, self.why = kind, capital, why
        said, self.error_type = KINDS[kind]
        self.message = said if message == "" else message
        self.error_type = error_type or self.error_type
        self.status = status or int(STATUS[kind] or (500 if kind == "DEFAULT_5XX" else 403))


def plain(call_id: str, status: int, message: str, error_type: str) -> Response:
    """Where no API, and so no gateway response, is known."""
    headers = [("Content-Type", "application/json"), ("x-amzn-RequestId", call_id), ("x-amzn-ErrorType", error_type)]
    return Response(status, headers, json.dumps({"message": message}, separators=(",", ":")).encode())


def response(x: Exchange, refused: Refused) -> Response:
    """As the deployment's gateway responses say; else as API Gateway itself says it."""
    responses = x.live.definition.responses if x.live else {}
    rule = responses.get(refused.kind)
    if rule is None:
        family = responses.get("DEFAULT_5XX" if refused.status >= 500 else "DEFAULT_4XX")
        rule = family and {**family, "statusCode": family.get("statusCode") or str(refused.status)}
    status = int((rule or {}).get("statusCode") or refused.status)
    x.context["error"] = {
        "message": refused.message, "messageString": "null" if refused.message is None else json.dumps(refused.message), "responseType": refused.kind,
        "validationErrorString": refused.why,
    }
    x.context["status"] = str(status)
    media, body = rendered(x, rule, refused)
    headers = [("Content-Type", media), ("x-amzn-ErrorType", refused.error_type)]
    for name, source in ((rule or {}).get("responseParameters") or {}).items():
        value = mapped(x, source)
        if value is not None:
            name = name.removeprefix("gatewayresponse.header.")
            headers = [h for h in headers if h[0].lower() != name.lower()] + [(name, value)]
    return Response(status, headers, body.encode("utf-8", "replace"))


def rendered(x: Exchange, rule: dict[str, Any] | None, refused: Refused) -> tuple[str, str]:
    templates = (rule or {}).get("responseTemplates") or {}
    accepted = [part.partition(";")[0].strip() for part in (x.header("accept") or "").split(",")]
    media = next((a for a in accepted if a in templates), None) or ("application/json" if "application/json" in templates else next(iter(templates), None))
    if rule is None or media is None:
        key = "Message" if refused.capital else "message"
        return "application/json", json.dumps({key: refused.message}, separators=(",", ":"))
    try:
        names = {"context": x.context, "stageVariables": dict(x.variables)}
        return media, template(templates[media]).render(names)
    except vtl.VtlError:
        return media, templates[media]


def mapped(x: Exchange, source: str) -> str | None:
    """`'text'`, `method.request.header.X`, `context.requestId`, `stageVariables.x`: where a mapped value comes from."""
    if len(source) > 1 and source[0] == source[-1] == "'":
        return source[1:-1]
    kind, _, name = source.partition(".")
    if kind == "context":
        return text_at(x.context, name)
    if kind == "stageVariables":
        return x.variables.get(name)
    if source.startswith("method.request."):
        where, _, name = source.removeprefix("method.request.").partition(".")
        match where:
            case "header" | "multivalueheader":
                values = [v for n, vs in x.headers.items() if n.lower() == name.lower() for v in vs]
            case "querystring" | "multivaluequerystring":
                values = x.query.get(name, [])
            case "path":
                return x.params.get(name)
            case "body":
                from .templates import body_at
                return body_at(x, name)
            case _:
                return None
        return (",".join(values) if where.startswith("multi") else values[-1]) if values else None
    return None


def text_at(values: Any, path: str) -> str | None:
    for part in path.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    if values is None or isinstance(values, (dict, list)):
        return None
    return vtl.text(values)
