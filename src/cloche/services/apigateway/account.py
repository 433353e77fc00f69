"""The account's settings for API Gateway in this region: its log role and its throttle."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors
from . import service as apigateway
from .access import asked

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

RATE, BURST = 10000.0, 5000


class Account(Record, frozen=True):
    kind = "apigateway.account"

    log_role: str = ""

    @property
    def key(self) -> str:
        return "account"


def described(call: Call) -> dict[str, Any]:
    account = call.get(Account, "account") or Account()
    shown: dict[str, Any] = {"throttleSettings": {"burstLimit": BURST, "rateLimit": RATE}, "features": ["UsagePlans"], "apiKeyVersion": "4"}
    return shown | ({"cloudwatchRoleArn": account.log_role} if account.log_role else {})


@apigateway.op(needs=asked)
def get_account(call: Call, req: t.GetAccountRequest) -> t.Account:
    return described(call)


@apigateway.op(needs=asked)
def update_account(call: Call, req: t.UpdateAccountRequest) -> t.Account:
    for operation in req.get("patchOperations") or []:
        op, path, value = operation["op"], operation.get("path", ""), operation.get("value") or ""
        if path == "/features" and op == "add" and value == "UsagePlans":
            continue
        if path != "/cloudwatchRoleArn" or op not in ("replace", "add", "remove"):
            raise errors.bad_patch(op, path, ["/cloudwatchRoleArn", "/features"])
        if op != "remove" and value:
            if not value.startswith("arn:aws") or ":role/" not in value:
                raise errors.bad_request("The role ARN does not have required permissions configured. Please grant trust permission for API Gateway and add the required role policy.")
            call.pass_role(value, "apigateway.amazonaws.com")
        call.put(Account("" if op == "remove" else value))
    return described(call)
