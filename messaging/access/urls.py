"""Logging in and out: path("", include("messaging.access.urls"))."""

from django.urls import path

from messaging.access import views

app_name = "access"
urlpatterns = [
    path("login/", views.log_in, name="login"),
    path("login/link/", views.log_in_by_link, name="login_link"),
    path("logout/", views.log_out, name="logout"),
]
