"""Invalidations: paths whose cached answers are thrown away at once; the batch is called completed a few seconds later, when every edge has done so.

A path is matched against an answer's path and the query string it is found by, `*` at its end stands for any rest.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import distributions, errors, things
from . import service as cloudfront
from .edge import cache
from .things import HOST, items

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

SECONDS = 4.0
MOST_PATHS, MOST_WILD = 3000, 15   # in progress at a time


class Invalidation(Record, frozen=True):
    kind = "cloudfront.invalidation"
    scope = "account"

    id: str
    distribution: str
    created: float
    reference: str
    paths: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"{self.distribution}/{self.id}"

    def status(self, now: float) -> str:
        return "InProgress" if now < self.created + SECONDS else "Completed"


def of(call: Call, distribution: str) -> list[Invalidation]:
    return sorted((one for one in call.all(Invalidation) if one.distribution == distribution), key=lambda one: (-one.created, one.id))


def running(call: Call, distribution: str) -> int:
    return sum(one.status(call.now) == "InProgress" for one in of(call, distribution))


def forget(call: Call, distribution: str) -> None:
    for one in of(call, distribution):
        call.delete(one)


def told(call: Call, one: Invalidation) -> dict[str, Any]:
    return {"Id": one.id, "Status": one.status(call.now), "CreateTime": one.created,
            "InvalidationBatch": {"Paths": {"Quantity": len(one.paths), "Items": list(one.paths)}, "CallerReference": one.reference}}


@cloudfront.op(**distributions.on("DistributionId"))
def create_invalidation(call: Call, req: t.CreateInvalidationRequest) -> t.CreateInvalidationResult:
    distribution, batch = distributions.find(call, req["DistributionId"]), req["InvalidationBatch"]
    things.counted(batch)
    paths = tuple(items(batch["Paths"]))
    if not paths or not all(checked(one) for one in paths):
        raise errors.invalid("Your request contains one or more invalid invalidation paths.")
    before = of(call, distribution.id)
    if same := next((one for one in before if one.reference == batch["CallerReference"]), None):
        if same.paths != paths:
            raise errors.batch_exists()
        made = same
    else:
        going = [path for one in before if one.status(call.now) == "InProgress" for path in one.paths]
        if len(going) + len(paths) > MOST_PATHS or sum(path.endswith("*") for path in (*going, *paths)) > MOST_WILD:
            raise errors.said("TooManyInvalidationsInProgress", "Processing your request will cause you to exceed the maximum number of in-progress invalidations.")
        made = call.put(Invalidation("I" + call.pick(things.LETTERS, 25), distribution.id, call.now, batch["CallerReference"], paths))
        cache.invalidate(call, distribution.id, paths)
        call.after(SECONDS, invalidated, f"{distribution.id}/{made.id}", distribution=distribution.id, paths=list(paths), before=call.now)
    return {"Location": f"{HOST}/distribution/{distribution.id}/invalidation/{made.id}", "Invalidation": told(call, made)}  # type: ignore[typeddict-item]


def checked(path: str) -> bool:
    return path.isascii() and (path.startswith("/") or path == "*") and "*" not in path[:-1] and not any(c.isspace() for c in path)


@cloudfront.timer
def invalidated(call: Call, distribution: str, paths: list[str], before: float) -> None:
    """What was on its way from the origin when the batch was made, and so is as old as the batch, goes too."""
    cache.invalidate(call, distribution, tuple(paths), before)


@cloudfront.op(**distributions.on("DistributionId"))
def get_invalidation(call: Call, req: t.GetInvalidationRequest) -> t.GetInvalidationResult:
    distributions.find(call, req["DistributionId"])
    found = call.get(Invalidation, f"{req['DistributionId']}/{req['Id']}")
    if found is None:
        raise errors.missing("NoSuchInvalidation", "invalidation")
    return {"Invalidation": told(call, found)}  # type: ignore[typeddict-item]


@cloudfront.op(**distributions.on("DistributionId"))
def list_invalidations(call: Call, req: t.ListInvalidationsRequest) -> t.ListInvalidationsResult:
    """Newest first."""
    distributions.find(call, req["DistributionId"])
    rest, marker, most = of(call, req["DistributionId"]), req.get("Marker") or "", things.most_of(req)
    ids = [one.id for one in rest]
    if marker:
        rest = rest[ids.index(marker) + 1:] if marker in ids else []
    found = rest[: min(most, 100)]
    more = {"NextMarker": found[-1].id} if len(rest) > len(found) else {}
    out: dict[str, Any] = {"Marker": marker, "MaxItems": most, "IsTruncated": bool(more), "Quantity": len(found), **more}
    if found:
        out["Items"] = [{"Id": one.id, "CreateTime": one.created, "Status": one.status(call.now)} for one in found]
    return {"InvalidationList": out}  # type: ignore[typeddict-item]
