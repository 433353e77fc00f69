"""Segments as programs send them."""
from __future__ import annotations

import json
import secrets

import pytest


def new_id():
    return secrets.token_hex(8)


class XRay:
    """An account that traces."""

    def __init__(self, cloud):
        self.cloud, self.api = cloud, cloud.client("xray")
        self.at = float(int(cloud.now)) - 100

    def trace_id(self):
        return f"1-{int(self.at):08x}-{secrets.token_hex(12)}"

    def segment(self, name, trace=None, start=0.0, end=1.0, **more):
        """`start` and `end` are seconds after `self.at`; end=None is in progress."""
        out = {"name": name, "id": new_id(), "trace_id": trace or self.trace_id(), "start_time": self.at + start, **more}
        return out | ({"in_progress": True} if end is None else {"end_time": self.at + end})

    def sub(self, name, start=0.0, end=1.0, **more):
        return {key: value for key, value in self.segment(name, "x", start, end, **more).items() if key != "trace_id"}

    def put(self, *documents):
        return self.api.put_trace_segments(TraceSegmentDocuments=[one if isinstance(one, str) else json.dumps(one) for one in documents])["UnprocessedTraceSegments"]

    def trace(self, id_):
        """Its documents, by name."""
        [found] = self.api.batch_get_traces(TraceIds=[id_])["Traces"]
        return [json.loads(one["Document"]) for one in found["Segments"]]

    def summaries(self, expression=None, **more):
        given = {"StartTime": self.at - 1000, "EndTime": self.at + 1000} | ({"FilterExpression": expression} if expression is not None else {}) | more
        return [one for page in self.api.get_paginator("get_trace_summaries").paginate(**given) for one in page["TraceSummaries"]]

    def found(self, expression, **more):
        return {one["Id"] for one in self.summaries(expression, **more)}


@pytest.fixture
def xray(cloud):
    return XRay(cloud)
