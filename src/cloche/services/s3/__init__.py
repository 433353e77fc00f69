"""Amazon S3: buckets, objects and their versions, uploads in parts, and who may see them."""
from cloche.kernel import Service

service = Service(__name__, hosts=(
    "{bucket+}.s3-website-{region}.amazonaws.com", "{bucket+}.s3-website.{region}.amazonaws.com", "{bucket+}.s3-website.localhost"),
    doors=("cors_headers",))
