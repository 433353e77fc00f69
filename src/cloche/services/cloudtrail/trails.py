"""Trails: which events go where. A trail has a home region; one of all regions shows itself in the others too (a shadow), one of an organization in all its accounts.

A trail is made silent: it logs from StartLogging on.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Cloud, Need, Record, pages
from cloche.services.organizations import public as organizations

from . import destinations, errors, selectors
from . import service as cloudtrail

if TYPE_CHECKING:
    from cloche.shapes import cloudtrail as t

    from .event_data_stores import EventDataStore

PRINCIPAL = "cloudtrail.amazonaws.com"
MOST = 5   # in a region
MOST_TAGS = 50


class Trail(Record, frozen=True):
    kind = "cloudtrail.trail"
    scope = "account"

    name: str
    region: str
    account: str
    bucket: str
    prefix: str = ""
    topic: str = ""                # ARN
    topic_name: str = ""           # as it was given
    everywhere: bool = False
    globals: bool = True
    validation: bool = False
    group: str = ""
    role: str = ""
    kms: str = ""                  # ARN
    organization: str = ""         # its id, for a trail of all its accounts
    recursive: bool | None = None
    tags: dict[str, str] = {}
    selectors: list[dict[str, Any]] | None = None
    advanced: list[dict[str, Any]] | None = None
    insights: list[dict[str, Any]] = []
    insights_since: float = 0
    logging: bool = False
    started: float = 0
    stopped: float = 0

    @property
    def key(self) -> str:
        return f"{self.region}/{self.name}"

    @property
    def arn(self) -> str:
        partition = "aws-cn" if self.region.startswith("cn-") else "aws-us-gov" if self.region.startswith("us-gov-") else "aws"
        return f"arn:{partition}:cloudtrail:{self.region}:{self.account}:trail/{self.name}"


# -- finding ------------------------------------------------------------------------------------------------------------------

_ARN = re.compile(r"arn:[^:]+:cloudtrail:([^:]+):(\d{12}):trail/(.+)$")
_NAME = re.compile(r"[A-Za-z0-9._-]+$")


def arn_of(call: Call, name: str) -> str:
    return name if name.startswith("arn:") else call.arn(f"trail/{name}")


def by_name(call: Call, req: Any) -> list[Need]:
    """An organization's trail is asked about as if it were the member's own: that it may only look at it is CloudTrail's own rule."""
    return [Need(f"cloudtrail:{call.op}", arn_of(call, req.get("Name") or req.get("TrailName") or "*"), account=call.account)]


def check_name(name: str) -> None:
    if name.startswith("arn:"):
        if not _ARN.match(name):
            raise errors.bad_arn(name)
        return
    if not name:
        raise errors.bad_name("Trail name cannot be blank!")
    if not 3 <= len(name) <= 128:
        short = len(name) < 3
        raise errors.bad_name(f"Trail name too {'short. Minimum' if short else 'long. Maximum'} allowed length: {3 if short else 128} characters. Specified name length: {len(name)} characters.")
    if not _NAME.match(name):
        raise errors.bad_name("Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).")
    if not name[0].isalnum():
        raise errors.bad_name("Trail name must starts with a letter or number.")
    if not name[-1].isalnum():
        raise errors.bad_name("Trail name must ends with a letter or number.")
    if re.search(r"[._-]{2}", name):
        raise errors.bad_name("Trail name cannot have adjacent periods, underscores or dashes.")
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", name):
        raise errors.bad_name("Trail name cannot be in IP address format.")


def seen_by(call: Call) -> list[Trail]:
    """Every trail that concerns the caller's account: its own, and its organization's."""
    out = call.all(Trail)
    if (above := organizations.management(call.cloud, call.account)) and above[0] != call.account:
        out += [one for one in call.at(above[0], call.region).all(Trail) if one.organization]
    return out


def find(call: Call, name: str) -> Trail:
    """By its name, in its home region; by its ARN, also from elsewhere."""
    check_name(name)
    arn = arn_of(call, name)
    for one in seen_by(call):
        if one.arn == arn:
            return one
    raise errors.no_trail(name, call.account)


