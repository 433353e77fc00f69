"""Elastic File System: file systems, their mount targets in subnets, access points; mounted in instances where the network lets them through."""
from cloche.kernel import Service

service = Service(__name__)
