# One image for every part of Recado: worker, http, readmodel, and the commands.
FROM python:3.12-slim AS build
WORKDIR /recado
COPY requirements.lock ./
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY events events
COPY projections projections
COPY connectors connectors
COPY streams streams
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-index --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /data recado && install -d -o recado -g recado -m 0700 /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH RECADO_DATA=/data PYTHONUNBUFFERED=1
USER recado
WORKDIR /data
VOLUME /data
# SIGTERM ends a part in order: calls under way are answered, then partitions are handed over.
STOPSIGNAL SIGTERM
ENTRYPOINT ["recado"]
CMD ["--help"]
