"""S3 Control: access points, and Block Public Access of a whole account. What it makes is kept by `services/s3`, which acts by it."""
from cloche.kernel import Service

service = Service(__name__)
