"""The conformance kit, the linter and the pytest plugin."""
