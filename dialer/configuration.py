"""What each part has to know, out of the settings."""

from dataclasses import replace

from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.requests import ContentCheck, check_content
from dialer.adapters.sources.csv_file import CsvOptions
from dialer.domain.calls import CallContent, JobKind
from dialer.domain.errors import BadInput
from dialer.domain.redial import RedialPolicy
from dialer.domain.screening import Screen
from dialer.engine.campaign import CampaignConfig
from dialer.engine.placing import PlacingConfig
from dialer.engine.tracking import TrackingConfig
from dialer.settings import Settings
from dialer.simulation import SIMULATED_KEY

SLOT_RECOVERS_S = 5.0
"""After the account said it is full, one slot comes back each so many seconds."""


def retell_config(settings: Settings, *, base_url: str | None) -> RetellConfig:
    """`base_url`: the simulator's, if there is one. Raises `BadInput` without a key for the real API."""
    if base_url is not None:
        return replace(_requests(settings), api_key=SIMULATED_KEY, base_url=base_url)
    if settings.retell_api_key is None:
        raise BadInput(
            "RETELL_API_KEY is not set: set it to dial for real, "
            "or add --simulate to try it without calling anyone"
        )
    key = settings.retell_api_key.get_secret_value()
    return replace(_requests(settings), api_key=key, base_url=settings.retell.base_url)


def _requests(settings: Settings) -> RetellConfig:
    """What goes into every request."""
    call = settings.call
    return RetellConfig(
        api_key="",
        timeout_s=settings.retell.timeout_s,
        agent_id=call.agent_id,
        agent_version=call.agent_version,
        agent_override=call.agent_override,
        metadata=call.metadata,
        ignore_e164_validation=call.ignore_e164_validation,
        honor_internal_dnc=call.honor_internal_dnc,
    )


def csv_options(settings: Settings) -> CsvOptions:
    """How leads are read. Raises `BadInput` if what the settings give every call would be refused."""
    config = _requests(settings)
    problems = check_content(JobKind.PHONE_CALL, CallContent(), config)
    if problems:
        raise BadInput("\n".join(f"setting call.{problem}" for problem in problems))
    return CsvOptions(
        region=settings.intake.region,
        encoding=settings.intake.encoding,
        default_kind=settings.call.kind,
        default_timezone=settings.intake.timezone,
        check=ContentCheck(config),
    )


def campaign_config(settings: Settings, limit: int | None) -> CampaignConfig:
    """What the engine has to know."""
    pace, placing, tracking = settings.pace, settings.placing, settings.tracking
    return CampaignConfig(
        cps=pace.cps,
        burst_s=pace.burst_s,
        guard_s=pace.guard_s,
        slots=pace.slots,
        refresh_s=pace.refresh_s,
        recover_s=SLOT_RECOVERS_S,
        use_paid_burst=pace.use_paid_burst,
        in_flight_max=placing.in_flight_max,
        grace_s=settings.shutdown.grace_s,
        placing=PlacingConfig(
            settle_s=placing.settle_s,
            looks_max=placing.looks_max,
            tries_max=placing.tries_max,
            backoff_initial_s=placing.backoff_initial_s,
            backoff_max_s=placing.backoff_max_s,
            key_lifetime_s=placing.key_lifetime_s,
            api_honours_key=placing.api_honours_key,
            listing_lag_max_s=placing.listing_lag_max_s,
        ),
        tracking=TrackingConfig(
            poll_s=tracking.poll_s,
            poll_with_webhooks_s=tracking.poll_with_webhooks_s,
            call_max_s=tracking.call_max_s,
            missing_s=placing.settle_s,
        ),
        redial=RedialPolicy(settings.redial.attempts_max, put_back_s=placing.put_back_s),
        screen=Screen(settings.from_numbers),
        limit=limit,
    )
