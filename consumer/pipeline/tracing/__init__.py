"""Each request's handling as OpenTelemetry spans; with tracing off, `traces` only passes the trace context on."""
