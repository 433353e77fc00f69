"""Deployment configurations: how fast, and how many must stay well. AWS's own exist in every account; what an account makes is never changed.

For Server: how many hosts stay healthy. For Lambda and ECS: how traffic goes over, at once, in two steps (canary) or in equal ones (linear).
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages

from . import errors, names
from . import service as codedeploy

if TYPE_CHECKING:
    from cloche.shapes import codedeploy as t

MOST, PAGE, LONGEST_MINUTES = 50, 100, 2880


class Config(Record, frozen=True):
    kind = "codedeploy.config"

    name: str
    id: str
    created: float
    platform: str = "Server"
    hosts: dict[str, Any] = {}      # minimumHealthyHosts
    routing: dict[str, Any] = {}    # trafficRoutingConfig
    zonal: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return self.name


# -- AWS's own -------------------------------------------------------------------------------------------------------------

def _canary(percent: int, minutes: int) -> dict[str, Any]:
    return {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": percent, "canaryInterval": minutes}}


def _linear(percent: int, minutes: int) -> dict[str, Any]:
    return {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": percent, "linearInterval": minutes}}


AT_ONCE: dict[str, Any] = {"type": "AllAtOnce"}
PREFIX = "CodeDeployDefault."
SINCE = 1_420_070_400.0
DEFAULT = {"Server": PREFIX + "OneAtATime", "Lambda": PREFIX + "LambdaAllAtOnce", "ECS": PREFIX + "ECSAllAtOnce"}
_SERVER = {"OneAtATime": {"type": "MOST_CONCURRENCY", "value": 1}, "HalfAtATime": {"type": "FLEET_PERCENT", "value": 50}, "AllAtOnce": {"type": "FLEET_PERCENT", "value": 0}}
_LAMBDA = {"AllAtOnce": AT_ONCE, **{f"Canary10Percent{minutes}Minutes": _canary(10, minutes) for minutes in (5, 10, 15, 30)},
           **{f"Linear10PercentEvery{minutes}Minute{'s' if minutes > 1 else ''}": _linear(10, minutes) for minutes in (1, 2, 3, 10)}}
_ECS = {"AllAtOnce": AT_ONCE, "Canary10Percent5Minutes": _canary(10, 5), "Canary10Percent15Minutes": _canary(10, 15), "Linear10PercentEvery1Minutes": _linear(10, 1),
        "Linear10PercentEvery3Minutes": _linear(10, 3)}
PREDEFINED: dict[str, Config] = {one.name: one for one in (
    *(Config(PREFIX + name, f"00000000-0000-0000-0000-{number:012}", SINCE, "Server", hosts=hosts) for number, (name, hosts) in enumerate(_SERVER.items(), 1)),
    *(Config(f"{PREFIX}Lambda{name}", f"00000000-0000-0000-0001-{number:012}", SINCE, "Lambda", routing=routing) for number, (name, routing) in enumerate(_LAMBDA.items(), 1)),
    *(Config(f"{PREFIX}ECS{name}", f"00000000-0000-0000-0002-{number:012}", SINCE, "ECS", routing=routing) for number, (name, routing) in enumerate(_ECS.items(), 1)),
)}


def find(call: Call, name: str) -> Config:
    found = PREDEFINED.get(name) or call.get(Config, name)
    if found is None:
        raise errors.no_config(name)
    return found


def for_platform(call: Call, name: str, platform: str) -> Config:
    found = find(call, name)
    if found.platform != platform:
        raise errors.config_of_another_platform(name, found.platform, platform)
    return found


# -- operations --------------------------------------------------------------------------------------------------------------

@codedeploy.op(names.config, partly="a zonalConfig is kept, and shown; zones are not deployed to one after another")
def create_deployment_config(call: Call, req: t.CreateDeploymentConfigInput) -> t.CreateDeploymentConfigOutput:
    name, platform = req["deploymentConfigName"], req.get("computePlatform", "Server")
    if name.startswith(PREFIX):
        raise errors.reserved_config_name(name)
    if call.get(Config, name) is not None:
        raise errors.config_exists(name)
    hosts, routing, zonal = dict(req.get("minimumHealthyHosts") or {}), dict(req.get("trafficRoutingConfig") or {}), dict(req.get("zonalConfig") or {})
    if platform == "Server":
        if routing:
            raise errors.bad_routing("A traffic routing configuration is for the compute platforms Lambda and ECS only.")
        _check_hosts(hosts)
        _check_zonal(zonal)
    else:
        if hosts:
            raise errors.bad_healthy_hosts(f"minimumHealthyHosts is for the compute platform Server only, not for {platform}.")
        if zonal:
            raise errors.bad_zonal(f"zonalConfig is for the compute platform Server only, not for {platform}.")
        _check_routing(routing)
    if len(call.all(Config)) >= MOST:
        raise errors.too_many_configs()
    made = call.put(Config(name, call.uuid(), call.now, platform, hosts, routing, zonal))
    return {"deploymentConfigId": made.id}


def _check_hosts(hosts: dict[str, Any]) -> None:
    if "type" not in hosts or "value" not in hosts:
        raise errors.bad_healthy_hosts("minimumHealthyHosts must be given with a type (HOST_COUNT or FLEET_PERCENT) and a value.")
    value = hosts["value"]
    if value < 0 or (hosts["type"] == "FLEET_PERCENT" and value > 99):
        raise errors.bad_healthy_hosts(f"The minimum healthy instance value {value} was specified in an invalid format: a FLEET_PERCENT is 0 to 99, a HOST_COUNT is not negative.")


def _check_zonal(zonal: dict[str, Any]) -> None:
    if any(zonal.get(name, 0) < 0 for name in ("firstZoneMonitorDurationInSeconds", "monitorDurationInSeconds")):
        raise errors.bad_zonal("The duration to monitor a zone is not negative.")
    if zonal.get("minimumHealthyHostsPerZone"):
        _check_hosts(zonal["minimumHealthyHostsPerZone"])


def _check_routing(routing: dict[str, Any]) -> None:
    kind = routing.get("type")
    if kind is None:
        raise errors.bad_routing("A traffic routing configuration must be given, with its type.")
    canary, linear = routing.get("timeBasedCanary"), routing.get("timeBasedLinear")
    if (canary is not None) != (kind == "TimeBasedCanary") or (linear is not None) != (kind == "TimeBasedLinear"):
        raise errors.bad_routing(f"A configuration of type {kind} has " + {"TimeBasedCanary": "timeBasedCanary and nothing else.", "TimeBasedLinear": "timeBasedLinear and nothing else.", "AllAtOnce": "no steps."}[kind])
    if kind == "AllAtOnce":
        return
    percent, minutes = (canary.get("canaryPercentage"), canary.get("canaryInterval")) if canary is not None else (linear.get("linearPercentage"), linear.get("linearInterval"))
    if percent is None or minutes is None:
        raise errors.bad_routing("The percentage and the interval must both be given.")
    if not 1 <= percent <= 99:
        raise errors.bad_routing(f"The percentage must be between 1 and 99, and is {percent}.")
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise errors.bad_routing(f"The interval must be between 1 and {LONGEST_MINUTES} minutes, and is {minutes}.")


@codedeploy.op(names.config)
def get_deployment_config(call: Call, req: t.GetDeploymentConfigInput) -> t.GetDeploymentConfigOutput:
    one = find(call, req["deploymentConfigName"])
    shown: Any = {"deploymentConfigId": one.id, "deploymentConfigName": one.name, "createTime": one.created, "computePlatform": one.platform}
    for member, value in (("minimumHealthyHosts", one.hosts), ("trafficRoutingConfig", one.routing), ("zonalConfig", one.zonal)):
        if value:
            shown[member] = value
    return {"deploymentConfigInfo": shown}


@codedeploy.op(ANY)
def list_deployment_configs(call: Call, req: t.ListDeploymentConfigsInput) -> t.ListDeploymentConfigsOutput:
    every = sorted([*PREDEFINED, *(one.name for one in call.all(Config))])
    found, token = pages.page(every, req, lambda name: name, PAGE, errors.bad_token, token="nextToken")
    return {"deploymentConfigsList": found, **token}  # type: ignore[typeddict-item]


@codedeploy.op(names.config)
def delete_deployment_config(call: Call, req: t.DeleteDeploymentConfigInput) -> None:
    from .groups import Group
    name = req["deploymentConfigName"]
    if name in PREDEFINED:
        raise errors.predefined_config(name)
    found = call.get(Config, name)
    if found is None:
        return
    if any(one.config == name for one in call.all(Group)):
        raise errors.config_in_use(name)
    call.delete(found)
