"""Access advisor: which services a user, role, group or policy allows, and when they were really used.

What was used is written where a signature has just been verified (`public.used`): one row an entity and service, refused requests included, as AWS counts
attempts. A report is made at once from those rows and kept as it was made.
"""
from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from cloche import _index
from cloche.iam import Policy, parse
from cloche.kernel import ANY, AwsError, Call, Record
from cloche.kernel.journal import MANAGEMENT, category
from cloche.wire import model

from . import errors, granting, groups, mentions, policies, roles, users
from . import service as iam
from .names import moment
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t

iam.table("CREATE TABLE IF NOT EXISTS iam_access (id TEXT, service TEXT, moment REAL NOT NULL, region TEXT NOT NULL, PRIMARY KEY (id, service)) WITHOUT ROWID")
TYPES = {"iam.user": "USER", "iam.role": "ROLE", "iam.group": "GROUP"}


class AccessReport(Record, frozen=True):
    kind = "iam.access-report"
    scope = "account"

    id: str
    created: float
    granularity: str
    services: list[dict[str, Any]]
    entities: dict[str, list[dict[str, Any]]]          # namespace -> what each entity did

    @property
    def key(self) -> str:
        return self.id


def subject(call: Call, arn: str) -> tuple[list[Any], list[Policy]]:
    """The entities whose use counts, and the policies that say what they may."""
    parts = arn.split(":", 5)
    kind, _, rest = parts[5].partition("/") if len(parts) == 6 else ("", "", "")
    name = rest.rpartition("/")[2]
    if kind == "policy":
        text = policies.document(call, arn)
        if text is None:
            raise errors.no_such_policy(arn)
        found: list[Any] = [{"user": users.find, "group": groups.find, "role": roles.find}[which](call, who) for which, who in mentions.of(call, arn).permission]
        people = [one for one in found if not isinstance(one, groups.Group)] + [users.find(call, who) for one in found if isinstance(one, groups.Group) for who in one.members]
        return people, [parse(text)]
    if kind not in ("user", "group", "role") or not name:
        raise errors.bad_arn(arn)
    entity: Any = {"user": users.find, "group": groups.find, "role": roles.find}[kind](call, name)
    held = [entity, *(groups.find(call, one) for one in (entity.groups if kind == "user" else []))]
    texts = [text for one in held for text in (*one.inline.values(), *(policies.document(call, attached) for attached in one.attached)) if text]
    return [users.find(call, who) for who in entity.members] if kind == "group" else [entity], [parse(text) for text in texts]


def arn_of(call: Call, entity: Any) -> str:
    return users.arn(call, entity) if isinstance(entity, users.User) else roles.arn(call, entity)


def namespaces() -> dict[str, str]:
    """IAM's prefix of each service built here -> the service's full name."""
    found = {}
    for name in sorted(_index.PACKAGES):
        meta = model.load(name).meta
        found[meta.get("signingName") or meta["endpointPrefix"]] = meta["serviceFullName"]
    return found


@iam.op(resource=lambda call, req: req["Arn"], partly="of AWS's services those built here are listed; single actions (ACTION_LEVEL) are looked up in ninety days of CloudTrail's events, not four hundred")
def generate_service_last_accessed_details(call: Call, req: t.GenerateServiceLastAccessedDetailsRequest) -> t.GenerateServiceLastAccessedDetailsResponse:
    if req.get("Granularity") == "ACTION_LEVEL":
        return with_actions(call, req)  # type: ignore[return-value]
    return {"JobId": made(call, req, {})}


async def with_actions(call: Call, req: Any) -> dict[str, str]:
    """The last time of each action, (service, action) -> (moment, region, who)."""
    from cloche.services.cloudtrail import public as cloudtrail
    people, _ = subject(call, req["Arn"])
    by_id = {entity.id: entity for entity in people}
    done = {(namespace, action): (at, region, by_id[who]) for who, namespace, action, at, region in await cloudtrail.done_by(call, set(by_id))}
    with call.step():
        return {"JobId": made(call, req, done)}


