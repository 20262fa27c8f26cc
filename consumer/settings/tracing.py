"""Whether spans are sent, and how much is in them. Where to is for the standard OTEL_* variables to say."""

from pydantic import Field

from consumer.settings.base import SettingsGroup


class TracingSettings(SettingsGroup):
    """Traces over OpenTelemetry."""

    tracing: bool = Field(
        default=False,
        description="true or false: each event's handling is sent as spans over OTLP/HTTP, to where the environment's "
        "OTEL_* variables say; needs the extra 'tracing'",
    )
    trace_texts: bool = Field(
        default=False, description="true or false: prompts and answers, which hold shops' texts, are in the spans, too"
    )
    otel_sdk_disabled: bool = Field(
        default=False, description="true or false, a variable of OpenTelemetry's own: true turns tracing off"
    )

    @property
    def traces(self) -> bool:
        """Whether spans are sent."""
        return self.tracing and not self.otel_sdk_disabled
