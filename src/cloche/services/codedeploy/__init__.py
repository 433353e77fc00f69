"""CodeDeploy: revisions of an application carried to functions, machines and services step by step, watched, and taken back when they fail."""
from cloche.kernel import Service

service = Service(__name__, hosts=(
    "codedeploy-commands-secure.{region}.amazonaws.com", "codedeploy-commands.{region}.amazonaws.com", "aws-codedeploy-{region}.s3.amazonaws.com", "aws-codedeploy-{region}.s3.{where}.amazonaws.com"))
