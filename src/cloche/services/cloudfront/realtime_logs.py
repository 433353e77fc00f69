"""Real-time logs: chosen fields of a share of the requests, as records of a Kinesis stream, written under a role that trusts CloudFront."""
from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Need

from . import errors, things
from . import service as cloudfront
from .things import Noun, Thing

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

NOUN = Noun("realtime-log-config", "real-time log configuration", "RealtimeLogConfig", "RealtimeLogConfig", 150, "TooManyRealtimeLogConfigs")
FIELDS = frozenset((
    "timestamp", "c-ip", "time-to-first-byte", "sc-status", "sc-bytes", "cs-method", "cs-protocol", "cs-host", "cs-uri-stem", "cs-bytes", "x-edge-location", "x-edge-request-id", "x-host-header",
    "time-taken", "cs-protocol-version", "c-ip-version", "cs-user-agent", "cs-referer", "cs-cookie", "cs-uri-query", "x-edge-response-result-type", "x-forwarded-for", "ssl-protocol", "ssl-cipher",
    "x-edge-result-type", "fle-encrypted-fields", "fle-status", "sc-content-type", "sc-content-len", "sc-range-start", "sc-range-end", "c-port", "x-edge-detailed-result-type", "c-country",
    "cs-accept-encoding", "cs-accept", "cache-behavior-path-pattern", "cs-headers", "cs-header-names", "cs-headers-count", "primary-distribution-id", "primary-distribution-dns-name", "origin-fbl",
    "origin-lbl", "asn"))

cloudfront.table("CREATE TABLE IF NOT EXISTS cloudfront_realtime (n INTEGER PRIMARY KEY, account TEXT, config TEXT, line TEXT)")


def arn(call: Call, name: str) -> str:
    return NOUN.arn(call, name)


def by_arn(call: Call, given: str) -> Thing:
    found = call.get(Thing, f"{NOUN.path}/{given.rpartition('/')[2]}")
    if found is None or arn(call, found.id) != given:
        raise NOUN.lost()
    return found


def find(call: Call, req: Any) -> Thing:
    if req.get("ARN"):
        return by_arn(call, req["ARN"])
    return things.find(call, NOUN, req.get("Name") or "")


def asked(call: Call, req: Any) -> str:
    return req["ARN"].replace(f"::{req['ARN'].split(':')[4]}:", f"::{call.account}:") if req.get("ARN", "").count(":") > 4 else arn(call, req.get("Name") or "*")


def passing(verb: str) -> Any:
    def needs(call: Call, req: Any) -> list[Need]:
        roles = {one["KinesisStreamConfig"]["RoleARN"] for one in req.get("EndPoints") or () if one.get("KinesisStreamConfig")}
        return [Need(f"cloudfront:{verb}", asked(call, req)), *(Need("iam:PassRole", role, {"iam:PassedToService": "cloudfront.amazonaws.com"}) for role in sorted(roles))]
    return needs


def checked(values: dict[str, Any]) -> dict[str, Any]:
    if not 1 <= values["SamplingRate"] <= 100:
        raise errors.invalid("The parameter SamplingRate must be from 1 to 100.")
    if not values["Fields"] or (odd := [one for one in values["Fields"] if one not in FIELDS and not re.fullmatch(r"cmcd-[\w-]+|r-host|sr-reason|x-edge-mqcs", one)]):
        raise errors.invalid(f"The parameter Fields contains a field that is not valid: {odd[0] if values['Fields'] else ''}")
    if len(values["EndPoints"]) != 1 or values["EndPoints"][0]["StreamType"] != "Kinesis" or not values["EndPoints"][0].get("KinesisStreamConfig"):
        raise errors.invalid("The parameter EndPoints must name one Kinesis stream.")
    return values


def told(call: Call, one: Thing) -> dict[str, Any]:
    return {"ARN": arn(call, one.id), "Name": one.id, **{name: one.config[name] for name in ("SamplingRate", "EndPoints", "Fields")}}


