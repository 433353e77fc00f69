"""Access points: made for a bucket, found, listed, given a policy, deleted. Whose they are is said by the header x-amz-account-id."""
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from cloche.iam import grammar
from cloche.kernel import Call, Need, pages
from cloche.services.s3 import public as s3

from . import errors
from . import service as control

if TYPE_CHECKING:
    from cloche.shapes import s3control as t

MOST = 10_000
NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]\Z")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def arn(call: Call, req: Any) -> str:
    return f"arn:{s3.partition(call.region)}:s3:{call.region}:{req['AccountId']}:accesspoint/{req['Name']}"


def on_point(action: str) -> Any:
    """Asks for an action on the access point that a request names."""
    return lambda call, req: [Need(action, arn(call, req))]


def on_account(action: str) -> Any:
    return lambda call, req: [Need(action, "*", account=req["AccountId"])]


def own(call: Call, req: Any) -> None:
    if req["AccountId"] != call.account:
        raise errors.access_denied()


def find(call: Call, req: Any) -> s3.Point:
    own(call, req)
    found = call.get(s3.Point, f"{call.account}/{call.region}/{req['Name'].rpartition('/')[2]}")
    if found is None:
        raise errors.no_such_point()
    return found


@control.op(needs=on_point("s3:CreateAccessPoint"))
def create_access_point(call: Call, req: t.CreateAccessPointRequest) -> t.CreateAccessPointResult:
    own(call, req)
    name = req["Name"]
    if not NAME.match(name) or name.endswith("-s3alias"):
        raise errors.bad_name(name)
    bucket = call.get(s3.Bucket, req["Bucket"])
    if bucket is None or bucket.region != call.region or bucket.owner != req.get("BucketAccountId", call.account):
        raise errors.no_such_bucket(req["Bucket"])
    if call.get(s3.Point, f"{call.account}/{call.region}/{name}") is not None:
        raise errors.already_yours(name)
    if sum(one.account == call.account and one.region == call.region for one in call.all(s3.Point)) >= MOST:
        raise errors.too_many()
    block = {word: bool((req.get("PublicAccessBlockConfiguration") or s3.ALL_BLOCKED).get(word)) for word in s3.ALL_BLOCKED}
    point = s3.Point(call.account, call.region, name, bucket.name, bucket.owner, f"{name[:20].strip('-')}-{call.pick(LETTERS, 34)}-s3alias", call.now, block,
                     (req.get("VpcConfiguration") or {}).get("VpcId", ""), tags=s3.checked(call, req.get("Tags") or [], s3.MOST_ON_BUCKET))
    call.put(point)
    call.put(s3.Alias(point.alias, point.key))
    return {"AccessPointArn": point.arn, "Alias": point.alias}


@control.op(needs=on_point("s3:GetAccessPoint"))
def get_access_point(call: Call, req: t.GetAccessPointRequest) -> t.GetAccessPointResult:
    point = find(call, req)
    start, end = "s3-accesspoint", f"{point.region}.amazonaws.com"
    endpoints = {"ipv4": f"{start}.{end}", "dualstack": f"{start}.dualstack.{end}", "fips": f"{start}-fips.{end}", "fips_dualstack": f"{start}-fips.dualstack.{end}"}
    return {"Name": point.name, "Bucket": point.bucket, "NetworkOrigin": "VPC" if point.vpc else "Internet", "PublicAccessBlockConfiguration": point.block,
            "CreationDate": float(int(point.created)), "Alias": point.alias, "AccessPointArn": point.arn, "Endpoints": endpoints, "BucketAccountId": point.bucket_account,
            **({"VpcConfiguration": {"VpcId": point.vpc}} if point.vpc else {})}  # type: ignore[typeddict-item]


@control.op(needs=on_account("s3:ListAccessPoints"))
def list_access_points(call: Call, req: t.ListAccessPointsRequest) -> t.ListAccessPointsResult:
    own(call, req)
    found = sorted((one for one in call.all(s3.Point) if (one.account, one.region) == (call.account, call.region) and req.get("Bucket") in (None, one.bucket)), key=lambda one: one.name)
    page, token = pages.page(found, req, lambda one: one.name, 1000, errors.bad_token)
    listed: list[Any] = [{"Name": one.name, "NetworkOrigin": "VPC" if one.vpc else "Internet", "Bucket": one.bucket, "AccessPointArn": one.arn, "Alias": one.alias,
                          "BucketAccountId": one.bucket_account} | ({"VpcConfiguration": {"VpcId": one.vpc}} if one.vpc else {}) for one in page]
    return {"AccessPointList": listed, **token}  # type: ignore[typeddict-item]


@control.op(needs=on_point("s3:DeleteAccessPoint"))
def delete_access_point(call: Call, req: t.DeleteAccessPointRequest) -> None:
    point = find(call, req)
    call.delete(point)
    if (alias := call.get(s3.Alias, point.alias)) is not None:
        call.delete(alias)


# --- policies -----------------------------------------------------------------------------------------------------------------

def checked(point: s3.Point, text: str) -> dict[str, Any]:
    if len(text.encode()) > 20 * 1024:
        raise errors.malformed_policy("Policy exceeds the maximum allowed document size.")
    try:
        grammar.resource(text)
        document: dict[str, Any] = json.loads(text)
    except ValueError as wrong:
        raise errors.malformed_policy(str(wrong)) from None
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        resources = statement.get("Resource", [])
        for resource in resources if isinstance(resources, list) else [resources]:
            if resource != point.arn and not resource.startswith(f"{point.arn}/object/"):
                raise errors.malformed_policy("Policy has invalid resource")
    return document


@control.op(needs=on_point("s3:PutAccessPointPolicy"))
def put_access_point_policy(call: Call, req: t.PutAccessPointPolicyRequest) -> None:
    point = find(call, req)
    public = s3.lets_anybody_in(checked(point, req["Policy"]))
    if public and point.block.get("BlockPublicPolicy"):
        raise errors.access_denied()
    call.put(point.but(policy=req["Policy"], public=public))


@control.op(needs=on_point("s3:GetAccessPointPolicy"))
def get_access_point_policy(call: Call, req: t.GetAccessPointPolicyRequest) -> t.GetAccessPointPolicyResult:
    point = find(call, req)
    if point.policy is None:
        raise errors.no_policy()
    return {"Policy": point.policy}


@control.op(needs=on_point("s3:GetAccessPointPolicyStatus"))
def get_access_point_policy_status(call: Call, req: t.GetAccessPointPolicyStatusRequest) -> t.GetAccessPointPolicyStatusResult:
    point = find(call, req)
    if point.policy is None:
        raise errors.no_policy()
    return {"PolicyStatus": {"IsPublic": point.public}}


@control.op(needs=on_point("s3:DeleteAccessPointPolicy"))
def delete_access_point_policy(call: Call, req: t.DeleteAccessPointPolicyRequest) -> None:
    call.put(find(call, req).but(policy=None, public=False))
