"""Route 53 in templates: HostedZone, RecordSet, RecordSetGroup, HealthCheck. Ref gives a zone's id, a record set's name."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import LETTERS, Resource, Type, op, tag_map

PLACES = ("HostedZoneId", "HostedZoneName", "Comment")


async def settle(r: Resource, change: Any) -> None:
    """Kept for `ready`: a resource is made once its change is in sync."""
    r.attributes["_change"] = change["ChangeInfo"]["Id"]


async def ready(r: Resource) -> bool:
    id_ = r.attributes.get("_change")
    return not id_ or (await r.do("route53", "GetChange", Id=id_))["ChangeInfo"]["Status"] == "INSYNC"


# -- zones --------------------------------------------------------------------------------------------------------------------------

async def create_zone(r: Resource) -> str:
    vpcs = r.get("VPCs") or []
    name = r.get("Name")
    if not name:
        raise AwsError("ValidationError", "Name is required for a hosted zone.")
    if odd := [x for x in ("QueryLoggingConfig", "HostedZoneFeatures") if r.get(x)]:
        raise AwsError("ValidationError", f"{odd[0]} of hosted zones is not built in Cloche.")
    answer = await r.do("route53", "CreateHostedZone", Name=name, CallerReference=f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}", HostedZoneConfig=r.get("HostedZoneConfig"),
                        VPC=vpcs[0] if vpcs else None, DelegationSetId=r.get("DelegationSetId"))
    r.physical = answer["HostedZone"]["Id"].rsplit("/", 1)[1]
    if servers := answer.get("DelegationSet", {}).get("NameServers"):
        r.attributes["NameServers"] = servers
    r.attributes["Id"] = r.physical
    for vpc in vpcs[1:]:
        await r.do("route53", "AssociateVPCWithHostedZone", HostedZoneId=r.physical, VPC=vpc)
    await tag(r, "hostedzone", "HostedZoneTags")
    await settle(r, answer)
    return r.physical


async def tag(r: Resource, kind: str, prop: str) -> None:
    new, old = tag_map(r.get(prop)), tag_map(r.old.get(prop))
    fresh, gone = {k: v for k, v in new.items() if old.get(k) != v}, [k for k in old if k not in new]
    if fresh or gone:
        await r.do("route53", "ChangeTagsForResource", ResourceType=kind, ResourceId=r.physical, AddTags=[{"Key": k, "Value": v} for k, v in fresh.items()] or None, RemoveTagKeys=gone or None)


async def update_zone(r: Resource) -> None:
    if r.changed("HostedZoneConfig"):
        await r.do("route53", "UpdateHostedZoneComment", Id=r.physical, Comment=(r.get("HostedZoneConfig") or {}).get("Comment"))
    new, old = r.get("VPCs") or [], r.old.get("VPCs") or []
    for vpc in new:
        if vpc not in old:
            await r.do("route53", "AssociateVPCWithHostedZone", HostedZoneId=r.physical, VPC=vpc)
    for vpc in old:
        if vpc not in new:
            await r.do("route53", "DisassociateVPCFromHostedZone", HostedZoneId=r.physical, VPC=vpc)
    await tag(r, "hostedzone", "HostedZoneTags")


# -- record sets ----------------------------------------------------------------------------------------------------------------------

async def zone_of(r: Resource, one: Any, around: Any) -> str:
    """By its id, or by its name, which must then be one zone's only."""
    for given in (one, around):
        if given.get("HostedZoneId"):
            return str(given["HostedZoneId"])
    name = one.get("HostedZoneName") or around.get("HostedZoneName")
    if not name:
        raise AwsError("ValidationError", "Either HostedZoneId or HostedZoneName must be specified.")
    found = (await r.do("route53", "ListHostedZonesByName", DNSName=name))["HostedZones"]
    fitting = [zone for zone in found if zone["Name"] == name.lower().rstrip(".") + "."]
    if not fitting:
        raise AwsError("ValidationError", f"No hosted zones named {name} found")
    if len(fitting) > 1:
        raise AwsError("ValidationError", f"Found multiple hosted zones named {name}")
    return str(fitting[0]["Id"])


