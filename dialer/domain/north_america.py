"""Where in the United States and Canada a state, a postal code and an area code are.

Zones: America's time zones by state, 49 CFR 71 and the tz database; a state that keeps several has all of
them, also where one town keeps another by law. Postal codes: USPS prefixes (Publication 65, L002) and Canada
Post's first letters. Area codes: NANPA's geographic assignments.
"""

from functools import cache

_EASTERN, _CENTRAL, _MOUNTAIN = "America/New_York", "America/Chicago", "America/Denver"
_PACIFIC, _TORONTO, _HALIFAX = "America/Los_Angeles", "America/Toronto", "America/Halifax"

ZONES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("US-CT", "US-DC", "US-DE", "US-GA", "US-MA", "US-MD", "US-ME", "US-NC"), (_EASTERN,)),
    **dict.fromkeys(("US-NH", "US-NJ", "US-NY", "US-OH", "US-PA", "US-RI", "US-SC", "US-VA"), (_EASTERN,)),
    **dict.fromkeys(("US-VT", "US-WV"), (_EASTERN,)),
    **dict.fromkeys(("US-FL", "US-IN", "US-KY", "US-MI", "US-TN"), (_EASTERN, _CENTRAL)),
    **dict.fromkeys(("US-AL", "US-AR", "US-IA", "US-IL", "US-LA", "US-MN", "US-MO", "US-MS"), (_CENTRAL,)),
    **dict.fromkeys(("US-OK", "US-WI"), (_CENTRAL,)),
    **dict.fromkeys(("US-KS", "US-ND", "US-NE", "US-SD", "US-TX"), (_CENTRAL, _MOUNTAIN)),
    **dict.fromkeys(("US-CO", "US-MT", "US-NM", "US-UT", "US-WY"), (_MOUNTAIN,)),
    **dict.fromkeys(("US-ID", "US-NV", "US-OR"), (_MOUNTAIN, _PACIFIC)),
    **dict.fromkeys(("US-CA", "US-WA"), (_PACIFIC,)),
    "US-AK": ("America/Adak", "America/Anchorage"),
    "US-AS": ("Pacific/Pago_Pago",),
    "US-AZ": (_MOUNTAIN, "America/Phoenix"),
    "US-GU": ("Pacific/Guam",),
    "US-HI": ("Pacific/Honolulu",),
    "US-MP": ("Pacific/Saipan",),
    "US-PR": ("America/Puerto_Rico",),
    "US-VI": ("America/St_Thomas",),
    "CA-AB": ("America/Edmonton",),
    "CA-BC": ("America/Edmonton", "America/Fort_Nelson", "America/Vancouver"),
    "CA-MB": ("America/Winnipeg",),
    "CA-NB": (_HALIFAX,),
    "CA-NL": ("America/Goose_Bay", "America/St_Johns"),
    "CA-NS": (_HALIFAX,),
    "CA-NT": ("America/Edmonton", "America/Inuvik"),
    "CA-NU": ("America/Cambridge_Bay", "America/Iqaluit", "America/Rankin_Inlet", "America/Resolute"),
    "CA-ON": ("America/Atikokan", _TORONTO, "America/Winnipeg"),
    "CA-PE": (_HALIFAX,),
    "CA-QC": ("America/Blanc-Sablon", _HALIFAX, _TORONTO),
    "CA-SK": ("America/Edmonton", "America/Regina"),
    "CA-YT": ("America/Whitehorse",),
}
"""Every zone that is kept somewhere in a state, province or territory, by its ISO 3166-2 code."""

