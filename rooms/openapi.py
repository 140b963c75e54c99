"""Describes msgspec structs in the OpenAPI schema, so that what is documented is what is read and sent."""

from collections.abc import Mapping
from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction, OpenApiParameter

from rooms.rest import Refusal

REFERENCE = "#/components/schemas/{name}"


class StructSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # spectacular is untyped here
    target_class = "msgspec.Struct"
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: Direction) -> str:  # noqa: ARG002 - its shape is spectacular's
        return str(self.target.__name__)

    def get_identity(self, auto_schema: AutoSchema, direction: Direction) -> str:
        return self.get_name(auto_schema, direction)

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:  # noqa: ARG002 - as above
        """The struct's schema; the structs in it become components of their own."""
        _, schemas = msgspec.json.schema_components([self.target], ref_template=REFERENCE)
        schema: dict[str, Any] = schemas.pop(self.target.__name__)
        for name, inner in schemas.items():
            component = ResolvedComponent(  # type: ignore[no-untyped-call]  # as above
                name, ResolvedComponent.SCHEMA, schema=inner, object=name
            )
            auto_schema.registry.register_on_missing(component)
        return schema


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # spectacular is untyped here
    target_class = "rooms.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 - its shape is spectacular's
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def parameters(kind: type[msgspec.Struct]) -> list[OpenApiParameter]:
    """The fields of a struct as parameters of the query."""
    _, schemas = msgspec.json.schema_components([kind])
    return [OpenApiParameter(name, type=schema) for name, schema in schemas[kind.__name__]["properties"].items()]


def responses(answers: Mapping[Any, Any], *refusals: int) -> dict[Any, Any]:
    """The documented answers of an endpoint: its own, and the statuses of those that refuse; 429 and 503 are always.

    An answer that is no JSON stands under its status and type.
    """
    return {**answers, **dict.fromkeys((*refusals, 429, 503), Refusal)}
