"""Firehose: records gathered for a while, changed on the way, and written to a bucket or posted to an endpoint."""
from cloche.kernel import Service

service = Service(__name__)
