"""The tables of who may ask over HTTP, and for how much."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from dialer.domain.rights import Right
from dialer.settings.grants import AgentIds, Campaigns, FromNumbers, Rights
from dialer.settings.sections import Section, host_port
from dialer.web.tokens import Role

LOOPBACK = "127.0.0.1:8090"


class ApiToken(Section):
    """One that may ask the HTTP API; `dialer token NAME --role ROLE` makes it and prints these lines."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", examples=["crm"])]
    """Who it is, as the record of what operators did names it."""
    role: Annotated[Role, Field(examples=[Role.SUBMIT])]
    """read sees where things stand; submit also gives jobs; operate also pauses, cancels and changes."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["0123456789abcdef" * 4])]
    """The token's SHA-256 in hex. The token itself is kept by its user alone."""
    rights: Rights = ()
    """weaken_rules: set rules weaker than the service's; redirect_data: jobs that send data elsewhere."""
    campaigns: Campaigns = ()
    """The only campaigns that it sees and touches; spring-* is a prefix; empty: all."""
    from_numbers: FromNumbers = ()
    """The only numbers that its jobs may be called from, E.164; empty: any."""
    agents: AgentIds = ()
    """The only agents that its jobs may get; empty: any."""

    @model_validator(mode="after")
    def _can_use_its_rights(self) -> Self:
        for right, needed in ((Right.WEAKEN_RULES, Role.OPERATE), (Right.REDIRECT_DATA, Role.SUBMIT)):
            if right in self.rights and not self.role.allows(needed):
                raise ValueError(
                    f"has the right {right}, of which the role {self.role} makes no use: "
                    f"give it the role {needed}, or take the right out"
                )
        return self


class Api(Section):
    """Taking jobs and orders over HTTP; on as soon as there is a token."""

    listen: Annotated[str | None, Field(examples=[LOOPBACK])] = None
    """HOST:PORT to answer on, in plain HTTP: others come through a proxy with TLS. Unset: 127.0.0.1:8090."""
    tokens: tuple[ApiToken, ...] = ()
    """Who may ask."""
    body_bytes_max: Annotated[int, Field(ge=1000, le=100_000_000)] = 4_000_000
    """Bytes of the largest request that is read."""
    body_s: Annotated[float, Field(ge=0.1, le=600)] = 20.0
    """Seconds in which the body of a request must have come."""
    campaigns_max: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Campaigns with due jobs at once whose jobs one token gave, to one worker since its start."""
    items_max: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Jobs in one request."""
    requests_per_s: Annotated[float, Field(ge=0.1, le=10_000)] = 20.0
    """Requests per second of each token; twice as many at once after a pause."""

    _address = field_validator("listen")(host_port)

    @field_validator("tokens")
    @classmethod
    def _are_distinct(cls, tokens: tuple[ApiToken, ...]) -> tuple[ApiToken, ...]:
        for at, token in enumerate(tokens):
            for before in tokens[:at]:
                if token.name == before.name:
                    raise ValueError(f"two tokens have the name {token.name}: give each its own")
                if token.sha256 == before.sha256:
                    raise ValueError(f"{before.name} and {token.name} have the same token: make another one")
        return tokens

    @model_validator(mode="after")
    def _listens_to_somebody(self) -> Self:
        if self.listen is not None and not self.tokens:
            raise ValueError(
                "has a listen but no [[api.tokens]], so nobody could ask: "
                "`dialer token NAME --role submit` makes one and prints the lines to add, or leave listen out"
            )
        return self

    @property
    def address(self) -> str | None:
        """HOST:PORT to answer on; None without a token."""
        return (self.listen or LOOPBACK) if self.tokens else None
