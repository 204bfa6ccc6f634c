from typing import Any

from django.db import migrations

from messaging.search import index


def create(apps: Any, schema_editor: Any) -> None:
    index.create(schema_editor.connection)


def drop(apps: Any, schema_editor: Any) -> None:
    index.drop(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0003_mail")]

    operations = [migrations.RunPython(create, drop)]
