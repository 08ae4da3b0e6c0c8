# 肺轻松: "make help" lists the targets.
PYTEST_ARGS ?=
PY = .venv/bin/python
export PYTHONUTF8 = 1

.PHONY: help serve test races soak soak-refunds lint lock clean setup setup-dev FORCE

help:
	@echo "make serve   建立环境和数据库，启动服务 / set up and serve on http://127.0.0.1:8000/ (HOST, PORT)"
	@echo "make test    运行全部测试 / run all tests (DATABASE_URL=postgres://…, PYTEST_ARGS='-k pay')"
	@echo "make soak-refunds  控制台退款、拒绝退款、迟到的失败 / console refunds, refusals, late failures"
	@echo "make lint    ruff, mypy, 迁移与部署检查 / migrations and deployment checks"
	@echo "make races   每种并发竞争跑 200 轮，需要 PostgreSQL / every race 200 times (RACE_ROUNDS, PYTEST_ARGS)"
	@echo "make soak    万条通知，杀进程、崩数据库，核对账目 / ten thousand notices, kills and crashes"
	@echo "make lock    重新锁定依赖 / compile requirements*.in (UPGRADE=1: newest versions)"
	@echo "make clean   删除 .venv 和缓存，保留 var/ 中的数据 / remove .venv and caches, keep the data in var/"
	@echo "PYTHON=python3.12 选择解释器 / chooses the interpreter"

setup: .venv/.installed-requirements.txt

setup-dev: .venv/.installed-requirements-dev.txt

.venv/.installed-requirements-dev.txt: .venv/.installed-requirements.txt

# The stamp comes last, so what was cut short is taken up again; ensurepip finds pip there or not.
.venv/.installed-%: % .venv/pyvenv.cfg
	@echo "== 安装 / installing $*"
	@$(PY) -m ensurepip >/dev/null
	@$(PY) -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r $*
	@touch $@

# Looked at again where PYTHON is named, and where the one in .venv does not run (any more).
.venv/pyvenv.cfg: $(if $(PYTHON)$(shell $(PY) -c '' 2>/dev/null || echo broken),FORCE)
	@for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 python); do \
		"$$python" -c "import ensurepip, sqlite3, ssl, sys; assert sys.version_info >= (3, 11)" \
			2>/dev/null || continue; \
		[ "$$("$$python" -V)" != "$$($(PY) -V 2>&1)" ] || exit 0; \
		rm -rf .venv; exec "$$python" -m venv --without-pip .venv; \
	done; \
	echo "!! $(or $(PYTHON),Python) 不可用 / will not do: Python 3.11+, ssl, sqlite3, ensurepip" \
		"(apt install python3-venv); make PYTHON=…" >&2; exit 1

FORCE:

serve: setup
	@exec $(PY) manage.py serve

test: setup
	@exec $(PY) tools/run_tests.py $(PYTEST_ARGS)

# On a PostgreSQL found or started like that of "make test"; prints rounds and violations.
races: setup
	@RACE_ROUNDS=$${RACE_ROUNDS:-200} exec $(PY) -m feiqingsong.testing.postgres \
		$(PY) -m pytest tests/races -q $(PYTEST_ARGS)

# Its own PostgreSQL cluster, from installed binaries; under ten minutes on two cores.
soak: setup
	@exec $(PY) bench/soak.py $(SOAK_ARGS)

# The same with console refunds, refused refunds and late failures, and staff who end it all.
soak-refunds: setup
	@exec $(PY) bench/soak_refunds.py $(SOAK_ARGS)

lint: setup-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) manage.py makemigrations --check --dry-run
	@echo "manage.py check --deploy --fail-level WARNING (production)"
	@$(PY) -m feiqingsong.testing.production manage.py check --deploy --fail-level WARNING

LOCK = UV_PYTHON_DOWNLOADS=never $(PY) -m uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

lock: setup-dev
	$(LOCK) requirements-prod.in -o requirements-prod.txt
	$(LOCK) requirements.in -c requirements-prod.txt -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
