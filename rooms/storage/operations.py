"""Operations of migrations that run while the chat is serving. CONTRIBUTING.md says when they are needed."""

from typing import Any

from django.db.migrations import AddIndex
from django.db.migrations.state import ProjectState


class AddIndexConcurrently(AddIndex):
    """Adds an index without stopping those who write, in a migration with `atomic = False`; on SQLite as any other.

    Started again after an interruption it replaces the invalid index that PostgreSQL has kept.
    """

    atomic = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        elif self.allow_migrate_model(schema_editor.connection.alias, model):
            # It waits for all transactions of the moment, for longer than a statement may; nobody waits for it.
            schema_editor.execute("SET lock_timeout = 0")
            schema_editor.remove_index(model, self.index, concurrently=True)
            schema_editor.add_index(model, self.index, concurrently=True)
            schema_editor.execute("RESET lock_timeout")

    def describe(self) -> str:
        return f"{super().describe()}, concurrently"
