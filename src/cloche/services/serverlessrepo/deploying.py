"""Deploying an application: its template for a while at a URL (what AWS::Serverless::Application asks for), or a change set of a stack `serverlessrepo-NAME`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record

from . import errors, versions
from . import service as serverlessrepo
from .records import ON, arn_of, find, stamp

if TYPE_CHECKING:
    from cloche.shapes import serverlessrepo as t

HOUR = 3600


class Template(Record, frozen=True):
    kind = "serverlessrepo.template"

    id: str
    application: str
    version: str
    url: str
    created: float

    @property
    def key(self) -> str:
        return self.id


def shown(call: Call, one: Template) -> dict[str, Any]:
    return {"ApplicationId": one.application, "SemanticVersion": one.version, "TemplateId": one.id, "TemplateUrl": one.url, "CreationTime": stamp(one.created),
            "ExpirationTime": stamp(one.created + HOUR), "Status": "ACTIVE" if call.now < one.created + HOUR else "EXPIRED"}


@serverlessrepo.op(**ON)
def create_cloud_formation_template(call: Call, req: t.CreateCloudFormationTemplateRequest) -> t.CreateCloudFormationTemplateResponse:
    one = find(call, req["ApplicationId"])
    version = versions.find(call, one, req.get("SemanticVersion"))
    return shown(call, call.put(Template(call.uuid(), one.arn, version.version, version.url, call.now)))  # type: ignore[return-value]


@serverlessrepo.op(**ON)
def get_cloud_formation_template(call: Call, req: t.GetCloudFormationTemplateRequest) -> t.GetCloudFormationTemplateResponse:
    one = call.get(Template, req["TemplateId"])
    if one is None or one.application != arn_of(call, req["ApplicationId"]):
        raise errors.no_template(req["TemplateId"])
    return shown(call, one)  # type: ignore[return-value]


@serverlessrepo.op(**ON)
async def create_cloud_formation_change_set(call: Call, req: t.CreateCloudFormationChangeSetRequest) -> t.CreateCloudFormationChangeSetResponse:
    """Under the caller's own rights: what CreateChangeSet asks, it asks of them."""
    one = find(call, req["ApplicationId"])
    url, wanted = "", req.get("SemanticVersion")
    if "TemplateId" in req:
        template = call.get(Template, req["TemplateId"])
        if template is None or template.application != one.arn:
            raise errors.no_template(req["TemplateId"])
        if call.now >= template.created + HOUR:
            raise errors.bad(f"Template {template.id} has expired")
        url, wanted = template.url, template.version
    version = versions.find(call, one, wanted)
    given = set(req.get("Capabilities", []))
    given |= {"CAPABILITY_IAM"} if "CAPABILITY_NAMED_IAM" in given else set()
    if missing := [x for x in version.capabilities if x not in given]:
        raise errors.needs_capabilities(missing)
    name = f"serverlessrepo-{req['StackName']}"
    tags = [*req.get("Tags", []), {"Key": "serverlessrepo:applicationId", "Value": one.arn}, {"Key": "serverlessrepo:semanticVersion", "Value": version.version}]
    asked: dict[str, Any] = {
        "StackName": name, "ChangeSetName": req.get("ChangeSetName") or f"a{call.uuid()}", "ChangeSetType": await kind(call, name), "TemplateURL": url or version.url, "Tags": tags,
        "Parameters": [{"ParameterKey": x["Name"], "ParameterValue": x["Value"]} for x in req.get("ParameterOverrides", [])],
        "Capabilities": [x for x in req.get("Capabilities", []) if x != "CAPABILITY_RESOURCE_POLICY"],
    }
    for theirs, ours in (("ClientToken", "ClientToken"), ("Description", "Description"), ("NotificationArns", "NotificationARNs"), ("ResourceTypes", "ResourceTypes")):
        if theirs in req:
            asked[ours] = req[theirs]  # type: ignore[literal-required]
    if watch := req.get("RollbackConfiguration"):
        asked["RollbackConfiguration"] = dict(watch)
    try:
        answer = call.do("cloudformation", "CreateChangeSet", **asked)
        answer = await answer if hasattr(answer, "__await__") else answer
    except AwsError as error:
        if error.status == 403:
            raise
        raise errors.bad(error.message) from None
    return {"ApplicationId": one.arn, "SemanticVersion": version.version, "ChangeSetId": answer["Id"], "StackId": answer["StackId"]}


async def kind(call: Call, stack: str) -> str:
    """CREATE for a stack that is not there, or only under review."""
    try:
        answer = call.as_root().do("cloudformation", "DescribeStacks", StackName=stack)
        answer = await answer if hasattr(answer, "__await__") else answer
    except AwsError:
        return "CREATE"
    return "CREATE" if answer["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS" else "UPDATE"
