"""Applications: a name for what is deployed, on one compute platform. Its deployment groups and revisions go with it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages

from . import errors, names, tags
from . import service as codedeploy

if TYPE_CHECKING:
    from cloche.shapes import codedeploy as t

MOST, PAGE, BATCH = 1000, 100, 100


class Application(Record, frozen=True):
    kind = "codedeploy.application"

    name: str
    id: str
    created: float
    platform: str = "Server"
    groups: list[str] = []
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def find(call: Call, name: str) -> Application:
    found = call.get(Application, name)
    if found is None:
        raise errors.no_application(name)
    return found


def info(one: Application) -> dict[str, Any]:
    return {"applicationId": one.id, "applicationName": one.name, "createTime": one.created, "linkedToGitHub": False, "computePlatform": one.platform}


@codedeploy.op(names.application, context=tags.asked)
def create_application(call: Call, req: t.CreateApplicationInput) -> t.CreateApplicationOutput:
    name = req["applicationName"]
    if call.get(Application, name) is not None:
        raise errors.application_exists(name)
    if len(call.all(Application)) >= MOST:
        raise errors.too_many_applications()
    made = call.put(Application(name, call.uuid(), call.now, req.get("computePlatform", "Server"), tags=tags.given(call, req.get("tags"))))
    return {"applicationId": made.id}


@codedeploy.op(names.application, context=tags.of_application)
def get_application(call: Call, req: t.GetApplicationInput) -> t.GetApplicationOutput:
    return {"application": info(find(call, req["applicationName"]))}  # type: ignore[typeddict-item]


@codedeploy.op(names.applications)
def batch_get_applications(call: Call, req: t.BatchGetApplicationsInput) -> t.BatchGetApplicationsOutput:
    if len(req["applicationNames"]) > BATCH:
        raise errors.batch_too_large(BATCH)
    return {"applicationsInfo": [info(find(call, name)) for name in dict.fromkeys(req["applicationNames"])]}  # type: ignore[typeddict-item]


@codedeploy.op(ANY)
def list_applications(call: Call, req: t.ListApplicationsInput) -> t.ListApplicationsOutput:
    found, token = pages.page(sorted(one.name for one in call.all(Application)), req, lambda name: name, PAGE, errors.bad_token, token="nextToken")
    return {"applications": found, **token}  # type: ignore[typeddict-item]


@codedeploy.op(names.application, context=tags.of_application)
def update_application(call: Call, req: t.UpdateApplicationInput) -> None:
    """A new name; everything of it goes along."""
    from . import deployments, groups, revisions
    if not req.get("applicationName"):
        raise errors.application_name_required()
    one, new = find(call, req["applicationName"]), req.get("newApplicationName")
    if not new or new == one.name:
        return
    if call.get(Application, new) is not None:
        raise errors.application_exists(new)
    call.delete(one)
    call.put(one.but(name=new))
    groups.renamed(call, one, new)
    revisions.renamed(call, one.name, new)
    deployments.renamed(call, one.name, new)


@codedeploy.op(names.application, context=tags.of_application)
def delete_application(call: Call, req: t.DeleteApplicationInput) -> None:
    """What is not there is deleted already."""
    from . import groups, revisions
    one = call.get(Application, req["applicationName"])
    if one is None:
        return
    for name in one.groups:
        groups.remove(call, groups.find(call, one.name, name))
    revisions.forget(call, one.name)
    if there := call.get(Application, one.name):
        call.delete(there)
