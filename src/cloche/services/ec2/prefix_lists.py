"""Prefix lists."""
