"""What tests of instances share."""
import pytest
from botocore.exceptions import ClientError

AL2023, AL2023_MINIMAL, AL2, UBUNTU = (f"ami-0c10c8e000000000{n}" for n in (1, 2, 3, 4))


def refused(code, call, **request):
    """The refusal, which has this code."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    return error


def launch(cloud, *, image=AL2, kind="t3.micro", region="us-east-1", **more):
    """An instance that runs."""
    ec2 = cloud.client("ec2", region=region)
    id_ = ec2.run_instances(ImageId=image, InstanceType=kind, MinCount=1, MaxCount=1, **more)["Instances"][0]["InstanceId"]
    cloud.advance(5)
    return id_


def one(ec2, id_):
    return ec2.describe_instances(InstanceIds=[id_])["Reservations"][0]["Instances"][0]
