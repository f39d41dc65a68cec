import re
import secrets

from django.db import migrations, models


def give_numbers(apps, schema_editor):
    """What was booked by a name of choice can be dialed, too."""
    rows = apps.get_model("conferences", "Conference").objects.exclude(kind="adhoc")
    for row in rows.only("name").iterator():
        if not re.fullmatch(r"[0-9]+", row.name):
            row.number = "".join(secrets.choice("0123456789") for _ in range(20))
            row.save(update_fields=["number"])


class Migration(migrations.Migration):

    dependencies = [
        ('conferences', '0050_newcomers_are_heard_or_muted'),
    ]

    operations = [
        migrations.AddField(
            model_name='conference',
            name='number',
            field=models.CharField(blank=True, editable=False, max_length=20, null=True, unique=True),
        ),
        migrations.RunPython(give_numbers, migrations.RunPython.noop),
    ]
