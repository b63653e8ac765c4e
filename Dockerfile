# One image for web, worker, beat, migrate and the sandbox; docker-compose.yml says which is which.
FROM python:3.13.9-slim-trixie AS build
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv && \
    /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
      --require-hashes -r /tmp/requirements.txt

FROM python:3.13.9-slim-trixie
# A number no account of the host has by chance; it owns nothing in the image and can change nothing.
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin offpeak
# Workers keep a note about the database here (WITNESS_FILE); a volume starts with this owner.
RUN install -d -o 10001 -g 10001 /witness
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY . .
ENV PATH=/opt/venv/bin:$PATH \
    WEB_BIND=0.0.0.0:8000 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
# Collecting needs complete settings, but no server: these are made here and stay in this one step.
RUN DATABASE_URL=postgres://nobody@localhost/none REDIS_URL=redis://localhost:6379/0 \
    python script/production_settings.py python manage.py collectstatic --noinput
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "-c", "portal/gunicorn.py", "portal.wsgi"]
