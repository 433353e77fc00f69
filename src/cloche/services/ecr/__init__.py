"""Amazon ECR: repositories of container images, by its API and by the registry protocol that docker, podman and skopeo speak; one store behind both."""
from cloche.kernel import Service

service = Service(__name__, hosts=("{account}.dkr.ecr.{region}.amazonaws.com", "{account}.dkr.ecr.{region}.localhost"), paths=("/_ecr/layer/{ticket}",))
