"""Logging configurations: where a web ACL's requests are written down. A log group gets them at once, a bucket every five minutes as one compressed file; both are named `aws-waf-logs-...`."""
from __future__ import annotations

import gzip
import inspect
import json
import time
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record, pages

from . import entities, errors
from . import service as wafv2

if TYPE_CHECKING:
    from cloche.languages.waf import Asked, Verdict
    from cloche.shapes import wafv2 as t

wafv2.table("CREATE TABLE IF NOT EXISTS wafv2_log (id INTEGER PRIMARY KEY, acl TEXT NOT NULL, line TEXT NOT NULL); CREATE INDEX IF NOT EXISTS wafv2_log_acl ON wafv2_log (acl, id);")

DELIVERY, PREFIX = "delivery.logs.amazonaws.com", "aws-waf-logs-"
DELIVER_SECONDS = 300


class Logging(Record, frozen=True):
    kind = "wafv2.logging"

    acl: str
    values: dict[str, Any]

    @property
    def key(self) -> str:
        return self.acl

    @property
    def place(self) -> str:
        return str(self.values["LogDestinationConfigs"][0])


def own(call: Call, req: Any) -> str:
    return entities.own(call, req.get("ResourceArn") or req["LoggingConfiguration"]["ResourceArn"])


def scoped(req: Any) -> None:
    if req.get("LogScope", "CUSTOMER") != "CUSTOMER":
        raise errors.unbuilt(f"the log scope {req['LogScope']}")


@wafv2.op(resource=own, partly="Firehose is not built.")
def put_logging_configuration(call: Call, req: t.PutLoggingConfigurationRequest) -> t.PutLoggingConfigurationResponse:
    given = req["LoggingConfiguration"]
    scoped(given)
    acl = entities.by_arn(call, given["ResourceArn"], "webacl")
    if len(given["LogDestinationConfigs"]) != 1:
        raise errors.not_one("LOG_DESTINATION", "LogDestinationConfigs")
    for field in given.get("RedactedFields") or []:
        if set(field) - {"UriPath", "QueryString", "SingleHeader", "Method"} or len(field) != 1:
            raise errors.invalid("The field cannot be redacted.", "FIELD_TO_MATCH", next(iter(field), ""))
    ready(call, given["LogDestinationConfigs"][0])
    kept = call.put(Logging(acl.arn, {"LogType": "WAF_LOGS", "LogScope": "CUSTOMER", "ManagedByFirewallManager": False, **given}))
    return {"LoggingConfiguration": kept.values}  # type: ignore[typeddict-item]


