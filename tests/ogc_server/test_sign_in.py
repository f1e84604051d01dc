"""Who is let in by what he brings, and what he then sees."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from layers.accounts import Accounts
from layers.city import City
from layers.query import Query, Scope
from layers.roles import Account
from layers.store import Store
from ogc_server import PUBLIC, create_app
from ogc_server.access.entrance import Entrance
from ogc_server.access.tokens import Issuer, LocalTokens
from tests.ogc_server.conftest import BASE

TOWN = "PS-OH"
LAYER = "/collections/navigation_mark/items"


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    kept = Accounts(tmp_path)
    kept.put(Account(name="ana", role="viewer", jurisdictions=(TOWN,)))
    return kept


@pytest.fixture
def entrance(accounts: Accounts, city: City, tmp_path: Path) -> Entrance:
    return Entrance(accounts, city.roles, LocalTokens(tmp_path), alone=PUBLIC)


@pytest.fixture
def guarded(city: City, store: Store, entrance: Entrance) -> TestClient:
    return TestClient(create_app(city, store, entrance=entrance), base_url=BASE)


def basic(name: str, secret: str) -> dict[str, str]:
    text = base64.b64encode(f"{name}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def seen(client: TestClient, path: str = LAYER, **options: Any) -> int:
    answer = client.get(path, **options)
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["numberMatched"]
    return number


@pytest.fixture
def his(store: Store) -> int:
    """Rows that ana may see: some, not all."""
    own = store.count(Query("navigation_mark", scope=Scope((TOWN,))))
    assert 0 < own < store.count(Query("navigation_mark"))
    return own


def test_each_way_of_signing_in_shows_the_same(
    guarded: TestClient, accounts: Accounts, entrance: Entrance, his: int
) -> None:
    secret = accounts.new_secret("ana")
    assert entrance.tokens is not None
    token = entrance.tokens.issue("ana", time.time(), 1)
    for headers in (basic("ana", secret), bearer(token), bearer(f"ana~{secret}")):
        assert seen(guarded, headers=headers) == his
    for given in (token, f"ana~{secret}"):
        assert seen(guarded, f"{LAYER}?token={given}") == his
        assert seen(guarded, f"/t/{given}{LAYER}?limit=1") == his


def test_a_client_with_a_token_in_its_address_follows_links(
    guarded: TestClient, accounts: Accounts, his: int
) -> None:
    given = f"ana~{accounts.new_secret('ana')}"
    start = guarded.get(f"/?token={given}").json()
    for link in start["links"]:
        assert link["href"].startswith(f"{BASE}/t/{given}"), link
    url, fids = f"{BASE}{LAYER}?limit=3&token={given}", []
    while url:
        page = guarded.get(url).json()
        fids += [feature["id"] for feature in page["features"]]
        url = next((x["href"] for x in page["links"] if x["rel"] == "next"), "")
    assert len(fids) == len(set(fids)) == his


def test_a_client_that_adds_its_token_to_such_links_too_is_let_in(
    guarded: TestClient, accounts: Accounts, his: int
) -> None:
    given = f"ana~{accounts.new_secret('ana')}"
    assert seen(guarded, f"/t/{given}{LAYER}?token={given}&limit=1") == his
    document = guarded.get(f"/t/{given}/?token={given}").json()
    assert all(link["href"].count("/t/") == 1 for link in document["links"])
    assert guarded.get(f"/t/{given}{LAYER}?token={given}x").status_code == 401


def test_without_a_name_only_public_layers_exist(guarded: TestClient, city: City) -> None:
    listed = {c["id"] for c in guarded.get("/collections").json()["collections"]}
    public = {s.id for s in city.layers.values() if s.sensitivity == "public"}
    assert public <= listed and not (listed & set(city.layers)) - public
    assert guarded.get("/collections/alert").status_code == 404
    assert guarded.get("/sign-in").status_code == 401


def test_a_person_finds_the_way_to_sign_in(guarded: TestClient, accounts: Accounts) -> None:
    way = "/sign-in?f=html&amp;lang=en"
    assert way in guarded.get("/?f=html&lang=en").text
    named = basic("ana", accounts.new_secret("ana"))
    assert way not in guarded.get("/?f=html&lang=en", headers=named).text
    path = "/sign-in?f=html&lang=en"
    assert guarded.get(path, follow_redirects=False).status_code == 401
    answer = guarded.get(path, headers=named, follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"].endswith("/?f=html&lang=en")


@pytest.mark.parametrize(
    "headers",
    [
        basic("ana", "wrong"),
        basic("nobody", "wrong"),
        basic("ana", ""),
        bearer("wrong"),
        bearer("a.b.c"),
        bearer("ana~wrong"),
        {"Authorization": "Basic ====="},
        {"Authorization": "Basic " + base64.b64encode(b"no-colon").decode()},
        {"Authorization": "Digest x"},
        {"Authorization": ""},
    ],
)
def test_what_proves_nothing_is_refused_alike(guarded: TestClient, headers: dict[str, str]) -> None:
    answers = {guarded.get(path, headers=headers).text for path in ("/", LAYER, "/nothing")}
    assert len(answers) == 1
    answer = guarded.get(LAYER, headers=headers)
    assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Basic")


def test_tokens_that_are_forged_late_or_of_the_disabled_let_nobody_in(
    guarded: TestClient, accounts: Accounts, entrance: Entrance, tmp_path: Path
) -> None:
    assert entrance.tokens is not None
    now = time.time()
    good = entrance.tokens.issue("ana", now, 1)
    assert guarded.get(LAYER, headers=bearer(good)).status_code == 200
    claims = {"iss": "onemap", "sub": "ana", "exp": int(now) + 999}
    other = OctKey.import_key("k" * 40)
    forged = [
        jwt.encode({"alg": "HS256"}, claims, other),
        entrance.tokens.issue("ana", now - 7200, 1),
        entrance.tokens.issue("bo", now, 1),
        good[:-3],
        # {"alg":"none"} with the same claims and no signature
        "eyJhbGciOiJub25lIn0." + good.split(".")[1] + ".",
    ]
    key = OctKey.import_key((tmp_path / "token.key").read_text())
    for missing in ("exp", "iss", "sub"):
        less = {name: value for name, value in claims.items() if name != missing}
        forged.append(jwt.encode({"alg": "HS256"}, less, key))
    for token in forged:
        assert guarded.get(LAYER, headers=bearer(token)).status_code == 401, token
    ana = accounts.find("ana")
    assert ana is not None
    accounts.put(ana.model_copy(update={"disabled": True}))
    assert guarded.get(LAYER, headers=bearer(good)).status_code == 401
    accounts.put(ana.model_copy(update={"role": "gone"}))
    assert guarded.get(LAYER, headers=bearer(good)).status_code == 401


@pytest.fixture
def issuer_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "one"})


@pytest.fixture
def fetch(issuer_key: ECKey) -> Callable[[str], Any]:
    documents = {
        "https://id.example/.well-known/openid-configuration": {
            "jwks_uri": "https://id.example/keys"
        },
        "https://id.example/keys": KeySet([issuer_key]).as_dict(private=False),
    }
    return documents.__getitem__


def test_tokens_of_an_issuer_let_its_account_in(
    city: City,
    store: Store,
    accounts: Accounts,
    issuer_key: ECKey,
    fetch: Callable[[str], Any],
    his: int,
) -> None:
    issuer = Issuer("https://id.example", "onemap-city", fetch=fetch)
    door = Entrance(accounts, city.roles, None, issuer, alone=PUBLIC)
    client = TestClient(create_app(city, store, entrance=door), base_url=BASE)
    claims = {
        "iss": "https://id.example",
        "aud": "onemap-city",
        "sub": "ana",
        "exp": int(time.time()) + 60,
    }

    def signed(**changes: Any) -> dict[str, str]:
        text = jwt.encode({"alg": "ES256", "kid": "one"}, {**claims, **changes}, issuer_key)
        return bearer(text)

    assert seen(client, headers=signed()) == his
    wrong: list[dict[str, Any]] = [
        {"iss": "https://evil.example"}, {"aud": "other"}, {"sub": "bo"}, {"exp": 1}, {"sub": 7},
    ]  # fmt: skip
    for changes in wrong:
        assert client.get(LAYER, headers=signed(**changes)).status_code == 401, changes
    # The public key used as a shared secret.
    rest = signed()["Authorization"].removeprefix("Bearer ").split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').decode().rstrip("=")
    public = issuer_key.as_pem(private=False)
    mark = hmac.digest(public, f"{head}.{rest}".encode(), "sha256")
    confused = f"{head}.{rest}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"
    assert client.get(LAYER, headers=bearer(confused)).status_code == 401


def test_a_server_that_began_with_accounts_never_opens_up(
    guarded: TestClient, accounts: Accounts, tmp_path: Path
) -> None:
    assert guarded.get("/collections/alert").status_code == 404
    for file in tmp_path.glob("accounts*"):
        file.unlink()
    assert not accounts
    assert guarded.get("/collections/alert").status_code == 404


def test_the_first_account_closes_an_open_server(city: City, store: Store, tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    client = TestClient(create_app(city, store, entrance=Entrance(accounts, city.roles)), BASE)
    assert client.get("/collections/alert").status_code == 200
    accounts.put(Account(name="ana", role="viewer"))
    assert client.get("/collections/alert").status_code == 404


def test_readers_with_other_walls_never_share_an_answer(
    guarded: TestClient, accounts: Accounts, his: int
) -> None:
    accounts.put(Account(name="chief", role="commander"))
    heads = {name: basic(name, accounts.new_secret(name)) for name in ("ana", "chief")}
    first = {name: guarded.get(LAYER, headers=head) for name, head in heads.items()}
    assert first["ana"].headers["etag"] != first["chief"].headers["etag"]
    assert "Authorization" in first["ana"].headers["vary"]
    held = {"If-None-Match": first["chief"].headers["etag"]}
    assert guarded.get(LAYER, headers=heads["ana"] | held).status_code == 200
    assert guarded.get(LAYER, headers=heads["chief"] | held).status_code == 304
    assert first["ana"].json()["numberMatched"] == his


def test_no_secret_reaches_a_document_or_the_log(
    guarded: TestClient, accounts: Accounts, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = accounts.new_secret("ana")
    assert secret not in guarded.get("/", headers=basic("ana", secret)).text

    def broken(*arguments: object, **options: object) -> None:
        raise ValueError("broken")

    quiet = TestClient(guarded.app, base_url=BASE, raise_server_exceptions=False)
    monkeypatch.setattr(type(store), "revision", broken)
    with capture_logs() as log:
        for path in (f"/t/ana~{secret}{LAYER}", f"{LAYER}?token=ana~{secret}"):
            assert quiet.get(path).status_code == 500
        quiet.get(LAYER, headers=basic("ana", secret + "x"))
    assert log and secret not in str(log)


def test_pages_of_other_sites_change_nothing(client: TestClient) -> None:
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = client.request(method, LAYER, headers=headers, content=b"{}")
            assert answer.status_code == 403, (method, headers)
    own = client.post(LAYER, headers={"Origin": BASE}, content=b"{}")
    assert own.status_code != 403


def test_accounts_end_while_the_server_runs(city: City, store: Store, accounts: Accounts) -> None:
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    door = Entrance(accounts, city.roles, alone=PUBLIC, clock=lambda: moment[0])
    client = TestClient(create_app(city, store, entrance=door), base_url=BASE)
    accounts.put(Account(name="ana", role="viewer", expires=datetime(2026, 1, 2, tzinfo=UTC)))
    head = basic("ana", accounts.new_secret("ana"))
    assert client.get("/", headers=head).status_code == 200
    moment[0] = datetime(2026, 1, 2, tzinfo=UTC)
    assert client.get("/", headers=head).status_code == 401
