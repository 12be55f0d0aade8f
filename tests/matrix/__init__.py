"""Servers x frameworks: each pair bare and behind the whole stack, side by side."""
