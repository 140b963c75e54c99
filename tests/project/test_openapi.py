"""The OpenAPI schema: complete, valid, true of the running views, and readable without any other host."""

import re
from typing import Any, get_args

import pytest
import schemathesis
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks

import accounts.urls
import rooms.urls
from accounts import tokens
from rooms.api.rooms import Kind
from rooms.models import Room
from tests.support.factories import make_message, make_room, make_user

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
EXAMPLES = settings(
    max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_the_schema_is_valid_and_has_no_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True)
    assert "openapi: 3.1.0" in capsys.readouterr().out


def test_every_endpoint_is_described(document: dict[str, Any]) -> None:
    endpoints = [route for route in [*accounts.urls.rest, *rooms.urls.api] if route.name]
    assert len(document["paths"]) == len(endpoints)


def test_every_operation_says_what_it_does_and_how_it_refuses(document: dict[str, Any]) -> None:
    for operation in operations(document):
        assert operation["description"]
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert refusals
        for answer in refusals.values():
            assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/Refusal")


def test_every_component_that_is_named_is_there(document: dict[str, Any]) -> None:
    named = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    assert named == set(document["components"]["schemas"])


def test_the_kinds_of_room_are_those_of_the_model() -> None:
    assert set(get_args(Kind)) == set(Room.Kind.values)


@pytest.mark.django_db(transaction=True)  # each request opens and closes its own connection, as in a server
@pytest.mark.timeout(300)  # 20 requests of each operation
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_running_views_keep_to_the_schema(document: dict[str, Any], mode: GenerationMode) -> None:
    """Requests made up by the schema, or against it: no server error, and no answer that is not described."""
    alice = make_user("alice")
    make_message(make_room("lobby"), alice)
    token = tokens.issue_access(user_id=alice.pk, username="alice", roles=(), stamp=alice.stamp())  # outlives a logout
    schema = schemathesis.openapi.from_dict(document)
    schema.app = get_wsgi_application()

    def keeps_to_the_schema(case: schemathesis.Case) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    for operation in schema.get_all_operations():
        if mode is GenerationMode.POSITIVE or operation.ok().body or operation.ok().query:
            EXAMPLES(given(operation.ok().as_strategy(mode))(keeps_to_the_schema))()


# --- The page ---------------------------------------------------------------------------------------------------------
def test_the_page_needs_no_other_host_and_no_inline_script() -> None:
    page = Client().get("/api/docs")
    html = page.content.decode()
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert len(addresses) >= 4
    assert all(address.startswith("/") for address in addresses)
    assert not re.search(r"<style|<script>|style=|\son\w+=", html)
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"]


def test_the_pages_script_loads_the_schema() -> None:
    [script] = re.findall(r'src="(/api/docs[^"]*)"', Client().get("/api/docs").content.decode())
    answer = Client().get(script)
    assert answer.headers["Content-Type"].startswith("application/javascript")
    assert "/api/schema" in answer.content.decode()


def test_the_schema_is_served() -> None:
    assert Client().get("/api/schema", headers={"Accept": "application/json"}).json()["openapi"] == "3.1.0"