def at_home(call: Call, name: str) -> Trail:
    """To be changed: only where it was made, and by whom."""
    check_name(name)
    try:
        one = find(call, name)
    except errors.AwsError:
        shadow = next((one for one in seen_by(call) if one.name == name and one.everywhere), None)
        if shadow is None:
            raise
        one = shadow
    if one.account != call.account:
        raise errors.not_master()
    if one.region != call.region:
        raise errors.bad_home(one.name, one.region)
    return one


def logging_for(cloud: Cloud, account: str, region: str) -> Iterator[Trail]:
    """The trails that log what happens in an account and a region."""
    table = cloud.store.table
    for one in table(Trail, account, "").values():
        if one.logging and (one.everywhere or one.region == region):
            yield one
    if (above := organizations.management(cloud, account)) and above[0] != account:
        for one in table(Trail, above[0], "").values():
            if one.logging and one.organization and (one.everywhere or one.region == region):
                yield one


# -- the life of a trail --------------------------------------------------------------------------------------------------------

def view(one: Trail) -> Any:
    out: dict[str, Any] = {"Name": one.name, "S3BucketName": one.bucket, "IncludeGlobalServiceEvents": one.globals, "IsMultiRegionTrail": one.everywhere, "TrailARN": one.arn,
                           "LogFileValidationEnabled": one.validation, "IsOrganizationTrail": bool(one.organization)}
    for member, value in (("S3KeyPrefix", one.prefix), ("SnsTopicName", one.topic_name), ("SnsTopicARN", one.topic), ("CloudWatchLogsLogGroupArn", one.group), ("CloudWatchLogsRoleArn", one.role),
                          ("KmsKeyId", one.kms)):
        if value:
            out[member] = value
    if one.recursive is not None:
        out["RecursiveLogging"] = one.recursive
    return out


def whole(one: Trail) -> Any:
    return {**view(one), "HomeRegion": one.region, "HasCustomEventSelectors": one.selectors is not None or one.advanced is not None, "HasInsightSelectors": bool(one.insights)}


@cloudtrail.op(needs=by_name)
def create_trail(call: Call, req: t.CreateTrailRequest) -> t.CreateTrailResponse:
    name = req["Name"]
    check_name(name)
    if name.startswith("arn:"):
        raise errors.bad_name("Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).")
    here = [one for one in call.all(Trail) if one.region == call.region]
    if any(one.name == name and (one.region == call.region or one.everywhere) for one in call.all(Trail)):
        raise errors.exists(name, call.account)
    if len(here) >= MOST:
        raise errors.too_many(call.account, call.region)
    tags = read_tags(call, req.get("TagsList") or [])
    if tags:
        call.require("cloudtrail:AddTags", arn_of(call, name))
    one = settled(call, Trail(name, call.region, call.account, "", tags=tags), req)
    call.put(one)
    return view(one)  # type: ignore[no-any-return]


def settled(call: Call, one: Trail, req: Any) -> Trail:
    """The trail with what a request says of it, checked as a whole: everything it writes to lets it in."""
    members = {"S3BucketName": "bucket", "S3KeyPrefix": "prefix", "IncludeGlobalServiceEvents": "globals", "IsMultiRegionTrail": "everywhere", "EnableLogFileValidation": "validation",
               "CloudWatchLogsLogGroupArn": "group", "CloudWatchLogsRoleArn": "role", "RecursiveLogging": "recursive"}
    one = one.but(**{field: req[member] for member, field in members.items() if req.get(member) is not None})
    if one.everywhere and not one.globals:
        raise errors.bad_combination("Multi-Region trail must include global service events.")
    if req.get("IsOrganizationTrail") is not None:
        one = one.but(organization=destinations.organization(call) if req["IsOrganizationTrail"] else "")
    if req.get("SnsTopicName") is not None:
        given = req["SnsTopicName"]
        one = one.but(topic_name=given, topic=given if given.startswith("arn:") or not given else call.arn(given, service="sns"))
    if req.get("KmsKeyId") is not None:
        one = one.but(kms=destinations.key(call, req["KmsKeyId"]) if req["KmsKeyId"] else "")
    destinations.check(call, one, req)
    return one


