"""Managed policies of the account, their versions, and AWS's own, which everybody may attach and nobody may change."""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cloche.iam import MalformedPolicy, grammar, managed
from cloche.kernel import ANY, Call, Record

from . import errors, mentions, tags
from . import service as iam
from .names import identifier, moment
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t

MOST_CHARACTERS, MOST_VERSIONS = 6144, 5


class ManagedPolicy(Record, frozen=True):
    kind = "iam.policy"
    scope = "account"

    name: str
    id: str
    path: str
    created: float
    updated: float
    versions: dict[str, tuple[str, float]]             # v1 -> (document, created), oldest first
    default: str = "v1"
    next: int = 2
    description: str | None = None
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def document(self) -> str:
        return self.versions[self.default][0]


Found = ManagedPolicy | managed.Managed


def arn(call: Call, policy: Found) -> str:
    return policy.arn if isinstance(policy, managed.Managed) else call.arn(f"policy{policy.path}{policy.name}", service="iam", region="")


def by_arn(call: Call, req: Any) -> str:
    return req["PolicyArn"]


def to_be(call: Call, req: Any) -> str:
    return call.arn(f"policy{req.get('Path', '/')}{req['PolicyName']}", service="iam", region="")


def facts(call: Call, req: Any) -> dict[str, Any]:
    context = tags.asked(req)
    found = lookup(call, req["PolicyArn"]) if "PolicyArn" in req else None
    if isinstance(found, ManagedPolicy):
        context |= {f"aws:ResourceTag/{key}": value for key, value in found.tags.items()}
    return context


def lookup(call: Call, policy_arn: str) -> Found | None:
    """The policy with this ARN, AWS's or the account's."""
    parts = policy_arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != "iam" or not parts[5].startswith("policy/"):
        raise errors.bad_arn(policy_arn)
    if parts[4] == "aws":
        return managed.find(policy_arn)
    if parts[4] != call.account:
        return None
    found = call.get(ManagedPolicy, parts[5].rpartition("/")[2].lower())
    return found if found and arn(call, found) == policy_arn else None


def find(call: Call, policy_arn: str) -> Found:
    found = lookup(call, policy_arn)
    if found is None:
        raise errors.no_such_policy(policy_arn)
    return found


def usable(call: Call, policy_arn: str) -> Found | None:
    """The policy, if it is there; those that AWS made for service-linked roles are for these alone."""
    found = lookup(call, policy_arn)
    if isinstance(found, managed.Managed) and found.path == "/aws-service-role/":
        raise errors.service_role_policy()
    return found


def own(call: Call, policy_arn: str) -> ManagedPolicy:
    """The account's policy; AWS's are not for changing."""
    found = find(call, policy_arn)
    if isinstance(found, managed.Managed):
        raise errors.aws_managed(policy_arn)
    return found


def document(call: Call, policy_arn: str) -> str | None:
    """The default version's text."""
    found = lookup(call, policy_arn)
    return None if found is None else found.document


def checked(text: str, managed: bool = False) -> str:
    try:
        grammar.alphanumeric_sids(grammar.identity(text, managed))
    except MalformedPolicy as error:
        raise errors.malformed(error.message) from None
    return text


def size(text: str) -> int:
    return len(re.sub(r"\s", "", text))


def view(call: Call, policy: Found) -> t.Policy:
    uses = mentions.of(call, arn(call, policy))
    return {
        "PolicyName": policy.name, "PolicyId": policy.id, "Arn": arn(call, policy), "Path": policy.path,
        "DefaultVersionId": policy.version if isinstance(policy, managed.Managed) else policy.default,
        "AttachmentCount": len(uses.permission), "PermissionsBoundaryUsageCount": len(uses.boundary), "IsAttachable": policy.path != "/aws-service-role/" or not isinstance(policy, managed.Managed),
        "CreateDate": policy.created, "UpdateDate": policy.updated,
    }


@iam.op(resource=to_be, action=tags.action("CreatePolicy", "TagPolicy"), context=facts)
def create_policy(call: Call, req: t.CreatePolicyRequest) -> t.CreatePolicyResponse:
    name, text = req["PolicyName"], checked(req["PolicyDocument"], managed=True)
    if size(text) > MOST_CHARACTERS:
        raise errors.too_many("PolicySize", MOST_CHARACTERS)
    if call.get(ManagedPolicy, name.lower()):
        raise errors.policy_exists(name)
    policy = call.put(ManagedPolicy(name, identifier(call, "ANPA"), req.get("Path", "/"), moment(call), moment(call), {"v1": (text, moment(call))},
                                    description=req.get("Description"), tags=tags.given(call, req)))
    found = view(call, policy)
    if policy.tags:
        found["Tags"] = tags.pairs(policy.tags)
    return {"Policy": found}


@iam.op(resource=by_arn, context=facts)
def get_policy(call: Call, req: t.GetPolicyRequest) -> t.GetPolicyResponse:
    policy = find(call, req["PolicyArn"])
    found = view(call, policy)
    own = isinstance(policy, ManagedPolicy)
    if own and policy.description is not None:
        found["Description"] = policy.description
    found["Tags"] = tags.pairs(policy.tags) if own else []
    return {"Policy": found}


