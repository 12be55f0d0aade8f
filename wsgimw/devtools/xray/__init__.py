"""The X-ray: one request, seen layer by layer."""
