"""The addresses of the standalone server."""

from django.urls import include, path

from msgcli.web import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("", include("messaging.access.urls")),
    path("", include("messaging.urls")),
]

handler400 = views.bad_request
handler403 = views.permission_denied
handler404 = views.page_not_found
handler500 = views.server_error
