# netcheck in a container: no build tools, no shell needed, not root, nothing written.
#   docker run --rm --read-only netcheck run --bootstrap b-1.example:9094
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY netcheck ./netcheck
COPY checks ./checks
RUN python -m venv --without-pip /opt/netcheck
RUN pip --python /opt/netcheck/bin/python install --no-cache-dir '.[pkcs12]'
RUN /opt/netcheck/bin/python -m compileall -q /opt/netcheck/lib

FROM python:3.13-slim
COPY --from=build /opt/netcheck /opt/netcheck
ENV PATH=/opt/netcheck/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["netcheck"]
CMD ["--help"]
