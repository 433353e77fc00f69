"""Versions of an application: a packaged template under a semantic version, with what one must know to deploy it. A version never changes."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.kernel.pages import page

from . import errors, reading, records, semver
from . import service as serverlessrepo
from .records import ON, Application, Version, home, stamp

if TYPE_CHECKING:
    from cloche.shapes import serverlessrepo as t

PAGE = 100


def of(call: Call, one: Application) -> list[Version]:
    """All of an application's versions, the latest first."""
    there = home(call, one.arn)
    return [found for version in reversed(one.versions) if (found := there.get(Version, f"{one.name}|{version}")) is not None]


def latest(call: Call, one: Application) -> Version | None:
    return home(call, one.arn).get(Version, f"{one.name}|{one.versions[-1]}") if one.versions else None


def find(call: Call, one: Application, version: str | None) -> Version:
    found = home(call, one.arn).get(Version, f"{one.name}|{version}") if version else latest(call, one)
    if found is None:
        raise errors.no_version(one.arn, version or "at all")
    return found


def shown(one: Version) -> dict[str, Any]:
    return {"ApplicationId": one.application, "SemanticVersion": one.version, "CreationTime": stamp(one.created), "TemplateUrl": one.url, "ParameterDefinitions": one.parameters,
            "RequiredCapabilities": one.capabilities, "ResourcesSupported": True, **one.source}


@serverlessrepo.op(**ON)
async def create_application_version(call: Call, req: t.CreateApplicationVersionRequest) -> t.CreateApplicationVersionResponse:
    one = records.find(call, req["ApplicationId"])
    there = home(call, one.arn)
    if there.get(Version, f"{one.name}|{req['SemanticVersion']}") is not None:
        raise errors.version_exists(one.arn, req["SemanticVersion"])
    made = await reading.read(call, one.arn, one.folder, req["SemanticVersion"], req)
    with call.step():
        if there.get(Version, made.key) is not None:
            raise errors.version_exists(one.arn, made.version)
        one = records.find(call, one.arn)
        there.put(made)
        there.put(one.but(versions=sorted([*one.versions, made.version], key=semver.order)))
    return shown(made)  # type: ignore[return-value]


@serverlessrepo.op(**ON)
def list_application_versions(call: Call, req: t.ListApplicationVersionsRequest) -> t.ListApplicationVersionsResponse:
    found, token = page(of(call, records.find(call, req["ApplicationId"])), req, lambda x: x.version, PAGE, errors.bad_token, size="MaxItems")
    kept = ("ApplicationId", "SemanticVersion", "CreationTime", "SourceCodeUrl")
    return {"Versions": [{k: v for k, v in shown(one).items() if k in kept} for one in found], **token}  # type: ignore[typeddict-item]


@serverlessrepo.op(**ON)
def list_application_dependencies(call: Call, req: t.ListApplicationDependenciesRequest) -> t.ListApplicationDependenciesResponse:
    version = find(call, records.find(call, req["ApplicationId"]), req.get("SemanticVersion"))
    found, token = page(version.dependencies, req, lambda x: f"{x['ApplicationId']}|{x['SemanticVersion']}", PAGE, errors.bad_token, size="MaxItems")
    return {"Dependencies": found, **token}  # type: ignore[typeddict-item]
