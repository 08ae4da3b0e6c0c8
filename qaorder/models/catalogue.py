"""Diagnosis tags and drugs: a doctor's own, and the ones marked as shared with every doctor."""

from typing import Any, Self

from django.conf import settings
from django.db import models

from accounts.models import User
from api.text import check_line, check_text


class CatalogueQuerySet(models.QuerySet[Any]):
    def usable_by(self, user: User) -> Self:
        """The doctor's own entries and the shared ones."""
        return self.filter(models.Q(owner=user) | models.Q(is_shared=True))

    def changeable_by(self, user: User) -> Self:
        """The doctor's own entries; a shared one is the staff's to change, whoever made it."""
        return self.filter(owner=user, is_shared=False)


class CatalogueEntry(models.Model):
    """What a doctor picks from when answering; shared when staff who may do so mark it."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="所有者",
    )
    name = models.CharField("名称", max_length=100, validators=[check_line])
    is_shared = models.BooleanField("共享", default=False, editable=False)

    objects = CatalogueQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class DiagnosisTag(CatalogueEntry):
    description = models.CharField("描述", max_length=500, blank=True, validators=[check_text])

    class Meta:
        verbose_name = "诊断标签"
        verbose_name_plural = "诊断标签"
        permissions = [("share_diagnosistag", "可以共享诊断标签")]
        indexes = [models.Index(fields=["owner", "-id"])]


class Drug(CatalogueEntry):
    standard = models.CharField("规格", max_length=100, blank=True, validators=[check_text])
    total_dosage = models.CharField("总量", max_length=100, blank=True, validators=[check_text])
    each_dosage = models.CharField("每次用量", max_length=100, blank=True, validators=[check_text])
    day_times = models.CharField("每日次数", max_length=100, blank=True, validators=[check_text])

    class Meta:
        verbose_name = "药品"
        verbose_name_plural = "药品"
        permissions = [("share_drug", "可以共享药品")]
        indexes = [models.Index(fields=["owner", "-id"])]
