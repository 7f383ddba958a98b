"""User data: what goes out with an order is what is read back from the VM."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.cloud_config import request_id_of, user_data_for
from bot.adapters.ssh_keys import HostKeyPair, HostKeys

ID_SIGNS = string.ascii_letters + string.digits + "._:-"
request_ids = st.text(ID_SIGNS, min_size=1, max_size=128)
padding = st.sampled_from(["", " ", "\t", "  \t"])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> HostKeyPair:
    return HostKeys(tmp_path_factory.mktemp("keys")).for_operation("op-1")


@given(request_ids)
def test_the_request_is_read_back(request_id: str) -> None:
    """The whole recipe against double orders hangs on this."""
    assert request_id_of(user_data_for(request_id)) == request_id


@given(request_ids, st.sampled_from(["\n", "\r\n", "\r"]), padding, padding)
def test_the_request_survives_what_happens_on_the_way(
    request_id: str, line_end: str, before: str, after: str
) -> None:
    """Other line ends and blanks around lines: seen when user data was read back."""
    lines = user_data_for(request_id).splitlines()

    text = line_end.join(f"{before}{line}{after}" for line in lines)

    assert request_id_of(text) == request_id
    assert request_id_of(f"\ufeff\n{text}") == request_id


@given(st.one_of(st.none(), st.text()))
def test_any_text_is_somebody_elses_unless_it_is_ours(text: str | None) -> None:
    """Every VM of the account is read, whoever ordered it; none may stop the sweep."""
    found = request_id_of(text)

    assert found is None or f"ds-bot request: {found}" in (text or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# ds-bot request: op-1",
        "#!/bin/sh\n# ds-bot request: op-1\n",
        "#cloud-config\nruncmd: [echo '# ds-bot request: op-1']\n",
        "#cloud-config\n# ds-bot request: op 1\n",
        "#cloud-config\n# ds-bot request: \n",
        f"#cloud-config\n# ds-bot request: {'x' * 129}\n",
        "hello\n#cloud-config\n# ds-bot request: op-1\n",
    ],
)
def test_what_only_looks_like_ours_is_not(text: str) -> None:
    """Adopting somebody's VM would end with cancelling it."""
    assert request_id_of(text) is None


@pytest.mark.parametrize("request_id", ["", "a b", "a\n", "é", "x" * 129, "a#b", "op-1\nruncmd: x"])
def test_an_id_that_would_not_survive_is_refused(request_id: str) -> None:
    """Before the order: afterwards the VM could not be found. Nor may an id add lines."""
    with pytest.raises(ValueError, match="request id"):
        user_data_for(request_id)


def test_the_host_key_arrives_unharmed(pair: HostKeyPair) -> None:
    """cloud-init reads it as YAML; one changed byte and the VM shows another key."""
    text = user_data_for("op-1", pair.private_openssh, pair.public)

    config = yaml.safe_load(text)
    assert config["ssh_keys"]["ed25519_private"].strip() == pair.private_openssh.strip()
    assert config["ssh_keys"]["ed25519_public"] == pair.public
    assert config["ssh_deletekeys"] is True
    assert request_id_of(text) == "op-1"


def test_windows_line_ends_in_a_key_are_mended(pair: HostKeyPair) -> None:
    """OpenSSH refuses a private key that has them."""
    text = user_data_for("op-1", pair.private_openssh.replace("\n", "\r\n"), pair.public)

    assert "\r" not in text
    assert text == user_data_for("op-1", pair.private_openssh, pair.public)


def test_the_text_is_ascii_with_the_first_line_cloud_init_wants(pair: HostKeyPair) -> None:
    text = user_data_for("op-1", pair.private_openssh, pair.public)

    assert text.isascii()
    assert text.startswith("#cloud-config\n")
    assert yaml.safe_load(text)["disable_root"] is False


def test_without_a_key_the_vm_makes_its_own() -> None:
    assert yaml.safe_load(user_data_for("op-1")) == {"disable_root": False}


@pytest.mark.parametrize("half", ["private", "public", "swapped", "rsa"])
def test_half_a_key_pair_is_refused(pair: HostKeyPair, half: str) -> None:
    """The VM would make a key of its own, and the pinned one would never be shown."""
    halves = {
        "private": (pair.private_openssh, None),
        "public": (None, pair.public),
        "swapped": (pair.public, pair.private_openssh),
        "rsa": (pair.private_openssh, "ssh-rsa AAAA"),
    }

    with pytest.raises(ValueError, match="both halves"):
        user_data_for("op-1", *halves[half])


def test_the_order_stays_far_below_the_limit_for_user_data(
    tmp_path: Path, pair: HostKeyPair
) -> None:
    """16 KB is the usual limit of clouds (EC2's); SoftLayer names none."""
    assert len(user_data_for("x" * 128, pair.private_openssh, pair.public)) < 2048
