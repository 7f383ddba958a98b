"""A local Slack workspace that stock slack_sdk and slack_bolt cannot tell from the real one."""

from sandbox.slack.server import Rules, SlackSandbox

__all__ = ["Rules", "SlackSandbox"]
