"""Kinesis Data Streams: ordered records in shards, kept for a while, read by anybody as often as they like."""
from cloche.kernel import Service

service = Service(__name__)
