"""Whether spans are sent, and with which contents. The standard OTEL_* variables say where to."""

from pydantic import Field

from consumer.settings.base import SettingsGroup


class TracingSettings(SettingsGroup):
    """Traces over OpenTelemetry."""

    tracing: bool = Field(
        default=False,
        description="true or false: whether handlings are exported as spans over OTLP/HTTP, configured by the "
        "OTEL_* variables; needs the extra 'tracing'",
    )
    trace_texts: bool = Field(
        default=False,
        description="true or false: whether spans contain prompts and answers, which include shops' texts",
    )
    otel_sdk_disabled: bool = Field(
        default=False, description="true or false, a variable of OpenTelemetry's own: true turns tracing off"
    )

    @property
    def traces(self) -> bool:
        """Whether spans are sent."""
        return self.tracing and not self.otel_sdk_disabled
