# The worker, with the starter beside it for work inside the network: docker compose exec worker starter status
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# cgo: the Kafka client is librdkafka, which its Go package brings along as a static library for glibc.
RUN CGO_ENABLED=1 go build -trimpath -ldflags='-s -w' -o /out/ ./worker ./starter

FROM debian:12.12-slim
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/worker /out/starter /usr/local/bin/
# Models that were downloaded once stay here, so that a restart needs no MLflow.
ENV WORKER_CACHE=/var/lib/temporal-streaming/models
RUN useradd --system --uid 10001 --no-create-home worker && install -d -o 10001 "$WORKER_CACHE"
USER 10001
# Prometheus comes from another container.
ENV WORKER_METRICS_ADDRESS=0.0.0.0:9464
EXPOSE 9464
# Asks every service the worker depends on, and whether a worker polls.
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s --retries=3 CMD ["starter", "doctor"]
ENTRYPOINT ["worker"]