_AREA_CODES = """
US-AL 205 251 256 334 659 938
US-AK 907
US-AZ 480 520 602 623 928
US-AR 327 479 501 870
US-CA 209 213 279 310 323 341 350 369 408 415 424 442 510 530 559 562 619 626 628 650 657 661 669 707 714
US-CA 738 747 760 805 818 820 831 840 858 909 916 925 949 951
US-CO 303 719 720 748 970 983
US-CT 203 475 860 959
US-DC 202 771
US-DE 302
US-FL 239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954
US-GA 229 404 470 478 565 678 706 762 770 912 943
US-HI 808
US-ID 208 986
US-IL 217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 861 872
US-IN 219 260 317 463 574 765 812 930
US-IA 319 515 563 641 712
US-KS 316 620 785 913
US-KY 270 364 502 606 859
US-LA 225 318 337 457 504 985
US-ME 207
US-MD 227 240 301 410 443 667
US-MA 339 351 413 508 617 774 781 857 978
US-MI 231 248 269 313 517 586 616 679 734 810 906 947 989
US-MN 218 320 507 612 651 763 924 952
US-MS 228 471 601 662 769
US-MO 235 314 417 557 573 636 660 816 975
US-MT 406
US-NE 308 402 531
US-NV 702 725 775
US-NH 603
US-NJ 201 551 609 640 732 848 856 862 908 973
US-NM 505 575
US-NY 212 315 329 332 347 363 516 518 585 607 624 631 646 680 716 718 838 845 914 917 929 934
US-NC 252 336 472 704 743 828 910 919 980 984
US-ND 701
US-OH 216 220 234 283 326 330 380 419 436 440 513 567 614 740 937
US-OK 405 539 572 580 918
US-OR 458 503 541 971
US-PA 215 223 267 272 412 445 484 570 582 610 717 724 814 835 878
US-RI 401
US-SC 803 821 839 843 854 864
US-SD 605
US-TN 423 615 629 731 865 901 931
US-TX 210 214 254 281 325 346 361 409 430 432 469 512 621 682 713 726 737 806 817 830 832 903 915 936 940
US-TX 945 956 972 979
US-UT 385 435 801
US-VT 802
US-VA 276 434 540 571 686 703 757 804 826 948
US-WA 206 253 360 425 509 564
US-WV 304 681
US-WI 262 274 353 414 534 608 715 920
US-WY 307
US-PR 787 939
US-VI 340
US-GU 671
US-MP 670
US-AS 684
CA-AB 368 403 587 780 825
CA-BC 236 250 257 604 672 778
CA-MB 204 431 584
CA-NB 428 506
CA-NL 709 879
CA-NS 782 902
CA-PE 782 902
CA-ON 226 249 289 343 365 382 416 437 519 548 613 647 683 705 742 753 807 905 942
CA-QC 263 273 354 367 418 438 450 468 514 579 581 819 873
CA-SK 306 474 639
CA-NT 867
CA-NU 867
CA-YT 867
"""

_ZIP_PREFIXES = """
US-NY 005 063 100-149
US-PR 006-007 009
US-VI 008
US-MA 010-027 055
US-RI 028-029
US-NH 030-038
US-ME 039-049
US-VT 050-054 056-059
US-CT 060-069
US-NJ 070-089
US-PA 150-196
US-DE 197-199
US-DC 200 202-205 569
US-VA 201 220-246
US-MD 206-219
US-WV 247-268
US-NC 270-289
US-SC 290-299
US-GA 300-319 398-399
US-FL 320-339 341-349
US-AL 350-369
US-TN 370-385
US-MS 386-397
US-KY 400-427
US-OH 430-459
US-IN 460-479
US-MI 480-499
US-IA 500-528
US-WI 530-549
US-MN 550-567
US-SD 570-577
US-ND 580-588
US-MT 590-599
US-IL 600-629
US-MO 630-658
US-KS 660-679
US-NE 680-693
US-LA 700-714
US-AR 716-729
US-OK 730-732 734-749
US-TX 733 750-799 885
US-CO 800-816
US-WY 820-831 834
US-ID 831-838
US-UT 840-847
US-AZ 850-865
US-NM 865 870-884
US-NV 889-898
US-CA 900-961
US-HI 967-968
US-AS 967
US-GU 969
US-MP 969
US-OR 970-979
US-WA 980-994
US-AK 995-999
"""
"""A prefix that a border runs through has each state. Military mail (090-098, 340, 962-966) has none."""

