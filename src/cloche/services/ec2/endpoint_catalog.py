"""AWS's own endpoint services: which there are in a region, of which types, and which public names an interface endpoint takes over.

The names are those of "AWS services that integrate with AWS PrivateLink". A service that Cloche does not build can have an endpoint all the same:
its requests are answered as they are from outside, with NotImplemented.
"""
from __future__ import annotations

from functools import lru_cache

import msgspec

GATEWAY = ("s3", "dynamodb")
# Suffix of the service's name -> the host names it answers to, `{r}` being the region
NAMES = {
    "access-analyzer": "access-analyzer", "acm-pca": "acm-pca", "airflow.api": "api.airflow", "appconfig": "appconfig", "application-autoscaling": "application-autoscaling", "athena": "athena",
    "autoscaling": "autoscaling", "autoscaling-plans": "autoscaling-plans", "backup": "backup", "batch": "batch", "bedrock": "bedrock", "bedrock-runtime": "bedrock-runtime",
    "cassandra": "cassandra", "cloudformation": "cloudformation", "cloudtrail": "cloudtrail", "codeartifact.api": "codeartifact", "codebuild": "codebuild", "codecommit": "codecommit",
    "codedeploy": "codedeploy", "codedeploy-commands-secure": "codedeploy-commands-secure", "codepipeline": "codepipeline", "cognito-identity": "cognito-identity", "cognito-idp": "cognito-idp",
    "comprehend": "comprehend", "config": "config", "datasync": "datasync", "dms": "dms", "dynamodb": "dynamodb", "dynamodb-streams": "streams.dynamodb", "ebs": "ebs", "ec2": "ec2",
    "ec2messages": "ec2messages", "ecr.api": "api.ecr", "ecr.dkr": "*.dkr.ecr", "ecs": "ecs", "ecs-agent": "ecs-a", "ecs-telemetry": "ecs-t", "eks": "eks", "elasticache": "elasticache",
    "elasticbeanstalk": "elasticbeanstalk", "elasticbeanstalk-health": "elasticbeanstalk-health", "elasticfilesystem": "elasticfilesystem", "elasticloadbalancing": "elasticloadbalancing",
    "elasticmapreduce": "elasticmapreduce", "email-smtp": "email-smtp", "events": "events", "execute-api": "*.execute-api", "fsx": "fsx", "glue": "glue", "guardduty": "guardduty",
    "imagebuilder": "imagebuilder", "inspector2": "inspector2", "iot.data": "data.iot", "kinesis-firehose": "firehose", "kinesis-streams": "kinesis", "kms": "kms",
    "lakeformation": "lakeformation", "lambda": "lambda", "logs": "logs", "macie2": "macie2", "monitoring": "monitoring", "notebook": "notebook", "pipes": "pipes", "polly": "polly", "rds": "rds",
    "rds-data": "rds-data", "redshift": "redshift", "redshift-data": "redshift-data", "rekognition": "rekognition", "rolesanywhere": "rolesanywhere", "s3": "s3", "sagemaker.api": "api.sagemaker",
    "sagemaker.runtime": "runtime.sagemaker", "scheduler": "scheduler", "secretsmanager": "secretsmanager", "securityhub": "securityhub", "servicecatalog": "servicecatalog",
    "servicediscovery": "servicediscovery", "sns": "sns", "sqs": "sqs", "ssm": "ssm", "ssm-contacts": "ssm-contacts", "ssm-incidents": "ssm-incidents", "ssmmessages": "ssmmessages",
    "states": "states", "storagegateway": "storagegateway", "sts": "sts", "sync-states": "sync-states", "synthetics": "synthetics", "textract": "textract", "transcribe": "transcribe",
    "transfer": "transfer", "translate": "translate", "workspaces": "workspaces", "xray": "xray",
}
MORE = {"s3": ("*.s3", "*.s3-accesspoint", "*.s3-control"), "cognito-idp": ("*.auth.cognito-idp",)}     # further names of a service
NO_POLICY = ("elasticbeanstalk-health", "email-smtp", "ecs-agent", "ecs-telemetry", "notebook")
ZONE = "Z7HUB22UULQXV"                                 # the hosted zone of vpce.amazonaws.com in us-east-1


class Known(msgspec.Struct, frozen=True):
    name: str                                          # com.amazonaws.us-east-1.sqs
    short: str
    types: tuple[str, ...]
    private: tuple[str, ...]                           # host names, the first is told as the private DNS name
    policy: bool = True
    id: str = ""
    owner: str = "amazon"
    acceptance: bool = False


@lru_cache(maxsize=64)
def known(region: str) -> dict[str, Known]:
    """Name -> service, of one region."""
    out = {}
    for short, host in NAMES.items():
        name = f"com.amazonaws.{region}.{short}"
        hosts = tuple(f"{x}.{region}.amazonaws.com" for x in (host, *MORE.get(short, ())))
        types = ("Gateway", "Interface") if short in GATEWAY else ("Interface",)
        out[name] = Known(name, short, types, hosts, short not in NO_POLICY, service_id(region, short))
    return out


def service_id(region: str, short: str) -> str:
    import hashlib
    return "vpce-svc-" + hashlib.sha256(f"{region} {short}".encode()).hexdigest()[:17]
