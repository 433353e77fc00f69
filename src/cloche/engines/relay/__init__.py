"""Passing on what comes in: HTTP to a target over connections that are kept (`upstream`), bytes and datagrams as they are (`pipes`).

The sockets are made elsewhere (inside a namespace, or not) and handed over; nothing here knows where they lead.
"""