_POSTAL_LETTERS = {
    "A": ("CA-NL",),
    "B": ("CA-NS",),
    "C": ("CA-PE",),
    "E": ("CA-NB",),
    "R": ("CA-MB",),
    "S": ("CA-SK",),
    "T": ("CA-AB",),
    "V": ("CA-BC",),
    "X": ("CA-NT", "CA-NU"),
    "Y": ("CA-YT",),
    **dict.fromkeys("GHJ", ("CA-QC",)),
    **dict.fromkeys("KLMNP", ("CA-ON",)),
}

_NAMES = """
AL Alabama, AK Alaska, AZ Arizona, AR Arkansas, CA California, CO Colorado, CT Connecticut, DE Delaware,
DC District of Columbia, FL Florida, GA Georgia, HI Hawaii, ID Idaho, IL Illinois, IN Indiana, IA Iowa,
KS Kansas, KY Kentucky, LA Louisiana, ME Maine, MD Maryland, MA Massachusetts, MI Michigan, MN Minnesota,
MS Mississippi, MO Missouri, MT Montana, NE Nebraska, NV Nevada, NH New Hampshire, NJ New Jersey,
NM New Mexico, NY New York, NC North Carolina, ND North Dakota, OH Ohio, OK Oklahoma, OR Oregon,
PA Pennsylvania, RI Rhode Island, SC South Carolina, SD South Dakota, TN Tennessee, TX Texas, UT Utah,
VT Vermont, VA Virginia, WA Washington, WV West Virginia, WI Wisconsin, WY Wyoming, PR Puerto Rico,
VI Virgin Islands, VI U.S. Virgin Islands, GU Guam, MP Northern Mariana Islands, AS American Samoa,
AB Alberta, BC British Columbia, MB Manitoba, NB New Brunswick, NL Newfoundland and Labrador, NS Nova Scotia,
NT Northwest Territories, NU Nunavut, ON Ontario, PE Prince Edward Island, QC Quebec, QC Québec,
SK Saskatchewan, YT Yukon, DC Washington DC, DC Washington D.C.
"""


def state_region(text: str) -> str | None:
    """`US-FL` for `FL`, `fl`, `Florida` or `US-FL`; None if it is no state, province or territory."""
    return _by_state_name().get(" ".join(text.split()).casefold())


def postal_regions(text: str) -> tuple[str, ...]:
    """The states of a ZIP code, with or without its +4, or a Canadian postal code; empty: of none.

    Of four digits a spreadsheet has taken the leading zero."""
    digits = text.strip().partition("-")[0].strip()
    if digits.isascii() and digits.isdigit() and len(digits) in (4, 5):
        return _by_zip_prefix().get(digits.zfill(5)[:3], ())
    letters = text.strip().upper()
    return _POSTAL_LETTERS.get(letters[:1], ()) if letters[1:2].isdigit() and letters[2:3].isalpha() else ()


def area_code_regions(area_code: str) -> tuple[str, ...]:
    """The state, province or territories of an area code; empty: it belongs to none of them."""
    return _by_area_code().get(area_code, ())


@cache
def _by_state_name() -> dict[str, str]:
    names = {form.casefold(): region for region in ZONES for form in (region, region[3:])}
    of_code = {region[3:]: region for region in ZONES}
    for entry in " ".join(_NAMES.split()).split(", "):
        code, _, name = entry.partition(" ")
        names[name.casefold()] = of_code[code]
    return names


@cache
def _by_area_code() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in _AREA_CODES.strip().splitlines():
        region, *codes = line.split()
        for code in codes:
            found[code] = (*found.get(code, ()), region)
    return found


@cache
def _by_zip_prefix() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in _ZIP_PREFIXES.strip().splitlines():
        region, *ranges = line.split()
        for part in ranges:
            first, _, last = part.partition("-")
            for prefix in range(int(first), int(last or first) + 1):
                found[f"{prefix:03}"] = (*found.get(f"{prefix:03}", ()), region)
    return found
