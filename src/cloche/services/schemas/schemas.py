"""Schemas and their versions. A version is made by each change of the content; the content lies in a table of its own, by version."""
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, Call, Record
from cloche.kernel.pages import page
from cloche.languages import event_schema

from . import errors
from . import service as schemas
from .registries import MOST, look, owned, policy_of, with_tags

if TYPE_CHECKING:
    from cloche.shapes import schemas as t

schemas.table("CREATE TABLE IF NOT EXISTS schema_content (schema TEXT, version INTEGER, content TEXT NOT NULL, PRIMARY KEY (schema, version)) WITHOUT ROWID")

NAME = re.compile(r"[A-Za-z0-9.\-_@]{1,385}")
LONGEST = 100_000


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    number: int
    type: str
    created: float


class Schema(Record, frozen=True):
    kind = "schemas.schema"

    registry: str
    name: str
    arn: str
    changed: float
    versions: tuple[Version, ...]
    next: int
    description: str = ""
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return f"{self.registry}/{self.name}"


def by_name(call: Call, req: Any) -> str:
    return call.arn(f"schema/{req['RegistryName']}/{req.get('SchemaName') or '*'}")


ON: Any = {"resource": by_name, "policy": policy_of}


def find(call: Call, req: Any) -> Schema:
    found = call.get(Schema, f"{req['RegistryName']}/{req['SchemaName']}")
    if found is None:
        look(call, req["RegistryName"])
        raise errors.no_schema(req["RegistryName"], req["SchemaName"])
    return found


def version_of(one: Schema, wanted: str | None) -> Version:
    found = one.versions[-1] if not wanted else next((v for v in one.versions if str(v.number) == wanted), None)
    if found is None:
        raise errors.no_version(one.name, str(wanted))
    return found


def all_in(call: Call, registry: str) -> list[Schema]:
    return sorted((one for one in call.all(Schema) if one.registry == registry), key=lambda one: one.name)


def content(call: Call, one: Schema, version: Version) -> str:
    return str(call.row("SELECT content FROM schema_content WHERE schema=? AND version=?", one.arn, version.number)[0])


