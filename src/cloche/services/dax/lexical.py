"""Numbers of sort keys: bytes in the order of the numbers, as DAX's clients write them at the end of a key.

A header says sign and magnitude; then come digits of a thousand, ten bits each, the last of them followed by one that says how many of its places count.
"""
from __future__ import annotations

from decimal import Decimal

ZERO = 0x80
NEAR = 0x3E  # magnitudes that fit into the header itself


def encode(text: str) -> bytes:
    value = Decimal(text)
    if value == 0:
        return bytes((ZERO,))
    sign, digits, scale = value.as_tuple()
    assert isinstance(scale, int)
    magnitude = len(digits) + scale
    if -NEAR <= magnitude < NEAR:
        head = bytes((0x3F - magnitude if sign else 0xC0 + magnitude,))
    elif sign:
        head = bytes((0x7E if magnitude < 0 else 0x01,)) + ((magnitude & 0xFFFFFFFF) ^ 0x7FFFFFFF).to_bytes(4, "big")
    else:
        head = bytes((0x81 if magnitude < 0 else 0xFE,)) + ((magnitude & 0xFFFFFFFF) ^ 0x80000000).to_bytes(4, "big")
    written = "".join(map(str, digits))
    end = {1: 0, 2: 1, 0: 2}[len(written) % 3]
    written += "0" * (-len(written) % 3)
    groups = [int(written[at:at + 3]) for at in range(0, len(written), 3)]
    tens = [1011 - g for g in groups] + [1023 - end] if sign else [12 + g for g in groups] + [end]
    bits = 0
    for ten in tens:
        bits = bits << 10 | ten
    width = 10 * len(tens)
    spare = -width % 8
    return head + (bits << spare).to_bytes((width + spare) // 8, "big")


def decode(raw: bytes) -> str:
    first = raw[0]
    if first in (0x7F, ZERO):
        return "0"
    if first in (0x01, 0x7E, 0x81, 0xFE):
        negative = first in (0x01, 0x7E)
        magnitude = int.from_bytes(raw[1:5], "big") ^ (0x7FFFFFFF if negative else 0x80000000)
        if first in (0x7E, 0x81):
            magnitude -= 1 << 32
        at = 5
    else:
        negative = first < 0x82
        magnitude = 0x3F - first if negative else first - 0xC0
        at = 1
    bits = int.from_bytes(raw[at:], "big")
    width = 8 * (len(raw) - at)
    digits = ""
    while width >= 10:
        width -= 10
        ten = bits >> width & 0x3FF
        if ten <= 2 or ten >= 1021:
            kept = ten if ten <= 2 else 1023 - ten
            digits = digits[:len(digits) - 2 + kept]
            break
        digits += f"{1011 - ten if negative else ten - 12:03d}"
    value = Decimal(int(digits or "0")).scaleb(magnitude - len(digits))
    return f"{-value if negative else value:f}"
