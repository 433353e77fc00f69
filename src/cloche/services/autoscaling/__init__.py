"""EC2 Auto Scaling: groups of instances kept at their size, healthy and spread; policies, schedules and hooks that change it."""
from cloche.kernel import Service

service = Service(__name__)
