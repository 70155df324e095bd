"""A plain index of keys: the unique one is partial, so no look-up can use it."""

from django.db import migrations


def index_make(apps, schema_editor):
    """Index the keys."""
    schema_editor.connection.get_collection("django_session").create_index("session_key", name="session_lookup")


class Migration(migrations.Migration):
    """On MongoDB only."""

    dependencies = [("sessions", "0001_initial")]

    operations = [migrations.RunPython(index_make, migrations.RunPython.noop)]
