"""EventBridge Scheduler: schedules in groups, in any time zone, calling almost any operation under a role."""
from cloche.kernel import Service

service = Service(__name__)
