from typing import Any

from django.db import migrations

from messaging.arrivals import schema


def create(apps: Any, schema_editor: Any) -> None:
    schema.create(schema_editor.connection)


def drop(apps: Any, schema_editor: Any) -> None:
    schema.drop(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0004_search")]

    operations = [migrations.RunPython(create, drop)]
