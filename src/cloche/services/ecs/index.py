"""What is in which cluster, and which tasks are a service's or an instance's. Made anew when a record has changed."""
from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cloche.kernel import Call

if TYPE_CHECKING:
    from .container_instances import Instance
    from .services import ServiceRecord
    from .tasks import Task


class Index:
    def __init__(self, call: Call) -> None:
        from .container_instances import Instance
        from .services import ServiceRecord
        from .tasks import Task
        self._tasks: dict[str, list[Task]] = defaultdict(list)
        self._of_service: dict[str, list[Task]] = defaultdict(list)
        self._on: dict[str, list[Task]] = defaultdict(list)
        self._services: dict[str, list[ServiceRecord]] = defaultdict(list)
        self._instances: dict[str, list[Instance]] = defaultdict(list)
        for task in call.all(Task):
            self._tasks[task.cluster].append(task)
            if task.service:
                self._of_service[f"{task.cluster}/{task.service}"].append(task)
            if task.instance:
                self._on[task.instance].append(task)
        for one in call.all(ServiceRecord):
            self._services[one.cluster].append(one)
        for each in call.all(Instance):
            if each.status != "INACTIVE":
                self._instances[each.cluster].append(each)

    def tasks_of(self, cluster: str) -> list[Task]:
        return self._tasks.get(cluster, [])

    def tasks_of_service(self, cluster: str, service: str) -> list[Task]:
        return self._of_service.get(f"{cluster}/{service}", [])

    def tasks_on(self, instance: str) -> list[Task]:
        return self._on.get(instance, [])

    def services_of(self, cluster: str) -> list[ServiceRecord]:
        return self._services.get(cluster, [])

    def instances_of(self, cluster: str) -> list[Instance]:
        return self._instances.get(cluster, [])


def index(call: Call) -> Index:
    kept = call.cloud.memory.setdefault("ecs.index", {})
    version, where = call.cloud.store.version, (call.account, call.region)
    found = kept.get(where)
    if found is None or found[0] != version:
        found = kept[where] = (version, Index(call))
    return found[1]  # type: ignore[no-any-return]
