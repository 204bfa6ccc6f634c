"""The app's pages. Include them where you like: path("messages/", include("messaging.urls"))."""

from django.urls import path

from messaging import views

app_name = "messaging"
urlpatterns = [
    path("account/delete/", views.delete_user, name="delete_user"),
    path("thread/<int:message_id>/", views.message_thread, name="message_thread"),
    path("unread/", views.unread_messages, name="unread_messages"),
    path("with/<str:username>/", views.message_list, name="message_list"),
]
