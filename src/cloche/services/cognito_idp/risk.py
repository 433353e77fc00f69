"""Threat protection's records: what sign-ins came to pass, from which address, and where they are logged; ranges of addresses that are never let in.

Nobody's password is known here to be compromised, and no sign-in is guessed to be a taking over: beyond the ranges everything is NoRisk.
"""
from __future__ import annotations

import ipaddress
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record

from . import clients, errors, paging, pools, users
from . import service as cognito
from .clients import Client
from .pools import Pool, by_id
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

cognito.table("""
CREATE TABLE IF NOT EXISTS cognito_event (pool TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (pool, key, at, id)) WITHOUT ROWID;
""")

PARTS = ("CompromisedCredentialsRiskConfiguration", "AccountTakeoverRiskConfiguration", "RiskExceptionConfiguration")
LACKS = "Only the ranges of RiskExceptionConfiguration act; compromised passwords and taken-over accounts are not recognized."
KEPT_SECONDS = 90 * 86400


class Risk(Record, frozen=True):
    kind = "cognito-idp.risk"

    pool: str
    client: str                  # or ""
    values: dict[str, Any]
    modified: float

    @property
    def key(self) -> str:
        return f"{self.pool}/{self.client}"


class LogDelivery(Record, frozen=True):
    kind = "cognito-idp.log-delivery"

    pool: str
    configurations: list[dict[str, Any]]

    @property
    def key(self) -> str:
        return self.pool


def on(pool: Pool) -> bool:
    return bool((pool.values.get("UserPoolAddOns") or {}).get("AdvancedSecurityMode", "OFF") != "OFF")


def needed(pool: Pool) -> None:
    if not on(pool):
        raise AwsError("UserPoolAddOnNotEnabledException", "User pool add-ons are not enabled.")


def known(call: Call, pool: Pool, client_id: str) -> None:
    if client_id:
        clients.find(call, pool.id, client_id)


def shown(pool: Pool, client_id: str, one: Risk | None) -> Any:
    return {"UserPoolId": pool.id, **({"ClientId": client_id} if client_id else {}), **(one.values | {"LastModifiedDate": one.modified} if one else {})}


@cognito.op(resource=by_id, partly=LACKS)
def set_risk_configuration(call: Call, req: t.SetRiskConfigurationRequest) -> t.SetRiskConfigurationResponse:
    pool, client_id = pools.find(call, req["UserPoolId"]), req.get("ClientId", "")
    known(call, pool, client_id)
    needed(pool)
    values = {name: req[name] for name in PARTS if name in req}  # type: ignore[literal-required]
    for text in [one for ranges in (values.get("RiskExceptionConfiguration") or {}).values() for one in ranges]:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise errors.parameter(f"Invalid CIDR range: {text}") from None
    return {"RiskConfiguration": shown(pool, client_id, call.put(Risk(pool.id, client_id, values, call.now)))}


@cognito.op(resource=by_id)
def describe_risk_configuration(call: Call, req: t.DescribeRiskConfigurationRequest) -> t.DescribeRiskConfigurationResponse:
    pool, client_id = pools.find(call, req["UserPoolId"]), req.get("ClientId", "")
    known(call, pool, client_id)
    needed(pool)
    return {"RiskConfiguration": shown(pool, client_id, call.get(Risk, f"{pool.id}/{client_id}"))}


def admit(call: Call, pool: Pool, client: Client) -> None:
    """Not from an address of a blocked range. (Without threat protection nobody looks.)"""
    if not on(pool) or not call.source_ip:
        return
    one = call.get(Risk, f"{pool.id}/{client.id}") or call.get(Risk, f"{pool.id}/")
    ranges = ((one.values.get("RiskExceptionConfiguration") or {}).get("BlockedIPRangeList") or []) if one else []
    address = ipaddress.ip_address(call.source_ip)
    if any(address in ipaddress.ip_network(text) for text in ranges):
        raise errors.unauthorized("Unable to login because of security reasons.")


# -- what came to pass ------------------------------------------------------------------------------------------------------------------

def remember(call: Call, pool: Pool, client_id: str, user: User, passed: bool, factors: tuple[str, ...] = ("Password",)) -> None:
    """A sign-in, good or bad; inside a step."""
    if not on(pool):
        return
    id_ = call.uuid()
    challenges = [{"ChallengeName": name, "ChallengeResponse": "Success" if passed or name != factors[-1] else "Failure"} for name in factors]
    event = {"EventId": id_, "EventType": "SignIn", "CreationDate": call.now, "EventResponse": "Pass" if passed else "Fail", "EventRisk": {"RiskDecision": "NoRisk", "CompromisedCredentialsDetected": False},
             "ChallengeResponses": challenges, "EventContextData": {"IpAddress": call.source_ip or "", "DeviceName": call.user_agent or ""}}
    call.sql("DELETE FROM cognito_event WHERE pool = ? AND key = ? AND at < ?", pool.id, user.key, call.now - KEPT_SECONDS)
    call.sql("INSERT INTO cognito_event VALUES (?,?,?,?,?)", pool.id, user.key, call.now, id_, json.dumps(event))
    tell(call, pool, client_id, user, event)


