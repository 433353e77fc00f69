"""Amazon ECS: clusters, tasks whose containers are real processes in the world's networks, and services that keep so many of them running."""
from cloche.kernel import Service

service = Service(__name__)
