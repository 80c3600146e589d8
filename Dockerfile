# Two images: the daemon (`--target daemon`) and an Asterisk that speaks REST over WebSocket (`--target asterisk`).
# docker-compose.yml builds both.

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY tests tests
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin dialbridge && cp target/release/dialbridge /dialbridge

FROM debian:bookworm-slim AS daemon
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/dialbridge --create-home dialbridge \
    && install --directory --owner=dialbridge --mode=0750 /run/dialbridge
COPY --from=build /dialbridge /usr/bin/dialbridge
USER dialbridge
VOLUME /var/lib/dialbridge
ENTRYPOINT ["dialbridge"]
CMD ["serve"]

FROM debian:forky-slim AS asterisk
RUN apt-get update \
    && apt-get install --yes --no-install-recommends asterisk \
    && rm -rf /var/lib/apt/lists/*
COPY --chown=asterisk:asterisk asterisk-conf/ /etc/asterisk/
USER asterisk
ENTRYPOINT ["asterisk"]
CMD ["-f"]
