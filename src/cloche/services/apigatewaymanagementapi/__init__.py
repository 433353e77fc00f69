"""API Gateway's management API: speak to, look at or end a client's connection to a WebSocket API."""
from cloche.kernel import Service

service = Service(__name__)
