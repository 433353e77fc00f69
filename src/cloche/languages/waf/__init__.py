"""The language of web ACLs (WAF v2): a request, the statements that look at it, and what is to be done. Pure: the room around it counts and remembers."""
from .evaluate import Asked, Verdict, World, decide

__all__ = ["Asked", "Verdict", "World", "decide"]
