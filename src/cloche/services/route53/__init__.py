"""Route 53: hosted zones public and private, their record sets, health checks, and who is answered what."""
from cloche.kernel import Service

service = Service(__name__)
