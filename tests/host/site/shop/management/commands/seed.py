"""Makes the people and the orders of the tests, and prints each person's key and token."""

import json

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from people import tokens

from shop.models import Order

LOGINS = {
    "email": "{}@intranet.example",
    "code": "K 7 {}",  # a key may have blanks
    "plain": "{}",
}


class Command(BaseCommand):
    help = "Makes the people anna, ben and eve (staff), and anna's order 1."

    def handle(self, *args, **options):
        people = {name: self.person(name) for name in ("anna", "ben", "eve")}
        Order.objects.get_or_create(number=1, customer=people["anna"])
        shown = {name: {"key": str(person.pk), "token": tokens.make(person)} for name, person in people.items()}
        self.stdout.write(json.dumps(shown))

    def person(self, name):
        model = get_user_model()
        login = LOGINS[settings.USERS].format(name)
        found = model.objects.filter(**{model.USERNAME_FIELD: login}).first()
        if found is None:
            names = {} if settings.USERS == "plain" else {"full_name": name.title()}
            found = model.objects.create_user(login, password="secret-word", is_staff=name == "eve", **names)
            if name == "eve":
                model.objects.filter(pk=found.pk).update(is_superuser=True)
        return found