def tell(call: Call, pool: Pool, client_id: str, user: User, event: dict[str, Any]) -> None:
    """To the log group that the pool's user activity goes to; a group that is gone or shut gets nothing, and nobody is kept out for it."""
    kept = call.get(LogDelivery, pool.id)
    place = next((one["CloudWatchLogsConfiguration"]["LogGroupArn"] for one in (kept.configurations if kept else []) if one["EventSource"] == "userAuthEvents" and "CloudWatchLogsConfiguration" in one), None)
    if place is None:
        return
    from cloche.services.logs import public as logs
    moment = datetime.fromtimestamp(call.now, UTC)
    message = {"version": "1", "eventId": event["EventId"], "eventType": "SIGN_IN", "userSub": user.sub, "userName": user.name, "userPoolId": pool.id, "clientId": client_id,
               "creationDate": moment.strftime("%a %b %d %H:%M:%S UTC %Y"), "eventResponse": event["EventResponse"], "riskLevel": "", "riskDecision": "PASS", "compromisedCredentialDetected": "false",
               "challenges": [f"{one['ChallengeName']}:{one['ChallengeResponse']}" for one in event["ChallengeResponses"]], "ipAddress": event["EventContextData"]["IpAddress"], "hasContextData": "false"}
    line = {"eventTimestamp": str(int(call.now * 1000)), "eventSource": "USER_ACTIVITY", "logLevel": "INFO", "message": message, "logSourceId": {"userPoolId": pool.id}}
    try:
        logs.write(call.as_service("delivery.logs.amazonaws.com", pools.arn(call, pool.id), call.account), place.split(":", 6)[6].removesuffix(":*"), pool.id, [(int(call.now * 1000), json.dumps(line))])
    except AwsError:
        return


@cognito.op(resource=by_id)
def admin_list_user_auth_events(call: Call, req: t.AdminListUserAuthEventsRequest) -> t.AdminListUserAuthEventsResponse:
    """The latest first."""
    pool = pools.find(call, req["UserPoolId"])
    needed(pool)
    user, limit = users.find(call, pool, req["Username"]), req.get("MaxResults") or 60
    last = paging.after(req.get("NextToken")) or "9999999999999 ~"
    at, _, id_ = last.partition(" ")
    rows = call.sql("SELECT at, id, body FROM cognito_event WHERE pool = ? AND key = ? AND (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT ?", pool.id, user.key, float(at), id_, limit + 1)
    answer: Any = {"AuthEvents": [json.loads(body) for _, _, body in rows[:limit]]}
    if len(rows) > limit:
        answer["NextToken"] = paging.token(f"{rows[limit - 1][0]!r} {rows[limit - 1][1]}")
    return answer  # type: ignore[no-any-return]


@cognito.op(resource=by_id)
def admin_update_auth_event_feedback(call: Call, req: t.AdminUpdateAuthEventFeedbackRequest) -> t.AdminUpdateAuthEventFeedbackResponse:
    pool = pools.find(call, req["UserPoolId"])
    needed(pool)
    user = users.find(call, pool, req["Username"])
    row = call.row("SELECT body FROM cognito_event WHERE pool = ? AND key = ? AND id = ?", pool.id, user.key, req["EventId"])
    if row is None:
        raise errors.missing(f"Event {req['EventId']} does not exist.")
    event = json.loads(row[0]) | {"EventFeedback": {"FeedbackValue": req["FeedbackValue"], "Provider": "Admin", "FeedbackDate": call.now}}
    call.sql("UPDATE cognito_event SET body = ? WHERE pool = ? AND key = ? AND id = ?", json.dumps(event), pool.id, user.key, req["EventId"])
    return {}


# -- where it is logged -----------------------------------------------------------------------------------------------------------------

@cognito.op(resource=by_id, partly="User activity goes to CloudWatch Logs; S3 and Firehose are kept and get nothing. Messages never fail here, so userNotification has nothing to say.")
def set_log_delivery_configuration(call: Call, req: t.SetLogDeliveryConfigurationRequest) -> t.SetLogDeliveryConfigurationResponse:
    pool = pools.find(call, req["UserPoolId"])
    for one in req["LogConfigurations"]:
        if sum(name in one for name in ("CloudWatchLogsConfiguration", "S3Configuration", "FirehoseConfiguration")) != 1:
            raise errors.parameter("Exactly one destination is required in a log configuration.")
        if (one["EventSource"], one["LogLevel"]) not in (("userNotification", "ERROR"), ("userAuthEvents", "INFO")):
            raise errors.parameter(f"The log level {one['LogLevel']} is not valid for the event source {one['EventSource']}.")
        if one["EventSource"] == "userAuthEvents" and not on(pool):
            raise AwsError("FeatureUnavailableInTierException", "User activity logs need threat protection.")
    kept = call.put(LogDelivery(pool.id, list(req["LogConfigurations"])))  # type: ignore[arg-type]
    return {"LogDeliveryConfiguration": {"UserPoolId": pool.id, "LogConfigurations": kept.configurations}}  # type: ignore[typeddict-item]


@cognito.op(resource=by_id)
def get_log_delivery_configuration(call: Call, req: t.GetLogDeliveryConfigurationRequest) -> t.GetLogDeliveryConfigurationResponse:
    pool = pools.find(call, req["UserPoolId"])
    kept = call.get(LogDelivery, pool.id)
    return {"LogDeliveryConfiguration": {"UserPoolId": pool.id, "LogConfigurations": kept.configurations if kept else []}}  # type: ignore[typeddict-item]
