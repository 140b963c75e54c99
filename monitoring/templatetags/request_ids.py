"""`{% request_id as id %}`: what a person can name when they report an error; empty outside of a request."""

from django import template

from monitoring.request_ids import current

register = template.Library()
register.simple_tag(current, name="request_id")
