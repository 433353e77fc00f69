"""Numbers: 38 significant digits between 1E-130 and 9.99E+125, kept as canonical text, compared through bytes.

A number is sign, digits and exponent with the value 0.DIGITS x 10^exponent; `order` lays these three out so that
comparing the bytes compares the numbers.
"""
from __future__ import annotations

import decimal
import re
from functools import lru_cache

from . import errors

DIGITS, HIGHEST, LOWEST = 38, 126, -129  # exponents of 0.DIGITS
_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?", re.ASCII)
_EXACT = decimal.Context(prec=400, Emax=999999, Emin=-999999)


def parts(text: str) -> tuple[bool, str, int]:
    """(negative, digits without zeros at either end, exponent); zero has no digits."""
    match = _NUMBER.fullmatch(text)
    if not match or not (match[2] or match[3]):
        raise errors.not_a_number(text)
    whole, fraction = match[2], match[3] or ""
    digits = (whole + fraction).lstrip("0")
    exponent = len(digits) - len(fraction) + int(match[4] or 0)
    return match[1] == "-", digits.rstrip("0"), exponent


def canonical(text: str) -> tuple[str, int]:
    """The number as DynamoDB gives it back, and its size in an item: a byte, one for two digits, one for a minus."""
    return _remembered(text) if len(text) < 50 else _canonical(text)


def _canonical(text: str) -> tuple[str, int]:
    negative, digits, exponent = parts(text)
    if not digits:
        return "0", 1
    if exponent > HIGHEST:
        raise errors.overflow()
    if exponent < LOWEST:
        raise errors.underflow()
    if len(digits) > DIGITS:
        raise errors.too_many_digits()
    if exponent <= 0:
        plain = "0." + "0" * -exponent + digits
    elif exponent >= len(digits):
        plain = digits + "0" * (exponent - len(digits))
    else:
        plain = f"{digits[:exponent]}.{digits[exponent:]}"
    return ("-" + plain if negative else plain), (len(digits) + 1) // 2 + 1 + negative


_remembered = lru_cache(2048)(_canonical)


def order(text: str) -> bytes:
    """Bytes that sort as numbers do."""
    negative, digits, exponent = parts(text)
    if not digits:
        return b"\x01"
    if len(digits) % 2:
        digits += "0"
    # pairs are 1..100 so that a longer run of digits sorts after its own beginning
    body = bytes((exponent + 200 >> 8, exponent + 200 & 255, *(int(digits[i:i + 2]) + 1 for i in range(0, len(digits), 2))))
    return b"\x00" + bytes(255 - b for b in body) + b"\xff" if negative else b"\x02" + body


def add(one: str, two: str, sign: int = 1) -> str:
    """The sum (or with sign -1 the difference) of two canonical numbers."""
    if len(one) < 18 and len(two) < 18 and "." not in one and "." not in two:
        return str(int(one) + sign * int(two))
    left, right = decimal.Decimal(one), decimal.Decimal(two)
    total = _EXACT.add(left, right) if sign > 0 else _EXACT.subtract(left, right)
    if len(parts(str(total))[1]) > DIGITS:
        raise errors.overflow()  # strangely, what AWS calls a sum that needs more digits
    return canonical(str(total))[0]


def compare(text: str) -> decimal.Decimal:
    """Something that Python orders as DynamoDB orders the number."""
    return decimal.Decimal(text)
