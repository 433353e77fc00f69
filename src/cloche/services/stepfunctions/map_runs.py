"""Distributed Maps: built next; until then such a state fails and says so."""
