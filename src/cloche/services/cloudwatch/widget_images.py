"""GetMetricWidgetImage: the series of a widget as a picture. A PNG drawn here: a frame, a grid, a line of its own colour for each series, their names and the range in small letters.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
"""
from __future__ import annotations

import json
import re
import struct
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import errors, queries
from . import service as cloudwatch

if TYPE_CHECKING:
    from cloche.shapes import cloudwatch as t

COLOURS = ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75), (227, 119, 194), (127, 127, 127), (188, 189, 34), (23, 190, 207))
WHITE, GREY, BLACK = (255, 255, 255), (221, 221, 221), (68, 68, 68)
MOST = 2000  # pixels either way
MARGIN, FOOT, HEAD = 60, 44, 26
_AGO = re.compile(r"-P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
# letters of three by five dots, a row a digit in octal
GLYPHS = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:/_%() ", ["75557", "26227", "71747", "71717", "55711", "74717", "74757", "71111", "75757", "75717", "25755", "65656", "34443", "65556", "74647", "74644", "34553", "55755", "72227", "11152", "55655", "44447", "57755", "65555", "25552", "65644", "25563", "65655", "34216", "72222", "55557", "55552", "55775", "55255", "55222", "71247", "00002", "00700", "02020", "11244", "00007", "51245", "12221", "42224", "00000"]))


class Canvas:
    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.rows = [bytearray(bytes(WHITE) * width) for _ in range(height)]

    def dot(self, x: int, y: int, colour: tuple[int, int, int]) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            self.rows[y][3 * x:3 * x + 3] = bytes(colour)

    def line(self, x: int, y: int, x2: int, y2: int, colour: tuple[int, int, int]) -> None:
        """Bresenham's."""
        dx, dy = abs(x2 - x), -abs(y2 - y)
        left, up, error = 1 if x < x2 else -1, 1 if y < y2 else -1, dx + dy
        while True:
            self.dot(x, y, colour)
            if (x, y) == (x2, y2):
                return
            twice = 2 * error
            if twice >= dy:
                error, x = error + dy, x + left
            if twice <= dx:
                error, y = error + dx, y + up

    def text(self, x: int, y: int, words: str, colour: tuple[int, int, int] = BLACK) -> None:
        for number, letter in enumerate(words.upper()):
            for row, bits in enumerate(GLYPHS.get(letter, "75207")):
                for column in range(3):
                    if int(bits) >> (2 - column) & 1:
                        for across, down in ((0, 0), (0, 1), (1, 0), (1, 1)):
                            self.dot(x + 8 * number + 2 * column + across, y + 2 * row + down, colour)

    def png(self) -> bytes:
        def chunk(kind: bytes, body: bytes) -> bytes:
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        raw = b"".join(b"\0" + bytes(row) for row in self.rows)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(raw, 6)) + chunk(b"IEND", b"")


def moment(call: Call, text: Any, otherwise: float) -> float:
    """`-PT3H` ago, or ISO 8601."""
    if not text:
        return otherwise
    if (found := _AGO.fullmatch(text)) is not None:
        return call.now - sum(int(number or 0) * unit for number, unit in zip(found.groups(), (86400, 3600, 60, 1)))
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise errors.validation(f"Invalid time '{text}'") from None