def checked(text: str, kind: str) -> str:
    """A document of its kind, or a refusal."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise errors.bad_request("The schema content is not valid JSON.") from None
    if len(text) > LONGEST:
        raise errors.bad_request(f"The schema content is longer than {LONGEST} characters.")
    if not isinstance(document, dict):
        raise errors.bad_request("The schema content must be a JSON object.")
    if kind == "OpenApi3" and not (str(document.get("openapi", "")).startswith("3.") and isinstance(document.get("info"), dict) and "paths" in document):
        raise errors.bad_request("The schema content is not a valid OpenApi3 document: openapi, info and paths are required.")
    if kind == "JSONSchemaDraft4" and "draft-04" not in str(document.get("$schema", "draft-04")):
        raise errors.bad_request("The schema content is not a JSON Schema of draft 4.")
    return text


def shown(one: Schema, version: Version) -> dict[str, Any]:
    return {"SchemaName": one.name, "SchemaArn": one.arn, "SchemaVersion": str(version.number), "Type": version.type, "LastModified": one.changed, "VersionCreatedDate": version.created,
            "Tags": one.tags, **({"Description": one.description} if one.description else {})}


def make(call: Call, registry: str, name: str, text: str, kind: str, description: str = "", tags: dict[str, str] | None = None) -> Schema:
    arn = call.arn(f"schema/{registry}/{name}")
    call.sql("INSERT INTO schema_content VALUES (?,1,?)", arn, text)
    return call.put(Schema(registry, name, arn, call.now, (Version(1, kind, call.now),), 2, description, tags or {}))


def add(call: Call, one: Schema, text: str, kind: str) -> Schema:
    """Another version, unless it says the same."""
    last = one.versions[-1]
    if last.type == kind and content(call, one, last) == text:
        return one
    call.sql("INSERT INTO schema_content VALUES (?,?,?)", one.arn, one.next, text)
    return call.put(one.but(versions=(*one.versions, Version(one.next, kind, call.now)), next=one.next + 1, changed=call.now))


# -- operations -----------------------------------------------------------------------------------------------------------


@schemas.op(by_name, context=with_tags)
def create_schema(call: Call, req: t.CreateSchemaRequest) -> t.CreateSchemaResponse:
    registry, name = owned(call, req["RegistryName"]).name, req["SchemaName"]
    if not NAME.fullmatch(name):
        raise errors.bad_request(f"Schema name {name} is not valid.")
    if call.get(Schema, f"{registry}/{name}"):
        raise errors.exists("Schema", name)
    one = make(call, registry, name, checked(req["Content"], req["Type"]), req["Type"], req.get("Description", ""), req.get("Tags"))
    return shown(one, one.versions[-1])  # type: ignore[return-value]


@schemas.op(**ON)
def describe_schema(call: Call, req: t.DescribeSchemaRequest) -> t.DescribeSchemaResponse:
    one = find(call, req)
    version = version_of(one, req.get("SchemaVersion"))
    return shown(one, version) | {"Content": content(call, one, version)}  # type: ignore[return-value]


@schemas.op(**ON)
def export_schema(call: Call, req: t.ExportSchemaRequest) -> t.ExportSchemaResponse:
    """As JSON Schema, whatever it is kept as."""
    one = find(call, req)
    version = version_of(one, req.get("SchemaVersion"))
    if req["Type"] != "JSONSchemaDraft4":
        raise errors.bad_request("Schemas are exported as JSONSchemaDraft4.")
    text = content(call, one, version)
    if version.type == "OpenApi3":
        parts = (json.loads(text).get("components") or {}).get("schemas") or {}
        name = "AWSEvent" if "AWSEvent" in parts else next(iter(parts), "")
        made = {"$schema": "http://json-schema.org/draft-04/schema#", "title": name, "definitions": parts, **parts.get(name, {})}
        text = json.dumps(made).replace("#/components/schemas/", "#/definitions/")
    return {"Content": text, "SchemaArn": one.arn, "SchemaName": one.name, "SchemaVersion": str(version.number), "Type": "JSONSchemaDraft4"}


@schemas.op(by_name)
def update_schema(call: Call, req: t.UpdateSchemaRequest) -> t.UpdateSchemaResponse:
    owned(call, req["RegistryName"])
    one = find(call, req)
    kind = req.get("Type") or one.versions[-1].type
    if "Description" in req:
        one = call.put(one.but(description=req["Description"], changed=call.now))
    if "Content" in req:
        one = add(call, one, checked(req["Content"], kind), kind)
    return shown(one, one.versions[-1])  # type: ignore[return-value]


@schemas.op(by_name)
def delete_schema(call: Call, req: t.DeleteSchemaRequest) -> None:
    owned(call, req["RegistryName"])
    one = find(call, req)
    call.sql("DELETE FROM schema_content WHERE schema=?", one.arn)
    call.delete(one)


@schemas.op(by_name)
def delete_schema_version(call: Call, req: t.DeleteSchemaVersionRequest) -> None:
    """The last version takes the schema along."""
    owned(call, req["RegistryName"])
    one = find(call, req)
    gone = version_of(one, req["SchemaVersion"])
    left = tuple(v for v in one.versions if v is not gone)
    call.sql("DELETE FROM schema_content WHERE schema=? AND version=?", one.arn, gone.number)
    if left:
        call.put(one.but(versions=left))
    else:
        call.delete(one)


@schemas.op(**ON)
def list_schemas(call: Call, req: t.ListSchemasRequest) -> t.ListSchemasResponse:
    every = [one for one in all_in(call, look(call, req["RegistryName"]).name) if one.name.startswith(req.get("SchemaNamePrefix") or "")]
    found, more = page(every, req, lambda one: one.name, MOST, errors.bad_token, size="Limit")
    return {"Schemas": [{"SchemaName": one.name, "SchemaArn": one.arn, "LastModified": one.changed, "VersionCount": len(one.versions), "Tags": one.tags} for one in found], **more}  # type: ignore[typeddict-item]


@schemas.op(**ON)
def list_schema_versions(call: Call, req: t.ListSchemaVersionsRequest) -> t.ListSchemaVersionsResponse:
    one = find(call, req)
    found, more = page(reversed(one.versions), req, lambda v: str(v.number), MOST, errors.bad_token, size="Limit")
    return {"SchemaVersions": [{"SchemaName": one.name, "SchemaArn": one.arn, "SchemaVersion": str(v.number), "Type": v.type} for v in found], **more}  # type: ignore[typeddict-item]


@schemas.op(**ON)
def search_schemas(call: Call, req: t.SearchSchemasRequest) -> t.SearchSchemasResponse:
    """All words, in the name or in a version's content."""
    words, hits = req["Keywords"].lower().split(), []
    for one in all_in(call, look(call, req["RegistryName"]).name):
        versions = [v for v in one.versions if all(word in f"{one.name}\n{content(call, one, v)}".lower() for word in words)]
        if words and versions:
            hits.append((one, versions))
    found, more = page(hits, req, lambda hit: hit[0].name, MOST, errors.bad_token, size="Limit")
    return {"Schemas": [{"RegistryName": one.registry, "SchemaName": one.name, "SchemaArn": one.arn,  # type: ignore[typeddict-item]
                         "SchemaVersions": [{"CreatedDate": v.created, "SchemaVersion": str(v.number), "Type": v.type} for v in versions]} for one, versions in found], **more}


@schemas.op(ANY)
def get_discovered_schema(call: Call, req: t.GetDiscoveredSchemaRequest) -> t.GetDiscoveredSchemaResponse:
    """What these events have in common."""
    events = []
    for text in req["Events"]:
        try:
            events.append(json.loads(text))
        except (ValueError, RecursionError):
            raise errors.bad_request("The event is not valid JSON.") from None
    enveloped = all(event_schema.is_event(one) for one in events)
    found: dict[str, Any] = {}
    for one in events:
        found = event_schema.union(found, event_schema.shape(one["detail"] if enveloped else one))
    name = event_schema.title(events[0]["detail-type"]) if enveloped else "Event"
    if req["Type"] == "JSONSchemaDraft4":
        return {"Content": json.dumps(event_schema.draft4(found, name))}
    return {"Content": json.dumps(event_schema.openapi(found, name, events[0] if enveloped else None))}
