"""CloudWatch Logs: groups of streams of events, filtered, kept as long as they should be, and passed on to functions."""
from cloche.kernel import Service

service = Service(__name__)
