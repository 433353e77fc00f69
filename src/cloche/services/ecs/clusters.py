"""Clusters: a name under which tasks, services and instances are kept together. One that is deleted is INACTIVE, and still described for a while."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.kernel.pages import page
from cloche.services.iam import public as iam

from . import errors, names
from . import service as ecs
from .index import index

if TYPE_CHECKING:
    from cloche.shapes import ecs as t

FORGOTTEN_SECONDS = 86_400
FARGATE = ("FARGATE", "FARGATE_SPOT")


class Cluster(Record, frozen=True):
    kind = "ecs.cluster"

    name: str
    created: float
    status: str = "ACTIVE"
    settings: dict[str, str] = {}
    configuration: dict[str, Any] = {}
    providers: tuple[str, ...] = ()
    strategy: tuple[dict[str, Any], ...] = ()
    tags: dict[str, str] = {}
    connect: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return self.name


def find(call: Call, given: str | None) -> Cluster:
    one = call.get(Cluster, names.cluster_name(given))
    if one is None or (given and given.startswith("arn:") and given != arn_of(call, one)):
        raise errors.no_cluster()
    return one


def active(call: Call, given: str | None) -> Cluster:
    one = find(call, given)
    if one.status != "ACTIVE":
        raise errors.no_cluster()
    return one


def arn_of(call: Call, one: Cluster) -> str:
    return names.arn(call, "cluster", one.name)


def shown(call: Call, one: Cluster, include: list[str] | None = None) -> Any:
    there = index(call)
    tasks = there.tasks_of(one.name)
    running = [task for task in tasks if task.status in ("RUNNING",)]
    pending = [task for task in tasks if task.status in ("PROVISIONING", "PENDING", "ACTIVATING")]
    instances = there.instances_of(one.name)
    services = [each for each in there.services_of(one.name) if each.status == "ACTIVE"]
    out: dict[str, Any] = {
        "clusterArn": arn_of(call, one), "clusterName": one.name, "status": one.status, "registeredContainerInstancesCount": len(instances), "runningTasksCount": len(running),
        "pendingTasksCount": len(pending), "activeServicesCount": len(services), "statistics": [], "tags": [], "settings": [], "capacityProviders": list(one.providers),
        "defaultCapacityProviderStrategy": list(one.strategy)}
    include = include or []
    if "SETTINGS" in include:
        out["settings"] = [{"name": name, "value": value} for name, value in one.settings.items()]
    if "TAGS" in include:
        out["tags"] = names.shown_tags(one.tags)
    if "CONFIGURATIONS" in include and one.configuration:
        out["configuration"] = one.configuration
    if "STATISTICS" in include:
        def count(things: list[Any], fargate: bool) -> str:
            return str(sum((each.launch == "FARGATE") == fargate for each in things))
        figures = {"runningEC2TasksCount": count(running, False), "runningFargateTasksCount": count(running, True), "pendingEC2TasksCount": count(pending, False),
                   "pendingFargateTasksCount": count(pending, True), "activeEC2ServiceCount": count(services, False), "activeFargateServiceCount": count(services, True),
                   "drainingEC2ServiceCount": "0", "drainingFargateServiceCount": "0"}
        out["statistics"] = [{"name": name, "value": value} for name, value in figures.items()]
    if one.connect:
        out["serviceConnectDefaults"] = one.connect
    return out


def settings_of(given: Any) -> dict[str, str]:
    out = {}
    for one in given or ():
        if one["value"] not in ("enabled", "disabled", "enhanced"):
            raise errors.parameter(f"Invalid cluster setting value: {one['value']}")
        out[one["name"]] = one["value"]
    return out


def strategy_of(call: Call, given: Any, providers: Any) -> tuple[dict[str, Any], ...]:
    """A strategy, checked: what it names is the cluster's, one base, weights that are not all nothing."""
    items = [{"weight": 0, "base": 0} | dict(one) for one in given or ()]
    for one in items:
        if one["capacityProvider"] not in providers:
            raise errors.provider_not_of_cluster()
    kinds = {one["capacityProvider"] in FARGATE for one in items}
    if len(kinds) > 1:
        raise errors.parameter("The specified capacity provider strategy cannot contain both Fargate and Auto Scaling group capacity providers.")
    if sum(1 for one in items if one["base"]) > 1:
        raise errors.parameter("A capacity provider strategy can contain a maximum of one capacity provider with a base value defined.")
    if items and not any(one["weight"] for one in items):
        raise errors.parameter("The specified capacity provider strategy must have at least one capacity provider with a weight greater than zero.")
    return tuple(items)


def _providers(call: Call, given: Any) -> tuple[str, ...]:
    from . import capacity_providers
    return tuple(dict.fromkeys(capacity_providers.name_of(call, one) for one in given or ()))


