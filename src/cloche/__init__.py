"""Cloche: a whole AWS region under a glass bell, on your own machine."""

__version__ = "0.1.0"
