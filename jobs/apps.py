"""What the clock owes: sweeps, run by run_jobs."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "定时任务"
