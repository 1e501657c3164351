"""Hypothesis measures each example against a deadline; on a busy machine that is a test of the machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