@cloudtrail.op(needs=by_name)
def update_trail(call: Call, req: t.UpdateTrailRequest) -> t.UpdateTrailResponse:
    one = settled(call, at_home(call, req["Name"]), req)
    call.put(one)
    changed(call)
    return view(one)  # type: ignore[no-any-return]


@cloudtrail.op(needs=by_name)
def get_trail(call: Call, req: t.GetTrailRequest) -> t.GetTrailResponse:
    return {"Trail": whole(find(call, req["Name"]))}


@cloudtrail.op(resource=ANY)
def describe_trails(call: Call, req: t.DescribeTrailsRequest) -> t.DescribeTrailsResponse:
    names, shadows = req.get("trailNameList") or [], req.get("includeShadowTrails", True)
    for name in names:
        check_name(name)
    asked = {arn_of(call, name) for name in names}
    found = []
    for one in seen_by(call):
        home = one.region == call.region and one.account == call.account
        if (one.arn in asked if names else home or (shadows and (one.everywhere or one.region == call.region))) and (home or shadows):
            found.append(one)
    return {"trailList": [whole(one) for one in sorted(found, key=lambda one: one.arn)]}


@cloudtrail.op(resource=ANY)
def list_trails(call: Call, req: t.ListTrailsRequest) -> t.ListTrailsResponse:
    found, more = pages.page(sorted(seen_by(call), key=lambda one: one.arn), req, lambda one: one.arn, 100, errors.bad_token)
    return {"Trails": [{"TrailARN": one.arn, "Name": one.name, "HomeRegion": one.region} for one in found], **more}


@cloudtrail.op(needs=by_name)
def start_logging(call: Call, req: t.StartLoggingRequest) -> t.StartLoggingResponse:
    one = at_home(call, req["Name"])
    if not one.logging:
        one = call.put(one.but(logging=True, started=call.now))
        from . import digests
        digests.begin(call, one, call.account, call.region)
        changed(call)
    return {}


@cloudtrail.op(needs=by_name)
def stop_logging(call: Call, req: t.StopLoggingRequest) -> t.StopLoggingResponse:
    one = at_home(call, req["Name"])
    if one.logging:
        call.put(one.but(logging=False, stopped=call.now))
        changed(call)
    return {}


@cloudtrail.op(needs=by_name)
def delete_trail(call: Call, req: t.DeleteTrailRequest) -> t.DeleteTrailResponse:
    from . import delivery
    one = at_home(call, req["Name"])
    call.delete(one)
    delivery.forget(call, one)
    changed(call)
    return {}


def changed(call: Call) -> None:
    """Who logs what is another now: StartLogging itself is logged already. (If this step fails, the journal asks for too much for a while: nobody wants it.)"""
    selectors.watch(call.cloud)


# -- selectors ------------------------------------------------------------------------------------------------------------------

@cloudtrail.op(needs=by_name, partly="no network activity events")
def put_event_selectors(call: Call, req: t.PutEventSelectorsRequest) -> t.PutEventSelectorsResponse:
    one = at_home(call, req["TrailName"])
    basic, advanced = req.get("EventSelectors"), req.get("AdvancedEventSelectors")
    if basic and advanced:
        raise errors.bad_selectors("You can use either AdvancedEventSelectors or EventSelectors, but not both.")
    if not basic and not advanced:
        raise errors.bad_selectors("EventSelectors or AdvancedEventSelectors must be specified.")
    if advanced:
        selectors.check_advanced(advanced)
        one = one.but(advanced=[dict(each) for each in advanced], selectors=None)
    else:
        one = one.but(selectors=selectors.checked(basic), advanced=None)
    call.put(one)
    changed(call)
    return {"TrailARN": one.arn, **told(one)}


