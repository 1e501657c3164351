# netcheck in a container: no shell, no package manager, not root, nothing written.
#   docker run --rm --read-only netcheck run --bootstrap b-1.example:9094
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY netcheck ./netcheck
COPY checks ./checks
RUN python -m venv --without-pip /opt/netcheck
RUN pip --python /opt/netcheck/bin/python install --no-cache-dir '.[pkcs12]'
# The whole content of the final stage: interpreter, libraries, certificates, netcheck.
COPY deploy/image.py ./deploy/image.py
RUN /opt/netcheck/bin/python deploy/image.py /opt/tree
RUN chroot /opt/tree /opt/netcheck/bin/netcheck demo healthy

FROM scratch
COPY --from=build /opt/tree /
ENV PATH=/opt/netcheck/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["netcheck"]
CMD ["--help"]
