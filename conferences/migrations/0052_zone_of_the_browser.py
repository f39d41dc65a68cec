from django.db import migrations, models


def leave_it_to_the_browser(apps, schema_editor):
    """What nobody has chosen was UTC."""
    apps.get_model("conferences", "User").objects.filter(timezone="UTC").update(timezone="")


class Migration(migrations.Migration):

    dependencies = [
        ('conferences', '0051_number_beside_a_chosen_name'),
    ]

    operations = [
        migrations.AlterField(
            model_name='user',
            name='timezone',
            field=models.CharField(blank=True, default='', max_length=64),
        ),
        migrations.RunPython(leave_it_to_the_browser, migrations.RunPython.noop),
    ]
