"""An index for what a notice tells of its requester: their incidents that are not closed, few of a table that grows."""

from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("desk", "0002_partial_indexes")]
    operations = [
        ops.RunSQL(
            'CREATE INDEX "open_incidents_of" ON "incidents" ("requester_id") WHERE "status" <> \'closed\'',
            'DROP INDEX "open_incidents_of"',
        ),
    ]
