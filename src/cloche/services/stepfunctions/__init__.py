"""AWS Step Functions: state machines, and executions that survive a crash, on the virtual clock."""
from cloche.kernel import Service

service = Service(__name__, iam="states")
