"""EventBridge Pipes: from a queue or a stream, through a filter and an enrichment, to a target."""
from cloche.kernel import Service

service = Service(__name__)
