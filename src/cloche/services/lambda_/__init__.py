"""Lambda: functions as real sandboxed processes, their versions, aliases, layers, permissions, queues, event sources and URLs."""
from cloche.kernel import Service

service = Service(
    __name__, hosts=("{id}.lambda-url.{region}.on.aws", "{id}.lambda-url.localhost"), paths=("/_lambda/code/{account}/{sha}/{expires}/{signature}",)
)