def ready(call: Call, place: str) -> None:
    """The destination is there and is ours to write to. As on AWS the caller's own right to say so is used: a log group's resource policy is written here."""
    parts = place.split(":", 6)
    name = place.partition(":::")[2] if ":s3:" in place else parts[6].removesuffix(":*") if len(parts) > 6 else ""
    if ":firehose:" in place:
        raise errors.unbuilt("delivery to Firehose")
    if not name.startswith(PREFIX) or not (":logs:" in place or ":s3:" in place):
        raise errors.invalid("The ARN isn't valid.", "LOG_DESTINATION", place)
    try:
        if ":s3:" in place:
            call.as_root().do("s3", "GetBucketLocation", Bucket=name.partition("/")[0])
            return
        if not any(one["logGroupName"] == name for one in call.as_root().do("logs", "DescribeLogGroups", logGroupNamePrefix=name)["logGroups"]):
            raise errors.no_destination()
        allowed = {"Effect": "Allow", "Principal": {"Service": DELIVERY}, "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                   "Resource": call.arn(f"log-group:{PREFIX}*:*", service="logs"), "Condition": {"StringEquals": {"aws:SourceAccount": call.account}}}
        call.do("logs", "PutResourcePolicy", policyName="AWSWAF-LOGS", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    except AwsError as error:
        if error.code in ("NoSuchBucket", "AccessDenied", "AccessDeniedException"):
            raise errors.no_destination() from None
        raise


def find(call: Call, req: Any) -> Logging:
    scoped(req)
    entities.by_arn(call, req["ResourceArn"], "webacl")
    if one := call.get(Logging, req["ResourceArn"]):
        return one
    raise errors.missing()


@wafv2.op(resource=own)
def get_logging_configuration(call: Call, req: t.GetLoggingConfigurationRequest) -> t.GetLoggingConfigurationResponse:
    return {"LoggingConfiguration": find(call, req).values}  # type: ignore[typeddict-item]


@wafv2.op(ANY)
def list_logging_configurations(call: Call, req: t.ListLoggingConfigurationsRequest) -> t.ListLoggingConfigurationsResponse:
    reach = "global" if entities.reach(call, req["Scope"]) == "CLOUDFRONT" else "regional"
    here = sorted((one for one in call.all(Logging) if f":{reach}/webacl/" in one.acl), key=lambda one: one.acl)
    found, more = pages.page(here, req, lambda one: one.acl, 100, errors.bad_token, size="Limit", token="NextMarker")
    return {"LoggingConfigurations": [one.values for one in found], **more}  # type: ignore[typeddict-item]


@wafv2.op(resource=own)
def delete_logging_configuration(call: Call, req: t.DeleteLoggingConfigurationRequest) -> t.DeleteLoggingConfigurationResponse:
    call.delete(find(call, req))
    return {}


def forget(call: Call, acl: str) -> None:
    if one := call.get(Logging, acl):
        call.delete(one)


# -- the lines ----------------------------------------------------------------------------------------------------------------------------

def kept(one: Logging, said: Verdict, labels: set[str]) -> bool:
    """By the filters: the first that is met says."""
    filters = one.values.get("LoggingFilter")
    if not filters:
        return True
    actions = {said.action.upper(), *(["COUNT"] if said.counted else [])}

    def met(condition: Any) -> bool:
        if "ActionCondition" in condition:
            return condition["ActionCondition"]["Action"] in actions
        return condition["LabelNameCondition"]["LabelName"] in labels
    for each in filters["Filters"]:
        found = [met(condition) for condition in each["Conditions"]]
        if all(found) if each["Requirement"] == "MEETS_ALL" else any(found):
            return bool(each["Behavior"] == "KEEP")
    return bool(filters["DefaultBehavior"] == "KEEP")


def remember(here: Call, acl: entities.Entity, resource: str, asked: Asked, said: Verdict, sent: int | None) -> None:
    """Within the request's own step."""
    one = here.get(Logging, acl.arn)
    if one is None or not kept(one, said, asked.labels):
        return
    text = json.dumps(line(here, acl, one, resource, asked, said, sent), separators=(",", ":"))
    if ":s3:" in one.place:
        if here.row("SELECT 1 FROM wafv2_log WHERE acl = ? LIMIT 1", acl.arn) is None:
            here.after(DELIVER_SECONDS, due, acl.arn, acl=acl.arn)
        here.sql("INSERT INTO wafv2_log (acl, line) VALUES (?, ?)", acl.arn, text)
        return
    from cloche.services.logs import public as logs
    try:
        writer = here.as_service(DELIVERY, here.arn("*", service="logs"), here.account)
        logs.write(writer, one.place.split(":", 6)[6].removesuffix(":*"), f"{here.region}_{acl.name}_0", [(int(here.now * 1000), text)])
    except AwsError:
        return                                             # nobody's request suffers from a log group that is gone or shut


def line(here: Call, acl: entities.Entity, one: Logging, resource: str, asked: Asked, said: Verdict, sent: int | None) -> dict[str, Any]:
    hidden = one.values.get("RedactedFields") or []
    secret = {field["SingleHeader"]["Name"].lower() for field in hidden if "SingleHeader" in field}
    gone = {name for field in hidden for name in field}
    rule = next((rule for rule in acl.values["Rules"] if rule["Name"] == said.rule), None)
    kind = next(iter(rule["Statement"])) if rule else ""
    source = ("ALB", resource.split(":", 5)[5].removeprefix("loadbalancer/")) if ":elasticloadbalancing:" in resource else ("APIGW", f"{here.account}:{resource.split('/')[2]}:{resource.split('/')[-1]}") \
        if ":apigateway:" in resource else ("COGNITOIDP", resource.rpartition("/")[2])
    return {
        "timestamp": int(here.now * 1000), "formatVersion": 1, "webaclId": acl.arn, "terminatingRuleId": said.rule,
        "terminatingRuleType": {"RateBasedStatement": "RATE_BASED", "RuleGroupReferenceStatement": "GROUP", "ManagedRuleGroupStatement": "MANAGED_RULE_GROUP"}.get(kind, "REGULAR"),
        "action": said.action.upper(), "terminatingRuleMatchDetails": [], "httpSourceName": source[0], "httpSourceId": source[1],
        "ruleGroupList": [{"ruleGroupId": said.rule, "terminatingRule": {"ruleId": said.within, "action": said.action.upper(), "ruleMatchDetails": None}, "nonTerminatingMatchingRules": []}] if said.within else [],
        "rateBasedRuleList": [], "nonTerminatingMatchingRules": [{"ruleId": name, "action": "COUNT", "ruleMatchDetails": []} for name in said.counted],
        "requestHeadersInserted": [{"name": name, "value": value} for name, value in said.insert] or None, "responseCodeSent": sent,
        "httpRequest": {
            "clientIp": asked.address, "country": "-", "headers": [{"name": name, "value": "REDACTED" if name.lower() in secret else value} for name, value in asked.headers],
            "uri": "REDACTED" if "UriPath" in gone else asked.path, "args": "REDACTED" if "QueryString" in gone else asked.query, "httpVersion": "HTTP/1.1",
            "httpMethod": "REDACTED" if "Method" in gone else asked.method, "requestId": here.uuid()},
        "labels": [{"name": name} for name in sorted(asked.labels)],
    }


@wafv2.timer
def due(call: Call, acl: str) -> None:
    call.wake(deliver, acl)


@wafv2.worker
async def deliver(call: Call, key: str) -> None:
    """What has gathered for a bucket, as one file."""
    one, rows = call.get(Logging, key), call.sql("SELECT id, line FROM wafv2_log WHERE acl = ? ORDER BY id", key)
    if not rows:
        return
    if one is not None and ":s3:" in one.place:
        bucket, _, folder = one.place.split(":::", 1)[-1].partition("/")
        t, name = time.gmtime(call.now), key.split("/")[2]
        stamp = f"{t.tm_year:04d}{t.tm_mon:02d}{t.tm_mday:02d}T{t.tm_hour:02d}{t.tm_min:02d}Z"
        path = f"AWSLogs/{call.account}/WAFLogs/{call.region}/{name}/{t.tm_year:04d}/{t.tm_mon:02d}/{t.tm_mday:02d}/{t.tm_hour:02d}/{t.tm_min:02d}"
        body = gzip.compress("\n".join([*(text for _, text in rows), ""]).encode(), mtime=0)
        try:
            with call.step():
                result: Any = call.as_root().do("s3", "PutObject", Bucket=bucket, Key=f"{folder + '/' if folder else ''}{path}/{call.account}_waflogs_{call.region}_{name}_{stamp}_{call.id('', 8)}.log.gz",
                                                Body=body, ACL="bucket-owner-full-control")
            if inspect.isawaitable(result):
                await result
        except AwsError:
            pass                                           # the bucket is gone or shut: so are these lines
    with call.step():
        call.sql("DELETE FROM wafv2_log WHERE acl = ? AND id <= ?", key, rows[-1][0])
