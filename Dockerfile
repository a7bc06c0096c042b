# dialogsd and dlgctl in a container: docker build -t libdialogs:0.1.0 .
# Both stages use one release of Debian 12: the program runs with the libraries that it was built with.

FROM debian:bookworm-20260918-slim AS build
WORKDIR /source
COPY packaging/debian-packages.txt packaging/
RUN apt-get update \
    && awk '($1 == "build" || $1 == "service") && $2 != "postgresql" { print $2 }' packaging/debian-packages.txt \
        | xargs apt-get install -y --no-install-recommends \
    && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release -DDIALOGS_EXAMPLES=OFF -DDIALOGS_BENCH=OFF \
    && cmake --build --preset release \
    && for component in runtime service tools; do \
        DESTDIR=/staged cmake --install build/release --component "$component" --strip || exit 1; \
    done

FROM debian:bookworm-20260918-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates curl libcsv3 libgnutls30 libhiredis0.14 libjansson4 libmicrohttpd12 libmsgpackc2 libpq5 libsodium23 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 500 --home-dir /var/lib/dialogsd dialogsd \
    && install -d -o dialogsd -m 750 /var/lib/dialogsd
COPY --from=build /staged/usr/local /usr/local
COPY packaging/docker/entrypoint.sh /usr/local/bin/dialogs-entrypoint
COPY packaging/docker/load.sh /usr/local/bin/dialogs-load
COPY packaging/docker/published.sh /usr/local/share/dialogs/published.sh
# Also where the clone is for its owner's eyes only.
RUN chmod 755 /usr/local/bin/dialogs-* && chmod -R a+rX /usr/local/share/dialogs && ldconfig

USER dialogsd
VOLUME /var/lib/dialogsd
ENV DIALOGSD_LISTEN=0.0.0.0 DIALOGSD_DATA=/var/lib/dialogsd DIALOGSD_TOKEN_KEY_FILE=/var/lib/dialogsd/keys
EXPOSE 5000
HEALTHCHECK --interval=5s --timeout=5s --start-period=1m --retries=12 \
    CMD curl -fsS -o /dev/null http://127.0.0.1:5000/readyz
ENTRYPOINT ["dialogs-entrypoint"]
CMD ["dialogsd"]
