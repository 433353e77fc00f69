"""Documents: what Run Command and Session Manager do, in versions of which one is the default. A document belongs to an account and may be shared."""
from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from cloche.kernel import ANY, Call, Record

from . import aws_documents, document_content, errors, paging
from . import errors_commands as refusals
from . import service as ssm

if TYPE_CHECKING:
    from cloche.shapes import ssm as t

MAX_VERSIONS = 1000
SHARED = ("ssm:GetDocument", "ssm:DescribeDocument", "ssm:ListDocumentVersions", "ssm:SendCommand", "ssm:StartSession")
RESERVED = re.compile(r"(aws|amazon|amzn)[-_:]?|awsec2|awsconfigremediation|awssupport", re.IGNORECASE)


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    number: int
    content: str
    format: str
    made: float
    name: str = ""

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()


class Document(Record, frozen=True):
    kind = "ssm.document"

    name: str
    type: str
    versions: tuple[Version, ...]
    default: int
    owner: str
    author: str = ""
    target_type: str = ""
    display_name: str = ""
    tags: dict[str, str] = {}
    shared: list[str] = []        # accounts, or "all"
    requires: list[dict[str, str]] = []

    @property
    def key(self) -> str:
        return self.name

    @property
    def last(self) -> Version:
        return self.versions[-1]

    def at(self, wanted: str) -> Version:
        """A version by number, by $DEFAULT or $LATEST."""
        if wanted in ("", "$DEFAULT"):
            wanted = str(self.default)
        if wanted == "$LATEST":
            return self.last
        for one in self.versions:
            if str(one.number) == wanted:
                return one
        raise refusals.no_document_version(self.name, wanted)


class Shared(Record, frozen=True):
    """Where a document is that its owner lets others use: by its ARN."""
    kind = "ssm.document-shared"
    scope = "cloud"

    arn: str
    account: str
    region: str
    name: str

    @property
    def key(self) -> str:
        return self.arn


# -- finding -------------------------------------------------------------------------------------------------------------------------

def arn(call: Call, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return call.arn(f"document/{name}", account="" if name in aws_documents.DOCUMENTS else None)


def by_name(call: Call, req: Any) -> str:
    return arn(call, req["Name"])


def anywhere(call: Call, name: str) -> Document:
    """One that this account may use: its own, Amazon's, or one that is shared with it. Raises InvalidDocument."""
    plain = name.rpartition("/")[2] if name.startswith("arn:") else name
    if plain in aws_documents.DOCUMENTS and (plain == name or name == arn(call, plain)):
        return amazons(plain)
    if (not name.startswith("arn:") or name == call.arn(f"document/{plain}")) and (found := call.get(Document, plain)):
        return found
    if (there := call.get(Shared, name)) and (found := call.at(there.account, there.region).get(Document, there.name)) and {"all", call.account} & set(found.shared):
        return found
    raise refusals.no_document(name)


def own(call: Call, name: str) -> Document:
    if found := call.get(Document, name):
        return found
    if name in aws_documents.DOCUMENTS:
        raise refusals.not_yours(name)
    raise refusals.no_document(name)


def amazons(name: str) -> Document:
    kind, content = aws_documents.DOCUMENTS[name]
    return Document(name, kind, (Version(1, json.dumps(content, indent=2), "JSON", aws_documents.SINCE),), 1, aws_documents.OWNER)


def sharing(call: Call, resource: str) -> str | None:
    """A shared document lets others use it, as a policy of its own would; None for one that is not."""
    there = call.get(Shared, resource)
    found = call.at(there.account, there.region).get(Document, there.name) if there else None
    if found is None:
        return None
    who = "*" if "all" in found.shared else [f"arn:aws:iam::{account}:root" for account in found.shared]
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*" if who == "*" else {"AWS": who}, "Resource": resource, "Action": list(SHARED)}]})


# -- showing -------------------------------------------------------------------------------------------------------------------------

def identifier(document: Document, version: Version) -> dict[str, Any]:
    content = document_content.read(version.content, version.format)
    out: dict[str, Any] = {
        "Name": document.name, "Owner": document.owner, "DocumentVersion": str(version.number), "DocumentType": document.type, "DocumentFormat": version.format,
        "SchemaVersion": str(content.get("schemaVersion", "")), "PlatformTypes": aws_documents.PLATFORMS.get(document.name, ["Linux", "MacOS"] if document.owner == "Amazon" else ["Windows", "Linux", "MacOS"]),
        "CreatedDate": version.made, "Tags": [{"Key": k, "Value": v} for k, v in document.tags.items()],
    }
    for member, value in (("VersionName", version.name), ("TargetType", document.target_type), ("DisplayName", document.display_name), ("Author", document.author), ("Requires", document.requires)):
        if value:
            out[member] = value
    return out


def description(document: Document, version: Version) -> Any:
    content = document_content.read(version.content, version.format)
    return identifier(document, version) | {
        "Hash": version.hash, "HashType": "Sha256", "Status": "Active", "Description": content.get("description", ""), "Parameters": document_content.parameters(content),
        "LatestVersion": str(document.last.number), "DefaultVersion": str(document.default),
    }


# -- operations ----------------------------------------------------------------------------------------------------------------------

def _making(call: Call, req: Any) -> dict[str, Any]:
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}} if tags else {}


