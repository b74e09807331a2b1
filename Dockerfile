# gatewayd in an image with nothing else: no shell, no libraries, not root, and
# nothing in it that needs to be written. Mount the configuration, and a volume
# for the ledger where it is a file:
#
#   docker run --read-only -v ./edge.yaml:/etc/tenbit/edge.yaml:ro -v ledger:/var/lib/tenbit \
#     -p 8080:8080 tenbit edge -config /etc/tenbit/edge.yaml
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
VOLUME /var/lib/tenbit
ENTRYPOINT ["/gatewayd"]
