"""Amazon Glacier as it was before the S3 storage classes took its name: vaults of archives that are fetched by jobs, hours later."""
from cloche.kernel import Service

service = Service(__name__)
