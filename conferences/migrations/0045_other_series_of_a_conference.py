import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The row has the series that is next; the others may come before it, or after."""

    dependencies = [("conferences", "0044_trunks")]

    operations = [
        migrations.RemoveConstraint("EarlierSeries", "earlier_series_counted"),
        migrations.RenameModel("EarlierSeries", "OtherSeries"),
        migrations.AlterModelOptions("OtherSeries", {"ordering": ("starts_at", "number")}),
        migrations.AlterField(
            "OtherSeries",
            "conference",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="others",
                to="conferences.conference",
            ),
        ),
        migrations.AddField("OtherSeries", "cancelled", models.BooleanField(default=False)),
        migrations.AddConstraint(
            "OtherSeries",
            models.UniqueConstraint("conference", "number", name="other_series_counted"),
        ),
    ]
