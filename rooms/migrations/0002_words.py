"""The table of the search, in the database's own kind: no model of Django describes it."""

from typing import Any

from django.db import migrations

from rooms.storage.search import CREATE, TABLE


def create(_apps: Any, schema_editor: Any) -> None:
    for statement in CREATE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop(_apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(f"DROP TABLE {TABLE}")


class Migration(migrations.Migration):
    dependencies = [("chat_rooms", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
