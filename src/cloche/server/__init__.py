"""Sockets. Knows HTTP, and nothing about AWS."""
