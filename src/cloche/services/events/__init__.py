"""EventBridge: buses, rules that match events or follow the clock, and the targets they are handed to; archives and replays."""
from cloche.kernel import Service

service = Service(__name__)