@iam.op(resource=ANY)
def list_policies(call: Call, req: t.ListPoliciesRequest) -> t.ListPoliciesResponse:
    found, more = page(req, _wanted(call, req), key=lambda policy: policy.name)
    return {"Policies": [view(call, policy) for policy in found], **more}


def _wanted(call: Call, req: t.ListPoliciesRequest) -> Iterator[Found]:
    scope, prefix, use = req.get("Scope", "All"), req.get("PathPrefix", "/"), req.get("PolicyUsageFilter")
    candidates: list[Found] = []
    if scope in ("All", "Local"):
        candidates += call.all(ManagedPolicy)
    if scope in ("All", "AWS"):
        candidates += managed.every().values()
    for policy in candidates:
        if policy.path.startswith(prefix):
            uses = mentions.of(call, arn(call, policy))
            if req.get("OnlyAttached") and not uses.permission:
                continue
            if use and not (uses.permission if use == "PermissionsPolicy" else uses.boundary):
                continue
            yield policy


@iam.op(resource=by_arn, context=facts)
def delete_policy(call: Call, req: t.DeletePolicyRequest) -> None:
    policy = own(call, req["PolicyArn"])
    uses = mentions.of(call, req["PolicyArn"])
    if uses.permission or uses.boundary:
        raise errors.policy_attached()
    if len(policy.versions) > 1:
        raise errors.policy_has_versions()
    call.delete(policy)


@iam.op(resource=by_arn, context=facts)
def create_policy_version(call: Call, req: t.CreatePolicyVersionRequest) -> t.CreatePolicyVersionResponse:
    policy, text = own(call, req["PolicyArn"]), checked(req["PolicyDocument"], managed=True)
    if size(text) > MOST_CHARACTERS:
        raise errors.too_many("PolicySize", MOST_CHARACTERS)
    if len(policy.versions) >= MOST_VERSIONS:
        raise errors.too_many_versions()
    version = f"v{policy.next}"
    changed = policy.but(versions={**policy.versions, version: (text, moment(call))}, next=policy.next + 1, updated=moment(call),
                         default=version if req.get("SetAsDefault") else policy.default)
    call.put(changed)
    return {"PolicyVersion": {"VersionId": version, "IsDefaultVersion": changed.default == version, "CreateDate": moment(call)}}


@iam.op(resource=by_arn, context=facts, partly="of AWS's own managed policies the version in force when Cloche was made is there, not the older ones")
def get_policy_version(call: Call, req: t.GetPolicyVersionRequest) -> t.GetPolicyVersionResponse:
    policy, version = find(call, req["PolicyArn"]), req["VersionId"]
    if isinstance(policy, managed.Managed):
        if version != policy.version:                  # AWS keeps older ones too; the data knows the current one
            raise errors.no_such_version(req["PolicyArn"], version)
        text, created = policy.document, policy.updated
    else:
        if version not in policy.versions:
            raise errors.no_such_version(req["PolicyArn"], version)
        text, created = policy.versions[version]
    default = policy.version if isinstance(policy, managed.Managed) else policy.default
    return {"PolicyVersion": {"Document": quote(text, safe=""), "VersionId": version, "IsDefaultVersion": version == default, "CreateDate": created}}


@iam.op(resource=by_arn, context=facts)
def list_policy_versions(call: Call, req: t.ListPolicyVersionsRequest) -> t.ListPolicyVersionsResponse:
    policy = find(call, req["PolicyArn"])
    if isinstance(policy, managed.Managed):
        return {"Versions": [{"VersionId": policy.version, "IsDefaultVersion": True, "CreateDate": policy.updated}], "IsTruncated": False}
    found, more = page(req, reversed(policy.versions), key=str, ordered=True)
    return {"Versions": [
        {"VersionId": version, "IsDefaultVersion": version == policy.default, "CreateDate": policy.versions[version][1]} for version in found
    ], **more}


@iam.op(resource=by_arn, context=facts)
def set_default_policy_version(call: Call, req: t.SetDefaultPolicyVersionRequest) -> None:
    policy = own(call, req["PolicyArn"])
    if req["VersionId"] not in policy.versions:
        raise errors.no_such_version(req["PolicyArn"], req["VersionId"])
    call.put(policy.but(default=req["VersionId"], updated=moment(call)))


@iam.op(resource=by_arn, context=facts)
def delete_policy_version(call: Call, req: t.DeletePolicyVersionRequest) -> None:
    policy, version = own(call, req["PolicyArn"]), req["VersionId"]
    if version not in policy.versions:
        raise errors.no_such_version(req["PolicyArn"], version)
    if version == policy.default:
        raise errors.default_version()
    call.put(policy.but(versions={name: one for name, one in policy.versions.items() if name != version}))


@iam.op(resource=by_arn, context=facts)
def tag_policy(call: Call, req: t.TagPolicyRequest) -> None:
    tags.add(call, own(call, req["PolicyArn"]), req)


@iam.op(resource=by_arn, context=facts)
def untag_policy(call: Call, req: t.UntagPolicyRequest) -> None:
    tags.remove(call, own(call, req["PolicyArn"]), req)


@iam.op(resource=by_arn, context=facts)
def list_policy_tags(call: Call, req: t.ListPolicyTagsRequest) -> t.ListPolicyTagsResponse:
    policy = find(call, req["PolicyArn"])
    return tags.listed(req, policy.tags if isinstance(policy, ManagedPolicy) else {})
