"""Direct Connect: ports in data centres, virtual interfaces on them, gateways they lead to. All that software knows of it; no cable hangs on a cloud under a glass bell."""
from cloche.kernel import Service

service = Service(__name__)
