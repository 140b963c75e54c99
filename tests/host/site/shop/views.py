"""Pages of the project, some with a chat on them, and views that call it."""

import contextlib
import io

from django.contrib.auth import get_user_model, login, logout
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt

import rooms
from shop.models import Order


def home(request):
    return render(request, "home.html")


@csrf_exempt
def enter(request):
    """Signs somebody in by name alone: this project exists in tests."""
    if request.method == "POST":
        person = get_object_or_404(get_user_model(), pk=request.POST["key"])
        login(request, person, backend="django.contrib.auth.backends.ModelBackend")
        return redirect(request.POST.get("next") or "home")
    return render(request, "enter.html", {"people": get_user_model().objects.all()})


@csrf_exempt
def leave(request):
    logout(request)
    return HttpResponse("Left.")


@login_required
def order(request, number):
    return render(request, "order.html", {"order": get_object_or_404(Order, number=number)})


@login_required
def lobby(request):
    return render(request, "lobby.html")


@csrf_exempt
@login_required
def note(request, number):
    """Posts to the order's room in a transaction, which is rolled back when it is asked to be."""
    found = get_object_or_404(Order, number=number)
    try:
        with transaction.atomic():
            stored = rooms.post_message(found, request.user, request.POST["text"])
            transaction.set_rollback("fail" in request.POST)
    except rooms.ChatError as error:
        return JsonResponse({"error": error.code}, status=error.status)
    return JsonResponse({"stored": stored.seq})


@csrf_exempt
async def anote(request, number):
    """The same from an async view."""
    found = await Order.objects.aget(number=number)
    user = await request.auser()
    room = await rooms.aroom_for(found)
    stored = await rooms.apost_message(room, user, request.POST["text"])
    return JsonResponse({"stored": stored.seq, "room": room.name})


@csrf_exempt
def run(request):
    """Runs code in the serving process, and answers what it prints: this project exists in tests."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(request.POST["code"], {})  # noqa: S102
    return HttpResponse(printed.getvalue())


@csrf_exempt
@login_required
def call(request, number):
    """Tells the order's customer that somebody asks for them."""
    found = get_object_or_404(Order, number=number)
    rooms.notify(found.customer, "asked-for", {"order": found.number})
    return JsonResponse({})
