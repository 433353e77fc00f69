"""Serverless Application Repository: applications in versions, published by `sam publish`, shared by policies, deployed as stacks or as resources of other applications."""
from cloche.kernel import Service

service = Service(__name__)
