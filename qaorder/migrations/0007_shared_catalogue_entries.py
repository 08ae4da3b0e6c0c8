from django.db import migrations, models

import feiqingsong.text


class Migration(migrations.Migration):
    dependencies = [("qaorder", "0005_idempotency_claims")]

    operations = [
        migrations.AlterModelOptions(
            name="diagnosistag",
            options={
                "permissions": [("share_diagnosistag", "可以共享诊断标签")],
                "verbose_name": "诊断标签",
                "verbose_name_plural": "诊断标签",
            },
        ),
        migrations.AlterModelOptions(
            name="drug",
            options={
                "permissions": [("share_drug", "可以共享药品")],
                "verbose_name": "药品",
                "verbose_name_plural": "药品",
            },
        ),
        *(
            operation
            for model in ("diagnosistag", "drug")
            for operation in (
                migrations.AddField(
                    model_name=model,
                    name="is_shared",
                    field=models.BooleanField(default=False, editable=False, verbose_name="共享"),
                ),
                migrations.AlterField(
                    model_name=model,
                    name="name",
                    field=models.CharField(
                        max_length=100,
                        validators=[feiqingsong.text.check_line],
                        verbose_name="名称",
                    ),
                ),
            )
        ),
        *(
            migrations.AlterField(
                model_name=model,
                name=name,
                field=models.CharField(
                    blank=True,
                    max_length=length,
                    validators=[feiqingsong.text.check_text],
                    verbose_name=label,
                ),
            )
            for model, name, label, length in (
                ("diagnosistag", "description", "描述", 500),
                ("drug", "standard", "规格", 100),
                ("drug", "total_dosage", "总量", 100),
                ("drug", "each_dosage", "每次用量", 100),
                ("drug", "day_times", "每日次数", 100),
            )
        ),
    ]