@ssm.op(by_name, context=_making, partly="attachments are not kept, and the contents of kinds that nothing here runs (Automation, Package) are not checked")
def create_document(call: Call, req: t.CreateDocumentRequest) -> t.CreateDocumentResult:
    name, kind, form = req["Name"], req.get("DocumentType", "Command"), req.get("DocumentFormat", "JSON")
    if RESERVED.match(name):
        raise refusals.reserved_name(name)
    if call.get(Document, name):
        raise refusals.document_exists(name)
    document_content.check(document_content.read(req["Content"], form), kind)
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
    if len(tags) > 50:
        raise errors.too_many_tags()
    made = Document(name, kind, (Version(1, req["Content"], form, call.now, req.get("VersionName", "")),), 1, call.account, author=call.principal.arn, target_type=req.get("TargetType", ""),
                    display_name=req.get("DisplayName", ""), tags=tags, requires=list(req.get("Requires") or ()))  # type: ignore[arg-type]
    call.put(made)
    return {"DocumentDescription": description(made, made.last) | {"Status": "Creating"}}


@ssm.op(by_name, policy=sharing)
def describe_document(call: Call, req: t.DescribeDocumentRequest) -> t.DescribeDocumentResult:
    found = anywhere(call, req["Name"])
    return {"Document": description(found, _wanted(found, req))}


def _wanted(document: Document, req: Any) -> Version:
    if name := req.get("VersionName"):
        for one in document.versions:
            if one.name == name:
                return one
        raise refusals.no_document_version(document.name, name)
    return document.at(req.get("DocumentVersion", ""))


@ssm.op(by_name, policy=sharing)
def get_document(call: Call, req: t.GetDocumentRequest) -> t.GetDocumentResult:
    found = anywhere(call, req["Name"])
    version = _wanted(found, req)
    form = req.get("DocumentFormat") or version.format
    text = version.content
    if form != version.format:
        content = document_content.read(text, version.format)
        text = yaml.safe_dump(content, sort_keys=False) if form == "YAML" else json.dumps(content, indent=2)
    out: Any = {"Name": found.name, "CreatedDate": version.made, "DocumentVersion": str(version.number), "Status": "Active", "Content": text, "DocumentType": found.type, "DocumentFormat": form}
    for member, value in (("VersionName", version.name), ("DisplayName", found.display_name), ("Requires", found.requires)):
        if value:
            out[member] = value
    return out  # type: ignore[no-any-return]


@ssm.op(ANY)
def list_documents(call: Call, req: t.ListDocumentsRequest) -> t.ListDocumentsResult:
    found = sorted([*call.all(Document), *map(amazons, aws_documents.DOCUMENTS)], key=lambda one: one.name)
    for key, values in [(f["key"], [f["value"]]) for f in req.get("DocumentFilterList") or ()] + [(f.get("Key", ""), f.get("Values") or []) for f in req.get("Filters") or ()]:
        found = [one for one in found if _passes(call, one, key, values)]
    return paging.page(req, [identifier(one, one.at("")) for one in found], "DocumentIdentifiers", 50)  # type: ignore[no-any-return]


