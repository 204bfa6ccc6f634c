"""Messages in the admin of a host project; no list runs a query per row."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from messaging.managers.rows import name_of
from messaging.models import Message, MessageHistory, Notification
from messaging.plain import one_line

EXCERPT = 60


class HistoryInline(admin.TabularInline):  # type: ignore[type-arg]
    """The earlier versions of a message, to read."""

    model = MessageHistory
    extra = 0
    fields = ("old_content", "edited_at", "edited_by")
    readonly_fields = fields
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("edited_by")

    def has_add_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return False


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """An edit here is logged with the name of whoever made it."""

    list_display = ("id", "sender", "receiver", "excerpt", "timestamp", "read", "edited")
    list_filter = ("read", "edited", "timestamp")
    list_select_related = ("sender", "receiver")
    raw_id_fields = ("sender", "receiver", "parent_message")
    readonly_fields = ("edited",)
    ordering = ("-id",)
    inlines = (HistoryInline,)
    show_full_result_count = False

    @admin.display(description="content")
    def excerpt(self, message: Message) -> str:
        """How the message begins."""
        return one_line(message.content)[:EXCERPT]

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("content", name_of("sender"), name_of("receiver"))

    def save_model(
        self, request: HttpRequest, obj: Message, form: ModelForm[Message], change: bool
    ) -> None:
        if change:
            obj.editor = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)


@admin.register(Notification)
class NotificationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Marking one here marks its message too."""

    list_display = ("id", "user", "message", "timestamp", "read")
    list_filter = ("read", "timestamp")
    list_select_related = ("user", "message")
    raw_id_fields = ("user", "message")
    ordering = ("-id",)
    show_full_result_count = False

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("message__content", name_of("user"))


@admin.register(MessageHistory)
class MessageHistoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Every earlier version, to read."""

    list_display = ("id", "message", "edited_at", "edited_by")
    list_filter = ("edited_at",)
    list_select_related = ("message", "edited_by")
    raw_id_fields = ("message", "edited_by")
    readonly_fields = ("message", "old_content", "edited_at", "edited_by")
    search_fields = ("old_content",)
    ordering = ("-id",)
    show_full_result_count = False
