"""SNS: topics, subscriptions, and the fan-out of what is published."""
from cloche.kernel import Service

service = Service(__name__, paths=("/SimpleNotificationService-{id}.pem",))
