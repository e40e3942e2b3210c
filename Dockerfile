# syntax=docker/dockerfile:1
# Two images from one build, each with one program, what it needs, and nothing else: docs/image.md.
#
#   docker build --target team-operator   -t incidentfox/team-operator:VERSION   .
#   docker build --target webhook-gateway -t incidentfox/webhook-gateway:VERSION .
#
# Everything is done by tools/image/build, which works, and is tested, without a container engine too.

# By digest in a release: --build-arg DEBIAN=debian:12-slim@sha256:…
ARG DEBIAN=debian:12-slim

FROM ${DEBIAN} AS builder
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /src
COPY tools/deps tools/lib.sh tools/
# Which versions: those of the Debian release, with its security updates. The bill of materials says which they were.
# hadolint ignore=DL3008,SC2046
RUN apt-get update \
 && apt-get install --yes --no-install-recommends $(tools/deps --list-build) \
 && rm -rf /var/lib/apt/lists/*
COPY . .
# The time that all files in the images have: $(git log -1 --format=%ct)
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=cache,target=/var/cache/ccache \
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} CCACHE_DIR=/var/cache/ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache tools/image/build /out

# docker build --target debug --output debug .
FROM scratch AS debug
COPY --from=builder /out/debug/ /

FROM scratch AS team-operator
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="team-operator" \
      org.opencontainers.image.description="Makes a cluster and the platform's services match TeamProvisioning resources" \
      org.opencontainers.image.vendor="IncidentFox" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=builder /out/team-operator/ /
ENV PATH=/usr/local/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/team-operator"]
CMD ["help"]

FROM scratch AS webhook-gateway
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="webhook-gateway" \
      org.opencontainers.image.description="Takes webhooks in and starts agent runs" \
      org.opencontainers.image.vendor="IncidentFox" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=builder /out/webhook-gateway/ /
ENV PATH=/usr/local/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/webhook-gateway"]
CMD ["help"]
