"""Service Quotas: how much of a thing an account may have in a region, and more of it on request. Listed are the quotas that Cloche's services keep to."""
from cloche.kernel import Service

service = Service(__name__, doors=("set_quota",))
