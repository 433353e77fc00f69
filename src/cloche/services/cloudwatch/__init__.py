"""CloudWatch: metrics and their statistics, alarms that watch them, dashboards."""
from cloche.kernel import Service

service = Service(__name__, iam="cloudwatch")
