"""What is personal data and what only looks like it: published examples on both sides."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from amends.measures.personal import HINTS, PATTERNS, Pattern, personal_data
from hypothesis import given, settings
from hypothesis import strategies as st

PUBLISHED = {
    # RFC 2606 names
    "jane.doe+box@example.com": "email_address",
    "write to <bob@mail.example.org>, please": "email_address",
    "x_1@sub.domain.test": "email_address",
    # examples of the IBAN Registry (ISO 13616)
    "DE89 3704 0044 0532 0130 00": "iban",
    "GB29NWBK60161331926819": "iban",
    "FR14 2004 1010 0505 0001 3M02 606": "iban",
    "NO9386011117947": "iban",
    "MT84MALT011000012345MTLCAST001S": "iban",
    "my account is NL91ABNA0417164300.": "iban",
    # test numbers that card schemes and payment services publish
    "4111 1111 1111 1111": "payment_card",
    "4012888888881881": "payment_card",
    "5555-5555-5555-4444": "payment_card",
    "2223003122003222": "payment_card",
    "card 3782 822463 10005 expired": "payment_card",
    "6011111111111117": "payment_card",
    "30569309025904": "payment_card",
    "3530111333300000": "payment_card",
    # form as the Social Security Administration issues it
    "SSN: 123-45-6789": "us_social_security_number",
    # public resolvers
    "from 208.67.222.222 at noon": "ip_address",
    "2001:4860:4860::8888": "ip_address",
    # numbers for drama: Ofcom, ACMA, Bundesnetzagentur's own exchange, NANPA 555-01XX, ARCEP
    "+44 20 7946 0958": "phone_number",
    "+442079460958": "phone_number",
    "+44 (0)20 7946 0958": "phone_number",
    "+61 491 570 006": "phone_number",
    "+33 1 99 00 12 34": "phone_number",
    "0049 228 149921": "phone_number",
    "(202) 555-0132": "phone_number",
    "202-555-0132": "phone_number",
    "202.555.0132": "phone_number",
    "Tel. 020 7946 0958": "phone_number",
    "(0228) 14 99 21": "phone_number",
}

ORDINARY = (
    "", "age 42", "2026-11-23", "2026-11-23T07:40:00.123456+00:00", "23.11.2026 07:40:12", "20261123074012",
    "1763883612345", "1763883612345678", "1234567890", "0012345678901", "1,234,567.89", "+12500000.00",
    "-4111111111111111", "0.4111111111111111", "4111111111111111.5", "12.34.56", "1.2.3.4", "v10.12.345.678",
    "Chrome/120.0.6099.109", "120.0.0.0", "192.168.100.200", "10.200.100.150", "127.0.0.1", "203.0.113.195",
    "2001:db8::8a2e:370:7334", "00:1A:2B:3C:4D:5E", "12:34:56", "std::vector", "ISBN 978-3-16-148410-0",
    "EAN 4006381333931", "5901234123457", "550e8400-e29b-41d4-a716-446655440000", "SKU-123-45-6789",
    "INV-2026-000123", "AB12CD34", "1Z999AA10123456784", "9400111899223197428490", "logo@2x.png", "@handle",
    "user@localhost", "a @ b.example", "000-12-3456", "666-12-3456", "900-12-3456", "123-00-6789",
    "123-45-0000", "999-999-9999", "123-456-7890", "DE00 3704 0044 0532 0130", "1 234 567 890 123",
    "52.520008, 13.404954", "10115 Berlin, 3rd floor", "order 0123 456789", "4444-55", "1e-16", "(other)",
    "Private", "Bachelors", "<=50K", "[1, 2, 3]",
)  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), PUBLISHED.items())
def test_published_examples_are_recognised(text: str, kind: str) -> None:
    """Each is one thing and nothing else; the quick look does not miss it."""
    assert personal_data(text) == {kind: True}
    assert pc.match_substring_regex(pa.array([text]), HINTS).to_pylist() == [True]


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_the_quick_look_misses_nothing(pattern: Pattern, data: st.DataObject) -> None:
    """Whatever has a pattern's form matches its hint: skipping the rest loses nothing."""
    text = data.draw(st.from_regex(pattern.expression, fullmatch=True))
    assert pc.match_substring_regex(pa.array([text]), pattern.hint).to_pylist() == [True], text


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_values_are_left_alone(text: str) -> None:
    """Dates, amounts, ids, codes, versions, reserved numbers: nothing is found in them."""
    assert True not in personal_data(text).values()


@pytest.mark.parametrize("text", ["4111 1111 1111 1112", "GB29NWBK60161331926818"])
def test_a_wrong_check_digit_is_counted_apart(text: str) -> None:
    """The last digit is off by one: of the right form, and not one."""
    assert list(personal_data(text).values()) == [False]


def test_one_text_may_hold_several_kinds() -> None:
    """Each kind once, and the digits of an IBAN are not taken for a card's too."""
    text = "a@example.com, b@example.com, GB29 NWBK 6016 1331 9268 19, 4111111111111111, +44 20 7946 0958"
    assert personal_data(text) == {
        "email_address": True, "iban": True, "payment_card": True, "phone_number": True,
    }  # fmt: skip


def test_a_hostile_text_takes_no_time() -> None:
    """Long runs that almost match do not make the search go back and forth."""
    for part in ("a" * 50_000, "a." * 25_000, "a@" * 25_000, "1" * 50_000, "AB12 " * 10_000, "+1 " * 15_000):
        assert personal_data(part) == {}
