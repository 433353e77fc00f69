"""Revisions: where an application's bundle or AppSpec lies. One that is deployed is registered by that; its use is written down."""
from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import applications, errors, names, tags
from . import service as codedeploy

if TYPE_CHECKING:
    from cloche.shapes import codedeploy as t

PAGE, BATCH = 100, 25
PLACES = {"S3": "s3Location", "GitHub": "gitHubLocation", "String": "string", "AppSpecContent": "appSpecContent"}
PLATFORMS = {"Server": ("S3", "GitHub"), "Lambda": ("S3", "String", "AppSpecContent"), "ECS": ("S3", "String", "AppSpecContent")}
BUNDLES = {"Server": ("zip", "tar", "tgz"), "Lambda": ("YAML", "JSON"), "ECS": ("YAML", "JSON")}


class Revision(Record, frozen=True):
    kind = "codedeploy.revision"

    application: str
    mark: str                       # what is said of a place, in one word
    location: dict[str, Any]
    registered: float
    description: str = ""
    first: float = 0.0
    last: float = 0.0
    groups: list[str] = []

    @property
    def key(self) -> str:
        return f"{self.application}/{self.mark}"


def mark(location: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(location, sort_keys=True).encode()).hexdigest()[:40]


def checked(location: Any, platform: str) -> dict[str, Any]:
    """A place that can be one for this platform."""
    kind = location.get("revisionType")
    if kind is None:
        raise errors.bad_revision("The revision type must be given.")
    place = location.get(PLACES[kind])
    if not place:
        raise errors.bad_revision(f"A revision of type {kind} needs {PLACES[kind]}.")
    if kind not in PLATFORMS[platform]:
        raise errors.bad_revision(f"A revision of type {kind} cannot be deployed to the compute platform {platform}.")
    if kind == "S3":
        if not place.get("bucket") or not place.get("key"):
            raise errors.bad_revision("An S3 revision needs a bucket and a key.")
        if place.get("bundleType") is None:
            raise errors.bad_revision("An S3 revision needs a bundle type.")
        if place["bundleType"] not in BUNDLES[platform]:
            raise errors.bad_revision(f"The bundle type {place['bundleType']} cannot be deployed to the compute platform {platform}.")
    elif kind in ("String", "AppSpecContent"):
        if not place.get("content"):
            raise errors.bad_revision("The content of the AppSpec file must be given.")
        if place.get("sha256") and place["sha256"] != hashlib.sha256(place["content"].encode()).hexdigest():
            raise errors.bad_revision("The sha256 of the revision is not that of its content.")
    elif not place.get("repository") or not place.get("commitId"):
        raise errors.bad_revision("A GitHub revision needs a repository and a commit ID.")
    return {"revisionType": kind, PLACES[kind]: dict(place)}


def used(call: Call, application: str, location: dict[str, Any], group: str) -> None:
    found = call.get(Revision, f"{application}/{mark(location)}") or Revision(application, mark(location), location, call.now, "Application revision registered by Deployment ID: " + group)
    call.put(found.but(first=found.first or call.now, last=call.now))


def aimed(call: Call, application: str, old: dict[str, Any], new: dict[str, Any], group: str) -> None:
    """A deployment group's target is another one now."""
    for location, keep in ((old, False), (new, True)):
        if location and (found := call.get(Revision, f"{application}/{mark(location)}")) is not None:
            rest = [name for name in found.groups if name != group]
            call.put(found.but(groups=[*rest, group] if keep else rest))


def generic(one: Revision) -> dict[str, Any]:
    out: dict[str, Any] = {"description": one.description, "deploymentGroups": one.groups, "registerTime": one.registered}
    return out | ({"firstUsedTime": one.first, "lastUsedTime": one.last} if one.first else {})


def forget(call: Call, application: str) -> None:
    for one in of(call, application):
        call.delete(one)


def renamed(call: Call, old: str, new: str) -> None:
    for one in of(call, old):
        call.delete(one)
        call.put(one.but(application=new))


def of(call: Call, application: str) -> list[Revision]:
    return [one for one in call.all(Revision) if one.application == application]


# -- operations --------------------------------------------------------------------------------------------------------------

@codedeploy.op(names.application, context=tags.of_application)
def register_application_revision(call: Call, req: t.RegisterApplicationRevisionInput) -> None:
    application = applications.find(call, req["applicationName"])
    location = checked(req["revision"], application.platform)
    found = call.get(Revision, f"{application.name}/{mark(location)}") or Revision(application.name, mark(location), location, call.now)
    call.put(found.but(registered=call.now, description=req.get("description", found.description)))


@codedeploy.op(names.application, context=tags.of_application)
def get_application_revision(call: Call, req: t.GetApplicationRevisionInput) -> t.GetApplicationRevisionOutput:
    application = applications.find(call, req["applicationName"])
    location = checked(req["revision"], application.platform)
    found = call.get(Revision, f"{application.name}/{mark(location)}")
    if found is None:
        raise errors.no_revision()
    return {"applicationName": application.name, "revision": found.location, "revisionInfo": generic(found)}  # type: ignore[typeddict-item]


@codedeploy.op(names.application, context=tags.of_application)
def batch_get_application_revisions(call: Call, req: t.BatchGetApplicationRevisionsInput) -> t.BatchGetApplicationRevisionsOutput:
    application = applications.find(call, req["applicationName"])
    if len(req["revisions"]) > BATCH:
        raise errors.batch_too_large(BATCH)
    out: Any = {"applicationName": application.name, "revisions": []}
    for wanted in req["revisions"]:
        found = call.get(Revision, f"{application.name}/{mark(checked(wanted, application.platform))}")
        if found is None:
            out["errorMessage"] = errors.no_revision().message
        else:
            out["revisions"].append({"revisionLocation": found.location, "genericRevisionInfo": generic(found)})
    return out  # type: ignore[no-any-return]


@codedeploy.op(names.application, context=tags.of_application)
def list_application_revisions(call: Call, req: t.ListApplicationRevisionsInput) -> t.ListApplicationRevisionsOutput:
    application = applications.find(call, req["applicationName"])
    if req.get("s3KeyPrefix") and not req.get("s3Bucket"):
        raise errors.bucket_filter_required()
    found = of(call, application.name)
    if bucket := req.get("s3Bucket"):
        found = [one for one in found if one.location.get("s3Location", {}).get("bucket") == bucket and one.location["s3Location"]["key"].startswith(req.get("s3KeyPrefix") or "")]
    if (deployed := req.get("deployed", "ignore")) != "ignore":
        found = [one for one in found if bool(one.groups) == (deployed == "include")]
    order = {"registerTime": lambda one: one.registered, "firstUsedTime": lambda one: one.first, "lastUsedTime": lambda one: one.last}[req.get("sortBy") or "registerTime"]
    found.sort(key=lambda one: (order(one), one.mark), reverse=req.get("sortOrder") == "descending")
    shown, token = pages.page(found, req, lambda one: one.mark, PAGE, errors.bad_token, token="nextToken")
    return {"revisions": [one.location for one in shown], **token}  # type: ignore[typeddict-item]