@cloudfront.op(needs=passing("CreateRealtimeLogConfig"))
def create_realtime_log_config(call: Call, req: t.CreateRealtimeLogConfigRequest) -> t.CreateRealtimeLogConfigResult:
    made = things.make(call, NOUN, checked(dict(req)), req["Name"])
    return {"RealtimeLogConfig": told(call, made)}  # type: ignore[typeddict-item]


@cloudfront.op(asked)
def get_realtime_log_config(call: Call, req: t.GetRealtimeLogConfigRequest) -> t.GetRealtimeLogConfigResult:
    return {"RealtimeLogConfig": told(call, find(call, req))}  # type: ignore[typeddict-item]


@cloudfront.op(ANY)
def list_realtime_log_configs(call: Call, req: t.ListRealtimeLogConfigsRequest) -> t.ListRealtimeLogConfigsResult:
    out = things.listed(req, things.every(call, NOUN), lambda one: told(call, one), whole=True)
    return {"RealtimeLogConfigs": {name: value for name, value in out.items() if name != "Quantity"}}  # type: ignore[typeddict-item]


@cloudfront.op(needs=passing("UpdateRealtimeLogConfig"))
def update_realtime_log_config(call: Call, req: t.UpdateRealtimeLogConfigRequest) -> t.UpdateRealtimeLogConfigResult:
    old = find(call, req)
    new = call.put(old.but(config=checked({**old.config, **{name: req[name] for name in ("EndPoints", "Fields", "SamplingRate") if name in req}}), modified=call.now))  # type: ignore[literal-required]
    return {"RealtimeLogConfig": told(call, new)}  # type: ignore[typeddict-item]


@cloudfront.op(asked)
def delete_realtime_log_config(call: Call, req: t.DeleteRealtimeLogConfigRequest) -> None:
    found = find(call, req)
    if users(call, arn(call, found.id)):
        raise errors.in_use("RealtimeLogConfigInUse", NOUN.words)
    call.delete(found)


def users(call: Call, given: str) -> list[Any]:
    from .distributions import Distribution
    return [one for one in sorted(call.all(Distribution), key=lambda one: one.id) if given in things.named("RealtimeLogConfigArn")(one.config)]


# -- at work ----------------------------------------------------------------------------------------------------------------------

def keep(call: Call, given: str, values: dict[str, str]) -> None:
    """Inside a step: one line for the stream, if the dice say so."""
    found = call.get(Thing, f"{NOUN.path}/{given.rpartition('/')[2]}")
    if found is None or call.cloud.dice.random() * 100 >= found.config["SamplingRate"]:
        return
    line = "\t".join(values.get(name, "-") or "-" for name in found.config["Fields"])
    call.sql("INSERT INTO cloudfront_realtime (account, config, line) VALUES (?,?,?)", call.account, found.id, line)
    call.wake(put_lines, found.id)


@cloudfront.worker
async def put_lines(call: Call, name: str) -> None:
    found = call.get(Thing, f"{NOUN.path}/{name}")
    rows = call.sql("SELECT n, line FROM cloudfront_realtime WHERE account=? AND config=? ORDER BY n LIMIT 500", call.account, name)
    if rows and found is not None:
        stream = found.config["EndPoints"][0]["KinesisStreamConfig"]
        region = stream["StreamARN"].split(":")[3]
        try:
            here = call.at(call.account, region).as_role(stream["RoleARN"], "cloudfront-realtime-logs", "cloudfront.amazonaws.com")
            with call.step():
                sent = here.do("kinesis", "PutRecords", StreamARN=stream["StreamARN"], Records=[{"Data": (line + "\n").encode(), "PartitionKey": call.uuid()} for _, line in rows])
            if inspect.isawaitable(sent):
                await sent
        except AwsError:
            pass                                     # no stream, no role, no right: real-time logs are best effort
    with call.step():
        for n, _ in rows:
            call.sql("DELETE FROM cloudfront_realtime WHERE n=?", n)