def wanted(widget: dict[str, Any], period: int, stat: str) -> list[dict[str, Any]]:
    """The widget's rows as queries: `.` repeats what stands above, `...` all that stands before the last."""
    out: list[dict[str, Any]] = []
    above: list[Any] = []
    for number, row in enumerate(widget.get("metrics") or ()):
        parts, options = [x for x in row if not isinstance(x, dict)], next((x for x in row if isinstance(x, dict)), {})
        name = options.get("id") or f"m{number + 1}"
        if "expression" in options:
            out.append({"Id": name, "Expression": options["expression"], "Label": options.get("label") or name, "ReturnData": options.get("visible", True), "Period": period})
            continue
        if parts[:1] == ["..."]:
            parts = [*above[:len(above) - len(parts) + 1], *parts[1:]]
        parts = [above[place] if part == "." and place < len(above) else part for place, part in enumerate(parts)]
        if len(parts) < 2 or len(parts) % 2:
            raise errors.validation("A metric has a namespace, a name, and dimensions as pairs")
        above = parts
        dimensions = [{"Name": parts[place], "Value": parts[place + 1]} for place in range(2, len(parts), 2)]
        out.append({"Id": name, "MetricStat": {"Metric": {"Namespace": parts[0], "MetricName": parts[1], "Dimensions": dimensions}, "Period": int(options.get("period", period)), "Stat": options.get("stat", stat)},
                    "Label": options.get("label") or parts[1], "ReturnData": options.get("visible", True)})
    return out


@cloudwatch.op(resource=ANY, partly="a line chart whatever the view; annotations and the right axis are not drawn")
def get_metric_widget_image(call: Call, req: t.GetMetricWidgetImageInput) -> t.GetMetricWidgetImageOutput:
    try:
        widget = json.loads(req["MetricWidget"])
    except ValueError:
        raise errors.validation("The MetricWidget must be valid JSON") from None
    if not isinstance(widget, dict) or not isinstance(widget.get("metrics"), list):
        raise errors.validation("The MetricWidget must have metrics")
    width, height = int(widget.get("width", 600)), int(widget.get("height", 400))
    if not (1 <= width <= MOST and 1 <= height <= MOST):
        raise errors.validation(f"width and height are from 1 to {MOST}")
    start, end = moment(call, widget.get("start"), call.now - 3 * 3600), moment(call, widget.get("end"), call.now)
    if start >= end:
        raise errors.validation("The start must be before the end")
    asked = wanted(widget, int(widget.get("period", 300)), widget.get("stat", "Average"))
    queries.check(asked)
    series = [(one.label, sorted(one.points.items())) for one in queries.run(call, asked, int(start), int(end))]
    return {"MetricWidgetImage": drawn(widget, width, height, series, start, end)}


def drawn(widget: dict[str, Any], width: int, height: int, series: list[tuple[str, list[tuple[int, float]]]], start: float, end: float) -> bytes:
    canvas, values = Canvas(width, height), [value for _, points in series for _, value in points]
    axis = (widget.get("yAxis") or {}).get("left") or {}
    low, high = float(axis.get("min", min([0.0, *values]))), float(axis.get("max", max(values, default=1.0)))
    high = high if high > low else low + 1
    left, top, right, bottom = MARGIN, HEAD, width - 12, height - FOOT
    for number in range(5):
        y = bottom - (bottom - top) * number // 4
        canvas.line(left, y, right, y, GREY)
        canvas.text(2, y - 5, f"{low + (high - low) * number / 4:.3g}"[:7])
    canvas.line(left, top, left, bottom, BLACK)
    canvas.line(left, bottom, right, bottom, BLACK)
    canvas.text(left, 6, str(widget.get("title", ""))[:max(0, (width - left) // 8)])
    at = left
    for number, (label, points) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        placed = [(round(left + (ts - start) / (end - start) * (right - left)), round(bottom - (min(max(value, low), high) - low) / (high - low) * (bottom - top))) for ts, value in points if start <= ts <= end]
        for (x, y), (x2, y2) in zip(placed, placed[1:] or placed[:1]):
            canvas.line(x, y, x2, y2, colour)
            canvas.line(x, y + 1, x2, y2 + 1, colour)
        canvas.text(at, height - 20, label[:24], colour)
        at += 8 * min(len(label), 24) + 16
    for x, ts in ((left, start), (right - 40, end)):
        canvas.text(x, bottom + 6, f"{int(ts) % 86400 // 3600:02d}:{int(ts) % 3600 // 60:02d}")
    return canvas.png()
