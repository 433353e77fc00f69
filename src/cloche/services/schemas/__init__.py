"""EventBridge's schema registry: registries, schemas in versions, and discoverers that read them off the events of a bus."""
from cloche.kernel import Service

service = Service(__name__)
