"""What may be asked for: engines with the version that this machine's package brings, and types of nodes."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.engines.db import memcached, redis
from cloche.kernel import ANY, Call
from cloche.kernel.pages import page

from . import errors
from . import service as elasticache

if TYPE_CHECKING:
    from cloche.shapes import elasticache as t

TYPES = [f"cache.{family}.{size}" for family, sizes in {"t2": "micro small medium", "t3": "micro small medium", "t4g": "micro small medium", "m5": "large xlarge 2xlarge 4xlarge", "m6g": "large xlarge 2xlarge 4xlarge",
         "r5": "large xlarge 2xlarge 4xlarge", "r6g": "large xlarge 2xlarge 4xlarge"}.items() for size in sizes.split()]


class Version(NamedTuple):
    engine: str
    number: str
    family: str
    port: int
    description: str


def versions() -> list[Version]:
    found = []
    if (number := redis.version()) is not None:
        major = number.partition(".")[0]
        found.append(Version("redis", number, f"redis{major}", 6379, "Redis"))
        found.append(Version("valkey", "7.2", "valkey7", 6379, "Valkey, answered by Redis's server"))
    if (number := memcached.version()) is not None:
        found.append(Version("memcached", number, f"memcached{'.'.join(number.split('.')[:2])}", 11211, "memcached"))
    return found


def version(engine: str, wanted: str | None) -> Version:
    engine = engine.lower()
    there = [one for one in versions() if one.engine == engine]
    if not there and engine in ("redis", "valkey", "memcached"):
        raise errors.no_capacity(f"There is no server for {engine} on this machine: Debian's package {'memcached' if engine == 'memcached' else 'redis-server'} brings one (`cloche doctor`).")
    if not there:
        raise errors.value(f"Invalid engine: {engine}")
    one = there[0]
    if wanted is not None and wanted.split(".")[0] != one.number.split(".")[0]:
        raise errors.combination(f"Cannot find version {wanted} for {engine}")
    return one


def check_type(name: str | None) -> str:
    if name not in TYPES:
        raise errors.value(f"Invalid cache node type: {name}")
    return name


def size(call: Call, name: str) -> tuple[int, int]:
    """(MiB, cores) of a type, as the instance type of its name has them."""
    found = call.as_root().do("ec2", "DescribeInstanceTypes", InstanceTypes=[name.removeprefix("cache.")])["InstanceTypes"][0]
    return int(found["MemoryInfo"]["SizeInMiB"]), int(found["VCpuInfo"]["DefaultVCpus"])


@elasticache.op(ANY)
def describe_cache_engine_versions(call: Call, req: t.DescribeCacheEngineVersionsMessage) -> t.CacheEngineVersionMessage:
    told: list[Any] = [{"Engine": one.engine, "EngineVersion": one.number, "CacheParameterGroupFamily": one.family, "CacheEngineDescription": one.description, "CacheEngineVersionDescription": f"{one.description} {one.number}"}
                       for one in versions() if req.get("Engine", one.engine) == one.engine and one.number.startswith(req.get("EngineVersion", "")) and req.get("CacheParameterGroupFamily", one.family) == one.family]
    found, more = page(told, req, lambda one: f"{one['Engine']} {one['EngineVersion']}", 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"CacheEngineVersions": found, **more}  # type: ignore[typeddict-item]
