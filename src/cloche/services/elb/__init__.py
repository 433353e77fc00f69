"""Classic Load Balancers: instances registered by id, listeners without rules. Nodes and connections are those of `elbv2`."""
from cloche.kernel import Service

service = Service(__name__)
