"""HTTP views of monitoring: health and metrics for machines (without a CSRF token), the monitoring page for staff."""

from collections.abc import Iterator

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from monitoring import health as process_health
from monitoring import metrics as instruments
from monitoring.dashboard import collect
from rooms.callers import MONITOR, sees_private
from rooms.errors import ChatError
from rooms.live import node

JSON_TYPE = "application/json"
# Prometheus asks for text/plain by version, a person for text/plain as such.
TEXT_TYPES = ("text/plain", "text/plain;version=0.0.4")


@csrf_exempt
@login_not_required
@never_cache
@require_safe
def health(_request: HttpRequest) -> HttpResponse:
    """Healthy and warning are 200: the process can serve. Critical is 503: send people elsewhere."""
    report = process_health.report()
    body = {
        "status": report.status,
        "reasons": report.reasons,
        "timestamp": report.numbers["timestamp"],
        "metrics": report.numbers,
    }
    return JsonResponse(body, status=503 if report.status == process_health.Status.CRITICAL else 200)


@csrf_exempt
@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Of all workers: JSON, or Prometheus' text if the Accept header prefers plain text, or `?format=prometheus`."""
    if _wants_text(request):
        return HttpResponse(instruments.text(), content_type=instruments.TEXT_TYPE)
    return JsonResponse(process_health.measure(instruments.total()))


@csrf_exempt
@login_not_required
@never_cache
@require_safe
def ready(_request: HttpRequest) -> HttpResponse:
    """May a proxy send new clients here? Not while it drains, has no database, or receives nothing from others.

    A Redis that does not answer is reported as degraded only: it is away for every process, and each goes on alone. A
    relay that receives nothing is a fault of this process: its clients are better off with another.
    """
    reasons = list(_not_ready())
    degraded = ["redis-down"] if node.alone() else []
    return JsonResponse(
        {"ready": not reasons, "reasons": reasons, "degraded": degraded}, status=503 if reasons else 200
    )


def _not_ready() -> Iterator[str]:
    if node.draining():
        yield "draining"
    elif not process_health.database_answers():
        yield "database-down"
    if node.is_deaf():
        yield "relay-down"


def _wants_text(request: HttpRequest) -> bool:
    if "format" in request.GET:
        return request.GET["format"] == "prometheus"
    return request.get_preferred_type([JSON_TYPE, *TEXT_TYPES]) in TEXT_TYPES


@require_safe
@admin.site.admin_view
def dashboard(request: HttpRequest) -> HttpResponse:
    """The page has no numbers in it; its script fetches them from `dashboard_data`."""
    if not request.user.has_perm(MONITOR):
        raise PermissionDenied
    context = admin.site.each_context(request) | {"title": _("Monitoring")}
    return TemplateResponse(request, "monitoring/dashboard.html", context)


@login_not_required  # it answers 403 itself
@never_cache
@require_safe
def dashboard_data(request: HttpRequest) -> HttpResponse:
    """Not behind `admin_view`: a script can handle 403 better than a redirect to a sign-in page."""
    if not (admin.site.has_permission(request) and request.user.has_perm(MONITOR)):
        return JsonResponse({"error": _("Staff with the permission only.")}, status=403)
    try:
        return JsonResponse(collect(with_private=sees_private(request.user)))
    except ChatError as error:
        return JsonResponse({"error": error.message}, status=error.status)
