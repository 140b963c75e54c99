"""What others see of a person."""


def display_name(person):
    return person.full_name


def avatar(person):
    return f"/assets/pictures/{person.pk}.png"
