"""Real database servers of the system's packages, each alone in spaces of its own: no network, no other's files, and gone with Cloche whatever ends it.

A server is reached by a socket in its folder only; who speaks to the world for it is its service's front.
"""
