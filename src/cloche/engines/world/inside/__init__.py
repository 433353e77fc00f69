"""What runs inside the world: standard library only, without site-packages, imported by nobody outside."""
