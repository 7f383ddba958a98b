"""Fixtures that tests in several folders use, and how Hypothesis searches."""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = ["tests.postgres"]

# New examples are looked for at every engineer's desk; a CI run says the same thing each time.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
