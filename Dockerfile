# One process of the chat:  docker build -t chat .   compose.yaml runs it with PostgreSQL and Valkey.
# docs/docker.md has the rest, and how these steps are tested.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
WORKDIR /srv/chat
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt ./
# Without daphne, the server of `manage.py runserver`, and the 60 MB under it.
RUN python -m venv .venv && grep -v '^daphne' requirements.txt | .venv/bin/pip install --quiet -r /dev/stdin
COPY manage.py LICENSE ./
COPY accounts accounts
COPY chatsite chatsite
COPY locale locale
COPY monitoring monitoring
COPY rooms rooms
COPY templates templates
# These secrets protect nothing: collecting files needs the settings, and they need some.
RUN DEBUG=0 CHAT_ENV_FILE= SECRET_KEY=only-to-collect-the-static-files-0123456789 JWT_SECRET=only-to-collect-the-static-files-0123456789 \
    .venv/bin/python manage.py collectstatic --noinput --ignore redoc --ignore 'swagger-ui-es-*' --ignore rest_framework --verbosity 0
# What only building, debugging, other languages, maps and drawing letters need: 75 MB. The sidecar's files are collected by now.
RUN .venv/bin/pip uninstall --quiet --yes pip setuptools watchfiles anyio && \
    find .venv -regex '.*/locale/[a-zA-Z_]+' ! -regex '.*/locale/\(en\|zh_Hans\)' -type d -prune -exec rm -r {} + && \
    find .venv -name '*.po' -delete && find staticfiles -name '*.map*' -delete && \
    find .venv -path '*/emoji/unicode_codes/emoji_*.json' -delete && \
    cd .venv/lib/python*/site-packages && \
    rm -r drf_spectacular_sidecar/static rest_framework/static django/contrib/admin/static django/contrib/gis && \
    rm PIL/_avif* PIL/_imagingft* PIL/_imagingcms* PIL/_imagingmath* PIL/_imagingtk* && \
    cd pillow.libs && rm libavif* libfreetype* libharfbuzz* liblcms2* libbrotli* libpng16* && cd /srv/chat && \
    .venv/bin/python -m compileall -q accounts chatsite monitoring rooms && \
    mkdir -p data/tmp

FROM python:${PYTHON}-slim-bookworm
WORKDIR /srv/chat
COPY --from=build /srv/chat /srv/chat
COPY --from=build --chown=10001:10001 /srv/chat/data /data
ENV PATH=/srv/chat/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    CHAT_ENV_FILE= CHAT_HOST=0.0.0.0 PORT=8000 CHAT_FILES_DIR=/data/files TMPDIR=/data/tmp
USER 10001:10001
# Files of messages, and what is being uploaded. For SQLite: DATABASE_URL=sqlite:////data/chat.sqlite3
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", \
    "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1:' + os.environ['PORT'], timeout=4); c.request('GET', '/ready'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "chatsite.server"]
