"""Orders, which are there to be talked about."""

from django.conf import settings
from django.db import models
from django.urls import reverse


class Order(models.Model):
    number = models.PositiveIntegerField(unique=True)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    is_secret = models.BooleanField(default=False)

    def __str__(self):
        return f"Order {self.number}"

    def get_absolute_url(self):
        return reverse("order", args=[self.number])
