"""Parameter groups and subnet groups."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.kernel.pages import page
from cloche.services.ec2 import public as ec2

from . import errors, names, offers
from . import service as elasticache

if TYPE_CHECKING:
    from cloche.shapes import elasticache as t

# (family's engine, name, default, type); what a running server takes at once. https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html
PARAMETERS = [
    ("redis", "maxmemory-policy", "volatile-lru", "string"), ("redis", "timeout", "0", "integer"), ("redis", "tcp-keepalive", "300", "integer"), ("redis", "notify-keyspace-events", "", "string"),
    ("redis", "slowlog-log-slower-than", "10000", "integer"), ("redis", "slowlog-max-len", "128", "integer"), ("redis", "hash-max-listpack-entries", "512", "integer"), ("redis", "list-max-listpack-size", "-2", "integer"),
    ("redis", "set-max-intset-entries", "512", "integer"), ("redis", "zset-max-listpack-entries", "128", "integer"), ("redis", "lua-time-limit", "5000", "integer"), ("redis", "databases", "16", "integer"),
    ("redis", "maxmemory-samples", "3", "integer"), ("redis", "activedefrag", "no", "string"), ("redis", "lazyfree-lazy-eviction", "no", "string"),
    ("memcached", "max_item_size", "1048576", "integer"), ("memcached", "chunk_size_growth_factor", "1.25", "float"), ("memcached", "chunk_size", "48", "integer"), ("memcached", "error_on_memory_exhausted", "0", "boolean"),
]
MEMCACHED = {"max_item_size": "-I", "chunk_size_growth_factor": "-f", "chunk_size": "-n"}     # the switch of each
STATIC = {"databases"}
MOST_CHANGED = 20


class ParameterGroup(Record, frozen=True):
    kind = "elasticache.parameters"

    name: str
    family: str
    description: str
    values: dict[str, str] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


class SubnetGroup(Record, frozen=True):
    kind = "elasticache.subnets"

    name: str
    description: str
    vpc: str
    subnets: list[tuple[str, str]]     # (id, zone)
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


# -- parameters -----------------------------------------------------------------------------------------------------------


def parameters(call: Call, name: str) -> ParameterGroup:
    one = call.get(ParameterGroup, name.lower())
    if one is None and name.startswith("default.") and any(offer.family == name.removeprefix("default.") for offer in offers.versions()):
        one = call.put(ParameterGroup(name, name.removeprefix("default."), f"Default parameter group for {name.removeprefix('default.')}"))
    if one is None:
        raise errors.no_parameter_group(name)
    return one


def known(family: str) -> dict[str, tuple[str, str]]:
    engine = "memcached" if family.startswith("memcached") else "redis"
    return {name: (default, type_) for of, name, default, type_ in PARAMETERS if of == engine}


def _shown(call: Call, one: ParameterGroup) -> Any:
    return {"CacheParameterGroupName": one.name, "CacheParameterGroupFamily": one.family, "Description": one.description, "IsGlobal": False, "ARN": names.arn(call, "parametergroup", one.name)}


BY_PARAMETERS = names.named("parametergroup", "CacheParameterGroupName")


@elasticache.op(BY_PARAMETERS, context=names.tags_asked)
def create_cache_parameter_group(call: Call, req: t.CreateCacheParameterGroupMessage) -> t.CreateCacheParameterGroupResult:
    name = req["CacheParameterGroupName"].lower()
    if not any(offer.family == req["CacheParameterGroupFamily"] for offer in offers.versions()):
        raise errors.value(f"CacheParameterGroupFamily {req['CacheParameterGroupFamily']} is not a valid parameter group family.")
    if call.get(ParameterGroup, name):
        raise errors.parameter_group_exists(name)
    return {"CacheParameterGroup": _shown(call, call.put(ParameterGroup(name, req["CacheParameterGroupFamily"], req["Description"], tags=names.tags_given(req))))}


@elasticache.op(BY_PARAMETERS)
def describe_cache_parameter_groups(call: Call, req: t.DescribeCacheParameterGroupsMessage) -> t.CacheParameterGroupsMessage:
    if "CacheParameterGroupName" in req:
        return {"CacheParameterGroups": [_shown(call, parameters(call, req["CacheParameterGroupName"]))]}
    found, more = page(sorted(call.all(ParameterGroup), key=lambda one: one.name), req, lambda one: one.name, 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"CacheParameterGroups": [_shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@elasticache.op(BY_PARAMETERS)
def delete_cache_parameter_group(call: Call, req: t.DeleteCacheParameterGroupMessage) -> None:
    from .clusters import Cluster
    one = parameters(call, req["CacheParameterGroupName"])
    if one.name.startswith("default.") or any(each.parameters == one.name for each in call.all(Cluster)):
        raise errors.parameter_group_state("A default parameter group, or one that clusters are members of, cannot be deleted")
    call.delete(one)


@elasticache.op(BY_PARAMETERS, partly="the parameters that a running Redis takes, and memcached's of memory; others are not known")
def modify_cache_parameter_group(call: Call, req: t.ModifyCacheParameterGroupMessage) -> t.CacheParameterGroupNameMessage:
    from . import running
    one = parameters(call, req["CacheParameterGroupName"])
    if one.name.startswith("default."):
        raise errors.parameter_group_state("Default parameter groups cannot be modified")
    given = {each.get("ParameterName", ""): each.get("ParameterValue", "") for each in req["ParameterNameValues"]}
    if len(given) > MOST_CHANGED:
        raise errors.value(f"At most {MOST_CHANGED} parameters may be modified at a time")
    for name, value in given.items():
        if name not in known(one.family):
            raise errors.value(f"The parameter {name} does not exist in the parameter group family {one.family}")
        type_ = known(one.family)[name][1]
        if type_ in ("integer", "float") and not value.lstrip("-").replace(".", "", 1).isdigit():
            raise errors.value(f"The parameter value {value} is not valid for {name}")
    call.put(one.but(values=one.values | given))
    running.parameters_changed(call, one.name)
    return {"CacheParameterGroupName": one.name}


@elasticache.op(BY_PARAMETERS)
def reset_cache_parameter_group(call: Call, req: t.ResetCacheParameterGroupMessage) -> t.CacheParameterGroupNameMessage:
    from . import running
    one = parameters(call, req["CacheParameterGroupName"])
    named = {each.get("ParameterName") for each in req.get("ParameterNameValues") or ()}
    call.put(one.but(values={} if req.get("ResetAllParameters") else {name: value for name, value in one.values.items() if name not in named}))
    running.parameters_changed(call, one.name)
    return {"CacheParameterGroupName": one.name}


@elasticache.op(BY_PARAMETERS)
def describe_cache_parameters(call: Call, req: t.DescribeCacheParametersMessage) -> t.CacheParameterGroupDetails:
    one = parameters(call, req["CacheParameterGroupName"])
    told: list[Any] = [{"ParameterName": name, "ParameterValue": one.values.get(name, default), "Source": "user" if name in one.values else "system", "DataType": type_, "IsModifiable": True,
                        "ChangeType": "requires-reboot" if name in STATIC or one.family.startswith("memcached") else "immediate"} for name, (default, type_) in known(one.family).items()]
    found, more = page([each for each in told if req.get("Source", each["Source"]) == each["Source"]], req, lambda each: each["ParameterName"], 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"Parameters": found, **more}  # type: ignore[typeddict-item]


# -- subnets --------------------------------------------------------------------------------------------------------------


def subnets(call: Call, name: str) -> SubnetGroup:
    one = call.get(SubnetGroup, name.lower())
    if one is None and name == "default" and (default := ec2.default_placed(call)) is not None:
        return SubnetGroup("default", "Default CacheSubnetGroup", *default)
    if one is None:
        raise errors.no_subnet_group(name)
    return one


def _looked_up(call: Call, ids: list[str]) -> tuple[str, list[tuple[str, str]]]:
    try:
        return ec2.placed(call, ids)
    except AwsError:
        raise errors.bad_subnet(f"Some input subnets in :{ids} are invalid.") from None
    except ValueError:
        raise errors.bad_subnet("Subnets are not all in the same VPC") from None


def _told(call: Call, one: SubnetGroup) -> Any:
    return {"CacheSubnetGroupName": one.name, "CacheSubnetGroupDescription": one.description, "VpcId": one.vpc, "ARN": names.arn(call, "subnetgroup", one.name), "SupportedNetworkTypes": ["ipv4"],
            "Subnets": [{"SubnetIdentifier": id_, "SubnetAvailabilityZone": {"Name": zone}, "SupportedNetworkTypes": ["ipv4"]} for id_, zone in one.subnets]}


BY_SUBNETS = names.named("subnetgroup", "CacheSubnetGroupName")


@elasticache.op(BY_SUBNETS, context=names.tags_asked)
def create_cache_subnet_group(call: Call, req: t.CreateCacheSubnetGroupMessage) -> t.CreateCacheSubnetGroupResult:
    name = req["CacheSubnetGroupName"].lower()
    if call.get(SubnetGroup, name) or name == "default":
        raise errors.subnet_group_exists(name)
    return {"CacheSubnetGroup": _told(call, call.put(SubnetGroup(name, req["CacheSubnetGroupDescription"], *_looked_up(call, req["SubnetIds"]), tags=names.tags_given(req))))}


@elasticache.op(BY_SUBNETS)
def describe_cache_subnet_groups(call: Call, req: t.DescribeCacheSubnetGroupsMessage) -> t.CacheSubnetGroupMessage:
    if "CacheSubnetGroupName" in req:
        return {"CacheSubnetGroups": [_told(call, subnets(call, req["CacheSubnetGroupName"]))]}
    found, more = page(sorted(call.all(SubnetGroup), key=lambda one: one.name), req, lambda one: one.name, 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"CacheSubnetGroups": [_told(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@elasticache.op(BY_SUBNETS)
def modify_cache_subnet_group(call: Call, req: t.ModifyCacheSubnetGroupMessage) -> t.ModifyCacheSubnetGroupResult:
    one = subnets(call, req["CacheSubnetGroupName"])
    vpc, listed = _looked_up(call, req["SubnetIds"]) if "SubnetIds" in req else (one.vpc, one.subnets)
    return {"CacheSubnetGroup": _told(call, call.put(one.but(description=req.get("CacheSubnetGroupDescription", one.description), vpc=vpc, subnets=listed)))}


@elasticache.op(BY_SUBNETS)
def delete_cache_subnet_group(call: Call, req: t.DeleteCacheSubnetGroupMessage) -> None:
    from .clusters import Cluster
    one = call.get(SubnetGroup, req["CacheSubnetGroupName"].lower())
    if one is None:
        raise errors.no_subnet_group(req["CacheSubnetGroupName"])
    if any(each.subnets == one.name for each in call.all(Cluster)):
        raise errors.subnet_group_in_use(one.name)
    call.delete(one)
