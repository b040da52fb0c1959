"""Partial indexes, in SQL that both engines know: Tortoise loses them inside CreateModel without a word."""

from tortoise import migrations
from tortoise.migrations import operations as ops

WAITING = "'queued', 'delayed'"


class Migration(migrations.Migration):
    dependencies = [("desk", "0001_initial")]
    operations = [
        ops.RunSQL(
            'CREATE UNIQUE INDEX "one_live_assignment" ON "assignments" ("incident_id", "queue") WHERE "until" IS NULL',
            'DROP INDEX "one_live_assignment"',
        ),
        ops.RunSQL(
            'CREATE UNIQUE INDEX "one_standing_promise" ON "promises" ("incident_id", "kind") '
            'WHERE "replaced_by" IS NULL AND "cancelled_at" IS NULL',
            'DROP INDEX "one_standing_promise"',
        ),
        ops.RunSQL(
            'CREATE INDEX "arrivals_not_done" ON "arrivals" ("id") WHERE "done_at" IS NULL',
            'DROP INDEX "arrivals_not_done"',
        ),
        ops.RunSQL(
            f'CREATE INDEX "owed_waiting" ON "owed" ("not_before") WHERE "status" IN ({WAITING})',
            'DROP INDEX "owed_waiting"',
        ),
        ops.RunSQL(
            'CREATE INDEX "incidents_waking" ON "incidents" ("wake_at") WHERE "wake_at" IS NOT NULL',
            'DROP INDEX "incidents_waking"',
        ),
        ops.RunSQL(
            'CREATE INDEX "held_undecided" ON "held" ("id") WHERE "decided_at" IS NULL',
            'DROP INDEX "held_undecided"',
        ),
    ]
