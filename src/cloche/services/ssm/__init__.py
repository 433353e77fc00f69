"""Systems Manager: the parameter store, documents, Run Command and sessions in instances."""
from cloche.kernel import Service

service = Service(__name__, hosts=("ssmmessages.{region}.amazonaws.com",), paths=("/v1/data-channel/{session}",))
