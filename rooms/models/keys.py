"""The columns that names are compared by; unique, so that two names that look alike cannot be made at the same time."""

from typing import Any

from django.db import models

from rooms import names

MAX_KEY = 255  # characters: most keys are as long as their names, and a few characters stand for many


class NameKey(models.CharField):  # type: ignore[type-arg]  # the class takes no argument when it runs
    """The key of the name in the field `of`; every `save` and `bulk_create` computes it."""

    def __init__(self, *args: Any, of: str, **options: Any) -> None:
        self.of = of
        super().__init__(*args, **{"max_length": MAX_KEY, "unique": True, "editable": False, **options})

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        setattr(model_instance, self.attname, self.compute(getattr(model_instance, self.of)))
        return super().pre_save(model_instance, add)

    def compute(self, name: str) -> str:
        return names.key(name)


class NameShape(NameKey):
    """The same for what the name looks like."""

    def compute(self, name: str) -> str:
        return names.shape(name)
