"""OpenAPI: how drf-spectacular describes what is particular to this API."""

from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema


class AutoSchema(SpectacularAutoSchema):
    """Groups endpoints by app."""
