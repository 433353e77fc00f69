"""Sandboxed processes: function environments with their own mounts, processes, network and limits, with or without root."""
