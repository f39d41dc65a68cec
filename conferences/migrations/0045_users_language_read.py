from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conferences', '0044_trunks'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='language_read',
            field=models.CharField(blank=True, default='', editable=False, max_length=10),
        ),
    ]
