"""What all tests of S3 need: a client, and a bucket that nobody else has."""
from __future__ import annotations

import pytest


@pytest.fixture
def s3(cloud):
    return cloud.client("s3")


@pytest.fixture
def bucket(cloud, s3):
    name = f"b-{cloud.account}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def with_acls(s3, bucket):
    """The bucket with ACLs switched on and nothing blocked, as before April 2023."""
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.delete_public_access_block(Bucket=bucket)
    return bucket
