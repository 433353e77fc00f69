"""Cloche in your tests: `with Cloche() as cloud: cloud.client("s3"); cloud.advance(minutes=5)`, or the pytest fixture `cloud`."""
from .cloche import Account, Cloche

__all__ = ["Account", "Cloche"]
