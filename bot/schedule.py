"""Ticks that start operations, with ids made from the scheduled instant."""
