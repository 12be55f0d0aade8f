"""Composable middleware for WSGI (PEP 3333): correct by proof, fast by measurement."""

__version__ = "0.1.0"
