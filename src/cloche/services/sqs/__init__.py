"""SQS: queues, standard and FIFO; messages, their visibility, their dead letters."""
from cloche.kernel import Service

service = Service(__name__)
