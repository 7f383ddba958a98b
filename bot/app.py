"""Wiring: the one file that joins real adapters, services and handlers."""
