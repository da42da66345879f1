"""Drives the gapless binary from outside: independent backends, load, and an oracle by identity."""
