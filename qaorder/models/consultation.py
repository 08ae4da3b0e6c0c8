"""What patient and doctor write: question, answer, evaluation."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models import Doctor
from qaorder.models.order import Order, OrderType

TEXT_LENGTH = 2000


class Score(models.IntegerChoices):
    ONE = 1, "一星"
    TWO = 2, "二星"
    THREE = 3, "三星"
    FOUR = 4, "四星"
    FIVE = 5, "五星"


class Question(models.Model):
    """The patient's description of the condition; one per order."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, verbose_name="订单")
    allergy_history = models.TextField("过敏史", blank=True)
    smoke_history = models.TextField("吸烟史", blank=True)
    condition_description = models.TextField("病情描述")
    desc_files = models.TextField("描述文件", blank=True)
    created_at = models.DateTimeField("创建时间", default=timezone.now)

    class Meta:
        verbose_name = "问题"
        verbose_name_plural = "问题"

    def __str__(self) -> str:
        return f"问题 {self.pk}"

    @property
    def file_list(self) -> list[str]:
        """`desc_files` split at commas; a comma inside a URL is %2C."""
        return self.desc_files.split(",") if self.desc_files else []


class Answer(models.Model):
    """The doctor's answer; one per question.

    Tags and drugs are copies of what was given, highest pk first, as the JSON that is shown: a
    medical record does not change when the doctor edits the catalogue, and a page of orders needs
    no query for them.
    """

    question = models.OneToOneField(Question, on_delete=models.PROTECT, verbose_name="问题")
    diagnosis_tags = models.TextField("诊断标签", default="[]")
    drugs = models.TextField("药品", default="[]")
    diagnosis_result = models.TextField("诊断结果")
    extra_suggestion = models.TextField("其他建议", blank=True)
    created_at = models.DateTimeField("创建时间", default=timezone.now)

    class Meta:
        verbose_name = "回答"
        verbose_name_plural = "回答"

    def __str__(self) -> str:
        return f"回答 {self.pk}"


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def counting(self) -> "EvaluationQuerySet":
        """The ones that figures are made of: each patient's newest of a doctor, if it was paid for.

        Else a few accounts and free orders would make any average.
        """
        newer = models.Q(created_at__gt=models.OuterRef("created_at")) | models.Q(
            created_at=models.OuterRef("created_at"), pk__gt=models.OuterRef("pk")
        )
        # Paid ones only: a later free order must not push a paid one out of the figures.
        by_the_same = Evaluation.objects.filter(
            newer,
            _paid_for(),
            doctor=models.OuterRef("doctor"),
            order__patient=models.OuterRef("order__patient"),
        )
        return self.filter(_paid_for(), ~models.Exists(by_the_same))


def _paid_for() -> models.Q:
    """Of an order that cost, or whose period cost, at least EVALUATION_MIN_FEN."""
    least = settings.EVALUATION_MIN_FEN
    return models.Q(order__amount_fen__gte=least) | models.Q(
        order__covered_by__order__amount_fen__gte=least
    )


class Evaluation(models.Model):
    """The patient's evaluation of the doctor; one per order."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, verbose_name="订单")
    doctor = models.ForeignKey(
        Doctor, on_delete=models.PROTECT, related_name="evaluations", verbose_name="医生"
    )
    evaluate_type = models.CharField("类型", max_length=7, choices=OrderType.choices)
    scores = models.PositiveSmallIntegerField(
        "评分", choices=Score.choices, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    content = models.TextField("内容")
    created_at = models.DateTimeField("创建时间", default=timezone.now)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        verbose_name = "评价"
        verbose_name_plural = "评价"
        indexes = [
            models.Index(fields=["doctor", "created_at", "id"], name="evaluation_doctor_time")
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scores__range=(1, 5)), name="evaluation_one_to_five_stars"
            )
        ]

    def __str__(self) -> str:
        return f"评价 {self.pk}"
