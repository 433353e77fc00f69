"""Applications: what is said about one, and who publishes it."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call
from cloche.kernel.pages import page

from . import artifacts, errors, reading, versions
from . import service as serverlessrepo
from .records import ON, Application, Version, find, home, stamp

if TYPE_CHECKING:
    from cloche.shapes import serverlessrepo as t

NAME = re.compile(r"[a-zA-Z0-9\-]{1,140}")
AUTHOR = re.compile(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?")
LABEL = re.compile(r"[a-zA-Z0-9+\-_:/@]{1,127}")
PAGE = 100
ABOUT = ("Author", "Description", "HomePageUrl", "Labels")


def check(req: Any) -> None:
    for member, longest in (("Author", 127), ("Description", 256)):
        if member in req and not 1 <= len(req[member]) <= longest:
            raise errors.bad(f"{member} must have length between 1 and {longest}")
    if "Author" in req and not AUTHOR.fullmatch(req["Author"]):
        raise errors.bad("Author must satisfy regular expression pattern: ^[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?$")
    labels = req.get("Labels", [])
    if len(labels) > 10 or not all(LABEL.fullmatch(x) for x in labels):
        raise errors.bad("Labels must be at most 10, each of length between 1 and 127 and of pattern ^[a-zA-Z0-9+\\-_:\\/@]+$")
    for one in ("License", "Readme", "Template"):
        if f"{one}Body" in req and f"{one}Url" in req:
            raise errors.both(f"{one[0].lower()}{one[1:]}Body", f"{one[0].lower()}{one[1:]}Url")


def shown(one: Application, version: Version | None = None) -> dict[str, Any]:
    out = {"ApplicationId": one.arn, "Name": one.name, "CreationTime": stamp(one.created), "IsVerifiedAuthor": False, **one.about}
    if version is not None:
        out["Version"] = versions.shown(version)
    return out


@serverlessrepo.op(resource=ANY)
async def create_application(call: Call, req: t.CreateApplicationRequest) -> t.CreateApplicationResponse:
    name = req["Name"]
    if not NAME.fullmatch(name):
        raise errors.bad("Name must have length between 1 and 140 and satisfy regular expression pattern: [a-zA-Z0-9\\-]+")
    check(req)
    arn = call.arn(f"applications/{name}")
    if call.get(Application, name) is not None:
        raise errors.application_exists(arn)
    version, folder = None, f"{call.account}/{name}-{call.uuid()}"
    if "SemanticVersion" in req:
        version = await reading.read(call, arn, folder, req["SemanticVersion"], req)
    elif "TemplateBody" in req or "TemplateUrl" in req:
        raise errors.bad("SemanticVersion is required when a template is given")
    about: dict[str, Any] = {k: req[k] for k in (*ABOUT, "SpdxLicenseId") if k in req}  # type: ignore[literal-required]
    about |= await texts(call, arn, folder, req)
    with call.step():
        if call.get(Application, name) is not None:
            raise errors.application_exists(arn)
        made = call.put(Application(arn, name, call.now, folder, about, versions=[version.version] if version else []))
        if version is not None:
            call.put(version)
    return shown(made, version)  # type: ignore[return-value]


async def texts(call: Call, arn: str, folder: str, req: Any) -> dict[str, str]:
    """License and readme, copied so that whoever sees the application can read them."""
    out = {}
    for one in ("License", "Readme"):
        body = req[f"{one}Body"].encode() if f"{one}Body" in req else await artifacts.fetch(call, arn, req[f"{one}Url"], f"{one}Url") if f"{one}Url" in req else None
        if body is not None:
            out[f"{one}Url"] = await artifacts.keep(call, f"{folder}/{call.uuid()}/{one.upper()}", body)
    return out


@serverlessrepo.op(**ON)
def get_application(call: Call, req: t.GetApplicationRequest) -> t.GetApplicationResponse:
    one = find(call, req["ApplicationId"])
    wanted = req.get("SemanticVersion")
    return shown(one, versions.find(call, one, wanted) if wanted else versions.latest(call, one))  # type: ignore[return-value]


@serverlessrepo.op(resource=ANY)
def list_applications(call: Call, req: t.ListApplicationsRequest) -> t.ListApplicationsResponse:
    found, token = page(sorted(call.all(Application), key=lambda x: x.name), req, lambda x: x.name, PAGE, errors.bad_token, size="MaxItems")
    hidden = ("LicenseUrl", "ReadmeUrl")
    return {"Applications": [{k: v for k, v in shown(one).items() if k not in hidden and k != "IsVerifiedAuthor"} for one in found], **token}  # type: ignore[typeddict-item]


@serverlessrepo.op(**ON)
async def update_application(call: Call, req: t.UpdateApplicationRequest) -> t.UpdateApplicationResponse:
    one = find(call, req["ApplicationId"])
    check(req)
    new = {k: req[k] for k in ABOUT if k in req} | await texts(call, one.arn, one.folder, req)  # type: ignore[literal-required]
    with call.step():
        one = find(call, one.arn)
        one = home(call, one.arn).put(one.but(about=one.about | new))
    return shown(one, versions.latest(call, one))  # type: ignore[return-value]


@serverlessrepo.op(**ON)
def delete_application(call: Call, req: t.DeleteApplicationRequest) -> None:
    one = find(call, req["ApplicationId"])
    there = home(call, one.arn)
    for version in versions.of(call, one):
        there.delete(version)
    there.delete(one)
    there.wake(artifacts.sweep, f"{one.folder}/")
