"""DynamoDB Streams: what changed in a table, in order, for a day."""
from cloche.kernel import Service

service = Service(__name__)
