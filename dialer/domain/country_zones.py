"""The zones of countries outside +1 that keep more than one time.

From `zone.tab` of the tz database (2026f): of zones that show the same time all the year one stands for all.
`tests/domain/test_country_zones.py` compares the table with the tz data that the program is tested with.
"""

COUNTRY_ZONES: dict[str, tuple[str, ...]] = {
    "AQ": (
        *("Antarctica/Casey", "Antarctica/Davis", "Antarctica/DumontDUrville", "Antarctica/Mawson"),
        *("Antarctica/McMurdo", "Antarctica/Palmer", "Antarctica/Syowa", "Antarctica/Troll"),
    ),
    "AU": (
        *("Australia/Adelaide", "Australia/Brisbane", "Australia/Darwin", "Australia/Eucla"),
        *("Australia/Lord_Howe", "Australia/Perth", "Australia/Sydney"),
    ),
    "BR": ("America/Manaus", "America/Noronha", "America/Rio_Branco", "America/Sao_Paulo"),
    "CD": ("Africa/Kinshasa", "Africa/Lubumbashi"),
    "CL": ("America/Coyhaique", "America/Santiago", "Pacific/Easter"),
    "CN": ("Asia/Shanghai", "Asia/Urumqi"),
    "EC": ("America/Guayaquil", "Pacific/Galapagos"),
    "ES": ("Atlantic/Canary", "Europe/Madrid"),
    "FM": ("Pacific/Chuuk", "Pacific/Pohnpei"),
    "GL": ("America/Danmarkshavn", "America/Nuuk", "America/Thule"),
    "ID": ("Asia/Jakarta", "Asia/Jayapura", "Asia/Makassar"),
    "KI": ("Pacific/Kanton", "Pacific/Kiritimati", "Pacific/Tarawa"),
    "MN": ("Asia/Hovd", "Asia/Ulaanbaatar"),
    "MX": (
        *("America/Cancun", "America/Ciudad_Juarez", "America/Matamoros", "America/Mazatlan"),
        *("America/Mexico_City", "America/Tijuana"),
    ),
    "NZ": ("Pacific/Auckland", "Pacific/Chatham"),
    "PF": ("Pacific/Gambier", "Pacific/Marquesas", "Pacific/Tahiti"),
    "PG": ("Pacific/Bougainville", "Pacific/Port_Moresby"),
    "PT": ("Atlantic/Azores", "Europe/Lisbon"),
    "RU": (
        *("Asia/Chita", "Asia/Irkutsk", "Asia/Kamchatka", "Asia/Magadan", "Asia/Novosibirsk", "Asia/Omsk"),
        *("Asia/Vladivostok", "Asia/Yekaterinburg", "Europe/Astrakhan", "Europe/Kaliningrad"),
        "Europe/Moscow",
    ),
    "UA": ("Europe/Kyiv", "Europe/Simferopol"),
}
"""By ISO 3166-1. A country that is not here has one time, and the phonenumbers package knows it."""
