"""X-Ray: what programs and services say of the requests they serve, put together as traces; and which requests are to be traced."""
from cloche.kernel import Service

service = Service(__name__, doors=("heard", "proxied"))
