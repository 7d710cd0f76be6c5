"""Replies about documents, labelled by hand: each with its documents, and whether all of it has a source there."""

from typing import Final

REPORT: Final = """Quarterly report. Revenue rose to 1,234.5 million euros in 2025, up from 1,102 million in 2024
(+12.0 %). The board said: "We expect moderate growth in the coming year." The dividend is EUR 2.40 per share.
Staff: 18 400. See https://example.com/reports/q3.pdf for details."""
BERICHT: Final = """Der Umsatz stieg auf 1.234,5 Mio. Euro (Vorjahr: 1.102). „Wir erwarten ein moderates
Wachstum“, sagte der Vorstand. Die Dividende beträgt 2,40 Euro je Aktie."""
TOOL: Final = (
    '{"city": "Oslo", "temperature": -3.5, "wind_kmh": 27, "station": "NO-0301", "link": "https://met.example/oslo"}'
)

CASES: Final[tuple[tuple[tuple[str, ...], str, bool], ...]] = (
    ((REPORT,), "Revenue was €1,234.5 million in 2025 (2024: 1,102 million), and the dividend is €2.40.", True),
    ((REPORT,), "Umsatz 2025: 1.234,5 Mio. Euro; 2024: 1.102 Mio. Euro; Mitarbeiter: 18.400.", True),
    ((REPORT,), "The board said “we expect moderate growth in the coming year”. Dividend: 2.4; growth: 12%.", True),
    (
        (REPORT,),
        "1. Revenue: 1234.5\n2. Dividend: 2.40\n3. Staff: 18,400\nSource: https://example.com/reports/q3.pdf",
        True,
    ),
    ((REPORT, TOOL), "In Oslo it is -3.5 degrees with wind of 27 km/h; revenue is 1,234.5 million.", True),
    ((BERICHT,), "Revenue rose to 1,234.5 million (1,102 before); the dividend is 2.40.", True),
    ((TOOL,), "It is \u22123.5 °C, wind 27 km/h. More: https://met.example/oslo.", True),
    ((REPORT,), "Revenue was €1,432.5 million in 2025 (2024: 1,201 million), and the dividend is €4.20.", False),
    ((REPORT,), "The board said “we expect strong growth and record profits”. Dividend: 3.10; growth: 21%.", False),
    ((REPORT,), "Details are at https://example.com/reports/q4.pdf and https://example.org/x; staff: 17 900.", False),
    (
        (BERICHT,),
        "Der Umsatz stieg auf 2.134,5 Mio. Euro; „Wir erwarten ein starkes Wachstum im Ausland“; Dividende 2,10 Euro.",
        False,
    ),
    ((TOOL,), "It is 13.5 °C, wind 72 km/h, humidity 81 %.", False),
    ((REPORT, TOOL), "Die Prognose liegt bei 1.500 Mio. Euro, 45 Filialen und 99 Prozent Zufriedenheit.", False),
    ((BERICHT,), "Earnings per share were 7.31, up 44.5 % from 5.06.", False),
)
