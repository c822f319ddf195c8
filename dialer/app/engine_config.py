"""What each part has to know, out of the settings."""

from collections.abc import Sequence
from dataclasses import replace
from socket import gethostname
from zoneinfo import ZoneInfo

from dialer.adapters.queues.broker import QueueConfig
from dialer.adapters.queues.publisher import PublisherConfig
from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.proxies import proxy_for
from dialer.adapters.retell.requests import ContentCheck, check_content, look_at_content
from dialer.adapters.sources.options import CsvOptions, JobOptions
from dialer.app.calling_hours import HoursInForce, hours_in_force
from dialer.domain.calls import CallContent, JobKind
from dialer.domain.errors import BadInput
from dialer.domain.gates import Hold
from dialer.domain.headers import fold
from dialer.domain.lines import area_code
from dialer.domain.north_america import area_code_regions
from dialer.domain.screening import CampaignPolicy, DoNotCallFile
from dialer.engine.attempts.placing import PlacingConfig
from dialer.engine.attempts.tracking import TrackingConfig
from dialer.engine.campaign import CampaignConfig
from dialer.settings import Settings
from dialer.settings.contact import caps_rule, redial_policy
from dialer.settings.rules import agents_of, breaker_rules, budget_rule, canary_rule, lines_of
from dialer.simulator.account import SIMULATED_KEY

SLOT_RECOVERS_S = 5.0
"""After the account said it is full, one slot comes back each so many seconds."""


def retell_config(settings: Settings, *, base_url: str | None) -> RetellConfig:
    """`base_url`: the simulator's, if there is one.

    Raises `BadInput` without a key for the real API, and if the environment's proxy cannot be used.
    """
    if base_url is not None:
        return replace(_requests(settings), api_key=SIMULATED_KEY, base_url=base_url)
    if settings.retell_api_key is None:
        raise BadInput(
            "RETELL_API_KEY is not set: set it to dial for real, "
            "or add --simulate to try it without calling anyone"
        )
    key, url = settings.retell_api_key.get_secret_value(), settings.retell.base_url
    proxy = proxy_for(url, settings.retell.proxy)
    return replace(_requests(settings), api_key=key, base_url=url, proxy=None if proxy is None else proxy.url)


def _requests(settings: Settings) -> RetellConfig:
    """What goes into every request."""
    call = settings.call
    return RetellConfig(
        api_key="",
        timeout_s=settings.retell.timeout_s,
        web_call_version=settings.retell.web_call_version,
        agent_id=call.agent_id,
        agent_version=call.agent_version,
        agent_override=call.agent_override,
        refuses_unknown=settings.retell.overrides == "refuse",
        metadata=call.metadata,
        ignore_e164_validation=call.ignore_e164_validation,
        honor_internal_dnc=call.honor_internal_dnc,
    )


def csv_options(settings: Settings, screen: CampaignPolicy | None = None) -> CsvOptions:
    """How leads are read. `screen`: the rules, where rows are to be refused that say nonsense of a place.

    Raises `BadInput` if what the settings give every call would be refused.
    """
    config = _requests(settings)
    problems = check_content(JobKind.PHONE_CALL, CallContent(), config)
    if problems:
        raise BadInput("\n".join(f"setting call.{problem}" for problem in problems))
    return CsvOptions(
        region=settings.intake.region,
        area_codes=frozenset(settings.intake.area_codes),
        encoding=settings.intake.encoding,
        default_kind=settings.call.kind,
        default_timezone=settings.intake.timezone,
        check=ContentCheck(config),
        needed=settings.variables.by_name,
        empty_words=frozenset(word.casefold() for word in settings.variables.empty_words),
        ignored=frozenset(map(fold, settings.intake.ignore_columns)),
        place_of=screen.place_of if screen is not None and screen.hours.is_on else None,
    )


def override_doubts(settings: Settings) -> Sequence[str]:
    """What every call is sent with and the API may not know, or know no more: a line for each."""
    return look_at_content(JobKind.PHONE_CALL, CallContent(), _requests(settings))[1]


def job_options(settings: Settings, now: float) -> JobOptions:
    """How jobs are read that come one by one. `now` as for `hours_in_force`. Raises `BadInput` as it does."""
    screen = screen_of(settings, settings.service.campaign, hours_in_force(settings.rules, now))
    return replace(csv_options(settings, screen), needs_from_number=not screen.pool)


def queue_config(settings: Settings, worker: str | None = None) -> QueueConfig | None:
    """Where jobs come from; None: from no queue. `worker`: which of those that share it this is."""
    queue = settings.queue
    if queue.url is None:
        return None
    return QueueConfig(
        url=queue.url,
        name=queue.name,
        group=queue.group,
        consumer=queue.consumer or worker or gethostname() or "dialer",
        dead_letter=queue.dead_letter,
        prefetch=queue.prefetch,
        stale_s=queue.stale_s,
        backoff_initial_s=queue.backoff_initial_s,
        backoff_max_s=queue.backoff_max_s,
        grace_s=settings.shutdown.grace_s,
    )


def publisher_config(settings: Settings) -> PublisherConfig | None:
    """Where results go besides the log; None: nowhere. Raises `BadInput` if jobs come from there."""
    publish, queue = settings.publish, settings.queue
    if (
        publish.url is not None
        and publish.url == queue.url
        and publish.name in (queue.name, queue.dead_letter)
    ):
        raise BadInput(f"publish.name: {publish.name} is the queue of jobs or of dead letters: name another")
    return None if publish.url is None else PublisherConfig(publish.url, publish.name)


def screen_of(
    settings: Settings,
    campaign: str,
    hours: HoursInForce,
    *,
    do_not_call: tuple[DoNotCallFile, ...] = (),
    hold: Hold | None = None,
    version: int = 0,
) -> CampaignPolicy:
    """All rules of a campaign."""

    def regions_of(number: str) -> tuple[str, ...]:
        return area_code_regions(area_code(number) or "")

    return CampaignPolicy(
        from_numbers=settings.from_numbers,
        lines=lines_of(settings.lines, settings.from_numbers, regions_of) if settings.lines else (),
        zone=ZoneInfo(settings.campaign.timezone),
        starts_at=settings.campaign.starts,
        ends_at=settings.campaign.ends,
        hours=hours.rule,
        overrides=hours.overrides.with_codes(settings.intake.area_codes),
        caps=caps_rule(settings.rules),
        do_not_call=do_not_call,
        breakers=breaker_rules(settings.breakers),
        budget=budget_rule(settings.budget),
        canary=canary_rule(settings.canary),
        agents=agents_of(settings.agents),
        campaign=campaign,
        hold=hold,
        version=version,
    )


def campaign_config(
    settings: Settings, limit: int | None, *, screen: CampaignPolicy | None = None, control_s: float = 0.5
) -> CampaignConfig:
    """What the engine has to know. `screen`: the rules; None: those of lines without bounds alone."""
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
            expects_webhooks=settings.webhooks.listen is not None,
        ),
        redial=redial_policy(settings.redial, placing.put_back_s, settings.campaign.ends),
        screen=CampaignPolicy(settings.from_numbers) if screen is None else screen,
        control_s=control_s,
        limit=limit,
    )
