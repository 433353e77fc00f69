"""Pictures of metrics."""
import json
import struct
import zlib

import pytest
from botocore.exceptions import ClientError


def pixels(png):
    """(width, height, rows of pixels) of a PNG without filters."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at:at + 8])
        if kind == b"IDAT":
            data += png[at + 8:at + 8 + size]
        at += size + 12
    raw = zlib.decompress(data)
    rows = [raw[y * (3 * width + 1) + 1:(y + 1) * (3 * width + 1)] for y in range(height)]
    return width, height, [[tuple(row[3 * x:3 * x + 3]) for x in range(width)] for row in rows]


def test_a_widget_is_drawn_from_its_metrics(cloud):
    cw = cloud.client("cloudwatch")
    for value in (1, 9, 4):
        cw.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Dimensions": [{"Name": "d", "Value": "v"}], "Value": value}])
        cloud.advance(300)
    widget = {"metrics": [["n", "m", "d", "v", {"stat": "Sum"}], ["...", "other"], [{"expression": "m1 * 2", "label": "double"}]], "width": 300, "height": 200, "start": "-PT1H", "title": "All"}
    width, height, rows = pixels(cw.get_metric_widget_image(MetricWidget=json.dumps(widget))["MetricWidgetImage"])
    blue, green = (31, 119, 180), (44, 160, 44)
    plot = [row[60:288] for row in rows[26:156]]
    highest = lambda colour: next(y for y, row in enumerate(plot) if colour in row)
    assert (width, height) == (300, 200) and highest(green) < highest(blue)  # twice as much is drawn above
    assert not any((255, 127, 14) in row for row in plot)  # nothing is known of the other
    flat = pixels(cw.get_metric_widget_image(MetricWidget=json.dumps({"metrics": [["n", "none"]]}))["MetricWidgetImage"])
    assert flat[:2] == (600, 400) and not any(blue in row for row in flat[2][26:356])
    for wrong in ("text", "{}", json.dumps({"metrics": [["n"]]}), json.dumps({"metrics": [["n", "m"]], "width": 5000})):
        with pytest.raises(ClientError) as error:
            cw.get_metric_widget_image(MetricWidget=wrong)
        assert error.value.response["Error"]["Code"] in ("ValidationError", "ValidationException")
