from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="version",
            field=models.BigIntegerField(db_default=0, editable=False),
        ),
    ]
