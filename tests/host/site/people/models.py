"""The project's people, in one of two shapes that are nothing like Django's own user."""

import uuid

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class People(BaseUserManager):
    def create_user(self, login, password=None, **fields):
        person = self.model(**{self.model.USERNAME_FIELD: login}, **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person


class Base(AbstractBaseUser, PermissionsMixin):
    full_name = models.CharField(max_length=80)
    active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects = People()

    class Meta:
        abstract = True

    @property
    def is_active(self):
        return self.active


if settings.USERS == "email":

    class Person(Base):
        """Signs in by e-mail, and has no username."""

        id = models.UUIDField(primary_key=True, default=uuid.uuid4)
        email = models.EmailField(unique=True)
        USERNAME_FIELD = EMAIL_FIELD = "email"

elif settings.USERS == "code":

    class Person(Base):
        """Has a text as key, with characters that a number has not."""

        code = models.CharField(primary_key=True, max_length=40)
        USERNAME_FIELD = "code"
