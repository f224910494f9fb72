# One image for every service of docker-compose.yaml except PostgreSQL and Redis.
FROM python:3.12-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONFAULTHANDLER=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    AIRFLOW_HOME=/opt/airflow \
    PYTHONPATH=/opt/amends/include

# A user of its own: group 0 may write the state folders, so any other uid of group 0 works as well.
# A fresh named volume takes its owner and its rights from the folder it is mounted on.
RUN useradd --uid 50000 --gid 0 --home-dir /opt/airflow --no-create-home amends \
    && mkdir -p /opt/airflow/logs /opt/mlflow /opt/amends \
    && chown -R amends:0 /opt/airflow /opt/mlflow \
    && chmod -R g+rwX /opt/airflow /opt/mlflow

WORKDIR /opt/amends

# The locked set and nothing else: --no-deps lets nothing unlocked in, --only-binary needs no compiler.
COPY requirements.txt ./
RUN pip install --no-deps --only-binary :all: -r requirements.txt && pip check

# The package is installed, so that every service finds it; PYTHONPATH lets a mounted checkout go first.
COPY pyproject.toml README.md LICENSE ./
COPY include ./include
RUN pip install --no-deps .
COPY dags ./dags
COPY plugins ./plugins

USER 50000:0
CMD ["amends", "--help"]
