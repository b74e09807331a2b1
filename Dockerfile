# gatewayd in an image with nothing else: no shell, no libraries, not root, and
# nothing in it that needs to be written. Mount a configuration, readable for
# user 65532, and a volume for the ledger where it is a file:
#
#   docker run --read-only -v ./edge.yaml:/etc/tenbit/edge.yaml:ro -v ledger:/var/lib/tenbit \
#     -p 127.0.0.1:8484:8484 tenbit edge -config /etc/tenbit/edge.yaml
#
# configs/edge.yaml needs three settings for that: listen 0.0.0.0:8484, an
# auth.secret of your own, and tenants with keys made under it (`gatewayd key new`).
# What it calls 127.0.0.1 (local.url, remote.url) is the container itself.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='-s -w' -o /out/gatewayd ./cmd/gatewayd \
	&& mkdir -p /out/lib

FROM scratch
# The certificates of the authorities that the large model's API is checked against.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/lib /var/lib/tenbit
COPY --from=build /out/gatewayd /gatewayd
USER 65532:65532
# Where ledger.path begins.
WORKDIR /var/lib/tenbit
VOLUME /var/lib/tenbit
ENTRYPOINT ["/gatewayd"]