def _passes(call: Call, one: Document, key: str, values: list[str]) -> bool:
    if key == "Name":
        return any(one.name.startswith(v) for v in values)
    if key == "Owner":
        return any(v in (one.owner, "All") or (v == "Self" and one.owner == call.account) or (v == "Public" and one.owner != call.account) for v in values)
    if key == "DocumentType":
        return one.type in values
    if key == "PlatformTypes":
        return bool(set(identifier(one, one.at(""))["PlatformTypes"]) & set(values))
    if key.startswith("tag:"):
        return one.tags.get(key[4:]) in values
    if key == "TargetType":
        return one.target_type in values
    raise refusals.bad_filter(key)


@ssm.op(by_name, policy=sharing)
def list_document_versions(call: Call, req: t.ListDocumentVersionsRequest) -> t.ListDocumentVersionsResult:
    found = anywhere(call, req["Name"])
    rows = [{"Name": found.name, "DocumentVersion": str(one.number), "CreatedDate": one.made, "IsDefaultVersion": one.number == found.default, "DocumentFormat": one.format, "Status": "Active",
             **({"VersionName": one.name} if one.name else {})} for one in reversed(found.versions)]
    return paging.page(req, rows, "DocumentVersions", 50)  # type: ignore[no-any-return]


@ssm.op(by_name)
def update_document(call: Call, req: t.UpdateDocumentRequest) -> t.UpdateDocumentResult:
    """A new version; the default stays what it was."""
    found = own(call, req["Name"])
    if len(found.versions) >= MAX_VERSIONS:
        raise refusals.too_many_versions()
    if req.get("DocumentVersion") not in (None, "$LATEST", str(found.last.number)):
        raise refusals.no_document_version(found.name, req["DocumentVersion"])
    form = req.get("DocumentFormat") or "JSON"
    document_content.check(document_content.read(req["Content"], form), found.type)
    if any(one.content == req["Content"] for one in found.versions):
        raise refusals.same_content()
    name = req.get("VersionName", "")
    if name and any(one.name == name for one in found.versions):
        raise refusals.same_version_name(name)
    made = Version(found.last.number + 1, req["Content"], form, call.now, name)
    changed = found.but(versions=(*found.versions, made), target_type=req.get("TargetType") or found.target_type, display_name=req.get("DisplayName") or found.display_name)
    call.put(changed)
    return {"DocumentDescription": description(changed, made) | {"Status": "Updating"}}


@ssm.op(by_name)
def update_document_default_version(call: Call, req: t.UpdateDocumentDefaultVersionRequest) -> t.UpdateDocumentDefaultVersionResult:
    found = own(call, req["Name"])
    version = found.at(req["DocumentVersion"])
    call.put(found.but(default=version.number))
    out: Any = {"Name": found.name, "DefaultVersion": str(version.number)}
    if version.name:
        out["DefaultVersionName"] = version.name
    return {"Description": out}


@ssm.op(by_name)
def delete_document(call: Call, req: t.DeleteDocumentRequest) -> None:
    found = own(call, req["Name"])
    if req.get("DocumentVersion") or req.get("VersionName"):
        version = _wanted(found, req)
        if version.number == found.default:
            raise refusals.default_version(found.name)
        call.put(found.but(versions=tuple(one for one in found.versions if one.number != version.number)))
        return
    if found.shared:
        raise refusals.shared_document(found.name)
    call.delete(found)


@ssm.op(by_name)
def describe_document_permission(call: Call, req: t.DescribeDocumentPermissionRequest) -> t.DescribeDocumentPermissionResponse:
    found = own(call, req["Name"])
    return {"AccountIds": found.shared, "AccountSharingInfoList": [{"AccountId": one, "SharedDocumentVersion": "$DEFAULT"} for one in found.shared]}


@ssm.op(by_name)
def modify_document_permission(call: Call, req: t.ModifyDocumentPermissionRequest) -> None:
    if req["PermissionType"] != "Share":
        raise refusals.wrong_permission()
    found = own(call, req["Name"])
    shared = [one for one in [*found.shared, *(req.get("AccountIdsToAdd") or ())] if one not in (req.get("AccountIdsToRemove") or ())]
    changed = found.but(shared=list(dict.fromkeys(shared)))
    call.put(changed)
    there = Shared(arn(call, found.name), call.account, call.region, found.name)
    if changed.shared:
        call.put(there)
    elif call.get(Shared, there.arn):
        call.delete(there)