def told(one: Trail) -> Any:
    return {"AdvancedEventSelectors": one.advanced} if one.advanced is not None else {"EventSelectors": one.selectors if one.selectors is not None else selectors.DEFAULT}


@cloudtrail.op(needs=by_name)
def get_event_selectors(call: Call, req: t.GetEventSelectorsRequest) -> t.GetEventSelectorsResponse:
    one = find(call, req["TrailName"])
    return {"TrailARN": one.arn, **told(one)}


@cloudtrail.op(needs=by_name)
def put_insight_selectors(call: Call, req: t.PutInsightSelectorsRequest) -> t.PutInsightSelectorsResponse:
    if not req.get("TrailName"):
        raise errors.bad_parameter("Cloche keeps insight selectors of trails: TrailName must be specified.")
    given = req["InsightSelectors"]
    one = at_home(call, req["TrailName"])
    kinds = [each.get("InsightType") for each in given]
    if None in kinds or len(set(kinds)) != len(kinds):
        raise errors.bad_insights()
    call.put(one.but(insights=[dict(each) for each in given], insights_since=(one.insights_since or call.now) if given else 0))
    return {"TrailARN": one.arn, "InsightSelectors": given}


@cloudtrail.op(needs=by_name)
def get_insight_selectors(call: Call, req: t.GetInsightSelectorsRequest) -> t.GetInsightSelectorsResponse:
    if not req.get("TrailName"):
        raise errors.bad_parameter("Cloche keeps insight selectors of trails: TrailName must be specified.")
    one = find(call, req["TrailName"])
    if not one.insights:
        raise errors.no_insights(one.arn)
    return {"TrailARN": one.arn, "InsightSelectors": one.insights}  # type: ignore[typeddict-item]


# -- tags -------------------------------------------------------------------------------------------------------------------------

def by_id(call: Call, req: Any) -> str:
    return str(req["ResourceId"])


def by_ids(call: Call, req: Any) -> list[str]:
    return list(req["ResourceIdList"])


def of_arn(call: Call, arn: str) -> Trail | EventDataStore:
    """A trail, or a store of events: both have tags."""
    if ":eventdatastore/" in arn:
        from . import event_data_stores
        return event_data_stores.active(call, arn)
    if not _ARN.match(arn):
        raise errors.bad_arn(arn)
    for one in call.all(Trail):
        if one.arn == arn:
            return one
    raise errors.no_resource(arn)


def read_tags(call: Call, given: Any) -> dict[str, str]:
    tags = {tag["Key"]: tag.get("Value") or "" for tag in given}
    if len(tags) != len(given):
        raise errors.bad_tag("Duplicate tag keys are not allowed.")
    if call.reserves(tags):
        raise errors.bad_tag("Tag keys must not begin with aws:.")
    if len(tags) > MOST_TAGS:
        raise errors.too_many_tags()
    return tags


@cloudtrail.op(resource=by_id)
def add_tags(call: Call, req: t.AddTagsRequest) -> t.AddTagsResponse:
    one = of_arn(call, req["ResourceId"])
    tags = one.tags | read_tags(call, req["TagsList"])
    if len(tags) > MOST_TAGS:
        raise errors.too_many_tags()
    call.put(one.but(tags=tags))
    return {}


@cloudtrail.op(resource=by_id)
def remove_tags(call: Call, req: t.RemoveTagsRequest) -> t.RemoveTagsResponse:
    one = of_arn(call, req["ResourceId"])
    gone = {tag["Key"] for tag in req["TagsList"]}
    call.put(one.but(tags={key: value for key, value in one.tags.items() if key not in gone}))
    return {}


@cloudtrail.op(resource=by_ids)
def list_tags(call: Call, req: t.ListTagsRequest) -> t.ListTagsResponse:
    return {"ResourceTagList": [{"ResourceId": arn, "TagsList": [{"Key": key, "Value": value} for key, value in of_arn(call, arn).tags.items()]} for arn in req["ResourceIdList"]]}
