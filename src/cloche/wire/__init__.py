"""Bytes <-> plain values, from AWS's own models. Pure: knows no service, no clock, no socket."""
