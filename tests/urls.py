"""A host project's URLs, as far as the tests need them."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("messaging.access.urls")),
    path("messages/", include("messaging.urls")),
]
