from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conferences', '0045_other_series_of_a_conference'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='language_read',
            field=models.CharField(blank=True, default='', editable=False, max_length=10),
        ),
    ]