@ecs.op(lambda call, req: names.arn(call, "cluster", names.cluster_name(req.get("clusterName"))), context=lambda call, req: {"aws:RequestTag/" + k: v for k, v in names.tags_of(req.get("tags")).items()})
def create_cluster(call: Call, req: t.CreateClusterRequest) -> t.CreateClusterResponse:
    """Idempotent: one that is there is answered as it is."""
    name = req.get("clusterName") or names.DEFAULT
    if not names.NAME.fullmatch(name):
        raise errors.bad_name("Cluster name")
    there = call.get(Cluster, name)
    if there is not None and there.status == "ACTIVE":
        return {"cluster": shown(call, there, ["SETTINGS", "TAGS", "CONFIGURATIONS"])}
    if (req.get("serviceConnectDefaults") or {}).get("namespace"):
        raise errors.no_namespace()
    providers = _providers(call, req.get("capacityProviders"))
    iam.ensure_linked(call, "ecs.amazonaws.com")
    one = call.put(Cluster(name, call.now, settings={"containerInsights": default_insights(call)} | settings_of(req.get("settings")), configuration=req.get("configuration") or {}, providers=providers,
                           strategy=strategy_of(call, req.get("defaultCapacityProviderStrategy"), providers), tags=names.tags_of(req.get("tags"))))
    call.cancel(forgotten, name)
    return {"cluster": shown(call, one, ["SETTINGS", "TAGS", "CONFIGURATIONS"])}


def default_insights(call: Call) -> str:
    from . import settings
    return settings.value(call, "containerInsights")


@ecs.op(ANY, context=lambda call, req: {})
def list_clusters(call: Call, req: t.ListClustersRequest) -> t.ListClustersResponse:
    found = sorted(arn_of(call, one) for one in call.all(Cluster) if one.status == "ACTIVE")
    part, more = page(found, req, str, 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"clusterArns": part, **more}  # type: ignore[typeddict-item]


@ecs.op(lambda call, req: [names.arn(call, "cluster", names.cluster_name(one)) for one in req.get("clusters") or [names.DEFAULT]])
def describe_clusters(call: Call, req: t.DescribeClustersRequest) -> t.DescribeClustersResponse:
    out: Any = {"clusters": [], "failures": []}
    for given in req.get("clusters") or [names.DEFAULT]:
        one = call.get(Cluster, names.cluster_name(given))
        if one is None:
            out["failures"].append({"arn": names.arn(call, "cluster", names.cluster_name(given)), "reason": "MISSING"})
        else:
            out["clusters"].append(shown(call, one, req.get("include")))  # type: ignore[arg-type]
    return out  # type: ignore[no-any-return]


@ecs.op(names.on_cluster())
def update_cluster(call: Call, req: t.UpdateClusterRequest) -> t.UpdateClusterResponse:
    one = active(call, req["cluster"])
    if (req.get("serviceConnectDefaults") or {}).get("namespace"):
        raise errors.no_namespace()
    one = call.put(one.but(settings=one.settings | settings_of(req.get("settings")), configuration=req.get("configuration") or one.configuration))
    return {"cluster": shown(call, one, ["SETTINGS", "CONFIGURATIONS", "TAGS"])}


@ecs.op(names.on_cluster())
def update_cluster_settings(call: Call, req: t.UpdateClusterSettingsRequest) -> t.UpdateClusterSettingsResponse:
    one = active(call, req["cluster"])
    one = call.put(one.but(settings=one.settings | settings_of(req["settings"])))
    return {"cluster": shown(call, one, ["SETTINGS", "TAGS"])}


@ecs.op(names.on_cluster())
def put_cluster_capacity_providers(call: Call, req: t.PutClusterCapacityProvidersRequest) -> t.PutClusterCapacityProvidersResponse:
    """All of them, and the strategy: what is not named is gone, unless something uses it."""
    from . import capacity_providers
    one = active(call, req["cluster"])
    providers = _providers(call, req["capacityProviders"])
    for gone in set(one.providers) - set(providers):
        if any(task.provider == gone and task.status != "STOPPED" for task in index(call).tasks_of(one.name)):
            raise capacity_providers.in_use(gone)
    one = call.put(one.but(providers=providers, strategy=strategy_of(call, req["defaultCapacityProviderStrategy"], providers)))
    capacity_providers.followed(call)
    return {"cluster": shown(call, one, ["SETTINGS", "TAGS"])}


@ecs.op(names.on_cluster())
def delete_cluster(call: Call, req: t.DeleteClusterRequest) -> t.DeleteClusterResponse:
    one = find(call, req["cluster"])
    there = index(call)
    if any(each.status != "INACTIVE" for each in there.services_of(one.name)):
        raise errors.cluster_has("Services", "ClusterContainsServicesException")
    if there.instances_of(one.name):
        raise errors.cluster_has("Container Instances", "ClusterContainsContainerInstancesException")
    if any(task.status != "STOPPED" for task in there.tasks_of(one.name)):
        raise errors.cluster_has("Tasks", "ClusterContainsTasksException")
    one = call.put(one.but(status="INACTIVE", providers=(), strategy=()))
    call.after(FORGOTTEN_SECONDS, forgotten, one.name, cluster=one.name)
    return {"cluster": shown(call, one, ["SETTINGS", "TAGS"])}


@ecs.timer
def forgotten(call: Call, cluster: str) -> None:
    one = call.get(Cluster, cluster)
    if one is not None and one.status == "INACTIVE":
        call.delete(one)
