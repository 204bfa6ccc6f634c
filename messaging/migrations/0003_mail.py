import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0002_conversation_version")]

    operations = [
        migrations.CreateModel(
            name="Mail",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="mail",
                        serialize=False,
                        to="messaging.message",
                    ),
                ),
                ("msg_id", models.CharField(max_length=255)),
                ("subject", models.TextField(blank=True)),
                ("component", models.BigIntegerField()),
                ("absent_root", models.CharField(blank=True, max_length=255, null=True)),
            ],
            options={
                "verbose_name_plural": "mail",
                "indexes": [
                    models.Index(fields=["component"], name="messaging_mail_component"),
                    models.Index(
                        condition=models.Q(("absent_root__isnull", False)),
                        fields=["absent_root"],
                        name="messaging_absent_root",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("msg_id",), name="messaging_one_msg_id")
                ],
            },
        ),
        migrations.CreateModel(
            name="Reference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                ("msg_id", models.CharField(max_length=255)),
                (
                    "mail",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="references",
                        to="messaging.mail",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["msg_id"], name="messaging_reference_msg_id")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("mail", "position"), name="messaging_one_reference"
                    )
                ],
            },
        ),
    ]