def made(call: Call, req: Any, done: dict[tuple[str, str], tuple[float, str, Any]]) -> str:
    people, allowed = subject(call, req["Arn"])
    used = {(entity.id, row[0]): (row[1], row[2]) for entity in people for row in call.sql("SELECT service, moment, region FROM iam_access WHERE id = ?", entity.id)}
    services, entities = [], {}
    for namespace, name in namespaces().items():
        if not any(granting.grants(policy, namespace) for policy in allowed):
            continue
        those = sorted(((used[entity.id, namespace], entity) for entity in people if (entity.id, namespace) in used), key=lambda pair: pair[0][0], reverse=True)
        line: dict[str, Any] = {"ServiceName": name, "ServiceNamespace": namespace, "TotalAuthenticatedEntities": len(those)}
        if those:
            (when, region), latest = those[0]
            line |= {"LastAuthenticated": when, "LastAuthenticatedEntity": arn_of(call, latest), "LastAuthenticatedRegion": region}
        if req.get("Granularity") == "ACTION_LEVEL":
            line["TrackedActionsLastAccessed"] = [_tracked(call, action, done.get((namespace, action))) for action in actions(namespace) if _may(allowed, f"{namespace}:{action}")]
        services.append(line)
        entities[namespace] = [_told(call, entity, used.get((entity.id, namespace))) for entity in people]
    return call.put(AccessReport(call.uuid(), moment(call), req.get("Granularity", "SERVICE_LEVEL"), services, entities)).id


@cache
def actions(namespace: str) -> list[str]:
    """The management actions of a service, by the names of its operations."""
    found = set()
    for name in _index.PACKAGES:
        one = model.load(name)
        if (one.meta.get("signingName") or one.meta["endpointPrefix"]) == namespace:
            found |= {operation for operation in one.operations if category(name, operation) == MANAGEMENT}
    return sorted(found)


def _may(allowed: list[Policy], action: str) -> bool:
    return any(s.allows and s.matches_action(action.lower()) for policy in allowed for s in policy.statements)


def _tracked(call: Call, action: str, last: tuple[float, str, Any] | None) -> dict[str, Any]:
    said: dict[str, Any] = {"ActionName": action}
    return said | {"LastAccessedTime": last[0], "LastAccessedRegion": last[1], "LastAccessedEntity": arn_of(call, last[2])} if last else said


def _told(call: Call, entity: Any, used: tuple[float, str] | None) -> dict[str, Any]:
    info = {"Arn": arn_of(call, entity), "Name": entity.name, "Type": TYPES[entity.kind], "Id": entity.id, "Path": entity.path}
    return {"EntityInfo": info} | ({"LastAuthenticated": used[0]} if used else {})


def find(call: Call, req: Any) -> AccessReport:
    found = call.get(AccessReport, req["JobId"])
    if found is None:
        raise AwsError("NoSuchEntity", f"No job found for job id {req['JobId']}", 404)
    return found


@iam.op(resource=ANY)
def get_service_last_accessed_details(call: Call, req: t.GetServiceLastAccessedDetailsRequest) -> t.GetServiceLastAccessedDetailsResponse:
    report = find(call, req)
    found, more = page(req, report.services, key=lambda line: line["ServiceNamespace"])
    return {"JobStatus": "COMPLETED", "JobType": report.granularity, "JobCreationDate": report.created, "JobCompletionDate": report.created, "ServicesLastAccessed": found, **more}


@iam.op(resource=ANY)
def get_service_last_accessed_details_with_entities(
    call: Call, req: t.GetServiceLastAccessedDetailsWithEntitiesRequest,
) -> t.GetServiceLastAccessedDetailsWithEntitiesResponse:
    report = find(call, req)
    found, more = page(req, report.entities.get(req["ServiceNamespace"], []), key=lambda one: one["EntityInfo"]["Arn"])
    return {"JobStatus": "COMPLETED", "JobCreationDate": report.created, "JobCompletionDate": report.created, "EntityDetailsList": found, **more}
