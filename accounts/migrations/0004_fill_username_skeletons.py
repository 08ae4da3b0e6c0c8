"""Every account gets its skeletons; of two that look alike, staff and verified doctors first."""

from django.db import migrations

from accounts.lookalikes import skeletons


def fill(apps, schema_editor):
    User = apps.get_model("accounts", "User")
    seen = (set(), set())
    for user in sorted(User.objects.select_related("doctor"), key=_rank):
        own = skeletons(user.username)
        if own[0] in seen[0] or own[1] in seen[1]:
            # No name holds a space: nobody can be refused because of this one.
            own = tuple(f"{skeleton} {user.pk}" for skeleton in own)
        for taken, skeleton in zip(seen, own, strict=True):
            taken.add(skeleton)
        User.objects.filter(pk=user.pk).update(skeleton=own[0], typed_skeleton=own[1])


def _rank(user):
    doctor = getattr(user, "doctor", None)
    return (not user.is_staff, not (doctor and doctor.is_verified), user.pk)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_username_skeletons")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
