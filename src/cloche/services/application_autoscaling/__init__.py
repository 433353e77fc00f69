"""Application Auto Scaling: a registry of what other services can scale, with bounds, schedules and policies."""
from cloche.kernel import Service

service = Service(__name__)