def plain(one: Any) -> dict[str, Any]:
    """A template's record set as the API wants it."""
    out = {k: v for k, v in one.items() if k not in PLACES}
    if "ResourceRecords" in out:
        out["ResourceRecords"] = [{"Value": x} for x in out["ResourceRecords"]]
    if "AliasTarget" in out:
        out["AliasTarget"] = {"EvaluateTargetHealth": False} | out["AliasTarget"]
    return out


async def change(r: Resource, sets: list[tuple[str, Any]], around: Any) -> None:
    batches: dict[str, list[dict[str, Any]]] = {}
    for action, one in sets:
        batches.setdefault(await zone_of(r, one, around), []).append({"Action": action, "ResourceRecordSet": plain(one)})
    for zone, changes in batches.items():
        batch = {"Changes": changes, **({"Comment": around["Comment"]} if around.get("Comment") else {})}
        await settle(r, await r.do("route53", "ChangeResourceRecordSets", HostedZoneId=zone, ChangeBatch=batch))


async def create_set(r: Resource) -> str:
    await change(r, [("CREATE", r.properties)], r.properties)
    return str(r.properties["Name"])


async def update_set(r: Resource) -> None:
    await change(r, [("UPSERT", r.properties)], r.properties)


async def delete_set(r: Resource) -> None:
    await change(r, [("DELETE", r.properties)], r.properties)


def mark(one: Any) -> tuple[str, str, str]:
    return one["Name"].lower().rstrip("."), one["Type"], one.get("SetIdentifier", "")


async def create_group(r: Resource) -> str:
    await change(r, [("CREATE", one) for one in r.get("RecordSets") or []], r.properties)
    return f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}"


async def update_group(r: Resource) -> None:
    new, old = ({mark(one): one for one in source.get("RecordSets") or []} for source in (r.properties, r.old))
    await change(r, [("DELETE", one) for where, one in old.items() if where not in new] + [("UPSERT", one) for where, one in new.items() if old.get(where) != one], r.properties)


async def delete_group(r: Resource) -> None:
    await change(r, [("DELETE", one) for one in r.get("RecordSets") or []], r.properties)


# -- health checks --------------------------------------------------------------------------------------------------------------------

async def create_check(r: Resource) -> str:
    answer = await r.do("route53", "CreateHealthCheck", CallerReference=f"{r.logical}-{r.call.pick(LETTERS, 12)}", HealthCheckConfig=r.properties["HealthCheckConfig"])
    r.physical = r.attributes["HealthCheckId"] = answer["HealthCheck"]["Id"]
    await tag(r, "healthcheck", "HealthCheckTags")
    return str(r.physical)


async def update_check(r: Resource) -> None:
    if r.changed("HealthCheckConfig"):
        fixed = ("Type", "RequestInterval", "MeasureLatency")
        await r.do("route53", "UpdateHealthCheck", HealthCheckId=r.physical, **{k: v for k, v in r.properties["HealthCheckConfig"].items() if k not in fixed})
    await tag(r, "healthcheck", "HealthCheckTags")


TYPES = {
    "AWS::Route53::HostedZone": Type(create=create_zone, update=update_zone, ready=ready, delete=op("route53", "DeleteHostedZone", Id="{id}"), attributes=("NameServers",), gone=("NoSuchHostedZone",)),
    "AWS::Route53::RecordSet": Type(create=create_set, update=update_set, ready=ready, delete=delete_set, replaces=("Name", "HostedZoneId", "HostedZoneName", "Type", "SetIdentifier"),
                                    gone=("NoSuchHostedZone",)),
    "AWS::Route53::RecordSetGroup": Type(create=create_group, update=update_group, ready=ready, delete=delete_group, replaces=("HostedZoneId", "HostedZoneName"), gone=("NoSuchHostedZone",)),
    "AWS::Route53::HealthCheck": Type(create=create_check, update=update_check, delete=op("route53", "DeleteHealthCheck", HealthCheckId="{id}"), attributes=("HealthCheckId",),
                                      gone=("NoSuchHealthCheck",)),
}
