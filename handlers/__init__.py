"""Slack listeners: parse, check access, record the operation, ack."""
