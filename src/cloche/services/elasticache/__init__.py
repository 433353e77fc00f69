"""Amazon ElastiCache: real Redis and Memcached servers as clusters and replication groups."""
from cloche.kernel import Service

service = Service(__name__)
