# One image; web, worker and relay are commands of it (compose.yaml shows them).
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/pip install --require-hashes --no-deps -r requirements.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LICET_ENV=production \
    DJANGO_SETTINGS_MODULE=marketplace.settings STATIC_ROOT=/srv/static LICET_VAR=/srv/var
COPY --from=build /venv /venv
WORKDIR /srv/licet
COPY manage.py ./
COPY accounts accounts
COPY client client
COPY licensing licensing
COPY marketplace marketplace
COPY locale locale
# Static files and bytecode are made into the image, where nobody may write later; the values only satisfy the settings
# while it is built.
RUN SECRET_KEY=build ALLOWED_HOSTS=build DATABASE_URL=postgresql://build/build REDIS_URL=redis://build \
       python manage.py collectstatic --noinput \
    && python -m compileall -q accounts client licensing marketplace \
    && useradd --system --uid 10001 licet && install -d -o licet /srv/var /srv/files
USER licet
EXPOSE 8000
CMD ["gunicorn", "marketplace.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", \
     "--threads", "8", "--timeout", "120"]
