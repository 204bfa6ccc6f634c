"""The app's pages. Include them where you like: path("messages/", include("messaging.urls"))."""

from django.urls import path

from messaging import views

app_name = "messaging"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("with/<str:username>/", views.message_list, name="message_list"),
    path("thread/<int:message_id>/", views.message_thread, name="message_thread"),
    path("arrivals/", views.arrivals, name="arrivals"),
    path("unread/", views.unread_messages, name="unread_messages"),
    path("search/", views.search, name="search"),
    path("send/", views.send, name="send"),
    path("message/<int:message_id>/reply/", views.reply, name="reply"),
    path("message/<int:message_id>/edit/", views.edit, name="edit"),
    path("message/<int:message_id>/delete/", views.delete, name="delete"),
    path("message/<int:message_id>/history/", views.history, name="history"),
    path("mark-read/", views.mark_read, name="mark_read"),
    path("mark-unread/", views.mark_unread, name="mark_unread"),
    path("notifications/", views.notifications, name="notifications"),
    path("notifications/clear/", views.clear_notifications, name="clear_notifications"),
    path("account/", views.account, name="account"),
    path("account/export/", views.export, name="export"),
    path("account/delete/", views.delete_user, name="delete_user"),
    path("openapi.json", views.openapi, name="openapi"),
    path("assets/<str:digest>/<str:name>", views.asset, name="asset"),
]
