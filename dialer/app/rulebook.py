"""The rules of one campaign as they stand: the settings, what an operator changed, the do-not-call files.

Made anew whenever one of these changes. What cannot be known holds the campaign: nobody is called until it
can be, and then it goes on.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from dialer.adapters.rules.data_in_use import DataInUse
from dialer.adapters.sources.suppression_file import SuppressionFile
from dialer.app.calling_hours import HoursInForce, hours_in_force
from dialer.app.engine_config import campaign_config, screen_of
from dialer.domain.errors import BadInput
from dialer.domain.gates import Hold
from dialer.domain.screening import DoNotCallFile
from dialer.domain.texts import campaign_fault
from dialer.engine.campaign import CampaignConfig
from dialer.ports.engine import Control
from dialer.settings import Settings
from dialer.settings.live import with_changes

CONTROL_S = 0.5
"""Between two looks at what operators want, in real seconds."""
LOOK_S = 1.0
"""Between two looks whether a do-not-call file has changed, in real seconds."""
VIRTUAL_LOOK_S = 600.0
"""Both of them where hours pass in a second."""


class Rulebook:
    """Keeps a campaign's rules up to date."""

    def __init__(
        self,
        settings: Settings,
        campaign: str,
        now: float,
        *,
        limit: int | None = None,
        speed: float | None = 1.0,
    ) -> None:
        """`now`: the campaign's clock, for the public holidays of these years. `speed`: of the loop.

        Raises `BadInput` if the rules file or a do-not-call file cannot be read.
        """
        self._campaign = campaign
        self._now = now
        self._limit = limit
        self._speed = speed
        self._configured = self._settings = settings
        self._hours: HoursInForce = hours_in_force(settings.rules, now)
        self._files = self._files_of(settings, {})
        for file in self._files.values():
            file.reload_if_changed()
        self._version = 0
        self._changes: Mapping[str, Any] = {}
        self._unread: Hold | None = None
        self._misfit: Hold | None = None
        fault = campaign_fault(campaign)
        self._misnamed = None if fault is None else Hold(f"its name {fault}; `dialer cancel` closes its jobs")
        self.config = self._make()

    @property
    def data(self) -> tuple[DataInUse, ...]:
        """Which data decide where and when people may be called."""
        return self._hours.data

    def changed(self, control: Control) -> CampaignConfig:
        """With what an operator changed; what cannot be applied holds the campaign. Never raises."""
        self._version, self._changes = control.version, control.changes
        try:
            self._apply(control.changes)
            self._misfit = None
        except BadInput as error:
            self._misfit = Hold(
                f"a setting changed with `dialer set` is invalid; calls are on hold until you fix it: {error}"
            )
        self.config = self._make()
        return self.config

    def configured(self, settings: Settings) -> CampaignConfig:
        """With other settings, and what an operator changed beside them. Never raises, as `changed`.

        A do-not-call file that cannot be read holds the campaign until it can be.
        """
        known = self._files if settings.intake.region == self._configured.intake.region else {}
        self._files = self._files_of(settings, known)
        for path, file in self._files.items():
            if path not in known:
                try:
                    file.reload_if_changed()
                except BadInput as error:
                    self._unread = self._unread or Hold(str(error))
        self._configured = settings
        try:
            self._apply(self._changes)
            self._misfit = None
        except BadInput as error:
            self._misfit = Hold(
                "a setting changed with `dialer set` does not fit the new settings; "
                f"calls are on hold until you fix it: {error}"
            )
        self.config = self._make()
        return self.config

    @staticmethod
    def _files_of(settings: Settings, known: Mapping[str, SuppressionFile]) -> dict[str, SuppressionFile]:
        """The do-not-call files; those that are not known are not read yet."""
        region = settings.intake.region
        return {
            path: known.get(path) or SuppressionFile(Path(path), region=region)
            for path in settings.rules.do_not_call
        }

    def _apply(self, changes: Mapping[str, Any]) -> None:
        settings = with_changes(self._configured, changes)
        if settings.rules != self._settings.rules:
            self._hours = hours_in_force(settings.rules, self._now)
        self._settings = settings

    async def watch(self, apply: Callable[[CampaignConfig], None]) -> None:
        """Read do-not-call files again when they change, for ever; `apply` takes the rules made with them."""
        while True:
            await anyio.sleep(VIRTUAL_LOOK_S if self._speed is None else LOOK_S * self._speed)
            if await self._look():
                self.config = self._make()
                apply(self.config)

    async def _look(self) -> bool:
        """Whether a file has changed, or can or cannot be read any more."""
        has_changed, unread = False, None
        now = anyio.current_time() / (self._speed or 1.0)  # real seconds
        for file in [*self._files.values()]:
            try:
                if self._speed is None:  # a virtual loop must not have threads
                    has_changed |= file.reload_if_changed(now)
                else:
                    has_changed |= await anyio.to_thread.run_sync(
                        file.reload_if_changed, now, abandon_on_cancel=True
                    )
            except BadInput as error:
                unread = unread or Hold(str(error))
        has_changed |= unread != self._unread
        self._unread = unread
        return has_changed

    def _make(self) -> CampaignConfig:
        screen = screen_of(
            self._settings,
            self._campaign,
            self._hours,
            do_not_call=tuple(DoNotCallFile(file.name, file.numbers) for file in self._files.values()),
            hold=self._misnamed or self._unread or self._misfit,
            version=self._version,
        )
        control_s = VIRTUAL_LOOK_S if self._speed is None else CONTROL_S * self._speed
        return campaign_config(self._settings, self._limit, screen=screen, control_s=control_s)
