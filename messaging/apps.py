from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """The app as Django sees it; the receivers are connected once, in `ready`."""

    name = "messaging"
    verbose_name = "Messaging"
    # Pinned, so that a host project's own default never makes a migration here.
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from messaging import checks, signals

        signals.connect()
        checks.register()
        post_migrate.connect(checks.restore_search, sender=self, dispatch_uid="messaging.search")
