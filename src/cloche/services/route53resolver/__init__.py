"""Route 53 Resolver: doors between a VPC's resolver and other networks' (endpoints), and rules for which names are asked elsewhere."""
from cloche.kernel import Service

service = Service(__name__)
