"""Amazon RDS: real PostgreSQL and MariaDB servers, with the life, the snapshots and the rights that RDS puts around them."""
from cloche.kernel import Service

service = Service(__name__)
