"""Secrets in the forms that people meet them in; none is of anybody."""

from __future__ import annotations

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.c2lnbmVkLWJ5LW5vYm9keQ"

# What is secret, and a text that it stands in.
PLANTED = {
    "AKIAIOSFODNN7PLANTED": "the key {} has no rights",
    "ASIAIOSFODNN7PLANTED": '{{"AccessKeyId": "{}"}}',
    "wJalrXUtnFEMI/K7MDENG+PLANTED1": "aws_secret_access_key = {}",
    "FwoGZXIvYXdzEPLANTED2aaaaaaaaaaaaaaaa+/=": "session {} has ended",
    "planted3:hunter2": "cannot reach https://{}@proxy.example.com:8080/x",
    "pl4nted/hunter2": "no route to ftp://me:{}@ftp.example.com/",
    "ghp_planted5planted5planted5": "cannot clone https://{}@github.com/a/b",
    "planted6%2Bc2ln%3D": "https://a.blob.core.windows.net/b?sv=2024&sig={}&se=2030",
    "planted7deadbeef": "https://b.s3.amazonaws.com/k?X-Amz-Signature={}&X-Amz-Expires=9",
    "dapi0123456789abcdef0123456789abcdef": "the workspace refuses {}",
    "planted8.opaque-Token": "Authorization: Bearer {}",
    "cGxhbnRlZDk6aHVudGVyMg==": "sent Basic {} and was refused",
    JWT: "cannot verify {}, it is too old",
    "planted10-token": "MLFLOW_TRACKING_TOKEN={}",
    "planted11-password": "MLFLOW_TRACKING_PASSWORD: '{}'",
    "planted12pass": "https_proxy=http://user:{}@10.0.0.1:3128",
    "cGxhbnRlZDEz+/==": "AccountName=a;AccountKey={};EndpointSuffix=core",
    "xoxb-planted14-planted14": "slack says {} is revoked",
    "hf_planted15planted15planted15": "no access to meta/llama with {}",
    "planted16secret": '{{"client_secret": "{}", "grant": "x"}}',
    "sk-planted17planted17planted17": "the model gateway knows no {}",
    "planted18pwd": "jdbc:postgresql://db:5432/x?user=me&password={}",
}


def sentences() -> list[str]:
    """Give a text with each of them."""
    return [text.format(secret) for secret, text in PLANTED.items()]


def found_in(data: str | bytes) -> list[str]:
    """Give those that stand in some text or bytes."""
    content = data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape")
    return [secret for secret in PLANTED if secret.encode() in content]
